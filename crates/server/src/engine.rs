//! Engine.IO alone: connections with messages, without namespaces, events or acks.
//!
//! For protocols of one's own, and for conformance tests. A server that has an [`EngineHandler`] speaks no
//! Socket.IO.
//!
//! ```
//! use enchufe::engine::{EngineHandler, EngineSocket, Message};
//!
//! struct Echo;
//!
//! impl EngineHandler for Echo {
//!     fn on_message(&self, socket: &EngineSocket, message: Message) {
//!         socket.send(message);
//!     }
//! }
//!
//! let io = enchufe::Server::builder().path("/engine.io").engine(Echo).build()?;
//! # Ok::<_, enchufe::BuildError>(())
//! ```

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use enchufe_proto::engine::{CloseReason, Frame};

use crate::connection::Connection;
use crate::handshake::Handshake;
use crate::reason::DisconnectReason;

/// A message of an Engine.IO connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text.
    Text(ByteString),
    /// Bytes.
    Binary(Bytes),
}

/// What is done with the connections of a server without Socket.IO. The calls for one connection come one
/// after another, in order; they are made by the connection's driver, which serves others too: they must not block.
/// A panic is logged, and ends the call it happens in and nothing else.
pub trait EngineHandler: Send + Sync + 'static {
    /// A client has connected.
    fn on_open(&self, socket: &EngineSocket) {
        let _ = socket;
    }

    /// A message came.
    fn on_message(&self, socket: &EngineSocket, message: Message);

    /// The connection is over.
    fn on_close(&self, socket: &EngineSocket, reason: DisconnectReason) {
        let _ = (socket, reason);
    }
}

/// One Engine.IO connection.
#[derive(Clone)]
pub struct EngineSocket(pub(crate) Arc<Connection>);

impl EngineSocket {
    /// Queues a message. After the connection has closed it is forgotten.
    pub fn send(&self, message: Message) {
        let frame = match message {
            Message::Text(text) => {
                let mut packet = Vec::with_capacity(text.len() + 1);
                packet.push(b'4');
                packet.extend_from_slice(text.as_bytes());
                Frame::text(packet)
            }
            Message::Binary(data) => Frame::binary(data),
        };
        self.0.send([frame]);
    }

    /// Closes the connection when what was sent has gone out.
    pub fn close(&self) {
        self.0.close(CloseReason::ForcedClose);
    }

    /// The request that opened the connection.
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        Handshake::new(self.0.request.clone(), None)
    }
}

impl std::fmt::Debug for EngineSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The session's id is a secret.
        f.debug_struct("EngineSocket").finish_non_exhaustive()
    }
}
