//! What has been received of a message or frame that comes in pieces.
//!
//! The pieces of a message, fragments or not, are gathered in one buffer of their own, in which they are
//! unmasked and checked as they arrive. The buffer grows with what has arrived, not with what was announced.

use bytes::{BufMut, Bytes, BytesMut, buf::Limit};
use bytestring::ByteString;

use super::frame::{Head, Opcode};
use super::mask::rotated;
use super::{CloseFrame, Error, Message, apply_mask};
use crate::data::{Binary, Text};

/// Up to this many bytes are allocated on the strength of an announced length alone.
const ON_TRUST: usize = 16 << 10;
/// From this many missing bytes on it pays to read them straight into the message: below, a read from the
/// system of their own costs more than copying them.
const READ_APART: usize = 16 << 10;
/// A read into less room than this is not worth its system call.
const MIN_READ: usize = 4 << 10;

/// A message in fragments, a frame of which not all has come, or both; at most one control frame besides.
#[derive(Debug, Default)]
pub(super) struct Partial {
    frame: Option<Frame>,
    message: Option<Gathered>,
    control: Option<Gathered>,
    fragments: u32,
}

/// The rest of a frame.
#[derive(Debug)]
struct Frame {
    control: bool,
    fin: bool,
    /// Turned so that it begins with the byte for the next piece.
    key: Option<[u8; 4]>,
    remaining: usize,
}

#[derive(Debug)]
struct Gathered {
    opcode: Opcode,
    buffer: BytesMut,
    /// So many bytes of the buffer are unmasked.
    plain: usize,
    /// So many are known to be UTF-8, if this is text.
    valid: usize,
}

impl Partial {
    /// Begins to receive the payload of a frame.
    pub(super) fn begin(&mut self, head: &Head, len: usize) {
        let control = head.opcode.is_control();
        if !control {
            self.fragments += 1;
        }
        let slot = if control { &mut self.control } else { &mut self.message };
        slot.get_or_insert_with(|| Gathered::new(head.opcode));
        self.frame = Some(Frame { control, fin: head.fin, key: head.mask, remaining: len });
    }

    /// Takes from the front of `input` what belongs to the current frame; `None` if it needs more.
    pub(super) fn take(&mut self, input: &mut &mut [u8]) -> Result<Option<Message<'static>>, Error> {
        let Some((frame, gathered)) = self.current() else { return Ok(None) };
        let piece = input.split_off_mut(..frame.remaining.min(input.len())).unwrap_or_default();
        gathered.make_room(piece.len(), frame.remaining);
        gathered.buffer.extend_from_slice(piece);
        self.absorb()
    }

    /// Goes on with what was appended to the buffer of the current frame.
    pub(super) fn absorb(&mut self) -> Result<Option<Message<'static>>, Error> {
        let Some((frame, gathered)) = self.current() else { return Ok(None) };
        gathered.absorb(frame)?;
        if frame.remaining > 0 {
            return Ok(None);
        }
        let Some(Frame { control, fin, .. }) = self.frame.take() else { return Ok(None) };
        if !fin {
            return Ok(None);
        }
        let slot = if control { &mut self.control } else { &mut self.message };
        slot.take().map(Gathered::finish).transpose()
    }

    /// Room for what is missing, if that is much.
    pub(super) fn spare(&mut self) -> Option<Limit<&mut BytesMut>> {
        let (frame, gathered) = self.current()?;
        if frame.remaining < READ_APART {
            return None;
        }
        gathered.make_room(MIN_READ, frame.remaining);
        let free = gathered.buffer.capacity() - gathered.buffer.len();
        Some((&mut gathered.buffer).limit(free.min(frame.remaining)))
    }

    /// The bytes and the number of the fragments received of an open message.
    pub(super) fn open_message(&self) -> Option<(usize, u32)> {
        self.message.as_ref().map(|message| (message.buffer.len(), self.fragments))
    }

    /// Whether there is a frame of which not all has come.
    pub(super) const fn in_frame(&self) -> bool {
        self.frame.is_some()
    }

    /// Whether there is nothing to wait for.
    pub(super) const fn is_empty(&self) -> bool {
        self.message.is_none() && self.control.is_none()
    }

    fn current(&mut self) -> Option<(&mut Frame, &mut Gathered)> {
        let frame = self.frame.as_mut()?;
        let slot = if frame.control { &mut self.control } else { &mut self.message };
        Some((frame, slot.as_mut()?))
    }
}

impl Gathered {
    fn new(opcode: Opcode) -> Self {
        Self { opcode, buffer: BytesMut::new(), plain: 0, valid: 0 }
    }

    /// Makes room for `next` bytes of the `remaining` ones, which have come or are about to be read: for all of them if
    /// they are few, else no more than twice what has come with these.
    fn make_room(&mut self, next: usize, remaining: usize) {
        if self.buffer.capacity() - self.buffer.len() < next {
            self.buffer.reserve(remaining.min((self.buffer.len() + 2 * next).max(ON_TRUST)).max(next));
        }
    }

    /// Unmasks and checks what is new in the buffer.
    fn absorb(&mut self, frame: &mut Frame) -> Result<(), Error> {
        // Whoever filled the buffer was given room for this much only.
        self.buffer.truncate(self.plain + frame.remaining);
        let fresh = self.buffer.get_mut(self.plain..).unwrap_or_default();
        if let Some(key) = &mut frame.key {
            apply_mask(fresh, *key, 0);
            *key = rotated(*key, fresh.len());
        }
        frame.remaining -= fresh.len();
        self.plain = self.buffer.len();
        if self.opcode == Opcode::Text { self.check_text() } else { Ok(()) }
    }

    /// Checks what is new of a text; at its end there may be the first bytes of a character.
    fn check_text(&mut self) -> Result<(), Error> {
        let fresh = self.buffer.get(self.valid..).unwrap_or_default();
        match simdutf8::compat::from_utf8(fresh) {
            Ok(_) => self.valid += fresh.len(),
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => return Err(Error::InvalidUtf8),
        }
        Ok(())
    }

    fn finish(self) -> Result<Message<'static>, Error> {
        let data = self.buffer.freeze();
        Ok(match self.opcode {
            Opcode::Text => Message::Text(Text::Owned(text(data)?)),
            Opcode::Close => Message::Close(CloseFrame::parse(&data)?),
            Opcode::Ping => Message::Ping(Binary::Owned(data)),
            Opcode::Pong => Message::Pong(Binary::Owned(data)),
            // What continues a message is gathered under the opcode of its first frame.
            Opcode::Binary | Opcode::Continuation => Message::Binary(Binary::Owned(data)),
        })
    }
}

/// The text that was checked piece by piece. Without `unsafe` it has to be looked at once more as a whole,
/// which also refuses a character that is cut off by the end.
fn text(data: Bytes) -> Result<ByteString, Error> {
    ByteString::try_from(data).map_err(|_| Error::InvalidUtf8)
}
