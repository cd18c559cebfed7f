//! Polling payloads: whatever is written is read again, and whatever is read does no harm.

use bytes::Bytes;
use enchufe_proto::engine::{
    Frame, FrameKind, Kind, Packet, Part, PayloadError, SEPARATOR, decode_part, decode_payload, write_frame,
};
use proptest::prelude::*;

/// A frame as a session queues it: a packet's text without the separator, or bytes.
fn frame() -> impl Strategy<Value = Frame> {
    let text = ("[0-6]", "[^\u{1e}]{0,40}").prop_map(|(kind, data)| Frame::text(kind + &data));
    let binary = prop::collection::vec(any::<u8>(), 0..60).prop_map(Frame::binary);
    prop_oneof![text, binary]
}

fn encode(frames: &[Frame]) -> String {
    let mut out = Vec::new();
    frames.iter().for_each(|frame| write_frame(&mut out, frame));
    String::from_utf8(out).expect("a payload is text")
}

/// What a part was written from.
fn to_frame(part: Part<'_>) -> (FrameKind, Bytes) {
    match part {
        Part::Packet(Packet { kind, data }) => {
            (FrameKind::Text, format!("{}{data}", char::from(kind as u8)).into())
        }
        Part::Binary(data) => (FrameKind::Binary, data),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(frames in prop::collection::vec(frame(), 1..20)) {
        let payload = encode(&frames);
        let read: Result<Vec<_>, _> = decode_payload(&payload).map(|part| part.map(to_frame)).collect();
        let written: Vec<_> = frames.iter().map(|frame| (frame.kind(), frame.body().clone())).collect();
        prop_assert_eq!(read, Ok(written));
    }

    #[test]
    fn base64_is_read_with_and_without_its_padding(data in prop::collection::vec(any::<u8>(), 0..60)) {
        let payload = encode(&[Frame::binary(data.clone())]);
        for text in [payload.as_str(), payload.trim_end_matches('=')] {
            prop_assert_eq!(decode_part(text), Ok(Part::Binary(data.clone().into())));
        }
    }

    #[test]
    fn any_text_is_read_part_by_part_or_refused(text in "[0-9b=A-Za-z+/ é\u{1e}\u{0}]{0,80}") {
        let parts: Vec<_> = decode_payload(&text).collect();
        prop_assert_eq!(parts.len(), text.split(SEPARATOR).count());
        let mut held = 0;
        for (part, source) in parts.into_iter().zip(text.split(SEPARATOR)) {
            prop_assert_eq!(&part, &decode_part(source));
            match part {
                Ok(Part::Packet(packet)) => {
                    prop_assert_eq!(Some(packet.kind), source.bytes().next().and_then(Kind::from_byte));
                    prop_assert_eq!(packet.data, &source[1..]);
                }
                Ok(Part::Binary(data)) => held += data.len(),
                Err(PayloadError::Base64) => prop_assert!(source.starts_with('b')),
                Err(PayloadError::Packet(_)) => {
                    prop_assert!(source.bytes().next().and_then(Kind::from_byte).is_none());
                }
                Err(PayloadError::Length | PayloadError::Utf8) => prop_assert!(false, "errors of revision 3"),
            }
        }
        prop_assert!(held <= text.len(), "no more is held than came");
    }
}
