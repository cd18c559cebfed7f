//! Placeholders: the objects `{"_placeholder":true,"num":N}` that stand for attachment N in a binary packet.
//!
//! An object is a placeholder if its `_placeholder` is `true`, whatever else it holds and in whatever order;
//! of a key that stands twice the last counts, as in `JSON.parse`. Inside a placeholder none is looked for.
//! They are found in validated text, without a tree, so that a packet can be checked and passed on unparsed.

use std::ops::Range;

use bytes::Bytes;

use super::json::string_end;
use super::{DecodeError, Map, Value};

/// A placeholder in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placeholder {
    /// Which attachment it stands for.
    pub(super) num: usize,
    /// Where that number is written.
    pub(super) num_at: Range<usize>,
    /// Where the whole object stands.
    pub(super) at: Range<usize>,
}

/// All placeholders in `text`, in order: inside each other there are none.
///
/// `text` must be valid JSON, or a comma separated list of it. A placeholder without an integer below
/// `attachments` as its `num` is an error.
pub(super) fn find(text: &str, attachments: usize) -> Result<Vec<Placeholder>, DecodeError> {
    find_all(text, attachments).into_iter().collect::<Option<_>>().ok_or(DecodeError::IllegalPlaceholder)
}

/// As [`find`]; those that name no attachment are left out.
pub(super) fn find_legal(text: &str, attachments: usize) -> Vec<Placeholder> {
    find_all(text, attachments).into_iter().flatten().collect()
}

fn find_all(text: &str, attachments: usize) -> Vec<Option<Placeholder>> {
    let mut found = Vec::new();
    let mut open: Vec<Frame> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'{' | b'[' => {
                value(&mut open, Token::Other);
                open.push(Frame::new(byte == b'{', at, found.len()));
                at += 1;
            }
            b'}' | b']' => {
                at += 1;
                if let Some(frame) = open.pop()
                    && frame.placeholder
                {
                    found.truncate(frame.found_before);
                    found.push(frame.num.and_then(|num_at| {
                        let num = index(text.get(num_at.clone())?.parse().ok()?, attachments)?;
                        Some(Placeholder { num, num_at, at: frame.start..at })
                    }));
                }
            }
            b',' => {
                if let Some(frame) = open.last_mut() {
                    frame.expects_key = frame.object;
                }
                at += 1;
            }
            b'"' => {
                at = string_end(bytes, at);
                match open.last_mut() {
                    Some(frame) if frame.expects_key => {
                        frame.expects_key = false;
                        frame.key = Key::of(text.get(start..at).unwrap_or_default());
                    }
                    _ => value(&mut open, Token::Other),
                }
            }
            b':' | b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            _ => {
                while bytes.get(at).is_some_and(|&byte| is_scalar(byte)) {
                    at += 1;
                }
                // At least one byte, so that the walk ends whatever the text.
                at = at.max(start + 1);
                value(&mut open, Token::Scalar(start..at, byte == b't'));
            }
        }
    }
    found
}

/// What a placeholder stands for that is all of `text`, and written as by `JSON.stringify`: the usual one. `None` says
/// nothing of any other.
pub(super) fn alone(text: &str) -> Option<usize> {
    let num = text.strip_prefix("{\"_placeholder\":true,\"num\":")?.strip_suffix('}')?;
    // Whatever else may stand there, a number alone is all digits.
    num.bytes().all(|byte| byte.is_ascii_digit()).then(|| num.parse().ok())?
}

/// Puts the attachments where the placeholders in `value` are. The tree must have come from text in which
/// [`find`] saw no error.
pub(super) fn fill(value: &mut Value, attachments: &[Bytes]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, attachments)),
        Value::Object(map) if is_placeholder(map) => {
            let num = map.get("num").and_then(Value::as_f64).and_then(|num| index(num, attachments.len()));
            if let Some(bytes) = num.and_then(|num| attachments.get(num)) {
                *value = Value::Binary(bytes.clone());
            }
        }
        Value::Object(map) => map.values_mut().for_each(|item| fill(item, attachments)),
        _ => {}
    }
}

fn is_placeholder(map: &Map) -> bool {
    map.get("_placeholder").and_then(Value::as_bool) == Some(true)
}

/// `num` as an index below `len`. It may be written in any way that is a whole number to JavaScript (`1.0`).
fn index(num: f64, len: usize) -> Option<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the comparison")]
    let index = num as usize;
    #[expect(clippy::cast_precision_loss, reason = "far fewer attachments than 2^53")]
    let exact = index as f64 == num;
    (exact && index < len).then_some(index)
}

/// An open array or object.
struct Frame {
    object: bool,
    start: usize,
    expects_key: bool,
    key: Key,
    placeholder: bool,
    num: Option<Range<usize>>,
    /// How many placeholders were known when it opened: those behind lie inside it.
    found_before: usize,
}

impl Frame {
    fn new(object: bool, start: usize, found_before: usize) -> Self {
        Self {
            object,
            start,
            expects_key: object,
            key: Key::Other,
            placeholder: false,
            num: None,
            found_before,
        }
    }
}

enum Key {
    Placeholder,
    Num,
    Other,
}

impl Key {
    fn of(quoted: &str) -> Self {
        match quoted {
            "\"_placeholder\"" => Self::Placeholder,
            "\"num\"" => Self::Num,
            _ if quoted.contains('\\') => match serde_json::from_str::<String>(quoted).as_deref() {
                Ok("_placeholder") => Self::Placeholder,
                Ok("num") => Self::Num,
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

enum Token {
    /// A number or literal, and whether it is `true`.
    Scalar(Range<usize>, bool),
    /// A string, array or object.
    Other,
}

/// Notes a value in the object it stands in.
fn value(open: &mut [Frame], token: Token) {
    let Some(frame) = open.last_mut().filter(|frame| frame.object) else { return };
    match (&frame.key, token) {
        (Key::Placeholder, Token::Scalar(_, is_true)) => frame.placeholder = is_true,
        (Key::Placeholder, Token::Other) => frame.placeholder = false,
        (Key::Num, Token::Scalar(at, _)) => frame.num = Some(at),
        (Key::Num, Token::Other) => frame.num = None,
        (Key::Other, _) => {}
    }
}

fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_placeholder_is_known_at_sight() {
        assert_eq!(alone(r#"{"_placeholder":true,"num":12}"#), Some(12));
        for other in [
            r#"{"_placeholder":true,"num":}"#,
            r#"{"_placeholder":true,"num":-1}"#,
            r#"{"_placeholder":true,"num":1.0}"#,
            r#"{"_placeholder":true,"num":0,"num":1}"#,
            r#"{"_placeholder":true,"num":0}}"#,
            r#"{"_placeholder":true,"num":99999999999999999999999}"#,
            r#"{"num":0,"_placeholder":true}"#,
            r#"["_placeholder"]"#,
            "",
        ] {
            assert_eq!(alone(other), None, "{other}");
        }
    }
}
