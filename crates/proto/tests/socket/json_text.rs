//! One argument is written as `serde_json` would write it, whatever its type.

use std::collections::BTreeMap;
use std::fmt;

use enchufe_proto::socket::encode::write_args;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

#[track_caller]
fn same<T: Serialize + ?Sized>(value: &T) {
    let mut out = Vec::new();
    // As the field of an object: there nothing is taken apart.
    #[derive(Serialize)]
    struct Holder<'a, T: ?Sized> {
        value: &'a T,
    }
    let count = write_args(&Holder { value }, &mut out, &mut Vec::new()).expect("can be written");
    assert_eq!(count, 1);
    let wanted = serde_json::to_string(&Holder { value }).expect("can be written");
    assert_eq!(String::from_utf8(out).expect("UTF-8"), wanted);
}

#[derive(Serialize)]
enum Shape {
    Unit,
    Newtype(u8),
    Tuple(u8, &'static str),
    Struct { a: u8, b: Option<u8> },
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    A,
    B,
}

#[derive(Serialize)]
struct Nothing;

#[derive(Serialize)]
struct Meters(f64);

#[derive(Serialize)]
struct Flat {
    #[serde(flatten)]
    rest: BTreeMap<&'static str, u8>,
    last: bool,
}

#[derive(Serialize)]
struct Several<'a>(&'a str, u8);

struct Shown;

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\"{}\"", 1)
    }
}

impl Serialize for Shown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[test]
fn every_kind_of_value_is_written_as_by_serde_json() {
    same(&());
    same(&Nothing);
    same(&true);
    same(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    same(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    same(&[0.0, -0.0, 1.0, 0.1, 1e21, 1e-7, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY]);
    same(&[0.1f32, 16_777_216.0, f32::MAX, f32::NAN]);
    same(&('x', 'ñ', '"', '\u{0}', '😀'));
    same(&("", "plain", "\"quoted\"\\", "\u{1}\u{8}\t\n\u{c}\r\u{1f} \u{7f}é\u{2028}"));
    same(&(Some(1), None::<u8>, Some(None::<u8>)));
    same(&[Shape::Unit, Shape::Newtype(1), Shape::Tuple(1, "b"), Shape::Struct { a: 1, b: None }]);
    same(&(Meters(1.5), Several("a", 1), Vec::<u8>::new(), [(); 2], [[1], [2]]));
    same(&Flat { rest: [("a", 1), ("b", 2)].into(), last: true });
    same(&Shown);
    same(&BTreeMap::<u8, u8>::new());
    same(&json!({"a": [1, {"b": null}], "": {"c": {}}, "d": []}));
}

#[test]
fn keys_that_are_no_strings_are_written_as_texts() {
    same(&BTreeMap::from([(-1, 'a'), (2, 'b')]));
    same(&BTreeMap::from([(true, 1), (false, 0)]));
    same(&BTreeMap::from([(u128::MAX, 1)]));
    same(&BTreeMap::from([('k', 1), ('"', 2)]));
    same(&BTreeMap::from([(Key::A, 1), (Key::B, 2)]));
    same(&BTreeMap::from([("k\n".to_owned(), 1)]));
}

#[test]
fn a_key_that_is_no_text_is_an_error_that_leaves_nothing_behind() {
    let mut out = b"before".to_vec();
    let mut attachments = Vec::new();
    let arrays = BTreeMap::from([([1, 2], 3)]);
    let error = write_args(&arrays, &mut out, &mut attachments).expect_err("an array as a key");
    assert!(error.to_string().contains("key must be a string"), "{error}");
    let nothings = BTreeMap::from([((), 3)]);
    write_args(&nothings, &mut out, &mut attachments).expect_err("null as a key");
    assert_eq!((&*out, attachments.len()), (&b"before"[..], 0));
}

#[test]
fn text_that_is_json_already_is_spliced_in() {
    let raw = RawValue::from_string(r#"{"a" : [1,"é\n"]}"#.to_owned()).expect("JSON");
    same(&*raw);
    same(&[Some(&*raw), None]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_written_as_by_serde_json(value in any_json()) {
        same(&value);
    }
}
