//! What must hold for any input.

use bytes::Bytes;
use enchufe_proto::socket::json::{Elements, MAX_DEPTH, Root, ScanError, scan};
use enchufe_proto::socket::{DecodeError, Kind, Limits, Map, Packet, RawArgs, Value, encode, is_reserved};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Text that is JSON, or nearly.
fn nearly_json() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(","),
        Just(":"),
        Just("\""),
        Just("\\"),
        Just(" "),
        Just("\n"),
        Just("\u{b}"),
        Just("true"),
        Just("false"),
        Just("null"),
        Just("nul"),
        Just("0"),
        Just("1"),
        Just("-"),
        Just("."),
        Just("e"),
        Just("E+"),
        Just("12345678901234567890"),
        Just("1e999"),
        Just("\"a\""),
        Just("\"a\":"),
        Just("\"\\u00e9\""),
        Just("\"\\ud800\""),
        Just("\"\\ud83d\\ude00\""),
        Just("\\u12"),
        Just("é"),
        Just("\u{0}"),
        Just("\u{7f}"),
        Just("[1,"),
        Just("{\"b\":"),
        Just("\"12345678\\n90\""),
        Just("\"_placeholder\":true"),
        Just("\"num\":0"),
    ];
    prop_oneof![
        prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat()),
        (value(), any::<prop::sample::Index>(), any::<u8>(), 0..4u8).prop_map(|(value, at, byte, how)| {
            let mut text = serde_json::to_vec(&value).expect("JSON");
            let at = at.index(text.len());
            match how {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                2 => {
                    text.remove(at);
                }
                _ => {}
            }
            String::from_utf8_lossy(&text).into_owned()
        }),
        any::<String>(),
    ]
}

/// A value without bytes.
fn value() -> impl Strategy<Value = Value> {
    values(prop::bool::ANY.prop_map(Value::from).boxed())
}

/// A value that may have bytes in it.
pub(crate) fn value_with_bytes() -> impl Strategy<Value = Value> {
    values(prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Bytes::from(bytes).into()).boxed())
}

fn values(leaf: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,40}".prop_map(Value::from),
        leaf,
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map("[a-z\"\\\\é]{0,10}", inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<Map>().into()),
        ]
    })
}

pub(crate) fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just("/".to_owned()), "/[^,]{0,10}".prop_map(|nsp| nsp)]
}

pub(crate) fn name() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("reserved", |name| !is_reserved(name))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_scanner_agrees_with_serde_json(text in nearly_json()) {
        let accepted = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        match scan(&text, MAX_DEPTH) {
            Ok(root) => {
                prop_assert!(accepted, "{text:?}");
                check_elements(&text, root)?;
            }
            Err(ScanError::Syntax(at)) => {
                prop_assert!(!accepted, "{text:?}");
                prop_assert!(at <= text.len());
            }
            Err(ScanError::TooDeep(at)) => prop_assert!(at < text.len()),
        }
    }

    #[test]
    fn depth_is_the_number_of_open_brackets(value in value(), max_depth in 0..6usize) {
        let text = serde_json::to_string(&value).expect("JSON");
        prop_assert_eq!(scan(&text, max_depth).is_ok(), depth(&value) <= max_depth);
    }

    #[test]
    fn any_text_decodes_or_fails(kind in "[0-7]?", count in "([0-9]{1,2}-)?", nsp in "(/[a-z?=]{0,3},)?",
        id in "[0-9]{0,3}", data in nearly_json())
    {
        let text = format!("{kind}{count}{nsp}{id}{data}");
        let attachments = vec![Bytes::from_static(b"x"); 10];
        if let Ok(packet) = Packet::decode(&text, &Limits::default()) {
            prop_assert!(packet.data.is_empty() || serde_json::from_str::<IgnoredAny>(packet.data).is_ok());
            let attachments = &attachments[..packet.attachments];
            if let Ok(Some(event)) = packet.event(attachments) {
                let same = event.args.to_raw();
                prop_assert_eq!(event.args.deserialize::<Value>().is_ok(), same.args().deserialize::<Value>().is_ok());
                prop_assert_eq!(event.args.iter_raw().count(), event.args.len());
            }
            if let Ok(args) = packet.ack(attachments) {
                prop_assert_eq!(args.iter_raw().count(), args.len());
            }
        }
    }

    #[test]
    fn events_come_back_as_they_went(nsp in namespace(), id in any::<Option<u64>>(), name in name(),
        args in (value_with_bytes(), value_with_bytes()))
    {
        let (mut out, mut attachments) = (Vec::new(), Vec::new());
        encode::event(&mut out, &mut attachments, &nsp, id, &name, &args).expect("can be sent");
        let text = String::from_utf8(out).expect("UTF-8");
        let limits = Limits { max_attachments: usize::MAX, ..Limits::default() };
        let packet = Packet::decode(&text, &limits).expect(&text);
        prop_assert_eq!((packet.kind, packet.nsp, packet.id), (Kind::Event, &*nsp, id));
        prop_assert_eq!(packet.attachments, attachments.len());
        let event = packet.event(&attachments).expect(&text).expect(&text);
        prop_assert_eq!(&*event.name, &*name);
        prop_assert_eq!(event.args.deserialize::<(Value, Value)>(), Ok(args));
        // And what is passed on unparsed is the very same.
        let (mut again, mut same) = (Vec::new(), Vec::new());
        encode::event(&mut again, &mut same, &nsp, id, &name, &event.args.to_raw()).expect("can be sent");
        prop_assert_eq!(String::from_utf8(again).expect("UTF-8"), text.clone());
        prop_assert_eq!(&same, &attachments);
    }

    #[test]
    fn acks_come_back_as_they_went(nsp in namespace(), id in any::<u64>(), arg in value_with_bytes()) {
        let (mut out, mut attachments) = (Vec::new(), Vec::new());
        encode::ack(&mut out, &mut attachments, &nsp, id, &(&arg,)).expect("can be sent");
        let text = String::from_utf8(out).expect("UTF-8");
        let limits = Limits { max_attachments: usize::MAX, ..Limits::default() };
        let packet = Packet::decode(&text, &limits).expect(&text);
        prop_assert_eq!((packet.kind, packet.nsp, packet.id), (Kind::Ack, &*nsp, Some(id)));
        prop_assert_eq!(packet.ack(&attachments).expect(&text).deserialize::<(Value,)>(), Ok((arg,)));
    }

    #[test]
    fn unparsed_arguments_mean_the_same_behind_other_attachments(before in 0..12usize, args in value_with_bytes()) {
        let raw = RawArgs::new(&(&args,)).expect("can be sent");
        let mut attachments = vec![Bytes::from_static(b"before"); before];
        let mut out = b"[".to_vec();
        encode::write_args(&raw, &mut out, &mut attachments).expect("can be sent");
        out.push(b']');
        let text = String::from_utf8(out).expect("UTF-8");
        let limits = Limits { max_attachments: usize::MAX, ..Limits::default() };
        let back = RawArgs::from_json(&text, &attachments, &limits).expect(&text);
        if raw.attachments().is_empty() {
            prop_assert_eq!(back.json(), raw.json());
        } else {
            prop_assert_eq!(back.args().deserialize::<(Value,)>(), Ok((args,)));
        }
    }

    #[test]
    fn plain_values_go_through_json(value in value()) {
        let json = value.clone().into_json().expect("no bytes");
        prop_assert_eq!(serde_json::to_string(&value).expect("JSON"), json.to_string());
        prop_assert_eq!(&json, &serde_json::to_value(&value).expect("JSON"));
        prop_assert_eq!(Value::from(json), value);
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// What the scanner says about an array must be what a parser finds in it.
fn check_elements(text: &str, root: Root) -> Result<(), TestCaseError> {
    let Root::Array(array) = root else {
        prop_assert!(!text.trim_ascii().starts_with('['));
        return Ok(());
    };
    // Not all that is valid text can be a raw value: lone surrogates are refused there.
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(text) else { return Ok(()) };
    let elements: Vec<_> = elements.iter().map(|element| element.get()).collect();
    prop_assert_eq!(array.len, elements.len());
    prop_assert_eq!(Elements::new(&text[array.first..array.close]).collect::<Vec<_>>(), elements.clone());
    let rest = elements.get(1..).unwrap_or_default();
    prop_assert_eq!(Elements::new(&text[array.second..array.close]).collect::<Vec<_>>(), rest);
    prop_assert_eq!(&text[array.first..array.first_end], elements.first().copied().unwrap_or_default());
    prop_assert_eq!(&text[array.close..=array.close], "]");
    let first = elements.first().copied().unwrap_or_default();
    prop_assert_eq!(array.first_escaped, first.starts_with('"') && first.contains('\\'));
    let second = rest.first().filter(|second| second.starts_with('"') && !second.contains('\\'));
    let end = second.map_or(0, |second| array.second + second.len());
    prop_assert_eq!(array.second_plain, end);
    Ok(())
}

#[test]
fn limits_hold_for_whatever_the_peer_announces() {
    let limits = Limits { max_attachments: usize::MAX, ..Limits::default() };
    let text = format!("5{}-[\"a\"]", usize::MAX);
    let packet = Packet::decode(&text, &limits).expect("allowed here");
    let mut assembler = enchufe_proto::socket::Assembler::new();
    assembler.expect(text.as_str().into(), packet.attachments);
    let limits = Limits { max_attachment_bytes: 10, ..limits };
    assert_eq!(assembler.push(Bytes::from(vec![0; 6]), &limits), Ok(None));
    assert_eq!(assembler.held_bytes(), 6);
    assert_eq!(assembler.push(Bytes::from(vec![0; 4]), &limits), Ok(None));
    assert_eq!(assembler.push(Bytes::from(vec![0; 1]), &limits), Err(DecodeError::AttachmentsTooLarge));
    assert!(!assembler.is_waiting());
    assert_eq!(assembler.held_bytes(), 0);
    assert!(std::mem::size_of_val(&assembler) <= 8);
}
