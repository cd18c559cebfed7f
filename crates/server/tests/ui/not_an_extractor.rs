//! An argument that the handler should have taken as `Data`.

use enchufe::{Namespace, Socket};

fn main() {
    Namespace::new("/").on("rename", async |_socket: Socket, _name: String| {});
}
