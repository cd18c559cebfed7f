//! An outgoing packet, encoded once for every transport and shared by reference count.
//!
//! The body of a text frame is the whole Engine.IO packet (`4…`); that of a binary frame is the
//! message's bytes alone, which a WebSocket carries as they are and a polling payload in base64.
//! The header that a server's WebSocket puts before the body stands ready beside it, so that one
//! frame can be queued for any number of connections without being formatted again.

use bytes::Bytes;

use crate::websocket;

/// How a frame travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A text packet, its kind's digit included.
    Text,
    /// The bytes of a binary message.
    Binary,
}

/// One outgoing packet. Cloning it copies no payload.
#[derive(Debug, Clone)]
pub struct Frame {
    body: Bytes,
    header: [u8; 10],
    header_len: u8,
    kind: FrameKind,
}

impl Frame {
    /// A text packet, `body` being the whole packet with its kind's digit.
    #[must_use]
    pub fn text(body: impl Into<Bytes>) -> Self {
        Self::new(FrameKind::Text, body.into())
    }

    /// A binary message.
    #[must_use]
    pub fn binary(body: impl Into<Bytes>) -> Self {
        Self::new(FrameKind::Binary, body.into())
    }

    /// A control frame, which only a WebSocket carries; it is never to be queued in a session's outbox.
    #[must_use]
    pub fn control(opcode: websocket::Opcode, body: Bytes) -> Self {
        Self::with_opcode(FrameKind::Binary, opcode, body)
    }

    fn new(kind: FrameKind, body: Bytes) -> Self {
        let opcode = match kind {
            FrameKind::Text => websocket::Opcode::Text,
            FrameKind::Binary => websocket::Opcode::Binary,
        };
        Self::with_opcode(kind, opcode, body)
    }

    fn with_opcode(kind: FrameKind, opcode: websocket::Opcode, body: Bytes) -> Self {
        let written = websocket::header(opcode, true, false, body.len(), None);
        let mut header = [0; 10];
        let header_len = written.len().min(header.len());
        for (to, from) in header.iter_mut().zip(written.iter()) {
            *to = *from;
        }
        // An unmasked header is at most ten bytes.
        Self { body, header, header_len: u8::try_from(header_len).unwrap_or(10), kind }
    }

    /// Text or binary.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The packet without any transport's header.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The WebSocket header that a server puts before the body.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        self.header.get(..usize::from(self.header_len)).unwrap_or_default()
    }

    /// The number of bytes on a server's WebSocket.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        usize::from(self.header_len) + self.body.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_carries_its_websocket_header() {
        let small = Frame::text("4hello");
        assert_eq!(small.header(), [0x81, 6]);
        assert_eq!(small.wire_len(), 8);
        let middle = Frame::binary(vec![0; 300]);
        assert_eq!(middle.header(), [0x82, 126, 1, 44]);
        let large = Frame::binary(vec![0; 70_000]);
        assert_eq!(large.header(), [0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    }

    #[test]
    fn a_frame_stays_small() {
        assert!(size_of::<Frame>() <= 48);
    }
}
