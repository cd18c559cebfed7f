//! Resident memory of a connection that only stands there, joined to the main namespace.

use std::time::Duration;

use crate::connection::Headers;
use crate::error::{Error, Result};
use crate::process;
use crate::run::{Outcome, Target, open_all};

/// Opened and closed first: code pages and tables that any connection needs are not counted.
const FIRST: usize = 200;
/// A runtime with garbage collection or deferred freeing gets this long to come to rest.
const REST: Duration = Duration::from_millis(700);

pub(crate) async fn run(target: Target, count: usize, headers: Headers) -> Result<Outcome> {
    drop(open_all(target, FIRST, headers).await?);
    process::wait_for_rest(target.pid)?;
    tokio::time::sleep(REST).await;
    let before = process::resident_bytes(target.pid)?;
    let open = open_all(target, count, headers).await?;
    tokio::time::sleep(REST).await;
    let after = process::resident_bytes(target.pid)?;
    // Nobody was thrown out in the meantime.
    let mut still_there = Vec::with_capacity(count);
    for connection in open {
        still_there.push(connection.finish().await?);
    }
    let grown = after.checked_sub(before);
    let grown = grown.ok_or_else(|| Error::Setup("the server shrank while connections opened".into()))?;
    Ok(Outcome::figure(grown as f64 / count as f64))
}
