//! What happened, in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::PATIENCE;

/// A list that handlers write to and a test reads.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn push(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until there are so many entries, and gives them all.
    pub(crate) async fn wait(&self, count: usize) -> Vec<String> {
        let what = format!("{count} entries");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.entries().len() < count {
            assert!(tokio::time::Instant::now() < deadline, "{what} expected: {:?}", self.entries());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.entries()
    }
}

/// Waits until a condition holds.
pub(crate) async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
