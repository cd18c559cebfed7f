//! Tests by rule: tables of frames, the cases of the Autobahn suite in spirit, and properties.

mod autobahn;
mod memory;
mod properties;
mod rules;

use super::{Decoder, Error, Limits, Message, Opcode, Role, apply_mask, header};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const ROLES: [Role; 2] = [Role::Server, Role::Client];

/// The mask that whoever sends to `role` uses.
const fn mask_towards(role: Role) -> Option<[u8; 4]> {
    match role {
        Role::Server => Some(KEY),
        Role::Client => None,
    }
}

/// A frame as `role` receives it.
fn frame(role: Role, opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mask = mask_towards(role);
    let mut out = header(opcode, fin, false, payload.len(), mask).to_vec();
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = mask {
        apply_mask(&mut out[start..], key, 0);
    }
    out
}

/// Everything a decoder makes of chunks, and the error that ends it.
#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    messages: Vec<Message<'static>>,
    error: Option<Error>,
    idle: bool,
}

fn decode_with<'a>(role: Role, limits: &Limits, chunks: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = Decoder::new(role);
    let mut messages = Vec::new();
    for chunk in chunks {
        let mut chunk = chunk.to_vec();
        let mut input = chunk.as_mut_slice();
        loop {
            match decoder.decode(&mut input, limits) {
                Ok(Some(message)) => messages.push(message.into_static()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut input, limits), Err(error), "an error stays");
                    return Decoded { messages, error: Some(error), idle: decoder.is_idle() };
                }
            }
        }
        assert!(input.is_empty(), "`None` means that the input is used up");
    }
    Decoded { messages, error: None, idle: decoder.is_idle() }
}

/// As `decode_with`, but by way of the spare buffer where there is one, at most `step` bytes at a time.
fn decode_spare(role: Role, limits: &Limits, mut bytes: &[u8], step: usize) -> Decoded {
    use bytes::BufMut;
    let mut decoder = Decoder::new(role);
    let mut messages = Vec::new();
    let mut failed = None;
    'all: while !bytes.is_empty() {
        let spare = decoder.spare().map(|mut spare| {
            let (now, later) = bytes.split_at(step.min(spare.remaining_mut()).min(bytes.len()));
            bytes = later;
            spare.put_slice(now);
        });
        if spare.is_some() {
            match decoder.filled(limits) {
                Ok(message) => messages.extend(message),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
            continue;
        }
        let (now, later) = bytes.split_at(step.min(bytes.len()));
        bytes = later;
        let mut now = now.to_vec();
        let mut input = now.as_mut_slice();
        loop {
            match decoder.decode(&mut input, limits) {
                Ok(Some(message)) => messages.push(message.into_static()),
                Ok(None) => break,
                Err(error) => {
                    failed = Some(error);
                    break 'all;
                }
            }
        }
    }
    Decoded { messages, error: failed, idle: decoder.is_idle() }
}

/// All at once, byte by byte and in some steps between, which must all agree.
fn decode(role: Role, bytes: &[u8]) -> Decoded {
    let limits = Limits { max_message: 16 << 20, ..Limits::default() };
    let whole = decode_with(role, &limits, [bytes]);
    for step in [1, 2, 3, 7, 64, 997, 4096] {
        if bytes.len() / step > 70_000 {
            continue;
        }
        assert_eq!(decode_with(role, &limits, bytes.chunks(step)), whole, "in steps of {step}");
        assert_eq!(decode_spare(role, &limits, bytes, step), whole, "by the spare buffer in steps of {step}");
    }
    whole
}

fn text(text: &str) -> Message<'static> {
    Message::Text(bytestring::ByteString::from(text).into())
}

fn binary(bytes: &[u8]) -> Message<'static> {
    Message::Binary(bytes::Bytes::copy_from_slice(bytes).into())
}

fn ping(bytes: &[u8]) -> Message<'static> {
    Message::Ping(bytes::Bytes::copy_from_slice(bytes).into())
}

fn pong(bytes: &[u8]) -> Message<'static> {
    Message::Pong(bytes::Bytes::copy_from_slice(bytes).into())
}
