//! Packets in the form in which they are queued: encoded once, for any number of connections.
//!
//! Each is made as JSON text with attachments beside it, and takes the form of its namespace's parser last.

use std::cell::Cell;

use bytes::Bytes;
use enchufe_cluster::recovery::{Offset, Pid};
use enchufe_proto::data::Binary;
use enchufe_proto::engine::{Frame, FrameKind, Rank, Revision};
use enchufe_proto::socket::msgpack::{self, Field, Outgoing};
use enchufe_proto::socket::{self as packets, Args, DecodeError, EncodeError, Kind, Packet};
use enchufe_proto::websocket::{self, Opcode};
use serde::Serialize;
use serde::de::Error as _;
use serde_json::Value;
use smallvec::SmallVec;

use crate::error::EmitError;
use crate::id::SocketId;
use crate::old_clients;
use crate::parser::Parser;

/// The frames of one packet: its text, then its attachments; in msgpack all in one.
pub(crate) type Frames = SmallVec<[Frame; 1]>;

/// How packets are written: for which namespace, in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) parser: Parser,
}

/// The digit of an Engine.IO message.
const MESSAGE: u8 = b'4';
/// What a small packet takes; a larger one grows its buffer.
const TYPICAL: usize = 128;
/// Left free before a packet's text, for the header that a server's WebSocket puts there.
const HEADER_ROOM: usize = 10;
/// What each packet's text begins with.
const BEGINNING: [u8; HEADER_ROOM + 1] = {
    let mut beginning = [0; HEADER_ROOM + 1];
    beginning[HEADER_ROOM] = MESSAGE;
    beginning
};
/// What the buffer that a thread's packets are written in keeps of its memory.
const SCRATCH_KEPT: usize = 256 << 10;

thread_local! {
    /// Packets are written here, and copied once their length is known: one allocation of the right size, where a growing one
    /// would be copied again and again, and given back to the system and fetched for each large packet.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An EVENT packet, for any number of connections.
pub(crate) fn event<T: Serialize + ?Sized>(
    wire: Wire<'_>,
    id: Option<u64>,
    name: &str,
    args: &T,
) -> Result<Frames, EmitError> {
    event_draft(wire, id, name, args)?.finish()
}

/// An EVENT packet, for one connection.
pub(crate) fn event_draft<'a, T: Serialize + ?Sized>(
    wire: Wire<'a>,
    id: Option<u64>,
    name: &str,
    args: &T,
) -> Result<Draft<'a>, EmitError> {
    if packets::is_reserved(name) {
        return Err(EmitError::Reserved(name.into()));
    }
    let mut draft = Draft::new(wire, Kind::Event, id);
    packets::encode::event(&mut draft.text, &mut draft.attachments, draft.namespace, id, name, args)?;
    Ok(draft)
}

/// An EVENT packet that a client may miss and be sent later: its last argument is its offset, which is not known yet.
pub(crate) fn recoverable_event<T: Serialize + ?Sized>(
    wire: Wire<'_>,
    placeholder: Offset,
    name: &str,
    args: &T,
) -> Result<Recoverable, EmitError> {
    if packets::is_reserved(name) {
        return Err(EmitError::Reserved(name.into()));
    }
    let mut draft = Draft::new(wire, Kind::Event, None);
    packets::encode::event(&mut draft.text, &mut draft.attachments, draft.namespace, None, name, args)?;
    // Behind the last argument, or the name.
    draft.text.pop();
    draft.text.extend_from_slice(b",\"");
    draft.text.extend_from_slice(placeholder.as_bytes());
    draft.text.extend_from_slice(b"\"]");
    let frames = draft.finish()?;
    // Near the end; in msgpack the name of the namespace stands behind it, which was there before the placeholder's
    // random characters were chosen.
    let body: &[u8] = frames.first().map_or(&[], |frame| frame.body());
    let at = body.windows(Offset::LEN).rposition(|window| window == placeholder.as_bytes());
    let at = at.unwrap_or(body.len());
    Ok(Recoverable { frames, at })
}

/// A packet whose offset is still to be filled in.
pub(crate) struct Recoverable {
    frames: Frames,
    at: usize,
}

impl Recoverable {
    /// The bytes of its frames.
    pub(crate) fn bytes(&self) -> usize {
        self.frames.iter().map(|frame| frame.body().len()).sum()
    }

    pub(crate) fn compressible(self, compress: bool) -> Self {
        Self { frames: compressible(self.frames, compress), ..self }
    }

    /// The packet with its offset.
    pub(crate) fn finish(mut self, offset: &Offset) -> Frames {
        if let Some(frame) = self.frames.first_mut() {
            let unfinished = std::mem::replace(frame, Frame::binary(Bytes::new()));
            *frame = unfinished.overwritten(self.at, offset.as_bytes());
        }
        self.frames
    }
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
    let shown = if head.kind() == FrameKind::Binary {
        let message = Binary::Owned(head.body().clone());
        msgpack::decode(&message, &limits)
            .and_then(|decoded| show_event(&decoded.packet(), decoded.attachments(), show))
    } else {
        let text = head.body().get(1..).and_then(|text| std::str::from_utf8(text).ok());
        let attachments: SmallVec<[Bytes; 4]> =
            attachments.iter().map(|frame| frame.body().clone()).collect();
        Packet::decode(text.unwrap_or_default(), &limits)
            .and_then(|packet| show_event(&packet, &attachments, show))
    };
    if let Err(error) = shown {
        // Nested deeper than can be read, though it could be written.
        tracing::debug!(%error, "an event that is emitted cannot be shown");
    }
}

fn show_event(
    packet: &Packet<'_>,
    attachments: &[Bytes],
    show: impl FnOnce(&str, &Args<'_>),
) -> Result<(), DecodeError> {
    if let Some(event) = packet.event(attachments)? {
        show(&event.name, &event.args);
    }
    Ok(())
}

/// An ACK packet, whose arguments are those of an emit.
pub(crate) fn ack<'a, T: Serialize + ?Sized>(
    wire: Wire<'a>,
    id: u64,
    args: &T,
) -> Result<Draft<'a>, EmitError> {
    let mut draft = Draft::new(wire, Kind::Ack, Some(id));
    packets::encode::ack(&mut draft.text, &mut draft.attachments, draft.namespace, id, args)?;
    Ok(draft)
}

/// An ACK packet, whose single argument is what a handler returned.
pub(crate) fn answer<'a, T: Serialize + ?Sized>(
    wire: Wire<'a>,
    id: u64,
    value: &T,
) -> Result<Draft<'a>, EmitError> {
    let mut draft = Draft::new(wire, Kind::Ack, Some(id));
    packets::encode::answer(&mut draft.text, &mut draft.attachments, draft.namespace, id, value)?;
    Ok(draft)
}

/// The answer to a CONNECT, with the secret id of a session that can be recovered.
pub(crate) fn connect(revision: Revision, wire: Wire<'_>, id: &SocketId, pid: Option<&Pid>) -> Frame {
    let mut draft = Draft::new(wire, Kind::Connect, None);
    draft.header();
    // A client of revision 3 knows its id already.
    if revision == Revision::Four {
        draft.text.extend_from_slice(b"{\"sid\":\"");
        draft.text.extend_from_slice(id.as_str().as_bytes());
        if let Some(pid) = pid {
            draft.text.extend_from_slice(b"\",\"pid\":\"");
            draft.text.extend_from_slice(pid.reveal().as_bytes());
        }
        draft.text.extend_from_slice(b"\"}");
    }
    draft.finish_control()
}

/// The refusal of a CONNECT.
pub(crate) fn connect_error(
    revision: Revision,
    wire: Wire<'_>,
    message: &str,
    data: Option<&Value>,
) -> Frame {
    let mut draft = Draft::new(wire, Kind::ConnectError, None);
    if revision == Revision::Three {
        draft.header();
        draft.text.extend_from_slice(old_clients::refusal(message, data).to_string().as_bytes());
    } else if packets::encode::connect_error(&mut draft.text, draft.namespace, message, data).is_err() {
        // A JSON value is always JSON; were it not, the message alone says enough.
        tracing::error!("the data of a refusal could not be encoded");
        draft.header();
        draft.text.extend_from_slice(b"{\"message\":\"internal error\"}");
    }
    draft.finish_control()
}

/// A DISCONNECT.
pub(crate) fn disconnect(wire: Wire<'_>) -> Frame {
    let mut draft = Draft::new(wire, Kind::Disconnect, None);
    draft.header();
    draft.finish_control()
}

/// The frames once more, for another connection. As a rule it is one.
pub(crate) fn shared(frames: &Frames) -> Frames {
    match &**frames {
        [frame] => Frames::from_buf([frame.clone()]),
        frames => frames.iter().cloned().collect(),
    }
}

/// The same frames, which a transport may compress or not.
pub(crate) fn compressible(frames: Frames, compress: bool) -> Frames {
    if compress { frames } else { frames.into_iter().map(Frame::uncompressed).collect() }
}

/// A packet that is being made: its text, as it travels as JSON, and its attachments. It has the thread's buffer for as long as
/// it lives; another one that is made meanwhile, by what is being encoded, makes do with one of its own.
pub(crate) struct Draft<'a> {
    wire: Wire<'a>,
    kind: Kind,
    id: Option<u64>,
    /// What the text says of the namespace. In msgpack, which takes only the payload from it, that is nothing, so that
    /// the payload begins with the first bracket.
    namespace: &'a str,
    /// Behind [`HEADER_ROOM`].
    text: Vec<u8>,
    attachments: Vec<Bytes>,
}

impl<'a> Draft<'a> {
    fn new(wire: Wire<'a>, kind: Kind, id: Option<u64>) -> Self {
        // A destructor may emit while the thread is ending.
        let mut text = SCRATCH.try_with(Cell::take).unwrap_or_default();
        text.reserve(TYPICAL);
        text.extend_from_slice(&BEGINNING);
        let namespace = if wire.parser == Parser::Msgpack { "/" } else { wire.namespace };
        Self { wire, kind, id, namespace, text, attachments: Vec::new() }
    }

    /// Writes all that stands before the payload.
    fn header(&mut self) {
        packets::encode::write_header(&mut self.text, self.kind, 0, self.namespace, self.id);
    }

    /// The packet without a transport's header.
    fn body(&self) -> &[u8] {
        self.text.get(HEADER_ROOM..).unwrap_or_default()
    }

    /// The frame that a server's WebSocket carries, where that is a single one of text.
    pub(crate) fn written(&mut self) -> Option<&[u8]> {
        if self.wire.parser == Parser::Msgpack || !self.attachments.is_empty() {
            return None;
        }
        let header = websocket::header(Opcode::Text, true, false, self.body().len(), None);
        let begin = HEADER_ROOM.checked_sub(header.len())?;
        match (self.text.get_mut(begin..HEADER_ROOM)?, &*header) {
            // Of a small packet, which is not worth a call.
            ([first, second], &[one, two]) => (*first, *second) = (one, two),
            (room, header) => room.copy_from_slice(header),
        }
        self.text.get(begin..)
    }

    pub(crate) fn rank(&self) -> Rank {
        // Whoever waits for an answer must be able to trust that the question was sent.
        if self.kind == Kind::Event && self.id.is_none() { Rank::Event } else { Rank::Kept }
    }

    /// The packet in the form in which it is queued.
    pub(crate) fn finish(mut self) -> Result<Frames, EmitError> {
        let rank = self.rank();
        if self.wire.parser == Parser::Msgpack {
            return Ok(Frames::from_buf([Frame::binary(self.pack()?).ranked(rank)]));
        }
        let text = Frame::text(Bytes::copy_from_slice(self.body())).ranked(rank);
        if self.attachments.is_empty() {
            return Ok(Frames::from_buf([text]));
        }
        let mut frames = Frames::with_capacity(1 + self.attachments.len());
        frames.push(text);
        let attachment = |data| Frame::binary(data).ranked(Rank::Attachment);
        frames.extend(std::mem::take(&mut self.attachments).into_iter().map(attachment));
        Ok(frames)
    }

    /// As [`Draft::finish`], for what has no attachments.
    fn finish_control(self) -> Frame {
        if self.wire.parser != Parser::Msgpack {
            return Frame::text(Bytes::copy_from_slice(self.body()));
        }
        let packed = self.pack().unwrap_or_else(|error| {
            // Only what is larger than 4 GiB can't be packed.
            tracing::error!(%error, "a packet could not be encoded");
            Vec::new()
        });
        Frame::binary(packed)
    }

    fn pack(&self) -> Result<Vec<u8>, EncodeError> {
        let text = std::str::from_utf8(self.body()).map_err(serde_json::Error::custom)?;
        let payload = match self.kind {
            // Of a client of revision 3 that is any value: it stands behind the two digits.
            Kind::ConnectError => Some(2),
            _ => text.find(['[', '{']),
        };
        let data = payload.and_then(|start| text.get(start..)).unwrap_or_default();
        let packet = Outgoing {
            kind: self.kind,
            nsp: self.wire.namespace,
            id: self.id,
            data,
            attachments: &self.attachments,
        };
        let mut packed = Vec::with_capacity(TYPICAL + data.len());
        msgpack::encode(&mut packed, &packet, fields(self.kind))?;
        Ok(packed)
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        if text.capacity() <= SCRATCH_KEPT {
            text.clear();
            // The thread may be ending.
            let _ = SCRATCH.try_with(|scratch| scratch.set(text));
        }
    }
}

/// The order in which the official server sets the fields of its packets, and so writes them.
const fn fields(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Connect | Kind::ConnectError => &[Field::Type, Field::Data, Field::Nsp],
        Kind::Disconnect => &[Field::Type, Field::Nsp],
        Kind::Event => &[Field::Type, Field::Data, Field::Nsp, Field::Id],
        Kind::Ack => &[Field::Id, Field::Type, Field::Data, Field::Nsp],
    }
}
