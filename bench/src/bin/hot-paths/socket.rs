//! Socket.IO packets: what every event, ack and broadcast goes through.

use std::hint::black_box;

use bytes::Bytes;
use enchufe_proto::socket::{Limits, Packet, Value, encode};
use serde::{Deserialize, Serialize};

use super::HotPath;

pub(super) const PATHS: &[HotPath] = &[
    HotPath { name: "socket/decode-event-64", iterations: 2_000, run: decode_event_64 },
    HotPath { name: "socket/decode-event-16k", iterations: 100, run: decode_event_16k },
    HotPath { name: "socket/decode-event-struct", iterations: 1_000, run: decode_event_struct },
    HotPath { name: "socket/decode-event-value", iterations: 1_000, run: decode_event_value },
    HotPath { name: "socket/decode-event-binary", iterations: 1_000, run: decode_event_binary },
    HotPath { name: "socket/encode-ack-64", iterations: 2_000, run: encode_ack_64 },
    HotPath { name: "socket/encode-event-128", iterations: 2_000, run: encode_event_128 },
    HotPath { name: "socket/encode-event-struct", iterations: 1_000, run: encode_event_struct },
];

/// A chat's message: the shape that most events have.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Message {
    id: u64,
    room: String,
    from: Author,
    text: String,
    at: u64,
    pinned: bool,
    reactions: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Author {
    name: String,
    avatar: Option<String>,
}

fn message() -> Message {
    Message {
        id: 123_456_789,
        room: "general".into(),
        from: Author { name: "Ana María".into(), avatar: None },
        text: "¿Vienes esta tarde? We meet at \"the usual place\", seven sharp.".into(),
        at: 1_795_000_000_000,
        pinned: false,
        reactions: vec!["+1".into(), "party".into()],
    }
}

fn event_of<T: Serialize>(args: &T) -> (String, Vec<Bytes>) {
    let (mut text, mut attachments) = (Vec::new(), Vec::new());
    encode::event(&mut text, &mut attachments, "/", Some(42), "echo", args).expect("the arguments serialise");
    (String::from_utf8(text).expect("packets are text"), attachments)
}

/// Decodes one packet and deserialises its arguments, as the server does for a typed handler.
fn decode<T: serde::de::DeserializeOwned>(text: &str, attachments: &[Bytes]) -> T {
    let packet = Packet::decode(black_box(text), &Limits::default()).expect("the packet is valid");
    let event = packet.event(attachments).expect("the attachments fit").expect("it is an event");
    black_box(&event.name);
    event.args.deserialize().expect("the arguments fit")
}

fn decode_many<T: serde::de::DeserializeOwned>(count: u64, (text, attachments): (String, Vec<Bytes>)) {
    for _ in 0..count {
        black_box(decode::<T>(&text, &attachments));
    }
}

fn decode_event_64(count: u64) {
    decode_many::<String>(count, event_of(&"x".repeat(64)));
}

fn decode_event_16k(count: u64) {
    decode_many::<String>(count, event_of(&"The quick brown fox. ".repeat(781)));
}

fn decode_event_struct(count: u64) {
    decode_many::<Message>(count, event_of(&message()));
}

fn decode_event_value(count: u64) {
    decode_many::<Value>(count, event_of(&message()));
}

fn decode_event_binary(count: u64) {
    decode_many::<(String, Bytes)>(count, event_of(&("picture.png", Bytes::from_static(&[7; 1024]))));
}

/// Into a buffer that is used again, as an outbox would.
fn encode_many(count: u64, write: impl Fn(&mut Vec<u8>, &mut Vec<Bytes>)) {
    let (mut out, mut attachments) = (Vec::with_capacity(4096), Vec::new());
    for _ in 0..count {
        out.clear();
        write(&mut out, &mut attachments);
        black_box(&mut out);
    }
}

fn encode_ack_64(count: u64) {
    let answer = black_box("x".repeat(64));
    encode_many(count, |out, attachments| {
        encode::answer(out, attachments, "/", black_box(1234), &answer).expect("a text serialises");
    });
}

fn encode_event_128(count: u64) {
    let text = black_box("x".repeat(128));
    encode_many(count, |out, attachments| {
        encode::event(out, attachments, "/", None, "msg", &text).expect("a text serialises");
    });
}

fn encode_event_struct(count: u64) {
    let message = black_box(message());
    encode_many(count, |out, attachments| {
        encode::event(out, attachments, "/", None, "msg", &message).expect("a message serialises");
    });
}
