//! Engine.IO alone: connections with messages, without namespaces, events or acks.
//!
//! For protocols of one's own, and for conformance tests. A server that has an [`EngineHandler`] speaks no
//! Socket.IO. Here are also the connections below the sockets of a server that does, [`EngineSocket`], and
//! [`EngineObserver`], which watches them.
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

pub(crate) mod observer;
mod socket;

use bytes::Bytes;
use bytestring::ByteString;
use enchufe_proto::engine::{Frame, Rank};

pub use self::observer::{Direction, EngineObserver, ObservedPacket, PacketData, PacketKind};
pub use self::socket::{EngineSocket, ReadyState};
use crate::reason::DisconnectReason;

/// A message of an Engine.IO connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text.
    Text(ByteString),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    pub(crate) fn into_frame(self) -> Frame {
        match self {
            Self::Text(text) => {
                let mut packet = Vec::with_capacity(text.len() + 1);
                packet.push(b'4');
                packet.extend_from_slice(text.as_bytes());
                Frame::text(packet).ranked(Rank::Event)
            }
            Self::Binary(data) => Frame::binary(data).ranked(Rank::Event),
        }
    }
}

impl From<&'static str> for Message {
    fn from(text: &'static str) -> Self {
        Self::Text(ByteString::from_static(text))
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<ByteString> for Message {
    fn from(text: ByteString) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(data.into())
    }
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
