//! An error that is not meant for clients, returned as it is.

use enchufe::{Data, Namespace};

fn main() {
    Namespace::new("/").on("read", async |Data(name): Data<String>| std::fs::read(name));
}
