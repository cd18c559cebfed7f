//! Two arguments that want the arguments of the event: they are one tuple.

use enchufe::{Data, Namespace};

fn main() {
    Namespace::new("/").on("add", async |Data(a): Data<i64>, Data(b): Data<i64>| a + b);
}
