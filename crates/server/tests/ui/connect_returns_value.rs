//! Nobody waits for what a connect handler returns.

use enchufe::{Namespace, Socket};

fn main() {
    Namespace::new("/").on_connect(async |_: Socket| 5);
}
