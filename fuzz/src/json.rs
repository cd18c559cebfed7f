//! The JSON scanner: it accepts what a parser accepts, and says rightly where the elements are and what is wrong.

use enchufe_proto::socket::json::{Array, Elements, MAX_DEPTH, Root, ScanError, scan};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The input is the text.
pub fn json_scan(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let full = scan(text, MAX_DEPTH);
    match full {
        Ok(root) => {
            assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "a parser refuses it");
            check_root(text, root);
        }
        Err(ScanError::Syntax(at)) => {
            assert!(serde_json::from_str::<IgnoredAny>(text).is_err(), "a parser accepts it");
            check_place(text, at);
        }
        Err(ScanError::TooDeep(at)) => assert!(is_bracket(text, at)),
    }
    for max_depth in [0, 1, 2, 5] {
        match (scan(text, max_depth), full) {
            (Err(ScanError::TooDeep(at)), Err(ScanError::Syntax(error))) => assert!(at < error),
            (Err(ScanError::TooDeep(at)), _) => assert!(is_bracket(text, at)),
            (limited, full) => assert_eq!(limited, full, "a limit changes nothing below it"),
        }
    }
    // For any other text the items are unspecified, but they come to an end.
    assert!(Elements::new(text).count() <= text.len());
}

fn is_bracket(text: &str, at: usize) -> bool {
    matches!(text.as_bytes().get(at), Some(b'[' | b'{'))
}

/// What stands before the place of an error has no error but that it may be incomplete.
fn check_place(text: &str, at: usize) {
    assert!(at <= text.len());
    if let Some(before) = text.get(..at) {
        let result = scan(before, MAX_DEPTH);
        assert!(result.is_ok() || result == Err(ScanError::Syntax(at)), "{result:?} before {at}");
    }
}

fn check_root(text: &str, root: Root) {
    let first = text.trim_ascii().as_bytes().first();
    let expected = match first {
        Some(b'[') => matches!(root, Root::Array(_)),
        Some(b'{') => root == Root::Object,
        Some(b'"') => root == Root::String,
        Some(b't' | b'f' | b'n') => root == Root::Literal,
        _ => root == Root::Number,
    };
    assert!(expected, "{root:?}");
    if let Root::Array(array) = root {
        check_array(text, array);
    }
}

fn check_array(text: &str, array: Array) {
    let Array { len, first, first_end, second, second_plain, close, first_escaped } = array;
    assert_eq!(&text[close..=close], "]");
    let found: Vec<_> = Elements::new(&text[first..close]).collect();
    assert_eq!(found.len(), len);
    assert_eq!(&text[first..first_end], found.first().copied().unwrap_or_default());
    assert_eq!(first_escaped, text[first..first_end].contains('\\') && text[first..].starts_with('"'));
    assert!(Elements::new(&text[second..close]).eq(found.iter().skip(1).copied()));
    let plain = found.get(1).filter(|element| element.starts_with('"') && !element.contains('\\'));
    assert_eq!(second_plain, plain.map_or(0, |element| second + element.len()));
    for element in &found {
        assert!(scan(element, MAX_DEPTH).is_ok(), "each element is a value");
    }
    // Not all that is valid text can be a raw value: lone surrogates are refused there.
    if let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(text) {
        assert!(elements.iter().map(|element| element.get()).eq(found));
    }
}
