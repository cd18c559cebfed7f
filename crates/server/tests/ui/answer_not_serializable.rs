//! A return value that can't be sent.

use enchufe::Namespace;

struct User;

fn main() {
    Namespace::new("/").on("whoami", async || User);
}
