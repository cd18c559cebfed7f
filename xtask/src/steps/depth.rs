//! What takes longer than a test: fuzzing, and the gate on instruction counts and idle bytes.

use std::time::Duration;

use super::node;
use crate::job::{Cmd, Job};
use crate::tools::{CXX, VALGRIND};

/// Seconds of fuzzing in all, where nothing else is said.
const FUZZ_SECONDS: u64 = 60;
/// How long a fuzz target may take to start, and to end after its time.
const FUZZ_MARGIN: Duration = Duration::from_secs(120);

/// Every fuzz target, each for its share of the time.
pub(super) fn fuzz(job: &mut Job<'_>) -> Result<(), String> {
    CXX.ensure(job)?;
    let folder = job.root.join("fuzz");
    let sources = node::files(&folder.join("fuzz_targets"), ".rs")?;
    let seconds = job.options.fuzz_seconds.unwrap_or(FUZZ_SECONDS);
    job.prepare(Cmd::cargo("build --release --bins").folder(&folder))?;
    let share = (seconds / sources.len() as u64).max(1);
    for source in &sources {
        let name = source.file_stem().unwrap_or_default();
        job.run(
            Cmd::cargo("run --release --bin")
                .arg(name)
                .arg("--")
                .arg(format!("-max_total_time={share}"))
                .folder(&folder)
                .within(FUZZ_MARGIN + Duration::from_secs(share)),
        )?;
    }
    Ok(())
}

/// Instruction counts of the hot paths and bytes of idle connections against the recorded ones; with `--bless`, records them.
pub(super) fn bench_gate(job: &mut Job<'_>) -> Result<(), String> {
    VALGRIND.ensure(job)?;
    let command = Cmd::cargo("run --locked --package enchufe-bench --bin gate");
    let command = if job.options.bless { command.words("-- --bless") } else { command };
    job.require(command)
}
