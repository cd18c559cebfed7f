//! One text message ↔ the packet it holds: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
//!
//! The decoder promises that what it returns is whole: every rule of the protocol about the header and the
//! shape of the payload holds, and the payload is valid JSON within the limits. It allocates only for an
//! event name that is written with escapes.
//!
//! It is strict where the official decoder is lenient by accident of JavaScript's number conversion: an empty
//! message, white space as an ack id, and `" 1"`, `"1e0"` or `"01"` as a number of attachments are errors.

use std::borrow::Cow;

use super::DecodeError;
use super::json::{self, Array, Root};

/// Event names with a meaning of their own: they can't be sent, and receiving one is an error.
pub const RESERVED_EVENTS: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Whether `name` is one of [`RESERVED_EVENTS`].
pub fn is_reserved(name: &str) -> bool {
    // Runs for every event: by length first, which the compiler makes of a match.
    matches!(
        name,
        "connect" | "connect_error" | "disconnect" | "disconnecting" | "newListener" | "removeListener"
    )
}

/// What a packet is for.
///
/// The wire's BINARY_EVENT and BINARY_ACK are [`Event`](Self::Event) and [`Ack`](Self::Ack) with
/// [attachments](Packet::attachments).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Asks to join a namespace, or confirms it.
    Connect,
    /// Leaves a namespace.
    Disconnect,
    /// An event.
    Event,
    /// The answer to an event that had an ack id.
    Ack,
    /// Refuses a [`Connect`](Self::Connect).
    ConnectError,
}

/// What a peer may send in one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attachments of one packet. Default 10, as in the official system: each may be as large as a message, and
    /// all are held until the last has come.
    pub max_attachments: usize,
    /// Bytes of all attachments of one packet together. Default 10,000,000: ten attachments of the default
    /// message size; the official system has no such limit of its own.
    pub max_attachment_bytes: usize,
    /// Arrays and objects that may be open at once in a payload. Default and maximum [`json::MAX_DEPTH`].
    /// Types with more than 127 levels can't be deserialised in any case.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_attachments: 10, max_attachment_bytes: 10_000_000, max_depth: json::MAX_DEPTH }
    }
}

/// A decoded packet, as slices of the message it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is for.
    pub kind: Kind,
    /// How many binary messages follow that belong to it. Only events and acks have any.
    pub attachments: usize,
    /// Namespace, `/` if none was named. A query string behind it is kept.
    pub nsp: &'a str,
    /// Ack id: of an event, that it wants to be answered; of an ack, which event it answers.
    pub id: Option<u64>,
    /// The payload, valid JSON text without white space around it; empty if there is none. An event or ack
    /// without payload means `[]`.
    pub data: &'a str,
    /// Where the elements are, if the payload is an array.
    pub(super) array: Array,
}

impl<'a> Packet<'a> {
    /// Decodes one text message.
    #[inline]
    pub fn decode(text: &'a str, limits: &Limits) -> Result<Self, DecodeError> {
        let (kind, binary, rest) = split_kind(text)?;
        let (attachments, rest) = if binary { split_attachments(rest, limits)? } else { (0, rest) };
        let (nsp, rest) = split_namespace(rest);
        let (id, data) = split_id(rest)?;
        let (data, array) = check_payload(kind, data, limits)?;
        Ok(Self { kind, attachments, nsp, id, data, array })
    }
}

fn split_kind(text: &str) -> Result<(Kind, bool, &str), DecodeError> {
    let first = *text.as_bytes().first().ok_or(DecodeError::Empty)?;
    let (kind, binary) = match first {
        b'0' => (Kind::Connect, false),
        b'1' => (Kind::Disconnect, false),
        b'2' => (Kind::Event, false),
        b'3' => (Kind::Ack, false),
        b'4' => (Kind::ConnectError, false),
        b'5' => (Kind::Event, true),
        b'6' => (Kind::Ack, true),
        _ => return Err(DecodeError::UnknownType(first.is_ascii_digit().then(|| first - b'0'))),
    };
    // One ASCII byte was just read.
    Ok((kind, binary, text.get(1..).unwrap_or_default()))
}

fn split_attachments<'a>(text: &'a str, limits: &Limits) -> Result<(usize, &'a str), DecodeError> {
    let (count, rest) = split_digits(text);
    let rest = rest.strip_prefix('-').ok_or(DecodeError::IllegalAttachments)?;
    if count.is_empty() || count.starts_with('0') {
        return Err(DecodeError::IllegalAttachments);
    }
    // All digits, so it can only fail by being too large.
    match count.parse::<usize>() {
        Ok(count) if count <= limits.max_attachments => Ok((count, rest)),
        _ => Err(DecodeError::TooManyAttachments),
    }
}

fn split_namespace(text: &str) -> (&str, &str) {
    if text.starts_with('/') { text.split_once(',').unwrap_or((text, "")) } else { ("/", text) }
}

fn split_id(text: &str) -> Result<(Option<u64>, &str), DecodeError> {
    let mut id = 0_u64;
    let mut end = 0;
    for digit in text.bytes().map(|byte| byte.wrapping_sub(b'0')).take_while(|digit| *digit <= 9) {
        let more = id.checked_mul(10).and_then(|id| id.checked_add(digit.into()));
        id = more.ok_or(DecodeError::AckIdOutOfRange)?;
        end += 1;
    }
    // Behind ASCII digits.
    Ok(((end > 0).then_some(id), text.get(end..).unwrap_or_default()))
}

/// The ASCII digits that `text` begins with, and the rest.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[inline]
pub(super) fn check_payload<'a>(
    kind: Kind,
    data: &'a str,
    limits: &Limits,
) -> Result<(&'a str, Array), DecodeError> {
    if data.is_empty() {
        return Ok((data, Array::default()));
    }
    // White space behind the payload is JSON's own; before it, it would stand in the header.
    if data.as_bytes().first().is_some_and(u8::is_ascii_whitespace) {
        return Err(DecodeError::InvalidPayload);
    }
    let array = match (kind, json::scan(data, limits.max_depth)?) {
        (Kind::Connect | Kind::ConnectError, Root::Object) | (Kind::ConnectError, Root::String) => {
            Array::default()
        }
        (Kind::Ack, Root::Array(array)) => array,
        (Kind::Event, Root::Array(array)) => {
            let name = event_name(data, &array);
            if name.is_none_or(|name| is_reserved(&name)) {
                return Err(DecodeError::InvalidPayload);
            }
            array
        }
        _ => return Err(DecodeError::InvalidPayload),
    };
    Ok((data.trim_ascii_end(), array))
}

/// The event name that the first element of an event stands for: a string, or a number as its text.
#[inline]
pub(super) fn event_name<'a>(data: &'a str, array: &Array) -> Option<Cow<'a, str>> {
    if !array.first_escaped && data.as_bytes().get(array.first) == Some(&b'"') {
        return data.get(array.first + 1..array.first_end.checked_sub(1)?).map(Cow::Borrowed);
    }
    unusual_name(data.get(array.first..array.first_end)?)
}

#[cold]
fn unusual_name(element: &str) -> Option<Cow<'_, str>> {
    if element.starts_with('"') {
        return serde_json::from_str(element).ok().map(Cow::Owned);
    }
    if !element.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return None;
    }
    // Integers that JavaScript holds exactly and would write in the same way.
    if element.len() <= 15 && element.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Cow::Borrowed(element));
    }
    match element.parse::<f64>() {
        Ok(0.0) => Some(Cow::Borrowed("0")),
        Ok(number) if number.is_finite() => Some(Cow::Owned(number.to_string())),
        _ => Some(Cow::Borrowed(element)),
    }
}
