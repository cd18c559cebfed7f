//! `vectors/socket.json`: the cases that the TypeScript client is held to as well.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use enchufe_proto::socket::{Assembler, Complete, DecodeError, Kind, Limits, Packet, RawArgs, Value, encode};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
struct Vectors {
    packets: Vec<Vector>,
    decode: Vec<Vector>,
    errors: Vec<Failure>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    packet: Expected,
    wire: Vec<String>,
}

#[derive(Deserialize)]
struct Expected {
    #[serde(rename = "type")]
    kind: u8,
    nsp: String,
    id: Option<u64>,
    /// `Some(Null)` would be a payload of `null`, which no packet has.
    data: Option<Json>,
}

#[derive(Deserialize)]
struct Failure {
    input: Vec<Json>,
    error: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../../vectors/socket.json")).expect("the vectors' form")
}

impl Expected {
    fn kind(&self) -> Kind {
        [Kind::Connect, Kind::Disconnect, Kind::Event, Kind::Ack, Kind::ConnectError][usize::from(self.kind)]
    }

    /// Name, if it is an event, and arguments.
    fn elements(&self) -> (Option<String>, Vec<Value>) {
        let mut elements: Vec<_> =
            self.data.iter().flat_map(|data| data.as_array().expect("an array")).map(value).collect();
        let name = (self.kind() == Kind::Event && !elements.is_empty()).then(|| match elements.remove(0) {
            Value::String(name) => name,
            Value::Number(name) => name.to_string(),
            other => panic!("{other:?} is no name"),
        });
        (name, elements)
    }
}

impl Vector {
    fn attachments(&self) -> Vec<Bytes> {
        self.wire[1..].iter().map(|text| bytes(text)).collect()
    }
}

fn bytes(base64: &str) -> Bytes {
    BASE64_STANDARD.decode(base64).expect("base64").into()
}

/// With `{"$bytes": …}` as bytes.
fn value(json: &Json) -> Value {
    match json {
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(map) => match map.get("$bytes") {
            Some(base64) => bytes(base64.as_str().expect("text")).into(),
            None => map.iter().map(|(key, item)| (key.clone(), value(item))).collect(),
        },
        other => other.clone().into(),
    }
}

/// Numbers as JavaScript sees them: `100` and `1e2` are the same.
fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(map) => map.into_iter().map(|(key, item)| (key, normal(item))).collect(),
        other => other,
    }
}

#[test]
fn packets_encode_to_their_wire_form() {
    for vector in vectors().packets {
        let Expected { nsp, data, .. } = &vector.packet;
        let (mut out, mut attachments) = (Vec::new(), Vec::new());
        match vector.packet.kind() {
            Kind::Connect => encode::connect(&mut out, nsp, data.as_ref()).expect("can be sent"),
            Kind::Disconnect => encode::disconnect(&mut out, nsp),
            Kind::Event | Kind::Ack => {
                let (name, args) = vector.packet.elements();
                encode_list(&mut out, &mut attachments, &vector, name.as_deref(), args);
            }
            Kind::ConnectError => {
                encode::write_header(&mut out, Kind::ConnectError, 0, nsp, None);
                serde_json::to_writer(&mut out, data.as_ref().expect("a reason")).expect("can be sent");
            }
        }
        let name = &vector.name;
        let text = String::from_utf8(out).expect(name);
        if vector.packet.data.as_ref().is_some_and(|data| data[0].is_number()) {
            // Names are always sent as strings; the other spelling is for the decoder.
            assert_eq!(text.replace("\"1\"", "1"), vector.wire[0], "{name}");
        } else {
            assert_eq!(text, vector.wire[0], "{name}");
        }
        assert_eq!(attachments, vector.attachments(), "{name}");
    }
}

fn encode_list(
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    vector: &Vector,
    name: Option<&str>,
    args: Vec<Value>,
) {
    let raw = RawArgs::from_values(args).expect("can be sent");
    let Expected { nsp, id, .. } = &vector.packet;
    match name {
        Some(name) => encode::event(out, attachments, nsp, *id, name, &raw),
        None => encode::ack(out, attachments, nsp, id.expect("an ack has an id"), &raw),
    }
    .expect("can be sent");
}

/// Feeds the messages of one packet, as a connection does.
fn receive(text: &str, attachments: Vec<Bytes>) -> Result<Complete, DecodeError> {
    let limits = Limits::default();
    let mut assembler = Assembler::new();
    let packet = Packet::decode(text, &limits)?;
    assert_eq!(packet.attachments, attachments.len(), "{text}");
    if attachments.is_empty() {
        return Ok(Complete { header: text.into(), attachments });
    }
    assembler.expect(text.into(), packet.attachments);
    let mut complete = None;
    for attachment in attachments {
        assert!(assembler.is_waiting());
        complete = assembler.push(attachment, &limits)?;
    }
    Ok(complete.expect("the last attachment completes it"))
}

#[test]
fn wire_forms_decode_to_their_packets() {
    let Vectors { packets, decode, .. } = vectors();
    for vector in packets.iter().chain(&decode) {
        let name = &vector.name;
        let complete = receive(&vector.wire[0], vector.attachments()).expect(name);
        let packet = Packet::decode(&complete.header, &Limits::default()).expect(name);
        let expected = &vector.packet;
        assert_eq!(
            (packet.kind, packet.nsp, packet.id),
            (expected.kind(), &*expected.nsp, expected.id),
            "{name}"
        );
        assert_eq!(packet.data.is_empty(), expected.data.is_none(), "{name}");
        if !matches!(packet.kind, Kind::Event | Kind::Ack) {
            let data = (!packet.data.is_empty()).then(|| serde_json::from_str(packet.data).expect(name));
            assert_eq!(data, expected.data, "{name}");
            continue;
        }
        let (event_name, args) = expected.elements();
        let event = packet.event(&complete.attachments).expect(name);
        assert_eq!(event.as_ref().map(|event| event.name.to_string()), event_name, "{name}");
        let found = event.map_or_else(|| packet.ack(&complete.attachments).expect(name), |event| event.args);
        let found = found.deserialize_each().expect(name);
        let found: Vec<_> = found.into_iter().map(normal).collect();
        assert_eq!(found, args.into_iter().map(normal).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn wrong_messages_are_refused() {
    for Failure { input, error } in vectors().errors {
        let limits = Limits::default();
        let mut assembler = Assembler::new();
        let mut result = Ok(());
        for (index, message) in input.iter().enumerate() {
            assert_eq!(result, Ok(()), "{input:?}: only the last message is wrong, not {index}");
            result = match value(message) {
                Value::Binary(attachment) => assembler.push(attachment, &limits).and_then(|complete| {
                    complete.map_or(Ok(()), |complete| check(&complete.header, &complete.attachments))
                }),
                text => {
                    let text = text.as_str().expect("text or bytes").to_owned();
                    assembler.check_text().and_then(|()| {
                        let packet = Packet::decode(&text, &limits)?;
                        if packet.attachments == 0 {
                            return check(&text, &[]);
                        }
                        assembler.expect(text.as_str().into(), packet.attachments);
                        Ok(())
                    })
                }
            };
        }
        assert_eq!(result.expect_err(&format!("{input:?}")).to_string(), error, "{input:?}");
    }
}

fn check(text: &str, attachments: &[Bytes]) -> Result<(), DecodeError> {
    let packet = Packet::decode(text, &Limits::default())?;
    packet.event(attachments)?;
    packet.ack(attachments).map(|_| ())
}
