//! A handler is called from all threads, so what it holds must be shareable.

use enchufe::{Namespace, Socket};
use std::cell::Cell;

fn main() {
    let count = Cell::new(0);
    Namespace::new("/").on("visit", move |_: Socket| {
        count.set(count.get() + 1);
        let visits = count.get();
        async move { visits }
    });
}
