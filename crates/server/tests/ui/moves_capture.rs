//! A handler that can be called only once, for it gives away what it captured.

use enchufe::{Namespace, Socket};

fn main() {
    let greeting = String::from("hello");
    Namespace::new("/").on("greet", move |_: Socket| async move { greeting });
}
