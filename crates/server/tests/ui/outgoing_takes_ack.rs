//! Whoever looks on at what is emitted has nothing to answer.

use enchufe::{Ack, Namespace};

fn main() {
    let _ = Namespace::new("/").on_any_outgoing(async |_: Ack| {});
}
