//! Packets into bytes: each function appends one text message to a buffer, and its attachments to a list.
//!
//! What they append is what the official encoder writes: the namespace is left out for `/`, and an event or ack
//! with attachments becomes BINARY_EVENT or BINARY_ACK. After an error buffer and list are as before.

mod answer;
mod args;
mod json;
mod text_only;

use bytes::Bytes;
use serde::Serialize;

use super::text::write_string;
use super::{EncodeError, Kind, is_reserved};
use args::write_args_from;

/// Appends `value` as arguments, separated by commas and without brackets; returns how many they are.
///
/// - `()` and unit structs are none, and so is `serde_json::Value::Null`, which looks the same to serde.
///   [`Value::Null`](super::Value::Null) is `null`.
/// - A tuple or tuple struct is as many as it has fields, so `[T; N]`, a tuple to serde, is N. What is to be one
///   argument, whatever its type, is put into a tuple of one: `([1, 2, 3],)`.
/// - [`RawArgs`](super::RawArgs) are spliced in.
/// - Everything else is one, also a `Vec`. `None` is `null`; newtype structs and `Some` are as what they hold.
///
/// Bytes (what calls `serialize_bytes`: [`Bytes`], `serde_bytes`, [`Value::Binary`](super::Value)) become
/// placeholders for what is appended to `attachments`, numbered by the place there. serde hands bytes over as
/// slices, so they are copied once, except those of a `Value` and of `RawArgs`, which are shared. Numbers that are
/// not finite become `null`, as in `JSON.stringify`.
pub fn write_args<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
) -> Result<usize, EncodeError> {
    undo_on_error(out, attachments, |out, attachments| Ok(write_args_from(value, out, attachments, 0)?))
}

/// Appends a handler's return value as the arguments of an ack; returns how many they are.
///
/// - `()` and unit structs are none.
/// - Of a `Result`, `Ok` is as what it holds, and `Err` one argument `{"error": …}`.
/// - [`RawArgs`](super::RawArgs) are spliced in: to answer with several arguments, return these.
/// - Everything else is one, also a tuple: it answers with an array.
///
/// For bytes see [`write_args`].
pub fn write_answer<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
) -> Result<usize, EncodeError> {
    undo_on_error(out, attachments, |out, attachments| {
        Ok(write_args_from(&answer::Answer(value), out, attachments, 0)?)
    })
}

/// Appends everything that stands before the payload: `2`, `51-/chat,7`…
///
/// Only events and acks can have attachments.
#[inline]
pub fn write_header(out: &mut Vec<u8>, kind: Kind, attachments: usize, nsp: &str, id: Option<u64>) {
    let digit = match (kind, attachments > 0) {
        (Kind::Connect, _) => b'0',
        (Kind::Disconnect, _) => b'1',
        (Kind::Event, false) => b'2',
        (Kind::Ack, false) => b'3',
        (Kind::ConnectError, _) => b'4',
        (Kind::Event, true) => b'5',
        (Kind::Ack, true) => b'6',
    };
    out.push(digit);
    if digit >= b'5' {
        out.extend_from_slice(itoa::Buffer::new().format(attachments).as_bytes());
        out.push(b'-');
    }
    if nsp != "/" {
        out.extend_from_slice(nsp.as_bytes());
        out.push(b',');
    }
    if let Some(id) = id {
        out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    }
}

/// Appends an event. `id` asks for an ack; `args` are as in [`write_args`].
///
/// ```
/// # use enchufe_proto::socket::encode;
/// # use bytes::Bytes;
/// let (mut text, mut attachments) = (Vec::new(), Vec::new());
/// encode::event(&mut text, &mut attachments, "/chat", Some(7), "image", &("cat", Bytes::from_static(b"\x01\x02")))?;
/// assert_eq!(text, br#"51-/chat,7["image","cat",{"_placeholder":true,"num":0}]"#);
/// assert_eq!(attachments, [&b"\x01\x02"[..]]);
/// # Ok::<(), enchufe_proto::socket::EncodeError>(())
/// ```
pub fn event<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    nsp: &str,
    id: Option<u64>,
    name: &str,
    args: &T,
) -> Result<(), EncodeError> {
    if is_reserved(name) {
        return Err(EncodeError::ReservedEvent(name.to_owned()));
    }
    undo_on_error(out, attachments, |out, attachments| {
        with_header(out, attachments, Kind::Event, nsp, id, |out, attachments, base| {
            out.push(b'[');
            write_string(out, name);
            let name_end = out.len();
            out.push(b',');
            if write_args_from(args, out, attachments, base)? == 0 {
                out.truncate(name_end);
            }
            out.push(b']');
            Ok(())
        })
    })
}

/// Appends an ack with `args` as in [`write_args`].
#[inline]
pub fn ack<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    nsp: &str,
    id: u64,
    args: &T,
) -> Result<(), EncodeError> {
    undo_on_error(out, attachments, |out, attachments| {
        with_header(out, attachments, Kind::Ack, nsp, Some(id), |out, attachments, base| {
            out.push(b'[');
            write_args_from(args, out, attachments, base)?;
            out.push(b']');
            Ok(())
        })
    })
}

/// Appends an ack with the return value of a handler, as in [`write_answer`].
#[inline]
pub fn answer<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    nsp: &str,
    id: u64,
    value: &T,
) -> Result<(), EncodeError> {
    ack(out, attachments, nsp, id, &answer::Answer(value))
}

/// Appends a CONNECT packet: with the client's auth, or the server's `sid` (and `pid`), if `payload` is given.
/// It must be an object; bytes in it are written as arrays of numbers.
pub fn connect<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    nsp: &str,
    payload: Option<&T>,
) -> Result<(), EncodeError> {
    undo_on_error(out, &mut Vec::new(), |out, _| {
        write_header(out, Kind::Connect, 0, nsp, None);
        let Some(payload) = payload else { return Ok(()) };
        let start = out.len();
        serde_json::to_writer(&mut *out, payload)?;
        if out.get(start) == Some(&b'{') { Ok(()) } else { Err(EncodeError::NotAnObject) }
    })
}

/// Appends a DISCONNECT packet.
pub fn disconnect(out: &mut Vec<u8>, nsp: &str) {
    write_header(out, Kind::Disconnect, 0, nsp, None);
}

/// Appends a CONNECT_ERROR packet: `{"message": …}`, with `data` if there is any.
pub fn connect_error<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    nsp: &str,
    message: &str,
    data: Option<&T>,
) -> Result<(), EncodeError> {
    #[derive(Serialize)]
    struct Refusal<'a, T: Serialize + ?Sized> {
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a T>,
    }
    undo_on_error(out, &mut Vec::new(), |out, _| {
        write_header(out, Kind::ConnectError, 0, nsp, None);
        Ok(serde_json::to_writer(out, &Refusal { message, data })?)
    })
}

/// Writes the header as for a packet without attachments, then the payload, and corrects the header if there
/// were any: one move of a text that is short then, and nothing at all in the usual case.
#[inline]
fn with_header(
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    kind: Kind,
    nsp: &str,
    id: Option<u64>,
    payload: impl FnOnce(&mut Vec<u8>, &mut Vec<Bytes>, usize) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let base = attachments.len();
    write_header(out, kind, 0, nsp, id);
    let payload_start = out.len();
    payload(out, attachments, base)?;
    let count = attachments.len() - base;
    if count > 0 {
        let mut header = Vec::with_capacity(payload_start - start + 8);
        write_header(&mut header, kind, count, nsp, id);
        out.splice(start..payload_start, header);
    }
    Ok(())
}

#[inline]
fn undo_on_error<R>(
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    write: impl FnOnce(&mut Vec<u8>, &mut Vec<Bytes>) -> Result<R, EncodeError>,
) -> Result<R, EncodeError> {
    let before = (out.len(), attachments.len());
    let result = write(out, attachments);
    if result.is_err() {
        out.truncate(before.0);
        attachments.truncate(before.1);
    }
    result
}
