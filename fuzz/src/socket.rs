//! Socket.IO packets and their arguments: what was decoded keeps its promises, can be passed on unparsed, and
//! means the same when it is turned into values and back.

use std::collections::BTreeMap;

use bytes::Bytes;
use bytestring::ByteString;
use enchufe_proto::socket::json::{MAX_DEPTH, scan};
use enchufe_proto::socket::{Args, Assembler, Kind, Limits, Packet, RawArgs, Value, encode, is_reserved};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const LIMITS: Limits = Limits { max_attachments: 10, max_attachment_bytes: 100, max_depth: MAX_DEPTH };

/// The input is the text of a packet.
pub fn socket_packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(packet) = Packet::decode(text, &LIMITS) else { return };
    assert!(packet.nsp.starts_with('/') && !packet.nsp.contains(','));
    assert!(packet.attachments <= LIMITS.max_attachments);
    assert!(packet.attachments == 0 || matches!(packet.kind, Kind::Event | Kind::Ack));
    assert!(packet.data.is_empty() || scan(packet.data, MAX_DEPTH).is_ok());
    assert_eq!(packet.data, packet.data.trim_ascii());

    let attachments = attachments(packet.attachments);
    assemble(text, &packet, &attachments);
    let mut again = Vec::new();
    encode::write_header(&mut again, packet.kind, packet.attachments, packet.nsp, packet.id);
    again.extend_from_slice(packet.data.as_bytes());
    let again = String::from_utf8(again).expect("text");
    assert_eq!(Packet::decode(&again, &LIMITS), Ok(packet));

    let event = packet.event(&attachments);
    if let Ok(Some(event)) = event {
        assert_eq!(packet.kind, Kind::Event);
        assert!(!is_reserved(&event.name));
        check_args(&event.args);
        relay(&packet, Some(&event.name), &event.args);
    }
    if packet.kind == Kind::Ack
        && let Ok(args) = packet.ack(&attachments)
    {
        check_args(&args);
        relay(&packet, None, &args);
    }
}

/// The input is a packet whose arguments are turned into types of all kinds.
pub fn args(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(packet) = Packet::decode(text, &LIMITS) else { return };
    let attachments = attachments(packet.attachments);
    let args = match packet.kind {
        Kind::Event => match packet.event(&attachments) {
            Ok(Some(event)) => event.args,
            _ => return,
        },
        Kind::Ack => match packet.ack(&attachments) {
            Ok(args) => args,
            Err(_) => return,
        },
        _ => return,
    };
    let raw = args.to_raw();
    alike::<()>(&args, &raw);
    alike::<Value>(&args, &raw);
    alike::<(Value, Value)>(&args, &raw);
    alike::<(Value, Option<Value>, Option<Value>)>(&args, &raw);
    alike::<Option<String>>(&args, &raw);
    alike::<(i64, f64)>(&args, &raw);
    alike::<Vec<u8>>(&args, &raw);
    alike::<[Value; 2]>(&args, &raw);
    alike::<(Bytes,)>(&args, &raw);
    alike::<BTreeMap<String, Value>>(&args, &raw);
    alike::<Shape>(&args, &raw);
    alike::<(Shape, Choice)>(&args, &raw);
    alike::<Choice>(&args, &raw);
    alike::<serde_json::Value>(&args, &raw);
    let each = args.deserialize_each::<Value>();
    assert_eq!(each, raw.args().deserialize_each());
    if let Ok(values) = each {
        values_come_back(&values);
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Shape {
    a: Option<i64>,
    #[serde(default)]
    b: Vec<Shape>,
    c: Option<Bytes>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Choice {
    Unit,
    One(Value),
    Two(u8, String),
    Fields { x: Value, y: Option<Box<Choice>> },
}

fn attachments(count: usize) -> Vec<Bytes> {
    (0..count).map(|i| Bytes::from(vec![b'a'; i])).collect()
}

/// The packet comes together with its last attachment, and holds no more than is allowed until then.
fn assemble(text: &str, packet: &Packet<'_>, attachments: &[Bytes]) {
    let mut assembler = Assembler::new();
    let Some((last, others)) = attachments.split_last() else { return };
    assembler.expect(ByteString::from(text), packet.attachments);
    for attachment in others {
        assert_eq!(assembler.push(attachment.clone(), &LIMITS), Ok(None));
        assert!(assembler.check_text().is_err() && assembler.held_bytes() <= LIMITS.max_attachment_bytes);
    }
    let complete = assembler.push(last.clone(), &LIMITS).expect("within the limits").expect("the last");
    assert_eq!(complete.header, text);
    assert_eq!(complete.attachments, attachments);
    assert!(!assembler.is_waiting() && assembler.held_bytes() == 0);
}

fn check_args(args: &Args<'_>) {
    assert_eq!(args.iter_raw().count(), args.len());
    assert_eq!(args.is_empty(), args.iter_raw().next().is_none());
    for (i, element) in args.iter_raw().enumerate() {
        assert!(scan(element, MAX_DEPTH).is_ok());
        assert_eq!(args.get_raw(i), Some(element));
    }
}

/// Passed on unparsed, the arguments are the same to who receives them.
fn relay(packet: &Packet<'_>, name: Option<&str>, args: &Args<'_>) {
    let raw = args.to_raw();
    let (mut out, mut attachments) = (Vec::new(), Vec::new());
    match name {
        Some(name) => encode::event(&mut out, &mut attachments, packet.nsp, packet.id, name, &raw),
        None => encode::ack(&mut out, &mut attachments, packet.nsp, packet.id.unwrap_or(0), &raw),
    }
    .expect("what was received can be sent");
    let text = String::from_utf8(out).expect("text");
    let relayed = Packet::decode(&text, &LIMITS).expect("what was sent can be received");
    assert_eq!(
        (relayed.kind, relayed.nsp, relayed.attachments),
        (packet.kind, packet.nsp, args.attachments().len())
    );
    let received = if let Some(name) = name {
        let event = relayed.event(&attachments).expect("placeholders").expect("a name");
        assert_eq!(event.name, name);
        event.args
    } else {
        relayed.ack(&attachments).expect("placeholders")
    };
    assert!(received.iter_raw().eq(args.iter_raw()), "the text of each argument is the same");
    assert_eq!(received.attachments(), args.attachments());
}

/// A type comes out alike of arguments as they came and as they are passed on.
fn alike<T: DeserializeOwned + PartialEq + std::fmt::Debug>(args: &Args<'_>, raw: &RawArgs) {
    let value = args.deserialize::<T>();
    assert_eq!(value, raw.args().deserialize::<T>());
}

/// Values can be sent, also behind others, and come back.
fn values_come_back(values: &[Value]) {
    let mut raw = RawArgs::from_values(values).expect("can be sent");
    assert_eq!(raw.len(), values.len());
    assert_eq!(raw.args().deserialize_each::<Value>().as_deref(), Ok(values));
    raw.push(&Bytes::from_static(b"last")).expect("can be sent");
    let (mut out, mut attachments) = (b"[".to_vec(), vec![Bytes::from_static(b"first")]);
    let len = encode::write_args(&raw, &mut out, &mut attachments).expect("can be sent");
    assert_eq!(len, values.len() + 1);
    out.push(b']');
    let text = String::from_utf8(out).expect("text");
    let limits = Limits { max_attachments: usize::MAX, ..LIMITS };
    let Ok(back) = RawArgs::from_json(&text, &attachments, &limits) else {
        // Data that looks like a placeholder can't be told from one beside real ones: this is the protocol's.
        assert!(values.iter().any(looks_like_placeholder));
        return;
    };
    let back = back.args().deserialize_each::<Value>().expect("they were values");
    if !values.iter().any(looks_like_placeholder) {
        assert_eq!(back.split_last(), Some((&Value::from(Bytes::from_static(b"last")), values)));
    }
}

fn looks_like_placeholder(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(looks_like_placeholder),
        Value::Object(map) => map.contains_key("_placeholder") || map.values().any(looks_like_placeholder),
        _ => false,
    }
}
