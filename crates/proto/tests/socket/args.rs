//! Arguments into types.

use std::collections::BTreeMap;

use bytes::Bytes;
use enchufe_proto::socket::{Args, ArgsError, DecodeError, Limits, Packet, RawArgs, Value};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;
use serde_json::value::RawValue;

/// The arguments of an event whose elements behind the name are `list`.
fn with_args<R>(list: &str, attachments: &[Bytes], f: impl FnOnce(Args<'_>) -> R) -> R {
    let count = if attachments.is_empty() { "2".to_owned() } else { format!("5{}-", attachments.len()) };
    let comma = if list.is_empty() { "" } else { "," };
    let text = format!("{count}[\"event\"{comma}{list}]");
    let packet = Packet::decode(&text, &Limits::default()).expect(&text);
    let event = packet.event(attachments).expect(&text).expect(&text);
    assert_eq!(event.name, "event");
    f(event.args)
}

/// The same through an event, an ack and unparsed arguments.
#[track_caller]
fn read<T: DeserializeOwned + PartialEq + std::fmt::Debug>(
    list: &str,
    attachments: &[Bytes],
) -> Result<T, ArgsError> {
    let result = with_args(list, attachments, |args| {
        let raw = args.to_raw();
        assert_eq!((raw.json(), raw.len()), (list, args.len()));
        assert_eq!(args.deserialize::<T>(), raw.args().deserialize::<T>(), "{list}");
        args.deserialize::<T>()
    });
    let count = if attachments.is_empty() { "3".to_owned() } else { format!("6{}-", attachments.len()) };
    let text = format!("{count}[{list}]");
    let packet = Packet::decode(&text, &Limits::default()).expect(&text);
    assert_eq!(packet.ack(attachments).expect(&text).deserialize::<T>(), result, "{text}");
    result
}

#[track_caller]
fn reads<T: DeserializeOwned + PartialEq + std::fmt::Debug>(list: &str, value: T) {
    assert_eq!(read::<T>(list, &[]), Ok(value), "{list}");
}

#[track_caller]
fn fails<T: DeserializeOwned + PartialEq + std::fmt::Debug>(list: &str, message: &str) {
    assert_eq!(read::<T>(list, &[]).expect_err(list).to_string(), message, "{list}");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Pair(i64, String);

#[derive(Debug, PartialEq, Deserialize)]
struct Wrapped((i64, i64));

#[derive(Debug, PartialEq, Deserialize)]
struct Meters(f64);

#[derive(Debug, PartialEq, Deserialize)]
struct Nothing;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Shape {
    Empty,
    Circle(f64),
    Line(i64, i64),
    Named { name: String },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
}

#[test]
fn a_tuple_takes_several() {
    reads("1,2", (1, 2));
    reads("1,\"a\"", Pair(1, "a".into()));
    reads("[1,2],{\"x\":1,\"y\":2}", (vec![1, 2], Point { x: 1, y: 2 }));
    reads("1,2,3", [1, 2, 3]);
    reads("1,2", Wrapped((1, 2)));
    reads(" 1 , 2 ".trim(), (1, 2));
    reads("[1,2]", ([1, 2],));
    reads("\"circle\",null", (Untagged::Text("circle".into()), ()));
}

#[test]
fn anything_else_takes_the_first() {
    reads("[1,2],3", vec![1, 2]);
    reads("\"a\",3", "a".to_owned());
    reads("{\"x\":1,\"y\":2},3", Point { x: 1, y: 2 });
    reads("{\"a\":1}", BTreeMap::from([("a".to_owned(), 1)]));
    reads("{\"a\":[null]},3", Value::from(json!({"a": [null]})));
    reads("{\"a\":[null]},3", json!({"a": [null]}));
    reads("1.5,3", Meters(1.5));
    reads("\"empty\"", Shape::Empty);
    reads("{\"circle\":1}", Shape::Circle(1.0));
    reads("{\"line\":[1,2]}", Shape::Line(1, 2));
    reads("{\"named\":{\"name\":\"n\"}}", Shape::Named { name: "n".into() });
    reads("7", Untagged::Number(7));
    reads("true,1", true);
    reads("\"x\"", 'x');
    reads("1", 1u128);
    reads("[1,2]", Bytes::from_static(&[1, 2]));
}

#[test]
fn unit_takes_none() {
    for list in ["", "1", "null,2"] {
        reads(list, ());
        reads(list, Nothing);
        assert!(read_ignored(list), "{list}");
    }
}

fn read_ignored(list: &str) -> bool {
    with_args(list, &[], |args| args.deserialize::<IgnoredAny>().is_ok())
}

#[test]
fn missing_trailing_arguments_are_none() {
    reads("", None::<i64>);
    reads("null", None::<i64>);
    reads("1", Some(1));
    reads("1", (1, None::<String>));
    reads("1,null", (1, None::<String>));
    reads("1,\"a\"", (1, Some("a".to_owned())));
    reads("", (None::<i64>, None::<i64>));
    reads("", None::<(i64, i64)>);
    reads("1,2", Some((1, 2)));
    reads("", [None::<i64>; 2]);
}

#[test]
fn other_missing_arguments_are_named() {
    fails::<i64>("", "argument 1 is missing");
    fails::<Value>("", "argument 1 is missing");
    fails::<Vec<i64>>("", "argument 1 is missing");
    fails::<(i64, i64)>("", "argument 1 is missing");
    fails::<(i64, i64)>("1", "argument 2 is missing");
    fails::<(i64, ())>("1", "argument 2 is missing");
    fails::<(i64, Option<i64>, i64)>("1", "argument 3 is missing");
    fails::<[i64; 3]>("1,2", "argument 3 is missing");
    fails::<Wrapped>("1", "argument 2 is missing");
    fails::<Pair>("1", "argument 2 is missing");
}

#[test]
fn arguments_of_another_type_are_named() {
    fails::<i64>("\"x\"", "argument 1: invalid type: string \"x\", expected i64");
    fails::<(i64, i64)>("1,\"x\"", "argument 2: invalid type: string \"x\", expected i64");
    fails::<(i64, Option<i64>)>("1,\"x\"", "argument 2: invalid type: string \"x\", expected i64");
    fails::<Point>("{\"x\":1}", "argument 1: missing field `y`");
    fails::<Vec<i64>>("{}", "argument 1: invalid type: map, expected a sequence");
    fails::<String>("\"\\ud800\"", "argument 1: unexpected end of hex escape");
    fails::<u8>("256", "argument 1: invalid value: integer `256`, expected u8");
}

#[test]
fn extra_arguments_are_ignored() {
    reads("1,2,[3,[4]],\"5\",{\"a\":6}", (1, 2));
    reads("1,\"\\ud800\"", (1,));
    reads("1,\"\\ud800\"", 1);
    let deep = format!("1,{}{}", "[".repeat(1000), "]".repeat(1000));
    reads(&deep, (1,));
    reads(&deep, 1);
}

#[test]
fn deeper_than_serde_json_reads_is_an_error_of_the_arguments() {
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    fails::<Value>(&deep, "argument 1: recursion limit exceeded");
    let with_bytes = format!("[{deep},{{\"_placeholder\":true,\"num\":0}}]");
    let error = read::<Value>(&with_bytes, &[Bytes::new()]).expect_err("too deep");
    assert_eq!(error.to_string(), "argument 1: recursion limit exceeded");
}

#[test]
fn raw_access() {
    with_args("1, \"a,]\" ,[1,{\"b\":[]}] , {\"c\":\"\\\"}\"}", &[], |args| {
        assert_eq!(args.len(), 4);
        assert!(!args.is_empty());
        let raw: Vec<_> = args.iter_raw().collect();
        assert_eq!(raw, ["1", "\"a,]\"", "[1,{\"b\":[]}]", "{\"c\":\"\\\"}\"}"]);
        assert_eq!(args.get_raw(2), Some("[1,{\"b\":[]}]"));
        assert_eq!(args.get_raw(4), None);
        assert_eq!(args.deserialize::<Box<RawValue>>().map(|raw| raw.get().to_owned()), Ok("1".to_owned()));
        let (_, second) = args.deserialize::<(i64, Box<RawValue>)>().expect("two");
        assert_eq!(second.get(), "\"a,]\"");
    });
    with_args("", &[], |args| {
        assert!(args.is_empty());
        assert_eq!(args.iter_raw().next(), None);
        assert_eq!(args.to_raw(), RawArgs::default());
    });
}

const FIRST: &str = "{\"_placeholder\":true,\"num\":0}";
const SECOND: &str = "{ \"num\" : 1 , \"_placeholder\" : true }";

fn two() -> [Bytes; 2] {
    [Bytes::from_static(b"one"), Bytes::from_static(b"two")]
}

#[test]
fn attachments_take_the_place_of_placeholders() {
    let [one, second] = two();
    let read_two = |list: &str| read::<(Bytes, Bytes)>(list, &two());
    assert_eq!(read_two(&format!("{FIRST},{SECOND}")), Ok((one.clone(), second.clone())));
    assert_eq!(read_two(&format!("{SECOND},{FIRST}")), Ok((second.clone(), one.clone())));
    assert_eq!(read_two(&format!("{FIRST},{FIRST}")), Ok((one.clone(), one.clone())));
    assert_eq!(read::<Bytes>(FIRST, &two()), Ok(one.clone()));
    assert_eq!(read::<(i64, Option<Bytes>)>(&format!("1,{SECOND}"), &two()), Ok((1, Some(second.clone()))));
    assert_eq!(
        read::<Value>(&format!("{{\"a\":[{SECOND},{{\"b\":{FIRST}}}],\"c\":1}}"), &two()),
        Ok(Value::from_iter([
            (
                "a",
                [Value::from(second.clone()), Value::from_iter([("b", one.clone())])].into_iter().collect()
            ),
            ("c", Value::from(1)),
        ]))
    );
    #[derive(Debug, PartialEq, Deserialize)]
    struct Upload {
        name: String,
        content: Bytes,
        preview: Option<Value>,
    }
    let upload = Upload { name: "n".into(), content: second, preview: Some(one.into()) };
    let list = format!("{{\"preview\":{FIRST},\"name\":\"n\",\"content\":{SECOND}}}");
    assert_eq!(read::<Upload>(&list, &two()), Ok(upload));
}

#[test]
fn arguments_beside_attachments_read_as_ever() {
    let list = format!("{{\"line\":[1,2]}},{FIRST},[1,2],\"x\"");
    assert_eq!(
        read::<(Shape, Bytes, Vec<i64>, Untagged)>(&list, &two()),
        Ok((Shape::Line(1, 2), two()[0].clone(), vec![1, 2], Untagged::Text("x".into())))
    );
    assert_eq!(read::<()>(&list, &two()), Ok(()));
    assert_eq!(
        read::<(i64, i64)>(&format!("1,{FIRST}"), &two()).expect_err("bytes").to_string(),
        "argument 2: invalid type: byte array, expected i64"
    );
    assert_eq!(read::<(i64, i64)>("1", &two()), Err(ArgsError::Missing(2)));
}

/// Everything serde can ask of a value must also work out of the tree that placeholders need.
#[test]
fn types_inside_a_value_with_attachments() {
    let list =
        format!("[{FIRST},[1,\"a\"],{{\"circle\":2}},\"empty\",{{\"1\":\"one\"}},null,[1,2],{{\"x\":1}}]");
    type All = (Bytes, Pair, Shape, Shape, BTreeMap<u32, String>, Option<bool>, (i64, i64), Box<RawValue>);
    let ((bytes, pair, circle, empty, map, none, tuple, raw),) =
        with_args(&list, &two(), |args| args.deserialize::<(All,)>()).expect("fits");
    assert_eq!(bytes, "one");
    assert_eq!((pair, circle, empty), (Pair(1, "a".into()), Shape::Circle(2.0), Shape::Empty));
    assert_eq!(map, BTreeMap::from([(1, "one".to_owned())]));
    assert_eq!((none, tuple, raw.get()), (None, (1, 2), "{\"x\":1}"));
}

#[test]
fn bytes_reach_types_that_ask_in_other_ways() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Bytes(Bytes),
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Flat {
        name: String,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }
    let [one, second] = two();
    assert_eq!(read::<Vec<u8>>(FIRST, &two()), Ok(b"one".to_vec()));
    assert_eq!(
        read::<([u8; 3],)>(FIRST, &two()).expect_err("a tuple").to_string(),
        "argument 1: invalid type: byte array, expected an array of length 3"
    );
    assert_eq!(
        read::<(Either, Either)>(&format!("1,{SECOND}"), &two()),
        Ok((Either::Number(1), Either::Bytes(second)))
    );
    // Text is asked for, and bytes are none even where they would be UTF-8.
    let error = read::<String>(FIRST, &two()).expect_err("bytes");
    assert_eq!(error.to_string(), "argument 1: invalid type: byte array, expected a string");
    let flat = Flat { name: "n".into(), rest: BTreeMap::from([("content".to_owned(), one.into())]) };
    assert_eq!(read::<Flat>(&format!("{{\"name\":\"n\",\"content\":{FIRST}}}"), &two()), Ok(flat));
}

#[test]
fn as_many_as_come() {
    let each = |list: &str| with_args(list, &two(), |args| args.deserialize_each::<Value>());
    assert_eq!(each(""), Ok(vec![]));
    let [one, _] = two();
    assert_eq!(each(&format!("1,{FIRST},[null]")), Ok(vec![1.into(), one.into(), vec![Value::Null].into()]));
    let numbers = |list: &str| with_args(list, &[], |args| args.deserialize_each::<i64>());
    assert_eq!(numbers("1,2"), Ok(vec![1, 2]));
    let error = numbers("1,2,\"x\",4").expect_err("no number");
    assert_eq!(error.to_string(), "argument 3: invalid type: string \"x\", expected i64");
}

#[test]
fn values_share_the_attachments() {
    let attachments = [Bytes::from(vec![7; 1000])];
    let list = format!("[{FIRST}]");
    let value = read::<Value>(&list, &attachments).expect("fits");
    let bytes = value.get(0).and_then(Value::as_bytes).expect("bytes");
    assert_eq!(bytes.as_ptr(), attachments[0].as_ptr());
    let nested = read::<(Vec<Value>,)>(&list, &attachments).expect("fits");
    assert_eq!(nested.0[0].as_bytes().expect("bytes").as_ptr(), attachments[0].as_ptr());
}

#[test]
fn without_attachments_placeholders_are_data() {
    reads(FIRST, Value::from(json!({"_placeholder": true, "num": 0})));
    let text = format!("2[\"event\",{FIRST}]");
    let packet = Packet::decode(&text, &Limits::default()).expect("valid");
    let attachments = two();
    let event = packet.event(&attachments).expect("valid");
    assert!(event.expect("named").args.attachments().is_empty());
}

#[test]
fn placeholders_are_recognised_as_in_javascript() {
    let attachments = two();
    let accepts = |placeholder: &str, expected: &Bytes| {
        assert_eq!(read::<Bytes>(placeholder, &attachments).as_ref(), Ok(expected), "{placeholder}");
    };
    accepts("{\"_placeholder\":true,\"num\":1,\"x\":[{}]}", &attachments[1]);
    accepts("{\"_placeholder\":false,\"num\":7,\"_placeholder\":true,\"num\":1}", &attachments[1]);
    accepts("{\"\\u005fplaceholder\":true,\"n\\u0075m\":0}", &attachments[0]);
    accepts("{\"_placeholder\":true,\"num\":1.0}", &attachments[1]);
    accepts("{\"_placeholder\":true,\"num\":1e0}", &attachments[1]);
    accepts("{\"_placeholder\":true,\"num\":-0}", &attachments[0]);
    // Inside a placeholder none is looked for.
    accepts("{\"_placeholder\":true,\"num\":1,\"x\":{\"_placeholder\":true,\"num\":9}}", &attachments[1]);
    for data in [
        "{\"_placeholder\":1,\"num\":0}",
        "{\"_placeholder\":\"true\",\"num\":0}",
        "{\"_placeholder\":[true],\"num\":9}",
        "{\"_placeholder\":{\"_placeholder\":false},\"num\":9}",
        "{\"_placeholder\":true,\"num\":9,\"_placeholder\":null}",
        "{\"placeholder\":true,\"num\":9}",
        "[\"_placeholder\",true,\"num\",9]",
        "{\"x\":\"{\\\"_placeholder\\\":true}\"}",
    ] {
        let expected = serde_json::from_str::<serde_json::Value>(data).expect(data);
        assert_eq!(read::<Value>(data, &attachments), Ok(expected.into()), "{data}");
    }
}

#[test]
fn bad_placeholders_are_refused() {
    for num in [
        "2",
        "-1",
        "0.5",
        "\"0\"",
        "\"splice\"",
        "null",
        "[0]",
        "{}",
        "true",
        "1e400",
        "18446744073709551616",
    ] {
        for placeholder in [
            format!("{{\"_placeholder\":true,\"num\":{num}}}"),
            format!("{{\"num\":{num},\"_placeholder\":true}}"),
            format!("[[{{\"a\":{{\"_placeholder\":true,\"num\":0,\"num\":{num}}}}}]]"),
            "{\"_placeholder\":true}".to_owned(),
        ] {
            let text = format!("52-[\"event\",{placeholder}]");
            let packet = Packet::decode(&text, &Limits::default()).expect(&text);
            assert_eq!(packet.event(&two()).err(), Some(DecodeError::IllegalPlaceholder), "{text}");
            let text = format!("62-[{placeholder}]");
            let packet = Packet::decode(&text, &Limits::default()).expect(&text);
            assert_eq!(packet.ack(&two()).err(), Some(DecodeError::IllegalPlaceholder), "{text}");
        }
    }
    assert_eq!(DecodeError::IllegalPlaceholder.to_string(), "illegal attachments");
}
