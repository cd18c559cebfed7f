//! Engine.IO polling payloads and handshakes: what was read can be written and read again.

use enchufe_proto::engine::{Frame, Kind, Open, Packet, Part, decode_payload, write_frame};

const SEPARATOR: char = '\u{1e}';

/// The input is the body of a request.
pub fn engine_payload(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parts: Vec<_> = decode_payload(text).collect();
    assert_eq!(parts.len(), text.split(SEPARATOR).count(), "each part is a packet or an error");
    let mut again = Vec::new();
    let mut readable = Vec::new();
    for (part, source) in parts.into_iter().zip(text.split(SEPARATOR)) {
        let Ok(part) = part else { continue };
        match &part {
            Part::Packet(packet) => {
                assert_eq!(Packet::decode(source), Ok(*packet));
                check_handshake(packet);
                write_frame(
                    &mut again,
                    &Frame::text(format!("{}{}", packet.kind as u8 as char, packet.data)),
                );
            }
            Part::Binary(bytes) => {
                assert!(bytes.len() <= source.len() / 4 * 3 + 2, "base64 makes nothing larger");
                write_frame(&mut again, &Frame::binary(bytes.clone()));
            }
        }
        readable.push(part);
    }
    if readable.is_empty() {
        return assert!(again.is_empty());
    }
    let again = String::from_utf8(again).expect("text");
    let same: Result<Vec<_>, _> = decode_payload(&again).collect();
    assert_eq!(same, Ok(readable));
}

fn check_handshake(packet: &Packet<'_>) {
    if packet.kind == Kind::Open
        && let Ok(open) = Open::parse(packet.data)
    {
        assert_eq!(Open::parse(&open.to_json()).expect("written by ourselves"), open);
    }
}
