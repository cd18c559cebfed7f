//! WebSocket frames: what every byte from and to a connection goes through.

use std::hint::black_box;

use enchufe_proto::websocket::{Decoder, Limits, Message, Opcode, Role, encode_frame, header};

use super::HotPath;

pub(super) const PATHS: &[HotPath] = &[
    HotPath { name: "websocket/decode-text-80", iterations: 2_000, run: decode_text_80 },
    HotPath { name: "websocket/decode-text-16k", iterations: 100, run: decode_text_16k },
    HotPath { name: "websocket/decode-batch-of-16", iterations: 200, run: decode_batch_of_16 },
    HotPath { name: "websocket/decode-binary-64k", iterations: 50, run: decode_binary_64k },
    HotPath { name: "websocket/decode-in-pieces-16k", iterations: 50, run: decode_in_pieces_16k },
    HotPath { name: "websocket/header", iterations: 2_000, run: write_header },
    HotPath { name: "websocket/encode-128", iterations: 2_000, run: encode_128 },
];

const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

/// An event with an ack whose packet is `length` bytes long, as a client's frame.
fn frame(opcode: Opcode, length: usize) -> Vec<u8> {
    let mut packet = b"42123[\"echo\",\"".to_vec();
    packet.extend((packet.len()..length - 2).map(|i| b'a' + (i % 23) as u8));
    packet.extend_from_slice(b"\"]");
    let mut out = Vec::new();
    encode_frame(&mut out, opcode, &packet, MASK);
    out
}

/// Decodes everything in `input`; what comes goes nowhere.
fn drain(decoder: &mut Decoder, mut input: &mut [u8], limits: &Limits) -> usize {
    let mut messages = 0;
    while let Some(message) = decoder.decode(&mut input, limits).expect("the frames are valid") {
        black_box::<Message<'_>>(message);
        messages += 1;
    }
    messages
}

/// Decoding unmasks in place, so each turn starts from a copy, as a read would bring one.
fn decode_copies(count: u64, frames: &[u8], expected: usize) {
    let (mut decoder, limits) = (Decoder::new(Role::Server), Limits::default());
    let mut buffer = frames.to_vec();
    for _ in 0..count {
        buffer.copy_from_slice(black_box(frames));
        assert_eq!(drain(&mut decoder, &mut buffer, &limits), expected);
    }
}

fn decode_text_80(count: u64) {
    decode_copies(count, &frame(Opcode::Text, 80), 1);
}

fn decode_text_16k(count: u64) {
    decode_copies(count, &frame(Opcode::Text, 16 * 1024), 1);
}

fn decode_batch_of_16(count: u64) {
    decode_copies(count, &frame(Opcode::Text, 80).repeat(16), 16);
}

/// Without a copy: a binary message unmasked twice is a masked one again, and as valid.
fn decode_binary_64k(count: u64) {
    let (mut decoder, limits) = (Decoder::new(Role::Server), Limits::default());
    let mut buffer = frame(Opcode::Binary, 64 * 1024);
    for _ in 0..count {
        assert_eq!(drain(&mut decoder, black_box(&mut buffer), &limits), 1);
    }
}

/// A message that comes in reads of 4 KiB and is gathered.
fn decode_in_pieces_16k(count: u64) {
    let (mut decoder, limits) = (Decoder::new(Role::Server), Limits::default());
    let template = frame(Opcode::Text, 16 * 1024);
    let mut buffer = template.clone();
    for _ in 0..count {
        buffer.copy_from_slice(black_box(&template));
        let messages: usize = buffer.chunks_mut(4096).map(|piece| drain(&mut decoder, piece, &limits)).sum();
        assert_eq!(messages, 1);
    }
}

fn write_header(count: u64) {
    for _ in 0..count {
        black_box(header(black_box(Opcode::Text), true, false, black_box(300), None));
    }
}

fn encode_128(count: u64) {
    let payload = black_box([b'x'; 128]);
    let mut out = Vec::with_capacity(1024);
    for _ in 0..count {
        out.clear();
        encode_frame(&mut out, Opcode::Text, &payload, None);
        black_box(&mut out);
    }
}
