//! Engine.IO: polling payloads, and the frame that is made once for every receiver.

use std::hint::black_box;

use bytes::Bytes;
use enchufe_proto::engine::{Frame, Part, decode_payload, write_frame};

use super::HotPath;

pub(super) const PATHS: &[HotPath] = &[
    HotPath { name: "engine/decode-payload-of-10", iterations: 400, run: decode_payload_of_10 },
    HotPath { name: "engine/decode-payload-binary-1k", iterations: 400, run: decode_payload_binary_1k },
    HotPath { name: "engine/encode-payload-of-10", iterations: 400, run: encode_payload_of_10 },
    HotPath { name: "engine/frame-and-100-clones", iterations: 400, run: frame_and_100_clones },
];

/// What a poll or a POST carries when things are busy: ten events.
fn frames() -> Vec<Frame> {
    (0..10)
        .map(|i| Frame::text(format!("42{i}[\"message\",\"a text of middling length, number {i}\"]")))
        .collect()
}

fn payload(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    for frame in frames {
        write_frame(&mut out, frame);
    }
    out
}

fn decode_all(count: u64, payload: &[u8], expected: usize) {
    let text = std::str::from_utf8(payload).expect("payloads are text");
    for _ in 0..count {
        let mut parts = 0;
        for part in decode_payload(black_box(text)) {
            black_box::<Part<'_>>(part.expect("the payload is valid"));
            parts += 1;
        }
        assert_eq!(parts, expected);
    }
}

fn decode_payload_of_10(count: u64) {
    decode_all(count, &payload(&frames()), 10);
}

fn decode_payload_binary_1k(count: u64) {
    decode_all(count, &payload(&[Frame::binary(Bytes::from_static(&[7; 1024]))]), 1);
}

fn encode_payload_of_10(count: u64) {
    let frames = frames();
    let mut out = Vec::with_capacity(4096);
    for _ in 0..count {
        out.clear();
        for frame in black_box(&frames) {
            write_frame(&mut out, frame);
        }
        black_box(&mut out);
    }
}

/// A broadcast's frame: made of its text, given to a hundred, and dropped by each.
fn frame_and_100_clones(count: u64) {
    let text = [b'x'; 140];
    let mut queued = Vec::with_capacity(100);
    for _ in 0..count {
        let frame = Frame::text(black_box(&text).to_vec());
        queued.extend((0..100).map(|_| frame.clone()));
        black_box(&mut queued);
        queued.clear();
    }
}
