//! From received bytes to messages (RFC 6455 §5, §6.2).

use bytes::{BytesMut, buf::Limit};

use super::frame::{Head, MAX_HEADER, Opcode};
use super::gather::Partial;
use super::{CloseFrame, Error, Limits, Message, Role, apply_mask};
use crate::data::{Binary, Text};

/// Turns the bytes of one connection into messages.
///
/// It is 32 bytes small and has allocated nothing while no message is half received. After an error it gives
/// that error for ever, and after the peer's close frame it ignores whatever comes.
///
/// ```
/// use enchufe_proto::websocket::{Decoder, Limits, Message, Role};
///
/// let mut received = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x82";
/// let mut input = received.as_mut_slice();
/// let mut decoder = Decoder::new(Role::Server);
/// let limits = Limits::default();
/// assert_eq!(decoder.decode(&mut input, &limits)?, Some(Message::Text("Hello".into())));
/// assert_eq!(decoder.decode(&mut input, &limits)?, None); // the rest of the next frame is yet to come
/// # Ok::<(), enchufe_proto::websocket::Error>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
    /// A header of which not all has come.
    head: [u8; MAX_HEADER],
    head_len: u8,
    role: Role,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    /// A close frame has come.
    Closed,
    Failed(Error),
}

impl Decoder {
    /// A decoder for the bytes that `role` receives.
    #[must_use]
    pub const fn new(role: Role) -> Self {
        Self { partial: None, head: [0; MAX_HEADER], head_len: 0, role, state: State::Open }
    }

    /// Takes bytes from the front of `input`, unmasking them in place, until one message is complete or
    /// `input` is used up, which `None` says.
    ///
    /// A message that lies whole and unfragmented in `input` is borrowed from it; any other is gathered in an
    /// allocation of its own. After `None` see whether there is a [`Decoder::spare`] buffer to read into.
    ///
    /// # Errors
    /// The peer broke a rule: fail the connection with [`Error::close_code`].
    pub fn decode<'a>(
        &mut self,
        input: &mut &'a mut [u8],
        limits: &Limits,
    ) -> Result<Option<Message<'a>>, Error> {
        if !matches!(self.state, State::Open) {
            *input = &mut [];
            return self.ended();
        }
        if let Some(payload) = self.short_text(input, limits) {
            return match simdutf8::basic::from_utf8(payload) {
                // Nothing was half received, and nothing is.
                Ok(text) => Ok(Some(Message::Text(Text::Borrowed(text)))),
                Err(_) => self.settle(Err(Error::InvalidUtf8)),
            };
        }
        let result = self.advance(input, limits);
        self.settle(result)
    }

    /// Where to read to while much of a frame is missing: straight into the message, which saves a copy.
    /// [`Decoder::filled`] must be called once something was put there.
    ///
    /// `None` if nothing or little is missing; the room given is never more than what is missing of the frame,
    /// and of a long one only a part at a time, so that its bytes are allocated as they come.
    pub fn spare(&mut self) -> Option<Limit<&mut BytesMut>> {
        self.partial.as_mut()?.spare()
    }

    /// Goes on with what was put into [`Decoder::spare`]; the message, if that completes it.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    #[expect(
        unused_variables,
        reason = "the header was checked already; what deflate makes of it will be here"
    )]
    pub fn filled(&mut self, limits: &Limits) -> Result<Option<Message<'static>>, Error> {
        if !matches!(self.state, State::Open) {
            return self.ended();
        }
        let Some(partial) = &mut self.partial else { return Ok(None) };
        let result = partial.absorb();
        self.settle(result)
    }

    /// Whether the last bytes ended a message: nothing is half received.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.head_len == 0 && self.partial.is_none()
    }

    /// The payload of a client's short text message in one frame that has come whole, with nothing half received before it:
    /// what most are, and what needs none of the questions that other frames are asked. `None` where it is anything else.
    #[inline]
    fn short_text<'a>(&self, input: &mut &'a mut [u8], limits: &Limits) -> Option<&'a mut [u8]> {
        let &[WHOLE_TEXT, second @ 0x80..=MASKED_SHORT, a, b, c, d, ref rest @ ..] = &**input else {
            return None;
        };
        let len = usize::from(second & 0x7f);
        let plain = self.role == Role::Server && self.is_idle();
        if !plain || len > rest.len() || len > limits.max_message {
            return None;
        }
        let (_, payload) = input.split_off_mut(..6 + len)?.split_at_mut(6);
        apply_mask(payload, [a, b, c, d], 0);
        Some(payload)
    }

    fn advance<'a>(
        &mut self,
        input: &mut &'a mut [u8],
        limits: &Limits,
    ) -> Result<Option<Message<'a>>, Error> {
        loop {
            if let Some(partial) = &mut self.partial
                && partial.in_frame()
            {
                if let Some(message) = partial.take(input)? {
                    return Ok(Some(message));
                }
                if partial.in_frame() {
                    return Ok(None);
                }
            }
            let Some(head) = self.head(input)? else { return Ok(None) };
            let len = self.admit(&head, limits)?;
            let whole = head.fin && head.opcode != Opcode::Continuation;
            if whole && let Some(payload) = input.split_off_mut(..len) {
                if let Some(key) = head.mask {
                    apply_mask(payload, key, 0);
                }
                return complete(head.opcode, payload).map(Some);
            }
            self.partial.get_or_insert_default().begin(&head, len);
        }
    }

    /// Takes a header from the front of `input`.
    fn head(&mut self, input: &mut &mut [u8]) -> Result<Option<Head>, Error> {
        if self.head_len == 0
            && let Some((head, len)) = Head::parse(input, self.role)?
        {
            let _parsed = input.split_off_mut(..len);
            return Ok(Some(head));
        }
        while let Some(byte) = input.split_off_first_mut() {
            // There is room: fourteen bytes make a header whatever they are, so fewer are kept.
            self.head[usize::from(self.head_len)] = *byte;
            self.head_len += 1;
            let kept = &self.head[..usize::from(self.head_len)];
            if let Some((head, _)) = Head::parse(kept, self.role)? {
                self.head_len = 0;
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// Checks that a frame may come now and that its message stays within the limits; gives its length.
    fn admit(&self, head: &Head, limits: &Limits) -> Result<usize, Error> {
        let len = usize::try_from(head.len).map_err(|_| Error::MessageTooBig)?;
        if head.opcode.is_control() {
            return Ok(len);
        }
        let open = self.partial.as_ref().and_then(|partial| partial.open_message());
        let gathered = match (open, head.opcode) {
            (None, Opcode::Continuation) => return Err(Error::UnexpectedContinuation),
            (None, _) => 0,
            (Some((_, fragments)), Opcode::Continuation) if fragments >= limits.max_fragments => {
                return Err(Error::TooManyFragments);
            }
            (Some((bytes, _)), Opcode::Continuation) => bytes,
            (Some(_), _) => return Err(Error::ExpectedContinuation),
        };
        if len > limits.max_message.saturating_sub(gathered) {
            return Err(Error::MessageTooBig);
        }
        Ok(len)
    }

    /// Draws the consequences of a result.
    fn settle<'a>(
        &mut self,
        result: Result<Option<Message<'a>>, Error>,
    ) -> Result<Option<Message<'a>>, Error> {
        match &result {
            Ok(None) => {}
            Ok(Some(Message::Close(_))) => self.end(State::Closed),
            Ok(Some(_)) => {
                if self.partial.as_ref().is_some_and(|partial| partial.is_empty()) {
                    self.partial = None;
                }
            }
            Err(error) => self.end(State::Failed(*error)),
        }
        result
    }

    fn end(&mut self, state: State) {
        self.state = state;
        self.partial = None;
        self.head_len = 0;
    }

    const fn ended(&self) -> Result<Option<Message<'static>>, Error> {
        match self.state {
            State::Failed(error) => Err(error),
            State::Open | State::Closed => Ok(None),
        }
    }
}

/// The first byte of a text message in one frame.
const WHOLE_TEXT: u8 = 0x81;
/// The last of the second bytes of frames that are masked and whose length stands in this byte: up to 125 bytes.
const MASKED_SHORT: u8 = 0x80 | 125;

/// A message or control frame that lies whole in the input.
fn complete(opcode: Opcode, payload: &mut [u8]) -> Result<Message<'_>, Error> {
    let payload = &*payload;
    Ok(match opcode {
        Opcode::Text => {
            let text = simdutf8::basic::from_utf8(payload).map_err(|_| Error::InvalidUtf8)?;
            Message::Text(Text::Borrowed(text))
        }
        Opcode::Binary | Opcode::Continuation => Message::Binary(Binary::Borrowed(payload)),
        Opcode::Ping => Message::Ping(Binary::Borrowed(payload)),
        Opcode::Pong => Message::Pong(Binary::Borrowed(payload)),
        Opcode::Close => Message::Close(CloseFrame::parse(payload)?),
    })
}
