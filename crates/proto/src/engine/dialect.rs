//! How a peer writes and reads packets: the protocol's revision, and whether it takes binary data.
//!
//! A frame is encoded once in its form of revision 4, whoever receives it. For the few peers that want it otherwise
//! it is put into their form when it leaves, and only where the two differ: text is the same everywhere.
//!
//! Specification: the Engine.IO protocol, revisions 3 and 4.

use super::frame::{Frame, FrameKind};
use super::payload::{self, write_base64};
use super::payload_v3;

/// The revision of the protocol that a session speaks: `EIO` in queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revision {
    /// Of Socket.IO 1 and 2: the client pings.
    Three,
    /// Of Socket.IO 3 and 4: the server pings.
    #[default]
    Four,
}

impl Revision {
    /// 3 or 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Three => 3,
            Self::Four => 4,
        }
    }
}

/// What a peer understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dialect {
    /// The protocol's revision.
    pub revision: Revision,
    /// It takes text alone (`b64=1` in its query, or JSONP): binary messages go as base64.
    pub base64: bool,
}

/// The body of a polling answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they are one of revision 3's binary payloads; else they are text.
    pub binary: bool,
}

impl Dialect {
    /// Whether frames can go out on a WebSocket as they are.
    #[must_use]
    pub const fn is_plain(self) -> bool {
        matches!(self, Self { revision: Revision::Four, base64: false })
    }

    /// A frame as it goes out on a WebSocket.
    #[must_use]
    pub fn frame(self, frame: Frame) -> Frame {
        match (frame.kind(), self) {
            (FrameKind::Text, _) | (FrameKind::Binary, Self { revision: Revision::Four, base64: false }) => {
                frame
            }
            (FrameKind::Binary, Self { revision: Revision::Three, base64: false }) => frame.typed(),
            (FrameKind::Binary, Self { base64: true, .. }) => {
                let mut text = Vec::new();
                text.extend_from_slice(self.base64_prefix());
                write_base64(&mut text, frame.body());
                let written = Frame::text(text);
                if frame.may_compress() { written } else { written.uncompressed() }
            }
        }
    }

    /// Frames as the body of a polling answer.
    #[must_use]
    pub fn payload<'a>(self, frames: impl Iterator<Item = &'a Frame> + Clone) -> Payload {
        let size = frames.clone().map(|frame| frame.body().len() * 4 / 3 + 8).sum();
        let mut bytes = Vec::with_capacity(size);
        let write = match self {
            Self { revision: Revision::Four, .. } => payload::write_frame,
            Self { revision: Revision::Three, base64: false }
                if frames.clone().any(|frame| frame.kind() == FrameKind::Binary) =>
            {
                frames.for_each(|frame| payload_v3::write_binary(&mut bytes, frame));
                return Payload { bytes, binary: true };
            }
            Self { revision: Revision::Three, .. } => payload_v3::write_text,
        };
        frames.for_each(|frame| write(&mut bytes, frame));
        Payload { bytes, binary: false }
    }

    /// What stands before the base64 of a binary message.
    const fn base64_prefix(self) -> &'static [u8] {
        match self.revision {
            Revision::Three => payload_v3::BASE64_PREFIX,
            Revision::Four => b"b",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn dialect(revision: Revision, base64: bool) -> Dialect {
        Dialect { revision, base64 }
    }

    #[test]
    fn text_frames_are_the_same_everywhere() {
        for revision in [Revision::Three, Revision::Four] {
            for base64 in [false, true] {
                let frame = dialect(revision, base64).frame(Frame::text("4é"));
                assert_eq!((frame.kind(), frame.body().as_ref()), (FrameKind::Text, "4é".as_bytes()));
                assert_eq!(frame.header(), [0x81, 3]);
            }
        }
    }

    #[test]
    fn binary_frames_are_put_into_the_peers_form() {
        let wire = |revision, base64| {
            let frame = dialect(revision, base64).frame(Frame::binary(vec![1, 2, 3, 4]));
            let bytes = [frame.header(), frame.body()].concat();
            assert_eq!(bytes.len(), frame.wire_len());
            bytes
        };
        assert_eq!(wire(Revision::Four, false), [0x82, 4, 1, 2, 3, 4]);
        assert_eq!(wire(Revision::Three, false), [0x82, 5, 4, 1, 2, 3, 4]);
        assert_eq!(wire(Revision::Four, true), b"\x81\x09bAQIDBA==");
        assert_eq!(wire(Revision::Three, true), b"\x81\x0ab4AQIDBA==");
    }

    #[test]
    fn payloads_are_written_in_the_peers_form() {
        let frames = [Frame::text("4hello"), Frame::binary(vec![1, 2, 3, 4])];
        let payload = |revision, base64, count| dialect(revision, base64).payload(frames.iter().take(count));
        let text = |text: &str| Payload { bytes: text.into(), binary: false };
        for base64 in [false, true] {
            assert_eq!(payload(Revision::Four, base64, 2), text("4hello\u{1e}bAQIDBA=="));
            assert_eq!(payload(Revision::Three, base64, 1), text("6:4hello"));
        }
        assert_eq!(payload(Revision::Three, true, 2), text("6:4hello10:b4AQIDBA=="));
        let bytes = b"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04".to_vec();
        assert_eq!(payload(Revision::Three, false, 2), Payload { bytes, binary: true });
    }
}
