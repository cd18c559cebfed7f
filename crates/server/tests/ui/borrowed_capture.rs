//! An async closure that borrows what it captured: its future can't outlive the call.

use enchufe::{Namespace, Socket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn main() {
    let visits = Arc::new(AtomicU64::new(0));
    Namespace::new("/").on("visit", async move |_: Socket| visits.fetch_add(1, Ordering::Relaxed));
}
