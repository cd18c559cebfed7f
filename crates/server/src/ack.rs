//! The answer to an event whose sender waits for one.

use crate::error::{EmitError, Refusal};
use crate::extract::{Context, EventAck, FromContext, Kind, OnEvent, OptionalFromContext, Rejection};
use crate::socket::Socket;
use serde::Serialize;
use std::fmt;

/// The means to answer an event: an extractor that can be moved, kept, given to another task, and answers at
/// most once.
///
/// A handler that takes it returns `()`, and nothing is sent for its return; without it, the return value
/// answers. Of several handlers of one event only one can answer: the first registered that takes the `Ack`
/// or returns a value; the others see one that is not requested. An `Ack` that is dropped sends nothing.
///
/// ```
/// use enchufe::{Ack, Data, Namespace};
/// use std::time::Duration;
///
/// Namespace::new("/").on("sleep", async |Data((ms, value)): Data<(u64, String)>, ack: Ack| {
///     tokio::time::sleep(Duration::from_millis(ms)).await;
///     if let Err(error) = ack.send(&value) {
///         tracing::warn!(%error, "can't answer");
///     }
/// });
/// ```
#[must_use = "an ack that is dropped answers nothing"]
pub struct Ack {
    socket: Socket,
    id: Option<u64>,
}

impl Ack {
    pub(crate) fn new(socket: &Socket, id: Option<u64>) -> Self {
        Self { socket: socket.clone(), id }
    }

    /// Answers. As in an emit, a tuple is several arguments, `()` none and anything else one.
    ///
    /// Where no answer was requested, or the socket has gone, nothing is sent and this is no error.
    ///
    /// # Errors
    /// Where the value can't be encoded, or the connection's outbox is full.
    pub fn send<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EmitError> {
        match self.id {
            Some(id) => self.socket.send_ack(id, value, false),
            None => Ok(()),
        }
    }

    /// Whether the event's sender waits for this answer.
    pub fn is_requested(&self) -> bool {
        self.id.is_some()
    }

    /// The socket whose event it answers. A handler that takes the `Ack` need not take the socket besides.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whom it answers, if anybody waits for that.
    pub(crate) fn to(&self) -> Option<AckTo<'_>> {
        self.id.map(|id| AckTo::new(&self.socket, id))
    }

    /// Answers `{error: message}`.
    pub(crate) fn send_error(&self, message: &str) -> Result<(), EmitError> {
        self.to().map_or(Ok(()), |to| to.send_error(message))
    }

    /// Answers `{error: message}`, with the refusal's data where it has some.
    pub(crate) fn send_refusal(&self, refusal: &Refusal) -> Result<(), EmitError> {
        let answer = ErrorAnswer { error: refusal.message(), data: refusal.data() };
        self.to().map_or(Ok(()), |to| to.send_returned(&answer))
    }
}

/// Whom an event's answer goes to, for as long as the event is at hand: an [`Ack`] that holds nothing.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct AckTo<'a> {
    socket: &'a Socket,
    id: u64,
}

impl<'a> AckTo<'a> {
    pub(crate) const fn new(socket: &'a Socket, id: u64) -> Self {
        Self { socket, id }
    }

    /// Answers with a handler's return value: as [`Ack::send`], but a tuple is one argument, and the `Err` of a `Result` is
    /// `{error: …}`.
    pub(crate) fn send_returned<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EmitError> {
        self.socket.send_ack(self.id, value, true)
    }

    /// Answers `{error: message}`.
    pub(crate) fn send_error(self, message: &str) -> Result<(), EmitError> {
        self.send_returned(&ErrorAnswer { error: message, data: None })
    }
}

impl From<AckTo<'_>> for Ack {
    fn from(to: AckTo<'_>) -> Self {
        Self::new(to.socket, Some(to.id))
    }
}

/// What the caller of an event gets when it failed.
#[derive(Serialize)]
pub(crate) struct ErrorAnswer<'a> {
    pub(crate) error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<&'a serde_json::Value>,
}

impl FromContext<OnEvent> for Ack {
    type Uses = EventAck;

    fn from_context(cx: &Context<'_, OnEvent>) -> Result<Self, Rejection> {
        Ok(OnEvent::take_ack(cx).map_or_else(|| Self::new(cx.socket(), None), Self::from))
    }
}

/// `None` where the event's sender doesn't wait for an answer.
impl OptionalFromContext<OnEvent> for Ack {
    fn optional_from_context(cx: &Context<'_, OnEvent>) -> Result<Option<Self>, Rejection> {
        Ok(OnEvent::take_ack(cx).map(Self::from))
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ack").field("id", &self.id).finish_non_exhaustive()
    }
}
