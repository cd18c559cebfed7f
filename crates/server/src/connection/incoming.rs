//! What a client sent, from the bytes of a transport to the packets of the layer above.

use std::sync::Arc;

use enchufe_proto::data::Binary;
use enchufe_proto::engine::{
    Kind, Millis, Packet, Part, Path, PayloadError, Revision, SEPARATOR, State, decode_binary, decode_part,
    decode_part_v3, decode_typed, take_binary, take_text,
};
use enchufe_proto::socket::Assembler;
use enchufe_proto::websocket;

use super::{Body, Connection, PostAnswer, mux};
use crate::engine::observer;
use crate::socket::Socket;

/// A text frame of a WebSocket. `last` is the socket that the one before it was for, of what was read together: `None` where
/// something else came between, which may have changed the session.
#[inline]
pub(super) fn text(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    path: Path,
    text: &str,
    now: Millis,
    last: &mut Option<Socket>,
) {
    if connection.revision() == Revision::Three {
        return match decode_part_v3(text) {
            Ok(part) => self::part(connection, assembler, path, part, now, last),
            Err(_) => garbage(connection, path, last),
        };
    }
    if let Some(encoded) = text.strip_prefix('b') {
        *last = None;
        // A client that cannot send binary frames sends them as in a polling payload.
        return match decode_binary(encoded) {
            Ok(data) => binary(connection, assembler, path, Binary::Owned(data), now),
            Err(_) => garbage(connection, path, last),
        };
    }
    match Packet::decode(text) {
        Ok(packet) => self::packet(connection, assembler, path, packet, now, last),
        Err(_) => garbage(connection, path, last),
    }
}

#[cold]
fn garbage(connection: &Connection, path: Path, last: &mut Option<Socket>) {
    *last = None;
    connection.inner.lock().session.handle_garbage(path);
}

/// Whether a message of a WebSocket carries binary data, in whatever way.
pub(super) fn is_binary(revision: Revision, message: &websocket::Message<'_>) -> bool {
    match message {
        websocket::Message::Binary(_) => true,
        // The kind of a packet stands behind the `b` in revision 3, and only messages are binary.
        websocket::Message::Text(text) => {
            text.as_str().starts_with(if revision == Revision::Three { "b4" } else { "b" })
        }
        _ => false,
    }
}

/// A binary frame of a WebSocket.
pub(super) fn frame(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    path: Path,
    data: Binary<'_>,
    now: Millis,
) {
    if connection.revision() == Revision::Four {
        return binary(connection, assembler, path, data, now);
    }
    if decode_typed(&data).is_err() {
        return connection.inner.lock().session.handle_garbage(path);
    }
    // There was a kind, so there is a byte to leave out.
    let message = match data {
        Binary::Borrowed(data) => Binary::Borrowed(data.get(1..).unwrap_or_default()),
        Binary::Owned(data) => Binary::Owned(data.slice(1..)),
    };
    binary(connection, assembler, path, message, now);
}

fn part(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    path: Path,
    part: Part<'_>,
    now: Millis,
    last: &mut Option<Socket>,
) {
    match part {
        Part::Packet(packet) => self::packet(connection, assembler, path, packet, now, last),
        Part::Binary(data) => {
            *last = None;
            binary(connection, assembler, path, Binary::Owned(data), now);
        }
    }
}

/// A binary message.
fn binary(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    path: Path,
    data: Binary<'_>,
    now: Millis,
) {
    let wanted = connection.inner.lock().session.handle_binary(path);
    if wanted {
        observer::incoming_binary(connection, &data);
        mux::binary(connection, assembler, data, now);
    }
}

#[inline]
fn packet(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    path: Path,
    packet: Packet<'_>,
    now: Millis,
    last: &mut Option<Socket>,
) {
    if path == Path::Main {
        observer::incoming(connection, &packet);
    }
    if packet.kind == Kind::Message && mux::takes_packets(connection, assembler) {
        return mux::packet(connection, assembler, path, packet, now, last);
    }
    *last = None;
    let message = connection.inner.lock().session.handle_packet(now, path, packet, &connection.core.session);
    if let Some(message) = message {
        mux::text(connection, assembler, message, now);
    }
}

/// The body of a POST. What stands before an error in it is handled. Where too much waits for handlers to end, it
/// gives back what has not been handled.
pub(super) fn payload(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    body: Body,
    now: Millis,
) -> Result<PostAnswer, Body> {
    match (&body, connection.revision()) {
        (Body::Text(text), Revision::Four) => parts(connection, assembler, Some(&**text), take_part, now)
            .or_else(|rest| match rest {
                Some(rest) => Err(Body::Text(text.slice_ref(rest))),
                None => Ok(PostAnswer::Ok),
            }),
        (Body::Text(text), Revision::Three) if text.is_empty() => {
            // Where there is nothing to say that is `0:`.
            connection.inner.lock().session.handle_garbage(Path::Main);
            Ok(PostAnswer::Bad)
        }
        (Body::Text(text), Revision::Three) => parts(connection, assembler, &**text, take_text, now)
            .map_err(|rest| Body::Text(text.slice_ref(rest))),
        (Body::Binary(bytes), _) => parts(connection, assembler, &**bytes, take_binary, now)
            .map_err(|rest| Body::Binary(bytes.slice_ref(rest))),
    }
}

/// The first packet of a payload of revision 4, with what follows it.
fn take_part(payload: Option<&str>) -> Result<Option<(Part<'_>, Option<&str>)>, PayloadError> {
    let Some(payload) = payload else { return Ok(None) };
    let (part, rest) = match payload.split_once(SEPARATOR) {
        Some((part, rest)) => (part, Some(rest)),
        None => (payload, None),
    };
    Ok(Some((decode_part(part)?, rest)))
}

fn parts<'a, P: Copy>(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    mut payload: P,
    take: impl Fn(P) -> Result<Option<(Part<'a>, P)>, PayloadError>,
    now: Millis,
) -> Result<PostAnswer, P> {
    let mut last = None;
    loop {
        if connection.is_paused(now) {
            return Err(payload);
        }
        match take(payload) {
            Ok(Some((part, rest))) => {
                match &part {
                    // The digit of its kind is no part of its data.
                    Part::Packet(packet) => connection.charge(1 + packet.data.len(), true, now),
                    Part::Binary(data) => connection.charge(data.len(), !assembler.is_waiting(), now),
                }
                self::part(connection, assembler, Path::Main, part, now, &mut last);
                payload = rest;
            }
            Ok(None) => return Ok(PostAnswer::Ok),
            Err(_) => {
                connection.inner.lock().session.handle_garbage(Path::Main);
                return Ok(PostAnswer::Bad);
            }
        }
        if matches!(connection.inner.lock().session.state(), State::Closed(_)) {
            return Ok(PostAnswer::Ok);
        }
    }
}
