//! A handler that took the ack and returns a value as well.

use enchufe::{Ack, Namespace};

fn main() {
    Namespace::new("/").on("add", async |_ack: Ack| 3);
}
