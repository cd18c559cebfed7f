//! What the return value of an event's handler answers. See `docs/decisions/0002-handler-traits.md`.

use crate::error::{EmitError, HandlerError};
use crate::socket::Emitted;
use serde::Serialize;
use std::any::TypeId;

/// A return value that answers an event.
///
/// | returned | the caller's ack gets |
/// | --- | --- |
/// | `()` | no arguments |
/// | any `T: Serialize` | that value, as one argument |
/// | `Result<T, E>` of such | the value, or `{error: …}` |
/// | `Result<T, HandlerError>` | the value, or `{error: message}` without internals |
/// | what an emit returns | no arguments, or `{error: "internal error"}` |
///
/// `M` keeps these apart where one type could be several of them; the compiler finds it. An error type of
/// your own that is not `Serialize` becomes an answer by `impl From<MyError> for HandlerError`, or by
/// implementing this trait with a marker type of your own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't answer an event",
    label = "the handler returns `{Self}`, which is no answer",
    note = "return `()`, a value that is `serde::Serialize`, or a `Result` of such; \
            as the error, `HandlerError` takes any `std::error::Error` by `?`",
    note = "or take `Ack` and answer with `ack.send(&value)`"
)]
pub trait IntoAnswer<M> {
    /// What is sent.
    type Value: Serialize + 'static;

    /// Makes the answer.
    ///
    /// # Errors
    /// The error is logged, and its message is sent as `{error: message}`.
    fn into_answer(self) -> Result<Self::Value, HandlerError>;
}

/// Whether an answer with this value says anything. Where several handlers of one event could answer, one
/// whose value is `()` leaves it to a later one that has something to say.
pub(crate) fn says_something<V: 'static>() -> bool {
    TypeId::of::<V>() != TypeId::of::<()>()
}

/// The value itself answers. See [`IntoAnswer`].
#[derive(Debug)]
pub struct ByValue(());

/// A `Result` with a [`HandlerError`] answers. See [`IntoAnswer`].
#[derive(Debug)]
pub struct ByResult(());

/// The result of an emit answers. See [`IntoAnswer`].
#[derive(Debug)]
pub struct ByEmit(());

/// The handler never returns. See [`IntoAnswer`].
#[derive(Debug)]
pub struct ByNever(());

#[diagnostic::do_not_recommend]
impl<T: Serialize + 'static> IntoAnswer<ByValue> for T {
    type Value = T;

    fn into_answer(self) -> Result<T, HandlerError> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + 'static> IntoAnswer<ByResult> for Result<T, HandlerError> {
    type Value = T;

    fn into_answer(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl IntoAnswer<ByEmit> for Result<Emitted, EmitError> {
    type Value = ();

    fn into_answer(self) -> Result<(), HandlerError> {
        self?;
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl IntoAnswer<ByNever> for Never {
    type Value = ();

    fn into_answer(self) -> Result<(), HandlerError> {
        match self {}
    }
}

/// The type `!`, which stable Rust has but can't name: what a handler returns that only panics or loops.
pub(crate) type Never = <fn() -> ! as Function>::Output;

#[doc(hidden)]
pub trait Function {
    type Output;
}

impl<T> Function for fn() -> T {
    type Output = T;
}
