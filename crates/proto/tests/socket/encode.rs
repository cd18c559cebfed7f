//! Values and packets into bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use enchufe_proto::socket::encode::{self, write_answer, write_args, write_header};
use enchufe_proto::socket::{EncodeError, Kind, Limits, Packet, RawArgs, Value};
use serde::Serialize;
use serde_json::json;

type Written = (usize, String, Vec<Bytes>);

fn written(write: impl FnOnce(&mut Vec<u8>, &mut Vec<Bytes>) -> Result<usize, EncodeError>) -> Written {
    let (mut out, mut attachments) = (Vec::new(), Vec::new());
    let count = write(&mut out, &mut attachments).expect("can be sent");
    (count, String::from_utf8(out).expect("UTF-8"), attachments)
}

#[track_caller]
fn args<T: Serialize>(value: T, count: usize, text: &str) {
    assert_eq!(written(|out, bytes| write_args(&value, out, bytes)), (count, text.to_owned(), vec![]));
}

#[track_caller]
fn answer<T: Serialize>(value: T, count: usize, text: &str) {
    assert_eq!(written(|out, bytes| write_answer(&value, out, bytes)), (count, text.to_owned(), vec![]));
}

#[derive(Serialize)]
struct Point {
    x: i64,
    y: (i64, [i64; 1]),
}

#[derive(Serialize)]
struct Pair(i64, &'static str);

#[derive(Serialize)]
struct Wrapped<T>(T);

#[derive(Serialize)]
struct Nothing;

#[derive(Serialize)]
enum Shape {
    Empty,
    Circle(i64),
    Line(i64, i64),
    Named { name: &'static str },
}

#[test]
fn a_tuple_is_several_arguments() {
    args((1, "a"), 2, r#"1,"a""#);
    args((1, (2, 3), [4, 5]), 3, "1,[2,3],[4,5]");
    args(Pair(1, "a"), 2, r#"1,"a""#);
    args([1, 2, 3], 3, "1,2,3");
    args(([1, 2, 3],), 1, "[1,2,3]");
    args(Wrapped((1, 2)), 2, "1,2");
    args(Some((1, 2)), 2, "1,2");
    args(Box::new((1, 2)), 2, "1,2");
    args((Vec::<i64>::new(), [0; 0]), 2, "[],[]");
    args(((),), 1, "null");
}

#[test]
fn unit_is_none() {
    args((), 0, "");
    args(Nothing, 0, "");
    args([0; 0], 0, "");
    args(json!(null), 0, "");
    args(Value::Null, 1, "null");
    answer(Value::Null, 1, "null");
}

#[test]
fn anything_else_is_one() {
    args(vec![1, 2], 1, "[1,2]");
    args(vec![(1, 2), (3, 4)], 1, "[[1,2],[3,4]]");
    args("a\"\n\u{1}é", 1, r#""a\"\n\u0001é""#);
    args(Point { x: 1, y: (2, [3]) }, 1, r#"{"x":1,"y":[2,[3]]}"#);
    args(BTreeMap::from([(1, "one")]), 1, r#"{"1":"one"}"#);
    args(None::<i64>, 1, "null");
    args(true, 1, "true");
    args(1.0, 1, "1.0");
    args(u128::MAX, 1, &u128::MAX.to_string());
    args('x', 1, r#""x""#);
    args(Shape::Empty, 1, r#""Empty""#);
    args(Shape::Circle(1), 1, r#"{"Circle":1}"#);
    args(Shape::Line(1, 2), 1, r#"{"Line":[1,2]}"#);
    args(Shape::Named { name: "n" }, 1, r#"{"Named":{"name":"n"}}"#);
    args(json!([1, {"a": null}]), 1, r#"[1,{"a":null}]"#);
    args(Value::from(json!([1, {"a": null}])), 1, r#"[1,{"a":null}]"#);
    args(std::net::Ipv4Addr::LOCALHOST, 1, r#""127.0.0.1""#);
}

#[test]
fn numbers_that_are_not_finite_become_null() {
    args((f64::NAN, f64::INFINITY, f32::NEG_INFINITY), 3, "null,null,null");
    args(f64::NAN, 1, "null");
    args(Value::from(f64::NAN), 1, "null");
}

#[test]
fn the_answer_of_a_handler() {
    answer((), 0, "");
    answer(5, 1, "5");
    answer((1, "a"), 1, r#"[1,"a"]"#);
    answer(Pair(1, "a"), 1, r#"[1,"a"]"#);
    answer(Wrapped((1, 2)), 1, "[1,2]");
    answer([1, 2], 1, "[1,2]");
    answer(None::<i64>, 1, "null");
    answer(Some((1, 2)), 1, "[1,2]");
    answer(Ok::<_, ()>((1, 2)), 1, "[1,2]");
    answer(Ok::<_, ()>(()), 0, "");
    answer(Err::<(), _>("no"), 1, r#"{"error":"no"}"#);
    answer(Err::<(), _>((1, 2)), 1, r#"{"error":[1,2]}"#);
    answer(Some(Ok::<_, ()>(3)), 1, "3");
    answer(vec![Ok(1), Err("no")], 1, r#"[{"Ok":1},{"Err":"no"}]"#);
    answer(Shape::Circle(1), 1, r#"{"Circle":1}"#);
    answer(Shape::Line(1, 2), 1, r#"{"Line":[1,2]}"#);
    answer(RawArgs::new(&(1, "a")).expect("can be sent"), 2, r#"1,"a""#);
    answer(Ok::<_, ()>(RawArgs::new(&(1, 2)).expect("can be sent")), 2, "1,2");
    answer(RawArgs::default(), 0, "");
}

const ZERO: &str = r#"{"_placeholder":true,"num":0}"#;
const ONE: &str = r#"{"_placeholder":true,"num":1}"#;
const TWO: &str = r#"{"_placeholder":true,"num":2}"#;

fn bytes(byte: u8) -> Bytes {
    Bytes::from(vec![byte; 100])
}

#[test]
fn bytes_travel_as_attachments() {
    assert_eq!(
        written(|out, attachments| write_args(&(1, bytes(1), vec![Some(bytes(2))]), out, attachments)),
        (3, format!("1,{ZERO},[{ONE}]"), vec![bytes(1), bytes(2)])
    );
    assert_eq!(
        written(|out, attachments| write_args(&bytes(1), out, attachments)),
        (1, ZERO.to_owned(), vec![bytes(1)])
    );
    assert_eq!(
        written(|out, attachments| write_answer(&(bytes(1), bytes(2)), out, attachments)),
        (1, format!("[{ZERO},{ONE}]"), vec![bytes(1), bytes(2)])
    );
    let value = Value::from_iter([("a", Value::from(vec![bytes(1), bytes(2)])), ("b", bytes(3).into())]);
    assert_eq!(
        written(|out, attachments| write_args(&value, out, attachments)),
        (1, format!(r#"{{"a":[{ZERO},{ONE}],"b":{TWO}}}"#), vec![bytes(1), bytes(2), bytes(3)])
    );
}

#[test]
fn values_and_raw_arguments_share_their_bytes() {
    let (shared, other) = (bytes(1), bytes(2));
    let value = (Value::from(shared.clone()), vec![Value::from(shared.clone())], other.clone());
    let (_, _, attachments) = written(|out, attachments| write_args(&value, out, attachments));
    let pointers: Vec<_> = attachments.iter().map(|bytes| bytes.as_ptr()).collect();
    assert_eq!(pointers[..2], [shared.as_ptr(), shared.as_ptr()]);
    assert_ne!(pointers[2], other.as_ptr());
    let raw = RawArgs::new(&value).expect("can be sent");
    let (_, _, spliced) = written(|out, attachments| write_args(&raw, out, attachments));
    assert_eq!(spliced[0].as_ptr(), shared.as_ptr());
}

#[test]
fn raw_arguments_are_spliced_as_they_are() {
    let array = r#"[ 1.0,"\u0061" , {"b":1,"a":1e2}, 123456789012345678901234567890 ]"#;
    let raw = RawArgs::from_json(array, &[], &Limits::default()).expect("valid");
    assert_eq!(raw.len(), 4);
    args(raw.clone(), 4, r#"1.0,"\u0061" , {"b":1,"a":1e2}, 123456789012345678901234567890"#);
    args(Some(Wrapped(&raw)), 4, r#"1.0,"\u0061" , {"b":1,"a":1e2}, 123456789012345678901234567890"#);
    args((0, &raw), 2, r#"0,[1.0,"\u0061",{"b":1,"a":1e2},123456789012345678901234567890]"#);
    args(vec![RawArgs::default()], 1, "[[]]");
    assert_eq!(
        serde_json::to_string(&RawArgs::new(&(1, "a")).expect("can be sent")).expect("JSON"),
        r#"[1,"a"]"#
    );
}

#[test]
fn raw_arguments_of_any_number() {
    let raw = RawArgs::from_values([Value::from(0), bytes(1).into(), vec![bytes(2)].into()]);
    let mut raw = raw.expect("can be sent");
    assert_eq!((raw.len(), raw.json()), (3, &*format!("0,{ZERO},[{ONE}]")));
    raw.push(&(bytes(3), "offset")).expect("can be sent");
    assert_eq!((raw.len(), raw.json()), (4, &*format!("0,{ZERO},[{ONE}],[{TWO},\"offset\"]")));
    assert_eq!(raw.attachments(), [bytes(1), bytes(2), bytes(3)]);
    assert_eq!(RawArgs::from_values([(); 0]).expect("can be sent"), RawArgs::default());
    let mut one = RawArgs::default();
    one.push("a").expect("can be sent");
    assert_eq!((one.len(), one.json(), one.is_empty()), (1, "\"a\"", false));
    assert!(one.push(&BTreeMap::from([(vec![1], 1)])).is_err());
    assert_eq!((one.len(), one.json()), (1, "\"a\""));
    // Equal to what comes off the wire.
    assert_eq!(RawArgs::from_json(" [ \"a\" ] ", &[], &Limits::default()), Ok(one));
    for wrong in ["", "{}", "[", "[1]x", "1", "[{\"_placeholder\":true}]x"] {
        assert!(RawArgs::from_json(wrong, &[], &Limits::default()).is_err(), "{wrong}");
    }
    let bad = format!("[{ONE}]");
    assert!(RawArgs::from_json(&bad, &[bytes(1)], &Limits::default()).is_err());
    assert_eq!(RawArgs::from_json(&bad, &[], &Limits::default()).map(|raw| raw.len()), Ok(1));
}

#[test]
fn placeholders_of_raw_arguments_are_renumbered_behind_others() {
    let raw = RawArgs::new(&(bytes(1), vec![(9, bytes(2))], "x")).expect("can be sent");
    assert_eq!(raw.json(), format!("{ZERO},[[9,{ONE}]],\"x\""));
    let (mut out, mut attachments) = (Vec::new(), vec![bytes(0)]);
    write_args(&raw, &mut out, &mut attachments).expect("can be sent");
    assert_eq!(String::from_utf8(out).expect("UTF-8"), format!("{ONE},[[9,{TWO}]],\"x\""));
    assert_eq!(attachments, [bytes(0), bytes(1), bytes(2)]);
    let nested = written(|out, attachments| write_args(&(bytes(0), &raw), out, attachments));
    assert_eq!(nested, (2, format!("{ZERO},[{ONE},[[9,{TWO}]],\"x\"]"), vec![bytes(0), bytes(1), bytes(2)]));
    // The number may be written in any way, and by the end that counts.
    let text = r#"[{"num":7,"_placeholder":true,"x":{"num":1},"num":1.0},{"_placeholder":true,"num":0}]"#;
    let raw = RawArgs::from_json(text, &[bytes(1), bytes(2)], &Limits::default()).expect("valid");
    let (mut out, mut attachments) = (Vec::new(), vec![bytes(0); 10]);
    write_args(&raw, &mut out, &mut attachments).expect("can be sent");
    assert_eq!(
        String::from_utf8(out).expect("UTF-8"),
        r#"{"num":7,"_placeholder":true,"x":{"num":1},"num":11},{"_placeholder":true,"num":10}"#
    );
}

#[test]
fn headers() {
    let header = |kind, attachments, nsp, id| {
        let mut out = b"x".to_vec();
        write_header(&mut out, kind, attachments, nsp, id);
        String::from_utf8(out).expect("UTF-8")
    };
    assert_eq!(header(Kind::Event, 0, "/", None), "x2");
    assert_eq!(header(Kind::Event, 1, "/chat", Some(7)), "x51-/chat,7");
    assert_eq!(header(Kind::Ack, 0, "/chat", Some(0)), "x3/chat,0");
    assert_eq!(header(Kind::Ack, 12, "/", Some(u64::MAX)), "x612-18446744073709551615");
    assert_eq!(header(Kind::Connect, 0, "/a?b=c", None), "x0/a?b=c,");
    assert_eq!(header(Kind::Disconnect, 0, "/a", None), "x1/a,");
    assert_eq!(header(Kind::ConnectError, 0, "/", None), "x4");
}

fn packet(
    write: impl FnOnce(&mut Vec<u8>, &mut Vec<Bytes>) -> Result<(), EncodeError>,
) -> (String, Vec<Bytes>) {
    let (_, text, attachments) = written(|out, attachments| write(out, attachments).map(|()| 0));
    Packet::decode(&text, &Limits::default()).expect(&text);
    (text, attachments)
}

#[test]
fn events_and_acks() {
    assert_eq!(packet(|out, a| encode::event(out, a, "/", None, "x", &())), (r#"2["x"]"#.into(), vec![]));
    assert_eq!(
        packet(|out, a| encode::event(out, a, "/chat", Some(7), "a \"b\"", &(1, "c"))),
        (r#"2/chat,7["a \"b\"",1,"c"]"#.into(), vec![])
    );
    assert_eq!(
        packet(|out, a| encode::event(out, a, "/chat", Some(7), "x", &(bytes(1), bytes(2)))),
        (format!(r#"52-/chat,7["x",{ZERO},{ONE}]"#), vec![bytes(1), bytes(2)])
    );
    assert_eq!(packet(|out, a| encode::ack(out, a, "/", 3, &())), ("33[]".into(), vec![]));
    assert_eq!(packet(|out, a| encode::ack(out, a, "/", 3, &(1, 2))), ("33[1,2]".into(), vec![]));
    assert_eq!(
        packet(|out, a| encode::ack(out, a, "/", 3, &bytes(1))),
        (format!("61-3[{ZERO}]"), vec![bytes(1)])
    );
    assert_eq!(packet(|out, a| encode::answer(out, a, "/", 3, &(1, 2))), ("33[[1,2]]".into(), vec![]));
    assert_eq!(packet(|out, a| encode::answer(out, a, "/", 3, &())), ("33[]".into(), vec![]));
}

#[test]
fn packets_are_appended_and_their_attachments_counted_alone() {
    let (mut out, mut attachments) = (b"4".to_vec(), vec![bytes(0)]);
    encode::event(&mut out, &mut attachments, "/", None, "a", &bytes(1)).expect("can be sent");
    let raw = RawArgs::new(&bytes(2)).expect("can be sent");
    encode::event(&mut out, &mut attachments, "/", None, "b", &raw).expect("can be sent");
    assert_eq!(String::from_utf8(out).expect("UTF-8"), format!(r#"451-["a",{ZERO}]51-["b",{ZERO}]"#));
    assert_eq!(attachments, [bytes(0), bytes(1), bytes(2)]);
}

#[test]
fn connect_disconnect_and_refusal() {
    let text = |write: fn(&mut Vec<u8>) -> Result<(), EncodeError>| packet(|out, _| write(out)).0;
    assert_eq!(text(|out| encode::connect(out, "/", None::<&()>)), "0");
    assert_eq!(text(|out| encode::connect(out, "/a", Some(&json!({"sid": "x"})))), r#"0/a,{"sid":"x"}"#);
    assert_eq!(
        text(|out| {
            encode::disconnect(out, "/a");
            Ok(())
        }),
        "1/a,"
    );
    assert_eq!(
        text(|out| encode::connect_error(out, "/a", "Invalid namespace", None::<&()>)),
        r#"4/a,{"message":"Invalid namespace"}"#
    );
    assert_eq!(
        text(|out| encode::connect_error(out, "/", "no", Some(&json!({"code": 1})))),
        r#"4{"message":"no","data":{"code":1}}"#
    );
}

#[test]
fn after_an_error_nothing_is_left_behind() {
    let bad = BTreeMap::from([(vec![1], 1)]);
    let (mut out, mut attachments) = (b"kept".to_vec(), vec![bytes(0)]);
    let error = encode::event(&mut out, &mut attachments, "/", None, "x", &(bytes(1), &bad));
    assert!(matches!(error, Err(EncodeError::Serialize(_))));
    assert!(encode::ack(&mut out, &mut attachments, "/", 1, &(bytes(1), &bad)).is_err());
    assert!(write_args(&(bytes(1), &bad), &mut out, &mut attachments).is_err());
    assert!(write_answer(&(bytes(1), &bad), &mut out, &mut attachments).is_err());
    assert!(matches!(encode::connect(&mut out, "/", Some(&[1])), Err(EncodeError::NotAnObject)));
    let reserved = encode::event(&mut out, &mut attachments, "/", None, "disconnect", &());
    assert_eq!(reserved.expect_err("reserved").to_string(), "`disconnect` is a reserved event name");
    assert_eq!((&out[..], &attachments[..]), (&b"kept"[..], &[bytes(0)][..]));
}

#[test]
fn an_object_keeps_the_order_of_its_keys() {
    let text = r#"{"b":1,"a":{"z":[],"y":null},"10":true}"#;
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
}
