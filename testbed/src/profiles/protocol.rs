//! `protocol`: Socket.IO, bare, with the short timers of the conformance suites.

use std::time::Duration;

use enchufe::{Auth, BuildError, Cors, Namespace, RawArgs, Server, Socket, Value};

pub(crate) fn server() -> Result<Server, BuildError> {
    let main = Namespace::new("/")
        .on_connect(emit_auth)
        .on("message", async |socket: Socket, args: RawArgs| socket.emit("message-back", args))
        .on("message-with-ack", crate::profiles::app::answer_with_arguments);
    let custom = Namespace::new("/custom").on_connect(emit_auth);
    Server::builder()
        .ping_interval(Duration::from_millis(300))
        .ping_timeout(Duration::from_millis(200))
        .connect_timeout(Duration::from_millis(1_000))
        .max_http_buffer_size(1_000_000)
        .cors(Cors::any())
        .namespace(main)
        .namespace(custom)
        .build()
}

async fn emit_auth(socket: Socket, Auth(auth): Auth<Value>) -> Result<enchufe::Emitted, enchufe::EmitError> {
    socket.emit("auth", (auth,))
}
