//! Only a handler for errors is told of a refusal.

use enchufe::{Namespace, Refusal};

fn main() {
    let _ = Namespace::new("/").on("hi", async |_: Refusal| {});
}
