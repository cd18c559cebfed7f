//! An async closure that borrows a variable of the function around it.

use enchufe::{Namespace, Socket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn main() {
    let visits = Arc::new(AtomicU64::new(0));
    Namespace::new("/").on("visit", async |_: Socket| visits.fetch_add(1, Ordering::Relaxed));
}
