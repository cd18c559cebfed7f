//! The occasions on which handlers are called. They are types, so that the compiler knows what exists where:
//! a disconnect handler that asks for the event's arguments does not compile.

use super::Context;
use crate::ack::AckTo;
use crate::error::Refusal;
use crate::handler::EventVerdict;
use crate::socket::{DisconnectReason, Socket};
use enchufe_proto::socket::Args;
use std::cell::Cell;

/// An occasion on which handlers are called. Not implemented outside this crate.
pub trait Kind: sealed::Sealed + Sized + 'static {
    /// Whom it is about: a socket, where there is one.
    #[doc(hidden)]
    type Subject<'a>: Copy;
    /// What only this occasion has.
    #[doc(hidden)]
    type Detail<'a>;
    /// What the future of a handler leaves behind.
    #[doc(hidden)]
    type Finished: AfterPanic + Send;
    /// Takes the means to answer a caller that waits for it, once.
    #[doc(hidden)]
    fn take_ack<'c>(cx: &'c Context<'_, Self>) -> Option<AckTo<'c>> {
        let _ = cx;
        None
    }
}

/// The occasions that have a socket: all but [`OnNamespace`].
#[diagnostic::on_unimplemented(
    message = "there is no socket here (`{Self}`): the client is in no namespace yet",
    label = "takes the socket, but isn't called for one",
    note = "what is known of the client is its `Handshake`, with its auth: take `Auth<T>`"
)]
pub trait SocketKind: Kind {
    #[doc(hidden)]
    fn socket<'c>(cx: &'c Context<'_, Self>) -> &'c Socket;
}

/// The occasions that have an event: [`OnEvent`], [`OnFallback`], [`OnIncoming`] and [`OnError`].
#[diagnostic::on_unimplemented(
    message = "there is no event here (`{Self}`), so `Data`, `RawArgs` and `Event` can't be taken",
    label = "takes something of an event, but isn't called for one",
    note = "what a client says when it connects is its auth: take `Auth<T>`"
)]
pub trait EventKind: SocketKind {
    #[doc(hidden)]
    fn occurrence<'c>(cx: &'c Context<'_, Self>) -> Occurrence<'c>;
}

/// An event for which the handler was registered by name, with
/// [`Namespace::on`](crate::Namespace::on).
#[derive(Debug)]
pub struct OnEvent(());

/// An event seen by a handler for all names: [`Namespace::on_any`](crate::Namespace::on_any),
/// [`Namespace::on_fallback`](crate::Namespace::on_fallback) and
/// [`Namespace::on_any_outgoing`](crate::Namespace::on_any_outgoing). It has no ack to take.
#[derive(Debug)]
pub struct OnFallback(());

/// An event that came in and has not reached its handlers:
/// [`Namespace::event_middleware`](crate::Namespace::event_middleware).
#[derive(Debug)]
pub struct OnIncoming(());

/// An event that an event middleware refused: [`Namespace::on_error`](crate::Namespace::on_error).
#[derive(Debug)]
pub struct OnError(());

/// A client that asks for a namespace which does not exist:
/// [`Namespace::matching_async`](crate::Namespace::matching_async). There is no socket yet.
#[derive(Debug)]
pub struct OnNamespace(());

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
    type Subject<'a> = &'a Socket;
    type Detail<'a> = Answerable<'a>;
    type Finished = ();

    fn take_ack<'c>(cx: &'c Context<'_, Self>) -> Option<AckTo<'c>> {
        cx.detail.ack.take().map(|id| AckTo::new(cx.subject, id))
    }
}

impl EventKind for OnEvent {
    fn occurrence<'c>(cx: &'c Context<'_, Self>) -> Occurrence<'c> {
        cx.detail.event
    }
}

impl Kind for OnFallback {
    type Subject<'a> = &'a Socket;
    type Detail<'a> = Occurrence<'a>;
    type Finished = ();
}

impl Kind for OnIncoming {
    type Subject<'a> = &'a Socket;
    type Detail<'a> = Occurrence<'a>;
    type Finished = Result<EventVerdict, Refusal>;
}

impl EventKind for OnIncoming {
    fn occurrence<'c>(cx: &'c Context<'_, Self>) -> Occurrence<'c> {
        cx.detail
    }
}

impl Kind for OnError {
    type Subject<'a> = &'a Socket;
    type Detail<'a> = (Occurrence<'a>, &'a Refusal);
    type Finished = ();
}

impl EventKind for OnError {
    fn occurrence<'c>(cx: &'c Context<'_, Self>) -> Occurrence<'c> {
        cx.detail.0
    }
}

impl Kind for OnNamespace {
    type Subject<'a> = ();
    type Detail<'a> = &'a str;
    type Finished = Result<bool, Refusal>;
}

impl EventKind for OnFallback {
    fn occurrence<'c>(cx: &'c Context<'_, Self>) -> Occurrence<'c> {
        cx.detail
    }
}

impl Kind for OnMiddleware {
    type Subject<'a> = &'a Socket;
    type Detail<'a> = ();
    type Finished = Result<(), Refusal>;
}

impl Kind for OnConnect {
    type Subject<'a> = &'a Socket;
    type Detail<'a> = ();
    type Finished = ();
}

impl Kind for OnDisconnect {
    type Subject<'a> = &'a Socket;
    type Detail<'a> = DisconnectReason;
    type Finished = ();
}

macro_rules! about_a_socket {
    ($($kind:ident)*) => {
        $(impl SocketKind for $kind {
            fn socket<'c>(cx: &'c Context<'_, Self>) -> &'c Socket {
                cx.subject
            }
        })*
    };
}

about_a_socket!(OnEvent OnFallback OnIncoming OnError OnMiddleware OnConnect OnDisconnect);

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

/// Where an event middleware panics, the event goes no further.
impl AfterPanic for Result<EventVerdict, Refusal> {
    fn after_panic() -> Self {
        Err(Refusal::internal())
    }
}

/// A predicate that panics brings no namespace into being.
impl AfterPanic for Result<bool, Refusal> {
    fn after_panic() -> Self {
        Err(Refusal::internal())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::OnEvent {}
    impl Sealed for super::OnFallback {}
    impl Sealed for super::OnIncoming {}
    impl Sealed for super::OnError {}
    impl Sealed for super::OnNamespace {}
    impl Sealed for super::OnMiddleware {}
    impl Sealed for super::OnConnect {}
    impl Sealed for super::OnDisconnect {}
}
