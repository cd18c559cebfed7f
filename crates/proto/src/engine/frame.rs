//! An outgoing packet, encoded once for every transport and shared by reference count.
//!
//! The body of a text frame is the whole Engine.IO packet (`4…`); that of a binary frame is the
//! message's bytes alone, which a WebSocket carries as they are and a polling payload in base64.
//! The header that a server's WebSocket puts before the body stands ready beside it, so that one
//! frame can be queued for any number of connections without being formatted again.

use bytes::{Bytes, BytesMut};

use super::payload_v3::MESSAGE;
use crate::websocket;

/// How a frame travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A text packet, its kind's digit included.
    Text,
    /// The bytes of a binary message.
    Binary,
}

/// What an outbox without room may do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rank {
    /// It is never given up: what the protocols themselves send, and answers.
    #[default]
    Kept,
    /// It begins an event, which may be given up whole where that is wanted.
    Event,
    /// It begins an event whose sender does not mind its loss.
    Volatile,
    /// It belongs to the frame before it, and shares its fate.
    Attachment,
}

/// The longest unmasked header, and the kind that revision 3 puts before binary data.
const MAX_HEADER: usize = 10 + 1;

/// One outgoing packet. Cloning it copies no payload.
#[derive(Debug, Clone)]
pub struct Frame {
    body: Bytes,
    header: [u8; MAX_HEADER],
    header_len: u8,
    kind: FrameKind,
    compress: bool,
    rank: Rank,
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

    /// The frame that these bytes are: the whole message, with the header that a server writes. `None` where they are none.
    #[must_use]
    pub fn of_written(written: &[u8]) -> Option<Self> {
        let [first, second, ..] = *written else { return None };
        let header = match second {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let text = first & 0x0f == websocket::Opcode::Text as u8;
        let kind = if text { FrameKind::Text } else { FrameKind::Binary };
        let (header, body) = written.split_at_checked(header)?;
        Some(Self::with_header(kind, header, Bytes::copy_from_slice(body)))
    }

    /// Bytes that go out as they are: what is left of frames of which a transport took a part. It is never to be queued in
    /// a session's outbox.
    #[must_use]
    pub fn unsent(bytes: Bytes) -> Self {
        Self::with_header(FrameKind::Binary, &[], bytes)
    }

    /// Nothing, in the place of a frame that was there: no packet is without a header.
    pub(super) const fn gap() -> Self {
        Self {
            body: Bytes::new(),
            header: [0; MAX_HEADER],
            header_len: 0,
            kind: FrameKind::Text,
            compress: false,
            rank: Rank::Kept,
        }
    }

    pub(super) const fn is_gap(&self) -> bool {
        self.header_len == 0
    }

    fn new(kind: FrameKind, body: Bytes) -> Self {
        let opcode = match kind {
            FrameKind::Text => websocket::Opcode::Text,
            FrameKind::Binary => websocket::Opcode::Binary,
        };
        Self::with_opcode(kind, opcode, body)
    }

    fn with_opcode(kind: FrameKind, opcode: websocket::Opcode, body: Bytes) -> Self {
        let header = websocket::header(opcode, true, false, body.len(), None);
        Self::with_header(kind, &header, body)
    }

    fn with_header(kind: FrameKind, written: &[u8], body: Bytes) -> Self {
        let mut header = [0; MAX_HEADER];
        let header_len = written.len().min(header.len());
        for (to, from) in header.iter_mut().zip(written) {
            *to = *from;
        }
        // An unmasked header is at most ten bytes.
        let header_len = u8::try_from(header_len).unwrap_or(10);
        Self { body, header, header_len, kind, compress: true, rank: Rank::Kept }
    }

    /// The same binary message with its kind before the data, as a WebSocket of revision 3 carries it. The kind
    /// stands at the end of the header, so that the data need not be copied.
    #[must_use]
    pub fn typed(&self) -> Self {
        let header = websocket::header(websocket::Opcode::Binary, true, false, self.body.len() + 1, None);
        let mut typed =
            Self { compress: self.compress, ..Self::with_header(self.kind, &header, self.body.clone()) };
        if let Some(kind) = typed.header.get_mut(usize::from(typed.header_len)) {
            *kind = MESSAGE;
            typed.header_len += 1;
        }
        typed
    }

    /// The same packet with other bytes from `at` on, as many as there were. Nothing is copied as long as this is the only
    /// clone.
    #[must_use]
    pub fn overwritten(self, at: usize, bytes: &[u8]) -> Self {
        let mut body = BytesMut::from(self.body);
        if let Some(place) = body.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
        }
        Self { body: body.freeze(), ..self }
    }

    /// Appends what a server's WebSocket carries: the header and the body.
    #[inline]
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.reserve(MAX_HEADER + self.body.len());
        let begin = out.len();
        // A copy of a known length, of which what is no header is taken back.
        out.extend_from_slice(&self.header);
        out.truncate(begin + usize::from(self.header_len));
        out.extend_from_slice(&self.body);
    }

    /// Text or binary.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        self.kind
    }

    /// What becomes of it where there is no room.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        self.rank
    }

    /// The same frame, of another rank.
    #[must_use]
    pub fn ranked(mut self, rank: Rank) -> Self {
        self.rank = rank;
        self
    }

    /// The same frame, which a transport need not compress: its content is dense already, or secret beside what others
    /// choose.
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        self.compress = false;
        self
    }

    /// Whether compressing it is worth a try, as far as who made it knows.
    #[must_use]
    pub const fn may_compress(&self) -> bool {
        self.compress
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
    fn a_typed_frame_shares_the_data() {
        for (len, header) in [
            (2, &[0x82, 3, 4][..]),
            (125, &[0x82, 126, 0, 126, 4]),
            (70_000, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x71, 4]),
        ] {
            let frame = Frame::binary(vec![0; len]);
            let typed = frame.typed();
            assert_eq!(typed.header(), header);
            assert_eq!(typed.body().as_ptr(), frame.body().as_ptr());
            assert_eq!(typed.wire_len(), header.len() + len);
        }
    }

    #[test]
    fn whether_to_compress_travels_with_the_frame() {
        let frame = Frame::text("4a");
        assert!(frame.may_compress());
        let dense = frame.uncompressed();
        assert!(!dense.may_compress());
        assert!(!dense.typed().may_compress());
    }

    #[test]
    fn bytes_are_overwritten_in_place() {
        let frame = Frame::text(b"4[\"a\",\"--\"]".to_vec());
        let (header, place) = (frame.header().to_vec(), frame.body().as_ptr());
        let frame = frame.overwritten(7, b"42");
        assert_eq!(frame.body(), "4[\"a\",\"42\"]");
        assert_eq!((frame.header(), frame.body().as_ptr()), (&*header, place));
        let shared = frame.clone();
        assert_eq!(frame.overwritten(7, b"43").body(), "4[\"a\",\"43\"]");
        assert_eq!(shared.body(), "4[\"a\",\"42\"]");
        assert_eq!(shared.clone().overwritten(11, b"too far").body(), shared.body(), "nothing past the end");
    }

    #[test]
    fn a_frame_stays_small() {
        assert!(size_of::<Frame>() <= 48);
    }
}
