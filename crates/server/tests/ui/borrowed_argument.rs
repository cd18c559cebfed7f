//! Arguments are owned.

use enchufe::{Namespace, Socket};

fn main() {
    Namespace::new("/").on("visit", async |_: &Socket| {});
}
