//! Polling payloads of revision 3: each packet with its length before it, in a text form and a binary one.
//!
//! - Text: `<length>:<packet>`, the length in UTF-16 code units; a binary message is `b4` and its base64.
//! - Binary: `<0 text | 1 binary><length, a byte for each decimal digit><255><packet>`, the length in bytes.
//!
//! Packets are taken one at a time, so that a caller can stop at the first error with all packets before it handled.
//! No more is ever held than what came: a length is believed only where so much is there.
//!
//! Specification: the Engine.IO protocol, revision 3, "Encoding".

use bytes::Bytes;

use super::frame::{Frame, FrameKind};
use super::packet::{Kind, Packet, PacketError};
use super::payload::{Part, PayloadError, decode_binary, write_base64};

/// A message's kind as the byte before binary data.
pub(super) const MESSAGE: u8 = Kind::Message as u8 - b'0';
/// What stands before the base64 of a binary message.
pub(super) const BASE64_PREFIX: &[u8] = b"b4";

/// The digits that a length may have: as many as the largest number that JavaScript knows, as in the official
/// parser. Most of them can only be zeros.
const MAX_DIGITS: usize = 310;
/// What ends the length in a binary payload.
const END_OF_LENGTH: u8 = 255;

/// Takes the first packet of a text payload, and gives it with what follows it. `None` at the end.
///
/// # Errors
/// [`PayloadError`] when what stands there is no packet.
pub fn take_text(mut payload: &str) -> Result<Option<(Part<'_>, &str)>, PayloadError> {
    while !payload.is_empty() {
        let (digits, rest) = payload.split_once(':').ok_or(PayloadError::Length)?;
        let length = parse_length(digits.bytes().map(|digit| digit.wrapping_sub(b'0')))?;
        let (part, rest) = split_utf16(rest, length).ok_or(PayloadError::Length)?;
        if !part.is_empty() {
            return Ok(Some((decode_part_v3(part)?, rest)));
        }
        // `0:` is how an empty payload is written.
        payload = rest;
    }
    Ok(None)
}

/// Takes the first packet of a binary payload, and gives it with what follows it. `None` at the end.
///
/// # Errors
/// [`PayloadError`] when what stands there is no packet.
pub fn take_binary(payload: &[u8]) -> Result<Option<(Part<'_>, &[u8])>, PayloadError> {
    let Some((&form, rest)) = payload.split_first() else { return Ok(None) };
    let end =
        rest.iter().take(MAX_DIGITS + 1).position(|&b| b == END_OF_LENGTH).ok_or(PayloadError::Length)?;
    let (digits, rest) = rest.split_at_checked(end).ok_or(PayloadError::Length)?;
    let length = parse_length(digits.iter().copied())?;
    let rest = rest.get(1..).unwrap_or_default();
    let (part, rest) = rest.split_at_checked(length).ok_or(PayloadError::Length)?;
    let part = match form {
        0 => decode_part_v3(std::str::from_utf8(part).map_err(|_| PayloadError::Utf8)?)?,
        1 => Part::Binary(Bytes::copy_from_slice(decode_typed(part)?)),
        _ => return Err(PayloadError::Packet(PacketError::UnknownKind)),
    };
    Ok(Some((part, rest)))
}

/// Reads one text packet, which may be a binary message in base64.
///
/// # Errors
/// [`PayloadError`] when it is not one.
pub fn decode_part_v3(part: &str) -> Result<Part<'_>, PayloadError> {
    match part.strip_prefix('b') {
        Some(typed) => match typed.strip_prefix('4') {
            Some(encoded) => Ok(Part::Binary(decode_binary(encoded)?)),
            // Nothing but messages is ever binary.
            None => Err(PayloadError::Packet(PacketError::UnknownKind)),
        },
        None => Ok(Part::Packet(Packet::decode(part)?)),
    }
}

/// The message in binary data that begins with a packet's kind, as a WebSocket carries it too.
///
/// # Errors
/// [`PayloadError`] when there is no kind, or it is not a message's.
pub const fn decode_typed(data: &[u8]) -> Result<&[u8], PayloadError> {
    match data.split_first() {
        Some((&MESSAGE, message)) => Ok(message),
        Some(_) => Err(PayloadError::Packet(PacketError::UnknownKind)),
        None => Err(PayloadError::Packet(PacketError::Empty)),
    }
}

/// Appends a frame to a text payload.
pub(super) fn write_text(out: &mut Vec<u8>, frame: &Frame) {
    match frame.kind() {
        FrameKind::Text => {
            write_length(out, utf16_len(frame.body()));
            out.extend_from_slice(frame.body());
        }
        FrameKind::Binary => {
            write_length(out, BASE64_PREFIX.len() + frame.body().len().div_ceil(3) * 4);
            out.extend_from_slice(BASE64_PREFIX);
            write_base64(out, frame.body());
        }
    }
}

/// Appends a frame to a binary payload.
pub(super) fn write_binary(out: &mut Vec<u8>, frame: &Frame) {
    let (form, kind): (u8, &[u8]) = match frame.kind() {
        FrameKind::Text => (0, &[]),
        FrameKind::Binary => (1, &[MESSAGE]),
    };
    out.push(form);
    let length = (kind.len() + frame.body().len()).to_string();
    out.extend(length.bytes().map(|digit| digit - b'0'));
    out.push(END_OF_LENGTH);
    out.extend_from_slice(kind);
    out.extend_from_slice(frame.body());
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b':');
}

/// The number that decimal digits write.
fn parse_length(digits: impl ExactSizeIterator<Item = u8>) -> Result<usize, PayloadError> {
    if !(1..=MAX_DIGITS).contains(&digits.len()) {
        return Err(PayloadError::Length);
    }
    digits
        .into_iter()
        .try_fold(0_usize, |length, digit| {
            let digit = (digit < 10).then_some(usize::from(digit))?;
            length.checked_mul(10)?.checked_add(digit)
        })
        .ok_or(PayloadError::Length)
}

/// Splits after so many UTF-16 code units. `None` where there are fewer, or the cut would go through a character.
fn split_utf16(text: &str, units: usize) -> Option<(&str, &str)> {
    // Every character has at least as many bytes as units: what is too short is not gone through.
    if units > text.len() {
        return None;
    }
    let mut left = units;
    for (at, character) in text.char_indices() {
        if left == 0 {
            return text.split_at_checked(at);
        }
        left = left.checked_sub(character.len_utf16())?;
    }
    (left == 0).then_some((text, ""))
}

/// The UTF-16 code units of a text in UTF-8: one for each character, two for those of four bytes.
fn utf16_len(text: &[u8]) -> usize {
    text.iter().map(|&byte| usize::from(byte & 0xc0 != 0x80) + usize::from(byte >= 0xf0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(mut payload: &str) -> Result<Vec<Part<'_>>, PayloadError> {
        let mut parts = Vec::new();
        while let Some((part, rest)) = take_text(payload)? {
            parts.push(part);
            payload = rest;
        }
        Ok(parts)
    }

    fn binaries(mut payload: &[u8]) -> Result<Vec<Part<'_>>, PayloadError> {
        let mut parts = Vec::new();
        while let Some((part, rest)) = take_binary(payload)? {
            parts.push(part);
            payload = rest;
        }
        Ok(parts)
    }

    const fn message(data: &str) -> Part<'_> {
        Part::Packet(Packet { kind: Kind::Message, data })
    }

    fn bytes(data: &'static [u8]) -> Part<'static> {
        Part::Binary(Bytes::from_static(data))
    }

    #[test]
    fn text_payloads_count_in_utf16() {
        for (payload, parts) in [
            ("6:4hello", vec![message("hello")]),
            ("6:4test16:4test2", vec![message("test1"), message("test2")]),
            ("2:4é4:4😀x3:4e:", vec![message("é"), message("😀x"), message("e:")]),
            ("6:4hello10:b4AQIDBA==", vec![message("hello"), bytes(&[1, 2, 3, 4])]),
            ("0:", vec![]),
            ("0:000000000000000000000000000000006:4hello", vec![message("hello")]),
        ] {
            assert_eq!(texts(payload).as_ref(), Ok(&parts), "{payload:?}");
        }
    }

    #[test]
    fn binary_payloads_count_in_bytes() {
        for (payload, parts) in [
            (
                &b"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"[..],
                vec![message("hello"), bytes(&[1, 2, 3, 4])],
            ),
            (b"\x00\x03\xff4\xc3\xa9", vec![message("é")]),
            (b"\x01\x00\x01\xff\x04", vec![bytes(&[])]),
            (b"\x00\x01\x00\xffb4AQIDBA==", vec![bytes(&[1, 2, 3, 4])]),
            (b"", vec![]),
        ] {
            assert_eq!(binaries(payload).as_ref(), Ok(&parts), "{payload:?}");
        }
    }

    #[test]
    fn what_is_not_a_text_payload_is_refused() {
        let long = format!("{}6:4hello", "0".repeat(400));
        for payload in [
            "abc",
            "4hello",
            ":4hello",
            "-1:4hello",
            "+6:4hello",
            " 6:4hello",
            "0x6:4hello",
            "6.0:4hello",
            "7:4hello",
            "5:4hello",
            "18446744073709551616:4",
            "99999999999999999999999:4",
            "2:4😀",
            "3:4é",
            "1:9",
            "2:b!",
            "3:b2!",
            "6:4hello5",
            &long,
        ] {
            assert!(texts(payload).is_err(), "{payload:?}");
        }
    }

    #[test]
    fn what_is_not_a_binary_payload_is_refused() {
        let digits = [&[0_u8][..], &[1; 400], &[255, b'4']].concat();
        for payload in [
            &b"\x00"[..],
            b"\x00\x06",
            b"\x00\xff4",
            b"\x00\x06\xff4hell",
            b"\x00\x0a\xff4123456789",
            b"\x02\x01\xff4",
            b"\x01\x01\xff2",
            b"\x01\x00\xff",
            b"\x00\x00\xff",
            b"\x00\x02\xff4\xff",
            &digits,
        ] {
            assert!(binaries(payload).is_err(), "{payload:?}");
        }
    }

    #[test]
    fn what_stood_before_an_error_is_still_given() {
        let Ok(Some((first, rest))) = take_text("2:4a9:4b") else { panic!("a packet") };
        assert_eq!(first, message("a"));
        assert_eq!(take_text(rest), Err(PayloadError::Length));
    }

    #[test]
    fn units_are_counted_in_the_bytes_themselves() {
        for text in ["", "a", "é", "€", "😀", "aé€😀\u{10ffff}"] {
            assert_eq!(utf16_len(text.as_bytes()), text.encode_utf16().count(), "{text}");
        }
    }
}
