//! A closure that returns no future.

use enchufe::{Data, Namespace};

fn main() {
    Namespace::new("/").on("double", |Data(n): Data<i64>| n * 2);
}
