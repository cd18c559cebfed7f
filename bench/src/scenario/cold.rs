//! A cold start: what passes from the start of the process until its first client has joined, on the
//! wall clock and in CPU time of the server. The server prints its port between the two.

use crate::connection::{Connection, Headers};
use crate::error::{Error, Result};
use crate::process;
use crate::run::{Note, Outcome, Target};

pub(crate) async fn run(target: Target) -> Result<Outcome> {
    let started = target.started.ok_or_else(|| {
        Error::Setup("a cold start is measured by `compare`, which starts the server".into())
    })?;
    let connection = Connection::open(target.address, Headers::Few).await?;
    let passed = started.elapsed();
    let cpu = process::cpu_time(target.pid)?;
    connection.finish().await?;
    let mut outcome = Outcome::figure(passed.as_nanos() as f64);
    outcome.notes.push((Note::CpuNanoseconds, cpu.as_nanos() as f64));
    Ok(outcome)
}
