//! What is left of connections that have gone: resident memory before and after a hundred thousand
//! have opened, joined and closed, a few at a time.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::connection::{Connection, Headers};
use crate::error::Result;
use crate::process;
use crate::run::{Outcome, Target};

/// Opened and closed first, so that what a server builds once is not counted.
const FIRST: usize = 2_000;
/// Open at once. Few, because the contract tells everybody who has left.
const AT_ONCE: usize = 32;
/// A collector, or whoever frees later, gets this long.
const REST: Duration = Duration::from_millis(1_500);

pub(crate) async fn run(target: Target, count: usize) -> Result<Outcome> {
    open_and_close(target, FIRST).await?;
    let before = at_rest(target).await?;
    open_and_close(target, count).await?;
    let after = at_rest(target).await?;
    // Still a server.
    Connection::open(target.address, Headers::Few).await?.finish().await?;
    Ok(Outcome::figure(after as f64 - before as f64))
}

async fn open_and_close(target: Target, count: usize) -> Result<()> {
    stream::iter(0..count)
        .map(|_| Connection::open(target.address, Headers::Few))
        .buffer_unordered(AT_ONCE)
        .try_for_each(async |connection| {
            drop(connection);
            Ok(())
        })
        .await
}

async fn at_rest(target: Target) -> Result<u64> {
    process::wait_for_rest(target.pid)?;
    tokio::time::sleep(REST).await;
    process::resident_bytes(target.pid)
}
