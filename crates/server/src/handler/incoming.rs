//! What an event middleware makes of an event.

use super::Never;
use crate::error::{EmitError, HandlerError, Refusal};
use enchufe_proto::socket::{EncodeError, RawArgs, is_reserved};
use serde::Serialize;

/// What becomes of an event that an [event middleware](crate::Namespace::event_middleware) has seen: it goes on, as it
/// came or as another, or it ends there. To refuse it, return an `Err`.
///
/// ```
/// use enchufe::{Data, EventVerdict, HandlerError, Namespace};
///
/// Namespace::new("/").event_middleware(async |Data(text): Data<String>| -> Result<EventVerdict, HandlerError> {
///     if text.is_empty() {
///         return Ok(EventVerdict::ignore());
///     }
///     Ok(EventVerdict::with_args(text.trim())?)
/// });
/// ```
#[derive(Clone, Debug)]
pub struct EventVerdict(pub(crate) Verdict);

#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Pass,
    Ignore,
    Replace { event: Option<Box<str>>, args: RawArgs },
}

impl EventVerdict {
    /// The event goes on as it came.
    #[must_use]
    pub const fn pass() -> Self {
        Self(Verdict::Pass)
    }

    /// The event ends here, and nobody is told: no handler, no error, and no answer.
    #[must_use]
    pub const fn ignore() -> Self {
        Self(Verdict::Ignore)
    }

    /// The event goes on with other arguments: as in an emit, a tuple is several, `()` none, anything else one.
    ///
    /// # Errors
    /// Where they can't be encoded.
    pub fn with_args(args: impl Serialize) -> Result<Self, EncodeError> {
        Ok(Self(Verdict::Replace { event: None, args: RawArgs::new(&args)? }))
    }

    /// The event goes on as another, with other arguments; its own are had as [`RawArgs`]. An answer that was asked for
    /// is that of the new event's handlers.
    ///
    /// # Errors
    /// Where the arguments can't be encoded, or the name is reserved.
    pub fn replace(event: &str, args: impl Serialize) -> Result<Self, EmitError> {
        if is_reserved(event) {
            return Err(EmitError::Reserved(event.into()));
        }
        Ok(Self(Verdict::Replace { event: Some(event.into()), args: RawArgs::new(&args)? }))
    }
}

/// A return value of an event middleware: what becomes of the event.
///
/// `()` and `Ok(())` let it go on as it came. `Err(Refusal)` ends it: who waits for an answer gets `{error: message}`, with
/// the data if there are any, and [`on_error`](crate::Namespace::on_error) is told. `Err(HandlerError)` does so too, but
/// an error that came in by `?` is logged, and the client is told no more than "internal error".
#[diagnostic::on_unimplemented(
    message = "an event middleware can't return `{Self}`",
    label = "the event middleware returns `{Self}`",
    note = "return `Result<(), Refusal>` or `Result<(), HandlerError>`: `Ok(())` lets the event go on; or `()`, which always does",
    note = "to change the event or end it without an error, return `EventVerdict`, or a `Result` with it"
)]
pub trait IntoEventVerdict {
    #[doc(hidden)]
    fn into_event_verdict(self, handler: &str) -> Result<EventVerdict, Refusal>;
}

impl IntoEventVerdict for () {
    fn into_event_verdict(self, _: &str) -> Result<EventVerdict, Refusal> {
        Ok(EventVerdict::pass())
    }
}

impl IntoEventVerdict for EventVerdict {
    fn into_event_verdict(self, _: &str) -> Result<EventVerdict, Refusal> {
        Ok(self)
    }
}

impl IntoEventVerdict for Result<(), Refusal> {
    fn into_event_verdict(self, _: &str) -> Result<EventVerdict, Refusal> {
        self.map(|()| EventVerdict::pass())
    }
}

impl IntoEventVerdict for Result<EventVerdict, Refusal> {
    fn into_event_verdict(self, _: &str) -> Self {
        self
    }
}

impl IntoEventVerdict for Result<(), HandlerError> {
    fn into_event_verdict(self, handler: &str) -> Result<EventVerdict, Refusal> {
        self.map(|()| EventVerdict::pass()).into_event_verdict(handler)
    }
}

impl IntoEventVerdict for Result<EventVerdict, HandlerError> {
    fn into_event_verdict(self, handler: &str) -> Result<EventVerdict, Refusal> {
        self.map_err(|error| {
            error.log(handler);
            error.into()
        })
    }
}

#[diagnostic::do_not_recommend]
impl IntoEventVerdict for Never {
    fn into_event_verdict(self, _: &str) -> Result<EventVerdict, Refusal> {
        match self {}
    }
}
