//! Polling payloads of Engine.IO's revision 3: what was read can be written and read again.

use enchufe_proto::engine::{Dialect, Frame, Part, Payload, PayloadError, Revision, take_binary, take_text};

/// The first byte: the payload's form; the rest: the body of a request.
pub fn engine_payload_v3(data: &[u8]) {
    let [form, body @ ..] = data else { return };
    let read = if form & 1 == 0 {
        let Ok(text) = std::str::from_utf8(body) else { return };
        read_text(text)
    } else {
        read_binary(body)
    };
    let held: usize = read.iter().map(held).sum();
    assert!(held <= body.len(), "no more is held than came");
    if read.is_empty() {
        return;
    }
    let frames: Vec<_> = read.iter().map(to_frame).collect();
    for base64 in [false, true] {
        let Payload { bytes, binary } = Dialect { revision: Revision::Three, base64 }.payload(frames.iter());
        let again = if binary {
            read_binary(&bytes)
        } else {
            read_text(std::str::from_utf8(&bytes).expect("a text payload is text"))
        };
        assert_eq!(again, read);
    }
}

/// The packets before the first error.
fn read_text(payload: &str) -> Vec<Part<'_>> {
    read(payload, payload.len(), take_text, |rest| rest.len())
}

fn read_binary(payload: &[u8]) -> Vec<Part<'_>> {
    read(payload, payload.len(), take_binary, |rest| rest.len())
}

fn read<'a, P: Copy>(
    mut payload: P,
    length: usize,
    take: impl Fn(P) -> Result<Option<(Part<'a>, P)>, PayloadError>,
    len: impl Fn(P) -> usize,
) -> Vec<Part<'a>> {
    let (mut parts, mut before) = (Vec::new(), length);
    while let Ok(Some((part, rest))) = take(payload) {
        assert!(len(rest) < before, "it comes to an end");
        parts.push(part);
        (payload, before) = (rest, len(rest));
    }
    parts
}

fn held(part: &Part<'_>) -> usize {
    match part {
        Part::Packet(packet) => packet.data.len() + 1,
        Part::Binary(bytes) => bytes.len(),
    }
}

fn to_frame(part: &Part<'_>) -> Frame {
    match part {
        Part::Packet(packet) => Frame::text(format!("{}{}", char::from(packet.kind as u8), packet.data)),
        Part::Binary(bytes) => Frame::binary(bytes.clone()),
    }
}
