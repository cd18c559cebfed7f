//! Polling payloads of revision 4: several packets in one HTTP body, separated by U+001E.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use thiserror::Error;

use super::frame::{Frame, FrameKind};
use super::packet::{Packet, PacketError};

/// Some clients leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What stands between the packets of a payload.
pub const SEPARATOR: char = '\u{1e}';

/// One packet of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// A text packet.
    Packet(Packet<'a>),
    /// A binary message.
    Binary(Bytes),
}

/// Why a payload could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// One of its packets is not one.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// A binary packet is not base64.
    #[error("invalid base64")]
    Base64,
    /// Revision 3: a packet has no length, or another one than it says.
    #[error("invalid length")]
    Length,
    /// Revision 3: a text in a binary payload is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
}

/// Goes through the packets of a payload. Each is decoded when it is asked for, so that a caller can stop
/// at the first error with all packets before it handled, as the official server does.
pub fn decode_payload(payload: &str) -> impl Iterator<Item = Result<Part<'_>, PayloadError>> {
    payload.split(SEPARATOR).map(decode_part)
}

/// Reads one packet of a payload.
///
/// # Errors
/// [`PayloadError`] when it is not one.
pub fn decode_part(part: &str) -> Result<Part<'_>, PayloadError> {
    match part.strip_prefix('b') {
        Some(encoded) => Ok(Part::Binary(decode_binary(encoded)?)),
        None => Ok(Part::Packet(Packet::decode(part)?)),
    }
}

/// Reads a binary message from the base64 behind its `b`.
///
/// # Errors
/// [`PayloadError::Base64`].
pub fn decode_binary(encoded: &str) -> Result<Bytes, PayloadError> {
    LENIENT.decode(encoded).map(Bytes::from).map_err(|_| PayloadError::Base64)
}

/// Appends a frame to a payload, with a separator where it is not the first.
pub fn write_frame(out: &mut Vec<u8>, frame: &Frame) {
    if !out.is_empty() {
        out.push(SEPARATOR as u8);
    }
    match frame.kind() {
        FrameKind::Text => out.extend_from_slice(frame.body()),
        FrameKind::Binary => {
            out.push(b'b');
            write_base64(out, frame.body());
        }
    }
}

/// Appends data as base64.
pub(super) fn write_base64(out: &mut Vec<u8>, data: &[u8]) {
    let from = out.len();
    // Four characters for each three bytes begun.
    out.resize(from + data.len().div_ceil(3) * 4, 0);
    let slot = out.get_mut(from..).unwrap_or_default();
    let written = STANDARD.encode_slice(data, slot).unwrap_or(0);
    out.truncate(from + written);
}

#[cfg(test)]
mod tests {
    use super::super::packet::Kind;
    use super::*;

    fn encode(frames: &[Frame]) -> String {
        let mut out = Vec::new();
        frames.iter().for_each(|frame| write_frame(&mut out, frame));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn packets_are_separated_and_binary_is_base64() {
        let payload = encode(&[Frame::text("4€"), Frame::binary(vec![1, 2, 3, 4]), Frame::text("2")]);
        assert_eq!(payload, "4€\u{1e}bAQIDBA==\u{1e}2");
        let parts: Result<Vec<_>, _> = decode_payload(&payload).collect();
        assert_eq!(
            parts.unwrap(),
            [
                Part::Packet(Packet { kind: Kind::Message, data: "€" }),
                Part::Binary(Bytes::from_static(&[1, 2, 3, 4])),
                Part::Packet(Packet { kind: Kind::Ping, data: "" }),
            ]
        );
    }

    #[test]
    fn what_is_not_a_payload_is_refused() {
        for (payload, error) in [
            ("", PayloadError::Packet(PacketError::Empty)),
            ("4a\u{1e}", PayloadError::Packet(PacketError::Empty)),
            ("\u{1e}4a", PayloadError::Packet(PacketError::Empty)),
            ("abc", PayloadError::Packet(PacketError::UnknownKind)),
            ("b!", PayloadError::Base64),
            ("bAQIDB", PayloadError::Base64),
        ] {
            let parts: Result<Vec<_>, _> = decode_payload(payload).collect();
            assert_eq!(parts, Err(error), "{payload:?}");
        }
    }

    #[test]
    fn what_stood_before_an_error_is_still_given() {
        let mut parts = decode_payload("4a\u{1e}9");
        assert!(matches!(parts.next(), Some(Ok(Part::Packet(p))) if p.data == "a"));
        assert!(matches!(parts.next(), Some(Err(_))));
    }

    #[test]
    fn an_empty_binary_message_survives() {
        let payload = encode(&[Frame::binary(Vec::new())]);
        assert_eq!(payload, "b");
        assert_eq!(decode_payload(&payload).next(), Some(Ok(Part::Binary(Bytes::new()))));
    }
}
