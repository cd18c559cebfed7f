//! Something in the handler that must not change threads while it waits.

use enchufe::{Namespace, Socket};
use std::rc::Rc;

fn main() {
    Namespace::new("/").on("wait", async |_: Socket| {
        let name = Rc::new(String::new());
        std::future::ready(()).await;
        drop(name);
    });
}
