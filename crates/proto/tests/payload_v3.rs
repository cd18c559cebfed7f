//! Payloads of revision 3: whatever is written is read again, and whatever is read does no harm.

use bytes::Bytes;
use enchufe_proto::engine::{
    Dialect, Frame, FrameKind, Packet, Part, Payload, PayloadError, Revision, take_binary, take_text,
};
use proptest::prelude::*;

/// A frame as a session queues it: a packet's text, or bytes.
fn frame() -> impl Strategy<Value = Frame> {
    let text = ("[0-6]", ".{0,40}").prop_map(|(kind, data)| Frame::text(kind + &data));
    let binary = prop::collection::vec(any::<u8>(), 0..60).prop_map(Frame::binary);
    prop_oneof![text, binary]
}

type Parts = Result<Vec<(FrameKind, Bytes)>, PayloadError>;

/// What a part was written from.
fn to_frame(part: Part<'_>) -> (FrameKind, Bytes) {
    match part {
        Part::Packet(Packet { kind, data }) => {
            (FrameKind::Text, format!("{}{data}", char::from(kind as u8)).into())
        }
        Part::Binary(data) => (FrameKind::Binary, data),
    }
}

fn read_text(mut payload: &str) -> Parts {
    let mut parts = Vec::new();
    while let Some((part, rest)) = take_text(payload)? {
        assert!(rest.len() < payload.len(), "it comes to an end");
        parts.push(to_frame(part));
        payload = rest;
    }
    Ok(parts)
}

fn read_binary(mut payload: &[u8]) -> Parts {
    let mut parts = Vec::new();
    while let Some((part, rest)) = take_binary(payload)? {
        assert!(rest.len() < payload.len(), "it comes to an end");
        parts.push(to_frame(part));
        payload = rest;
    }
    Ok(parts)
}

fn held(parts: &Parts) -> usize {
    parts.iter().flatten().map(|(_, body)| body.len()).sum()
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(frames in prop::collection::vec(frame(), 1..20), base64: bool) {
        let dialect = Dialect { revision: Revision::Three, base64 };
        let Payload { bytes, binary } = dialect.payload(frames.iter());
        let some_binary = frames.iter().any(|frame| frame.kind() == FrameKind::Binary);
        prop_assert_eq!(binary, some_binary && !base64);
        let read = if binary {
            read_binary(&bytes)
        } else {
            read_text(std::str::from_utf8(&bytes).expect("a text payload is text"))
        };
        let written: Vec<_> = frames.iter().map(|frame| (frame.kind(), frame.body().clone())).collect();
        prop_assert_eq!(read, Ok(written));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9]{0,3}:[0-9b=A-Z€😀:]{0,80}") {
        prop_assert!(held(&read_text(&text)) <= text.len(), "no more is held than came");
    }

    #[test]
    fn any_bytes_are_read_or_refused(data in prop::collection::vec(prop_oneof![0..10_u8, Just(255), Just(b'4')], 0..80)) {
        prop_assert!(held(&read_binary(&data)) <= data.len(), "no more is held than came");
    }
}
