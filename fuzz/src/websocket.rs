//! Frames of both roles: the same comes out however they are cut, it is never more than went in, and what came
//! out can be sent and received again.

use bytes::BufMut;
use enchufe_proto::websocket::{
    Decoder, Error, Limits, MAX_CONTROL_PAYLOAD, Message, Opcode, Role, close_frame, encode_frame,
};

use crate::chunks::chunks;

/// What a decoder made of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    messages: Vec<Message<'static>>,
    error: Option<Error>,
    idle: bool,
}

/// The first byte: role and limits; the second: how the stream is cut; the rest: the stream.
pub fn websocket(data: &[u8]) {
    let [settings, seed, stream @ ..] = data else { return };
    let role = if settings & 1 == 0 { Role::Server } else { Role::Client };
    let limits = Limits {
        max_message: if settings & 2 == 0 { 1 << 30 } else { 100 },
        max_fragments: if settings & 4 == 0 { 1 << 17 } else { 3 },
    };
    let whole = decode_whole(role, &limits, stream);
    assert_eq!(decode_cut(role, &limits, stream, *seed), whole);
    check_sizes(&whole.messages, stream.len(), &limits);
    check_again(&whole.messages, role);
}

fn decode_whole(role: Role, limits: &Limits, stream: &[u8]) -> Outcome {
    let mut decoder = Decoder::new(role);
    let mut messages = Vec::new();
    let mut stream = stream.to_vec();
    let error = decode_all(&mut decoder, limits, &mut stream, &mut messages);
    Outcome { messages, error, idle: decoder.is_idle() }
}

fn decode_all(
    decoder: &mut Decoder,
    limits: &Limits,
    mut input: &mut [u8],
    messages: &mut Vec<Message<'static>>,
) -> Option<Error> {
    loop {
        let before = input.len();
        match decoder.decode(&mut input, limits) {
            Ok(Some(message)) => {
                assert!(input.len() < before, "a message is made of something");
                messages.push(message.into_static());
            }
            Ok(None) => {
                assert!(input.is_empty(), "`None` means that the input is used up");
                return None;
            }
            Err(error) => {
                assert_eq!(decoder.decode(&mut input, limits), Err(error), "an error stays");
                assert_eq!(decoder.filled(limits), Err(error), "an error stays");
                assert!(decoder.spare().is_none() && decoder.is_idle(), "nothing is held after an error");
                return Some(error);
            }
        }
    }
}

/// By the spare buffer where there is one, else in pieces.
fn decode_cut(role: Role, limits: &Limits, stream: &[u8], seed: u8) -> Outcome {
    let mut decoder = Decoder::new(role);
    let mut messages = Vec::new();
    let mut error = None;
    let mut pieces = chunks(stream, seed);
    let mut received = 0;
    while error.is_none() && !pieces.is_over() {
        let by_spare = pieces.number().is_multiple_of(2);
        if by_spare && let Some(mut spare) = decoder.spare() {
            assert!(spare.has_remaining_mut());
            assert!(spare.get_ref().capacity() <= 2 * received + (24 << 10), "memory for what has come only");
            let piece = pieces.take(spare.remaining_mut());
            received += piece.len();
            spare.put_slice(piece);
            match decoder.filled(limits) {
                Ok(message) => messages.extend(message),
                Err(found) => error = Some(found),
            }
        } else {
            let mut piece = pieces.take(usize::MAX).to_vec();
            received += piece.len();
            error = decode_all(&mut decoder, limits, &mut piece, &mut messages);
        }
    }
    Outcome { messages, error, idle: decoder.is_idle() }
}

/// Everything that came out went in, and respects its limit.
fn check_sizes(messages: &[Message<'_>], stream: usize, limits: &Limits) {
    let mut total = 0;
    for (i, message) in messages.iter().enumerate() {
        let len = match message {
            Message::Text(text) => text.len(),
            Message::Binary(data) => data.len(),
            Message::Ping(data) | Message::Pong(data) => {
                assert!(data.len() <= MAX_CONTROL_PAYLOAD);
                data.len()
            }
            Message::Close(frame) => {
                assert_eq!(i + 1, messages.len(), "nothing comes after a close");
                frame.as_ref().map_or(0, |frame| frame.reason.len() + 2)
            }
        };
        assert!(len <= limits.max_message.max(MAX_CONTROL_PAYLOAD));
        total += len + 2;
    }
    assert!(total <= stream);
}

/// What was received can be sent on, and arrives as it was.
fn check_again(messages: &[Message<'static>], role: Role) {
    let mask = (role == Role::Server).then_some([0x12, 0x00, 0xff, 0x80]);
    let mut out = Vec::new();
    for message in messages {
        match message {
            Message::Text(text) => encode_frame(&mut out, Opcode::Text, text.as_bytes(), mask),
            Message::Binary(data) => encode_frame(&mut out, Opcode::Binary, data, mask),
            Message::Ping(data) => encode_frame(&mut out, Opcode::Ping, data, mask),
            Message::Pong(data) => encode_frame(&mut out, Opcode::Pong, data, mask),
            Message::Close(None) => encode_frame(&mut out, Opcode::Close, b"", mask),
            Message::Close(Some(frame)) => close_frame(&mut out, frame.code, &frame.reason, mask),
        }
    }
    let limits = Limits { max_message: usize::MAX, ..Limits::default() };
    let again = decode_whole(role, &limits, &out);
    assert_eq!(again.messages, messages);
    assert!(again.error.is_none() && again.idle);
}
