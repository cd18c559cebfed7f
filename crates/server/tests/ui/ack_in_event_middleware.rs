//! An event middleware refuses, and the refusal is the answer; it has no ack of its own to take.

use enchufe::{Ack, Namespace};

fn main() {
    let _ = Namespace::new("/").event_middleware(async |ack: Ack| drop(ack));
}
