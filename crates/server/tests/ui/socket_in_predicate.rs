//! No socket exists yet when it is asked whether a namespace is to exist.

use enchufe::{Namespace, Socket};

fn main() {
    let _ = Namespace::matching_async(async |_: Socket| true);
}
