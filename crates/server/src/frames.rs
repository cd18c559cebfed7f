//! Packets in the form in which they are queued: encoded once, for any number of connections.

use bytes::Bytes;
use enchufe_proto::engine::Frame;
use enchufe_proto::socket::{self as packets, Args, Kind, Packet};
use serde::Serialize;
use serde_json::Value;
use smallvec::SmallVec;

use crate::error::EmitError;
use crate::id::SocketId;

/// The frames of one packet: its text, then its attachments.
pub(crate) type Frames = SmallVec<[Frame; 1]>;

/// The digit of an Engine.IO message.
const MESSAGE: u8 = b'4';
/// What a small packet takes; a larger one grows its buffer.
const TYPICAL: usize = 128;

/// An EVENT packet.
pub(crate) fn event<T: Serialize + ?Sized>(
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &T,
) -> Result<Frames, EmitError> {
    if packets::is_reserved(name) {
        return Err(EmitError::Reserved(name.into()));
    }
    let mut text = start();
    let mut attachments = Vec::new();
    packets::encode::event(&mut text, &mut attachments, namespace, id, name, args)?;
    Ok(finish(text, attachments))
}

/// Shows the event that these frames are; does nothing where they are something else.
pub(crate) fn with_event(frames: &Frames, show: impl FnOnce(&str, &Args<'_>)) {
    // What the server emits has no limits but those of what holds it.
    let limits = packets::Limits {
        max_attachments: usize::MAX,
        max_attachment_bytes: usize::MAX,
        ..packets::Limits::default()
    };
    let Some((head, attachments)) = frames.split_first() else { return };
    let Some(text) = head.body().get(1..).and_then(|text| std::str::from_utf8(text).ok()) else { return };
    let attachments: SmallVec<[Bytes; 4]> = attachments.iter().map(|frame| frame.body().clone()).collect();
    match Packet::decode(text, &limits).and_then(|packet| {
        if let Some(event) = packet.event(&attachments)? {
            show(&event.name, &event.args);
        }
        Ok(())
    }) {
        Ok(()) => {}
        // Nested deeper than can be read, though it could be written.
        Err(error) => tracing::debug!(%error, "an event that is emitted cannot be shown"),
    }
}

/// An ACK packet, whose arguments are those of an emit.
pub(crate) fn ack<T: Serialize + ?Sized>(namespace: &str, id: u64, args: &T) -> Result<Frames, EmitError> {
    let mut text = start();
    let mut attachments = Vec::new();
    packets::encode::ack(&mut text, &mut attachments, namespace, id, args)?;
    Ok(finish(text, attachments))
}

/// An ACK packet, whose single argument is what a handler returned.
pub(crate) fn answer<T: Serialize + ?Sized>(
    namespace: &str,
    id: u64,
    value: &T,
) -> Result<Frames, EmitError> {
    let mut text = start();
    let mut attachments = Vec::new();
    packets::encode::answer(&mut text, &mut attachments, namespace, id, value)?;
    Ok(finish(text, attachments))
}

/// The answer to a CONNECT.
pub(crate) fn connect(namespace: &str, id: &SocketId) -> Frame {
    let mut text = start();
    packets::encode::write_header(&mut text, Kind::Connect, 0, namespace, None);
    text.extend_from_slice(b"{\"sid\":\"");
    text.extend_from_slice(id.as_str().as_bytes());
    text.extend_from_slice(b"\"}");
    Frame::text(text)
}

/// The refusal of a CONNECT.
pub(crate) fn connect_error(namespace: &str, message: &str, data: Option<&Value>) -> Frame {
    let mut text = start();
    if packets::encode::connect_error(&mut text, namespace, message, data).is_err() {
        // A JSON value is always JSON; were it not, the message alone says enough.
        tracing::error!("the data of a refusal could not be encoded");
        text = start();
        packets::encode::write_header(&mut text, Kind::ConnectError, 0, namespace, None);
        text.extend_from_slice(b"{\"message\":\"internal error\"}");
    }
    Frame::text(text)
}

/// A DISCONNECT.
pub(crate) fn disconnect(namespace: &str) -> Frame {
    let mut text = start();
    packets::encode::write_header(&mut text, Kind::Disconnect, 0, namespace, None);
    Frame::text(text)
}

/// The same frames, which a transport may compress or not.
pub(crate) fn compressible(frames: Frames, compress: bool) -> Frames {
    if compress { frames } else { frames.into_iter().map(Frame::uncompressed).collect() }
}

fn start() -> Vec<u8> {
    let mut text = Vec::with_capacity(TYPICAL);
    text.push(MESSAGE);
    text
}

fn finish(text: Vec<u8>, attachments: Vec<Bytes>) -> Frames {
    let mut frames = Frames::with_capacity(1 + attachments.len());
    frames.push(Frame::text(text));
    frames.extend(attachments.into_iter().map(Frame::binary));
    frames
}
