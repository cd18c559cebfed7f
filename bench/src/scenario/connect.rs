//! How fast clients open and join. They stay open until the window closes, so that closing is
//! not counted.

use std::time::Instant;

use futures_util::{StreamExt, stream};

use crate::connection::{Connection, Headers};
use crate::error::Result;
use crate::process;
use crate::run::{Outcome, Plan, Run, Target, open_all};

/// Opened before, for what a server builds, and a compiler optimises, with its first connections.
const FIRST: usize = 3_000;
/// Opened at most, within what one process may hold.
const LIMIT: usize = 6_000;
/// Opening at once.
const AT_ONCE: usize = 64;

pub(crate) async fn run(target: Target, plan: Plan) -> Result<Outcome> {
    drop(open_all(target, FIRST, Headers::Few).await?);
    process::wait_for_rest(target.pid)?;
    let run = Run::new();
    let window = run.open_window(target)?;
    let mut opening = stream::iter(0..LIMIT)
        .map(|_| async {
            let asked = Instant::now();
            Connection::open(target.address, Headers::Few)
                .await
                .map(|connection| (connection, asked.elapsed()))
        })
        .buffer_unordered(AT_ONCE);
    let mut open = Vec::with_capacity(LIMIT);
    while window.begun.elapsed() < plan.window {
        let Some(opened) = opening.next().await else { break };
        let (connection, latency) = opened?;
        run.count(1);
        run.note_latency(latency);
        open.push(connection);
    }
    run.outcome(window.close()?)
}
