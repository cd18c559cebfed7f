//! The occasions on which handlers are called. They are types, so that the compiler knows what exists where:
//! a disconnect handler that asks for the event's arguments does not compile.

use super::Context;
use crate::error::Refusal;
use crate::socket::DisconnectReason;
use enchufe_proto::socket::Args;
use std::cell::Cell;

/// An occasion on which handlers are called. Not implemented outside this crate.
pub trait Kind: sealed::Sealed + Sized + 'static {
    /// What only this occasion has.
    #[doc(hidden)]
    type Detail<'a>;
    /// What the future of a handler leaves behind.
    #[doc(hidden)]
    type Finished: AfterPanic + Send;
    /// Takes the id under which the caller waits for an answer, once.
    #[doc(hidden)]
    fn take_ack(cx: &Context<'_, Self>) -> Option<u64> {
        let _ = cx;
        None
    }
}

/// The occasions that have an event: [`OnEvent`] and [`OnFallback`].
#[diagnostic::on_unimplemented(
    message = "there is no event here (`{Self}`), so `Data`, `RawArgs` and `Event` can't be taken",
    label = "takes something of an event, but isn't called for one",
    note = "what a client says when it connects is its auth: take `Auth<T>`"
)]
pub trait EventKind: Kind {
    #[doc(hidden)]
    fn occurrence<'c>(cx: &'c Context<'_, Self>) -> Occurrence<'c>;
}

/// An event for which the handler was registered by name, with
/// [`Namespace::on`](crate::Namespace::on).
#[derive(Debug)]
pub struct OnEvent(());

/// An event seen by a handler for all names: [`Namespace::on_any`](crate::Namespace::on_any) and
/// [`Namespace::on_fallback`](crate::Namespace::on_fallback). It has no ack to take.
#[derive(Debug)]
pub struct OnFallback(());

/// A client that asks to enter a namespace: [`Namespace::middleware`](crate::Namespace::middleware).
#[derive(Debug)]
pub struct OnMiddleware(());

/// A client that was let into a namespace: [`Namespace::on_connect`](crate::Namespace::on_connect).
#[derive(Debug)]
pub struct OnConnect(());

/// A socket that leaves: [`Namespace::on_disconnecting`](crate::Namespace::on_disconnecting) and
/// [`Namespace::on_disconnect`](crate::Namespace::on_disconnect).
#[derive(Debug)]
pub struct OnDisconnect(());

/// One event: its name and its arguments.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Occurrence<'a> {
    pub(crate) name: &'a str,
    pub(crate) args: &'a Args<'a>,
}

/// An event, and whether its sender waits for an answer.
#[doc(hidden)]
#[derive(Debug)]
pub struct Answerable<'a> {
    pub(crate) event: Occurrence<'a>,
    pub(crate) ack: Cell<Option<u64>>,
}

impl Kind for OnEvent {
    type Detail<'a> = Answerable<'a>;
    type Finished = ();

    fn take_ack(cx: &Context<'_, Self>) -> Option<u64> {
        cx.detail.ack.take()
    }
}

impl EventKind for OnEvent {
    fn occurrence<'c>(cx: &'c Context<'_, Self>) -> Occurrence<'c> {
        cx.detail.event
    }
}

impl Kind for OnFallback {
    type Detail<'a> = Occurrence<'a>;
    type Finished = ();
}

impl EventKind for OnFallback {
    fn occurrence<'c>(cx: &'c Context<'_, Self>) -> Occurrence<'c> {
        cx.detail
    }
}

impl Kind for OnMiddleware {
    type Detail<'a> = ();
    type Finished = Result<(), Refusal>;
}

impl Kind for OnConnect {
    type Detail<'a> = ();
    type Finished = ();
}

impl Kind for OnDisconnect {
    type Detail<'a> = DisconnectReason;
    type Finished = ();
}

/// What stands for the result of a handler that panicked.
#[doc(hidden)]
pub trait AfterPanic {
    fn after_panic() -> Self;
}

impl AfterPanic for () {
    fn after_panic() -> Self {}
}

/// A middleware that panics lets nobody in.
impl AfterPanic for Result<(), Refusal> {
    fn after_panic() -> Self {
        Err(Refusal::internal())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::OnEvent {}
    impl Sealed for super::OnFallback {}
    impl Sealed for super::OnMiddleware {}
    impl Sealed for super::OnConnect {}
    impl Sealed for super::OnDisconnect {}
}
