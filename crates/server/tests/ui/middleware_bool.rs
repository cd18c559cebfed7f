//! A middleware says no with a refusal, not with `false`.

use enchufe::{Handshake, Namespace};

fn main() {
    Namespace::new("/").middleware(async |_: Handshake| false);
}
