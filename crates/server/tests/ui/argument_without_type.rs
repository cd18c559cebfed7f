//! An argument whose type is left to the compiler: many would do.

use enchufe::Namespace;

fn main() {
    Namespace::new("/").on("ping", async |_socket| {});
}
