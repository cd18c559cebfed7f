//! The msgpack form: `vectors/msgpack.json`, which the TypeScript client is held to as well, rules by name, and
//! properties.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use enchufe_proto::data::Binary;
use enchufe_proto::socket::msgpack::{Decoded, Field, MIN_BINARIES, Outgoing, decode, encode as to_msgpack};
use enchufe_proto::socket::{DecodeError, Kind, Limits, Map, MsgpackError, RawArgs, Value, encode};
use proptest::prelude::*;
use serde::Deserialize;

use crate::properties::{name, namespace, value_with_bytes};

const EVENT: [Field; 4] = [Field::Type, Field::Data, Field::Nsp, Field::Id];

#[derive(Deserialize)]
struct Vectors {
    packets: Vec<Vector>,
    javascript: Vec<Vector>,
    decode: Vec<Vector>,
    lenient: Vec<Vector>,
    errors: Vec<Failure>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    packet: Value,
    wire: String,
    /// What the payload is in JSON, where that is something else than the packet's.
    data: Option<Value>,
}

#[derive(Deserialize)]
struct Failure {
    wire: String,
    error: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../../vectors/msgpack.json")).expect("the vectors' form")
}

impl Vector {
    fn wire(&self) -> Bytes {
        bytes(&self.wire)
    }

    fn fields(&self) -> &Map {
        self.packet.as_object().expect("an object")
    }

    fn kind(&self) -> Kind {
        let kinds = [Kind::Connect, Kind::Disconnect, Kind::Event, Kind::Ack, Kind::ConnectError];
        kinds[usize::try_from(self.fields()["type"].as_i64().expect("a number")).expect("from zero")]
    }

    fn nsp(&self) -> &str {
        self.fields()["nsp"].as_str().expect("text")
    }

    fn id(&self) -> Option<u64> {
        self.fields().get("id").map(|id| id.as_number().and_then(|id| id.as_u64()).expect("a number"))
    }

    /// The payload, with bytes for `{"$bytes": …}`; `None` for `{"$undefined": true}` too.
    fn data(&self) -> Option<Value> {
        let data = self.data.as_ref().or_else(|| self.fields().get("data"))?;
        let undefined = data.as_object().is_some_and(|map| map.contains_key("$undefined"));
        (!undefined).then(|| with_bytes(data.clone()))
    }
}

fn bytes(hex: &str) -> Bytes {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal"))
        .collect()
}

fn with_bytes(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(with_bytes).collect(),
        Value::Object(map) => match map.get("$bytes") {
            Some(base64) => {
                Bytes::from(BASE64_STANDARD.decode(base64.as_str().expect("text")).expect("base64")).into()
            }
            None => map.into_iter().map(|(key, item)| (key, with_bytes(item))).collect::<Map>().into(),
        },
        other => other,
    }
}

/// As JSON text with attachments.
fn json(value: &Value) -> (String, Vec<Bytes>) {
    let (mut out, mut attachments) = (Vec::new(), Vec::new());
    encode::write_args(&(value,), &mut out, &mut attachments).expect("can be sent");
    (String::from_utf8(out).expect("UTF-8"), attachments)
}

/// What was decoded, as one value.
fn payload(decoded: &Decoded<'_>) -> Option<Value> {
    let packet = decoded.packet();
    if packet.data.is_empty() {
        return None;
    }
    let limits = Limits { max_attachments: usize::MAX, ..Limits::default() };
    let raw = RawArgs::from_json(&format!("[{}]", packet.data), decoded.attachments(), &limits);
    Some(raw.expect("what was decoded is right").args().deserialize::<(Value,)>().expect("any value").0)
}

/// The same to JavaScript; integers that are no floats must be exactly the same.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other
                || one.as_f64() == other.as_f64()
                    && (one.is_f64() || other.is_f64() || one.as_f64() == Some(0.0))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

fn same_payload(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

#[test]
fn packets_encode_to_their_wire_form() {
    for vector in vectors().packets {
        let (data, attachments) = vector.data().as_ref().map(json).unwrap_or_default();
        let packet = Outgoing {
            kind: vector.kind(),
            nsp: vector.nsp(),
            id: vector.id(),
            data: &data,
            attachments: &attachments,
        };
        let fields = vector.fields().keys().map(|key| match &**key {
            "type" => Field::Type,
            "nsp" => Field::Nsp,
            "id" => Field::Id,
            "data" => Field::Data,
            other => panic!("{other}"),
        });
        let fields: Vec<_> = fields.collect();
        let mut out = Vec::new();
        to_msgpack(&mut out, &packet, &fields).expect(&vector.name);
        assert_eq!(Bytes::from(out), vector.wire(), "{}", vector.name);
    }
}

#[test]
fn wire_forms_decode_to_their_packets() {
    let Vectors { packets, javascript, decode: others, lenient, .. } = vectors();
    for vector in [packets, javascript, others, lenient].iter().flatten() {
        let name = &vector.name;
        let (borrowed, owned) = (vector.wire(), Binary::Owned(vector.wire()));
        let borrowed = Binary::Borrowed(&borrowed);
        let decoded = decode(&borrowed, &Limits::default()).expect(name);
        assert_eq!(decode(&owned, &Limits::default()), Ok(decoded.clone()), "{name}");
        let packet = decoded.packet();
        assert_eq!(
            (packet.kind, packet.nsp, packet.id),
            (vector.kind(), vector.nsp(), vector.id()),
            "{name}"
        );
        assert_eq!(packet.attachments, decoded.attachments().len(), "{name}");
        let (found, expected) = (payload(&decoded), vector.data());
        assert!(same_payload(found.as_ref(), expected.as_ref()), "{name}: {found:?}, not {expected:?}");
        // What reads packets reads it as it reads text.
        let event = packet.event(decoded.attachments()).expect(name);
        let args = packet.ack(decoded.attachments()).expect(name);
        assert_eq!(event.is_some(), packet.kind == Kind::Event, "{name}");
        let elements = expected.as_ref().and_then(Value::as_array).map_or(0, |elements| elements.len());
        let len = event.map_or_else(|| args.len(), |event| event.args.len() + 1);
        assert!(len == elements || !matches!(packet.kind, Kind::Event | Kind::Ack), "{name}");
    }
}

#[test]
fn wrong_messages_are_refused() {
    for Failure { wire, error } in vectors().errors {
        let message = Binary::Owned(bytes(&wire));
        let result = decode(&message, &Limits::default());
        assert_eq!(result.expect_err(&wire).to_string(), error, "{wire}");
    }
}

// ---- rules ---------------------------------------------------------------------------------------

/// An event `["e", …]` whose argument is written as it stands here.
fn event(argument: &[u8]) -> Vec<u8> {
    [b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e", argument].concat()
}

fn decode_event(argument: &[u8], limits: &Limits) -> Result<(String, Vec<Bytes>), DecodeError> {
    let message = event(argument);
    let message = Binary::Borrowed(&message);
    let decoded = decode(&message, limits)?;
    Ok((decoded.packet().data.to_owned(), decoded.attachments().to_vec()))
}

/// GHSA-7xpx-rcqc-8qjh of another server: a length that is not backed by bytes made it panic.
#[test]
fn no_length_is_believed() {
    for marker in [0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf] {
        for fill in [0x7f, 0xff] {
            let result = decode_event(&[marker, fill, fill, fill, fill, fill], &Limits::default());
            assert_eq!(result, Err(MsgpackError::Truncated.into()), "{marker:x} {fill:x}");
        }
    }
}

#[test]
fn every_beginning_of_a_message_is_truncated() {
    let whole = event(b"\x84\xa1a\x93\x01\xcc\x80\xcd\x01\x00\xa1b\xd7\0\0\0\0\0\0\0\0\0\xa1c\xc4\x02\x01\x02\xa1d\xcb\0\0\0\0\0\0\0\0");
    assert!(decode(&Binary::Borrowed(&whole), &Limits::default()).is_ok());
    for len in 0..whole.len() {
        let message = Binary::Borrowed(&whole[..len]);
        assert_eq!(decode(&message, &Limits::default()), Err(MsgpackError::Truncated.into()), "{len}");
    }
}

/// GHSA-c6g7-r2mf-pf5g of another server: deep nesting overflowed its stack.
#[test]
fn nesting_of_any_depth_is_refused_without_recursion() {
    let limits = Limits { max_depth: 4, ..Limits::default() };
    assert_eq!(decode_event(b"\x91\x91\x90", &limits).expect("four deep").0, "[\"e\",[[[]]]]");
    assert_eq!(decode_event(b"\x91\x91\x91\x90", &limits), Err(DecodeError::TooDeep));
    assert_eq!(decode_event(b"\x91\x81\xa1k\x91\x90", &limits), Err(DecodeError::TooDeep));
    let deep = [vec![0x91; 1_000_000], vec![0xc0]].concat();
    assert_eq!(decode_event(&deep, &Limits::default()), Err(DecodeError::TooDeep));
    assert_eq!(
        decode_event(&b"\x81\xa1k".repeat(300_000), &Limits::default()),
        Err(MsgpackError::Truncated.into())
    );
    // In what is passed over it does not matter.
    let mut message = [b"\x84\xa1x".to_vec(), deep].concat();
    message.extend_from_slice(&event(b"\x01")[1..]);
    assert!(decode(&Binary::Borrowed(&message), &Limits::default()).is_ok());
}

#[test]
fn attachments_are_bounded_in_number_and_bytes() {
    let empty = |count: u16| [&[0xdc][..], &count.to_be_bytes(), &b"\xc4\x00".repeat(count.into())].concat();
    let limits = Limits::default();
    let most = u16::try_from(MIN_BINARIES).expect("fits");
    assert_eq!(decode_event(&empty(most), &limits).expect("as many as may be").1.len(), MIN_BINARIES);
    assert_eq!(decode_event(&empty(most + 1), &limits), Err(DecodeError::TooManyAttachments));
    let more = Limits { max_attachments: MIN_BINARIES + 1, ..limits };
    assert!(decode_event(&empty(most + 1), &more).is_ok());
    let few = Limits { max_attachment_bytes: 3, ..limits };
    assert!(decode_event(b"\x92\xc4\x01a\xc4\x02bc", &few).is_ok());
    assert_eq!(decode_event(b"\x92\xc4\x02ab\xc4\x02cd", &few), Err(DecodeError::AttachmentsTooLarge));
    assert_eq!(decode_event(b"\xd8\x05aaaabbbbccccdddd", &few), Err(DecodeError::AttachmentsTooLarge));
}

#[test]
fn only_large_bytes_share_the_message() {
    let argument = [&b"\x92\xc5\x03\xe8"[..], &[1; 1000], b"\xc4\x01\x02"].concat();
    let message = Bytes::from(event(&argument));
    let range = message.as_ptr_range();
    let owned = Binary::Owned(message);
    let decoded = decode(&owned, &Limits::default()).expect("an event");
    let [large, small] = decoded.attachments() else { panic!("two attachments") };
    assert!(range.contains(&large.as_ptr()) && !range.contains(&small.as_ptr()));
    assert_eq!((large.len(), &small[..]), (1000, &[2][..]));
}

#[test]
fn bytes_that_look_like_placeholders_of_others_are_data_or_refused() {
    // Without bytes it is data.
    let fake = b"\x82\xac_placeholder\xc3\xa3num\x05";
    let (data, attachments) = decode_event(fake, &Limits::default()).expect("data");
    assert_eq!((&*data, attachments.len()), (r#"["e",{"_placeholder":true,"num":5}]"#, 0));
    // With bytes it names one that there isn't, as in text.
    let message = event(&[b"\x92\xc4\x01a", &fake[..]].concat());
    let message = Binary::Borrowed(&message);
    let decoded = decode(&message, &Limits::default()).expect("well formed");
    let event = decoded.packet().event(decoded.attachments()).map(|event| event.is_some());
    assert_eq!(event, Err(DecodeError::IllegalPlaceholder));
}

#[test]
fn text_is_escaped_and_unescaped() {
    let (data, _) =
        decode_event(b"\xaa\"\\\x00\n\x7f\xc3\xa9\xe2\x80\xa8", &Limits::default()).expect("text");
    assert_eq!(data, "[\"e\",\"\\\"\\\\\\u0000\\n\u{7f}é\u{2028}\"]");
    for (json, expected) in [
        (r#""\"\\\/\b\f\n\r\t""#, &b"\"\\/\x08\x0c\n\r\t"[..]),
        (r#""é\u00e9\u0000""#, "éé\0".as_bytes()),
        (r#""\ud83d\ude00x""#, "😀x".as_bytes()),
        (r#""\uD83D\uDE00""#, "😀".as_bytes()),
        // Surrogates that stand alone.
        (r#""\ud83d""#, "\u{fffd}".as_bytes()),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}".as_bytes()),
        (r#""\ud83d\u0041""#, "\u{fffd}A".as_bytes()),
        (r#""\ud83d\n""#, "\u{fffd}\n".as_bytes()),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀".as_bytes()),
    ] {
        let length = 0xa0 | u8::try_from(expected.len()).expect("short");
        assert_eq!(argument(json, &[]), [&[length], expected].concat(), "{json}");
    }
}

/// The msgpack of one argument.
fn argument(json: &str, attachments: &[Bytes]) -> Vec<u8> {
    let data = format!("[{json}]");
    let packet = Outgoing { kind: Kind::Ack, nsp: "/", id: None, data: &data, attachments };
    let mut out = Vec::new();
    to_msgpack(&mut out, &packet, &[Field::Data]).expect("can be sent");
    out.strip_prefix(b"\x81\xa4data\x91").expect("one argument").to_vec()
}

#[test]
fn numbers_take_the_shortest_form_that_holds_them() {
    for (json, expected) in [
        ("-0", &b"\x00"[..]),
        ("-0.0", b"\x00"),
        ("1.0", b"\x01"),
        ("1e2", b"\x64"),
        ("-3.2e1", b"\xe0"),
        ("18446744073709551615", b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("-9223372036854775808", b"\xd3\x80\0\0\0\0\0\0\0"),
        ("9007199254740993", b"\xcf\0\x20\0\0\0\0\0\x01"),
        // What no integer form holds is a float, where notepack writes another number.
        ("18446744073709551616", b"\xcb\x43\xf0\0\0\0\0\0\0"),
        ("-9223372036854775809", b"\xd3\x80\0\0\0\0\0\0\0"),
        ("1e21", b"\xcb\x44\x4b\x1a\xe4\xd6\xe2\xef\x50"),
        ("-1e300", b"\xcb\xfe\x37\xe4\x3c\x88\x00\x75\x9c"),
        ("0.1", b"\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"),
    ] {
        assert_eq!(argument(json, &[]), expected, "{json}");
    }
}

#[test]
fn long_things_have_long_lengths() {
    for (len, str_head, array_head) in
        [(65_535, &b"\xda\xff\xff"[..], &b"\xdc\xff\xff"[..]), (65_536, b"\xdb\0\x01\0\0", b"\xdd\0\x01\0\0")]
    {
        assert_eq!(argument(&format!("\"{}\"", "a".repeat(len)), &[]), [str_head, &vec![b'a'; len]].concat());
        let array = format!("[{}]", vec!["1"; len].join(","));
        assert_eq!(argument(&array, &[]), [array_head, &vec![1; len]].concat());
        let blob = Bytes::from(vec![7; len]);
        let bin_head = [&[str_head[0] - 0xda + 0xc5], &str_head[1..]].concat();
        assert_eq!(
            argument(r#"{"num":0,"_placeholder":true}"#, std::slice::from_ref(&blob)),
            [&bin_head, &*blob].concat()
        );
        let pairs: Vec<_> = (0..len).map(|key| format!("\"{key}\":null")).collect();
        let object = argument(&format!("{{{}}}", pairs.join(",")), &[]);
        assert_eq!(object[..str_head.len()], [&[array_head[0] + 2], &array_head[1..]].concat());
    }
}

#[test]
fn placeholders_become_bytes_wherever_they_stand() {
    let blobs = [Bytes::from_static(b"a"), Bytes::from_static(b"bc")];
    let json = r#" { "x" : [ {"_placeholder":true,"num":1} , {"y": {"num":0,"z":[1,{}],"_placeholder":true}}, {"_placeholder":false,"num":0} ] } "#;
    assert_eq!(
        argument(json, &blobs),
        b"\x81\xa1x\x93\xc4\x02bc\x81\xa1y\xc4\x01a\x82\xac_placeholder\xc2\xa3num\x00"
    );
    // One that names none is data.
    assert_eq!(argument(r#"{"_placeholder":true,"num":2}"#, &blobs), b"\x82\xac_placeholder\xc3\xa3num\x02");
}

#[test]
fn packets_are_appended() {
    let mut out = b"before".to_vec();
    let packet = Outgoing { kind: Kind::Disconnect, nsp: "/", id: None, data: "", attachments: &[] };
    to_msgpack(&mut out, &packet, &[Field::Type, Field::Nsp]).expect("can be sent");
    assert_eq!(out, b"before\x82\xa4type\x01\xa3nsp\xa1/");
}

// ---- properties ----------------------------------------------------------------------------------

/// Bytes that are msgpack, or nearly.
fn nearly_msgpack() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::collection::vec(any::<u8>(), 0..9),
        (0u8..=32).prop_map(|at| vec![0xc0 + at % 0x20, 0]),
        Just(b"\xa4type\x02".to_vec()),
        Just(b"\xa4data".to_vec()),
        Just(b"\xa4data\x91\xa1e".to_vec()),
        Just(b"\xa3nsp\xa1/".to_vec()),
        Just(b"\xa2id\x05".to_vec()),
        Just(b"\xd4\0\0".to_vec()),
        Just(b"\x81\xa1k".to_vec()),
        Just(b"\xac_placeholder\xc3\xa3num\x00".to_vec()),
        Just(b"\xc4\x01x".to_vec()),
    ];
    prop_oneof![
        prop::collection::vec(piece.clone(), 0..12).prop_map(|pieces| pieces.concat()),
        prop::collection::vec(piece, 0..6).prop_map(|pieces| event(&pieces.concat())),
    ]
}

/// Through JSON once more, the packet is the same.
fn again(decoded: &Decoded<'_>) -> Result<(), TestCaseError> {
    let packet = decoded.packet();
    let outgoing = Outgoing {
        kind: packet.kind,
        nsp: packet.nsp,
        id: packet.id,
        data: packet.data,
        attachments: decoded.attachments(),
    };
    let mut out = Vec::new();
    to_msgpack(&mut out, &outgoing, &EVENT).expect("can be sent");
    let message = Binary::Owned(out.into());
    let limits = Limits { max_depth: 1024, ..Limits::default() };
    let back = decode(&message, &limits);
    prop_assert!(back.is_ok(), "{:?}: {:?}", packet, back);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_decode_or_fail(message in nearly_msgpack()) {
        let binary = Binary::Borrowed(&message);
        if let Ok(decoded) = decode(&binary, &Limits::default()) {
            let packet = decoded.packet();
            let data = packet.data;
            prop_assert!(data.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok(), "{data}");
            prop_assert!(data.len() <= 8 * message.len() + 64 * decoded.attachments().len());
            if packet.event(decoded.attachments()).is_ok() && packet.ack(decoded.attachments()).is_ok() {
                again(&decoded)?;
            }
        }
    }

    #[test]
    fn events_come_back_as_they_went(nsp in namespace(), id in any::<Option<u64>>(), name in name(),
        args in (value_with_bytes(), value_with_bytes()))
    {
        let raw = RawArgs::from_values([&Value::from(name.clone()), &args.0, &args.1]).expect("can be sent");
        let data = format!("[{}]", raw.json());
        let packet = Outgoing { kind: Kind::Event, nsp: &nsp, id, data: &data, attachments: raw.attachments() };
        let mut out = Vec::new();
        to_msgpack(&mut out, &packet, &EVENT).expect("can be sent");
        let message = Binary::Owned(out.into());
        let decoded = decode(&message, &Limits::default());
        prop_assert!(decoded.is_ok(), "{decoded:?}");
        let decoded = decoded.expect("just seen");
        let packet = decoded.packet();
        prop_assert_eq!((packet.kind, packet.nsp, packet.id), (Kind::Event, &*nsp, id));
        prop_assert_eq!(decoded.attachments(), raw.attachments());
        let event = packet.event(decoded.attachments()).expect(&data).expect(&data);
        prop_assert_eq!(&*event.name, &*name);
        let back = event.args.deserialize::<(Value, Value)>().expect("values");
        prop_assert!(same(&back.0, &args.0) && same(&back.1, &args.1), "{:?}", back);
    }
}
