//! What handlers may return where there is nobody to answer.

use super::Never;
use crate::error::{EmitError, HandlerError, Refusal};
use crate::socket::Emitted;

/// A return value of handlers that answer nobody: those of connections and disconnections, those for every
/// event, and those that take [`Ack`](crate::Ack). An error is logged.
#[diagnostic::on_unimplemented(
    message = "this handler answers nobody, so it can't return `{Self}`",
    label = "the handler returns `{Self}`",
    note = "return `()`, `Result<(), HandlerError>` (the error is logged), or what an emit returns",
    note = "a handler that takes `Ack` answers with `ack.send(&value)`; a catch-all never answers"
)]
pub trait IntoOutcome {
    #[doc(hidden)]
    fn into_outcome(self) -> Result<(), HandlerError>;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl IntoOutcome for Result<(), HandlerError> {
    fn into_outcome(self) -> Self {
        self
    }
}

impl IntoOutcome for Result<(), EmitError> {
    fn into_outcome(self) -> Result<(), HandlerError> {
        Ok(self?)
    }
}

impl IntoOutcome for Result<Emitted, EmitError> {
    fn into_outcome(self) -> Result<(), HandlerError> {
        self?;
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl IntoOutcome for Never {
    fn into_outcome(self) -> Result<(), HandlerError> {
        match self {}
    }
}

/// A return value of a middleware: whether the client is let in.
///
/// `Err(Refusal)` refuses it with a message and data of its own. `Err(HandlerError)` does so too, but an error
/// that came in by `?` is logged, and the client is told no more than "internal error".
#[diagnostic::on_unimplemented(
    message = "a middleware can't return `{Self}`",
    label = "the middleware returns `{Self}`",
    note = "return `Result<(), Refusal>` or `Result<(), HandlerError>`: `Ok(())` lets the client in; or `()`, which always does"
)]
pub trait IntoVerdict {
    #[doc(hidden)]
    fn into_verdict(self, handler: &str) -> Result<(), Refusal>;
}

impl IntoVerdict for () {
    fn into_verdict(self, _: &str) -> Result<(), Refusal> {
        Ok(())
    }
}

impl IntoVerdict for Result<(), Refusal> {
    fn into_verdict(self, _: &str) -> Self {
        self
    }
}

impl IntoVerdict for Result<(), HandlerError> {
    fn into_verdict(self, handler: &str) -> Result<(), Refusal> {
        self.map_err(|error| {
            error.log(handler);
            error.into()
        })
    }
}

#[diagnostic::do_not_recommend]
impl IntoVerdict for Never {
    fn into_verdict(self, _: &str) -> Result<(), Refusal> {
        match self {}
    }
}

/// A return value of a [predicate](crate::Namespace::matching_async) that says whether a namespace is to exist.
///
/// `false` leaves the name to the next that may know it, and at last to "Invalid namespace". `Err(Refusal)` refuses the
/// client with a message and data of its own. `Err(HandlerError)` does so too, but an error that came in by `?` is
/// logged, and the client is told no more than "internal error".
#[diagnostic::on_unimplemented(
    message = "a predicate for namespaces can't return `{Self}`",
    label = "the predicate returns `{Self}`",
    note = "return `bool`, `Result<bool, Refusal>`, `Result<bool, HandlerError>`, or `Result<(), Refusal>` where `Ok(())` means yes"
)]
pub trait IntoAdmission {
    #[doc(hidden)]
    fn into_admission(self, handler: &str) -> Result<bool, Refusal>;
}

impl IntoAdmission for bool {
    fn into_admission(self, _: &str) -> Result<bool, Refusal> {
        Ok(self)
    }
}

impl IntoAdmission for Result<bool, Refusal> {
    fn into_admission(self, _: &str) -> Self {
        self
    }
}

impl IntoAdmission for Result<(), Refusal> {
    fn into_admission(self, _: &str) -> Result<bool, Refusal> {
        self.map(|()| true)
    }
}

impl IntoAdmission for Result<bool, HandlerError> {
    fn into_admission(self, handler: &str) -> Result<bool, Refusal> {
        self.map_err(|error| {
            error.log(handler);
            error.into()
        })
    }
}

#[diagnostic::do_not_recommend]
impl IntoAdmission for Never {
    fn into_admission(self, _: &str) -> Result<bool, Refusal> {
        match self {}
    }
}
