//! `engine`: Engine.IO alone. Every message comes back as it came.

use std::time::Duration;

use enchufe::engine::{EngineHandler, EngineSocket, Message};
use enchufe::{BuildError, Cors, Server};

struct Echo;

impl EngineHandler for Echo {
    fn on_message(&self, socket: &EngineSocket, message: Message) {
        socket.send(message);
    }
}

pub(crate) fn server() -> Result<Server, BuildError> {
    Server::builder()
        .path("/engine.io")
        .ping_interval(Duration::from_millis(300))
        .ping_timeout(Duration::from_millis(200))
        .max_http_buffer_size(1_000_000)
        .cors(Cors::any())
        .allow_eio3(true)
        .engine(Echo)
        .build()
}
