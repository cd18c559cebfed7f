//! A catch-all never answers.

use enchufe::{Ack, Namespace};

fn main() {
    Namespace::new("/").on_fallback(async |ack: Ack| drop(ack));
}
