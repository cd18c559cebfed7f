//! What a WebSocket carries, between whom, and how much of it.

use super::CloseFrame;
use crate::data::{Binary, Text};

/// Which end of the connection *we* are.
///
/// A client masks what it sends and a server does not (RFC 6455 §5.1), so each refuses frames that are
/// masked like its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We accepted the connection: we require masked frames and send unmasked ones.
    Server,
    /// We opened the connection: we require unmasked frames and send masked ones.
    Client,
}

/// What one peer may make us hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of payload in one message, all its fragments together. Default 1,000,000, which is the official
    /// `maxHttpBufferSize`. At worst twice as much is allocated for a message that comes in pieces.
    pub max_message: usize,
    /// Frames in one message. Default 131,072: a message of 4 MiB in pieces of 32 bytes. Fragments are
    /// gathered in one buffer, so that small ones cost no memory beyond their bytes (as they did in
    /// CVE-2026-48779); the limit ends messages that go on for ever in empty fragments.
    pub max_fragments: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message: 1_000_000, max_fragments: 1 << 17 }
    }
}

/// One complete message or control frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message, all of it UTF-8.
    Text(Text<'a>),
    /// A binary message.
    Binary(Binary<'a>),
    /// A ping, to be answered by a pong with the same payload of at most 125 bytes (RFC 6455 §5.5.2).
    Ping(Binary<'a>),
    /// A pong, asked for or not.
    Pong(Binary<'a>),
    /// The peer closes; `None` where it gave no code. Whatever it sends afterwards is ignored.
    Close(Option<CloseFrame>),
}

impl Message<'_> {
    /// The same, independent of the read buffer; copies only what is borrowed.
    #[must_use]
    pub fn into_static(self) -> Message<'static> {
        match self {
            Self::Text(text) => Message::Text(text.into_static()),
            Self::Binary(data) => Message::Binary(data.into_static()),
            Self::Ping(data) => Message::Ping(data.into_static()),
            Self::Pong(data) => Message::Pong(data.into_static()),
            Self::Close(frame) => Message::Close(frame),
        }
    }
}
