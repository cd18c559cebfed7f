//! What a client sent, from the bytes of a transport to the packets of the layer above.

use std::sync::Arc;

use enchufe_proto::data::Binary;
use enchufe_proto::engine::{Millis, Packet, Part, Path, SEPARATOR, State, decode_binary, decode_part};
use enchufe_proto::socket::Assembler;

use super::{Connection, PostAnswer, mux};
use crate::engine::observer;

/// A text frame of a WebSocket.
pub(super) fn text(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    path: Path,
    text: &str,
    now: Millis,
) {
    if let Some(encoded) = text.strip_prefix('b') {
        // A client that cannot send binary frames sends them as in a polling payload.
        return match decode_binary(encoded) {
            Ok(data) => binary(connection, assembler, path, Binary::Owned(data), now),
            Err(_) => connection.inner.lock().session.handle_garbage(path),
        };
    }
    match Packet::decode(text) {
        Ok(packet) => self::packet(connection, assembler, path, packet, now),
        Err(_) => connection.inner.lock().session.handle_garbage(path),
    }
}

/// A binary frame of a WebSocket.
pub(super) fn binary(
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

fn packet(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    path: Path,
    packet: Packet<'_>,
    now: Millis,
) {
    if path == Path::Main {
        observer::incoming(connection, &packet);
    }
    let message = connection.inner.lock().session.handle_packet(now, path, packet, &connection.core.session);
    if let Some(message) = message {
        mux::text(connection, assembler, message, now);
    }
}

/// The body of a POST. What stands before an error in it is handled. Where too much waits for handlers to end, it
/// gives back what has not been handled.
pub(super) fn payload<'a>(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    text: &'a str,
    now: Millis,
) -> Result<PostAnswer, &'a str> {
    let mut rest = Some(text);
    while let Some(unhandled) = rest {
        if connection.is_choked() {
            return Err(unhandled);
        }
        let (part, after) = match unhandled.split_once(SEPARATOR) {
            Some((part, after)) => (part, Some(after)),
            None => (unhandled, None),
        };
        rest = after;
        match decode_part(part) {
            Ok(Part::Packet(packet)) => self::packet(connection, assembler, Path::Main, packet, now),
            Ok(Part::Binary(data)) => {
                binary(connection, assembler, Path::Main, Binary::Owned(data), now);
            }
            Err(_) => {
                connection.inner.lock().session.handle_garbage(Path::Main);
                return Ok(PostAnswer::Bad);
            }
        }
        if matches!(connection.inner.lock().session.state(), State::Closed(_)) {
            break;
        }
    }
    Ok(PostAnswer::Ok)
}
