//! A connection brings no arguments: what the client said is its auth.

use enchufe::{Data, Namespace};

fn main() {
    Namespace::new("/").on_connect(async |Data(_name): Data<String>| {});
}
