//! What a handler is called with, before its extractors have taken it apart.

use super::kind::{
    Answerable, EventKind, Kind, Occurrence, OnConnect, OnDisconnect, OnError, OnEvent, OnFallback,
    OnIncoming, OnMiddleware, OnNamespace, SocketKind,
};
use crate::error::Refusal;
use crate::socket::{DisconnectReason, Handshake, Socket};
use crate::state::States;
use enchufe_proto::socket::Args;
use std::cell::Cell;
use std::fmt;

/// What a handler is called with: extractors make themselves from it, see [`FromContext`](super::FromContext).
pub struct Context<'a, K: Kind> {
    pub(super) subject: K::Subject<'a>,
    handshake: &'a Handshake,
    states: &'a States,
    pub(super) detail: K::Detail<'a>,
}

impl<K: SocketKind> Context<'_, K> {
    /// The socket that the handler is called for.
    pub fn socket(&self) -> &Socket {
        K::socket(self)
    }
}

impl<K: Kind> Context<'_, K> {
    /// The request that opened the client's connection, and the client's auth.
    pub fn handshake(&self) -> &Handshake {
        self.handshake
    }

    /// The state of type `T` that was given to the server, or `None`.
    ///
    /// An extractor that can't do without it also names it in
    /// [`requirements`](super::FromContext::requirements).
    pub fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.states.get()
    }
}

impl<K: EventKind> Context<'_, K> {
    /// The event's name.
    pub fn event(&self) -> &str {
        K::occurrence(self).name
    }

    /// The event's arguments, as they were received. The ack is not one of them.
    pub fn args(&self) -> &Args<'_> {
        K::occurrence(self).args
    }
}

impl Context<'_, OnDisconnect> {
    /// Why the socket leaves.
    pub fn reason(&self) -> DisconnectReason {
        self.detail
    }
}

impl Context<'_, OnError> {
    /// Why the event was refused.
    pub fn refusal(&self) -> &Refusal {
        self.detail.1
    }
}

impl Context<'_, OnNamespace> {
    /// The name that the client asks for. It begins with `/`.
    pub fn namespace_name(&self) -> &str {
        self.detail
    }
}

/// What happens to a socket.
impl<'a, K: Kind<Subject<'a> = &'a Socket>> Context<'a, K> {
    fn about(socket: &'a Socket, states: &'a States, detail: K::Detail<'a>) -> Self {
        Self { subject: socket, handshake: socket.handshake(), states, detail }
    }
}

impl<'a> Context<'a, OnEvent> {
    /// An event for the handlers of its name. `ack` is given to the one handler that answers.
    pub(crate) fn event_of(
        socket: &'a Socket,
        states: &'a States,
        name: &'a str,
        args: &'a Args<'a>,
        ack: Option<u64>,
    ) -> Self {
        let event = Occurrence { name, args };
        Self::about(socket, states, Answerable { event, ack: Cell::new(ack) })
    }
}

impl<'a> Context<'a, OnFallback> {
    /// An event for the handlers of every name.
    pub(crate) fn any_event_of(
        socket: &'a Socket,
        states: &'a States,
        name: &'a str,
        args: &'a Args<'a>,
    ) -> Self {
        Self::about(socket, states, Occurrence { name, args })
    }
}

impl<'a> Context<'a, OnIncoming> {
    /// An event that came in.
    pub(crate) fn incoming(
        socket: &'a Socket,
        states: &'a States,
        name: &'a str,
        args: &'a Args<'a>,
    ) -> Self {
        Self::about(socket, states, Occurrence { name, args })
    }
}

impl<'a> Context<'a, OnError> {
    /// An event that was refused.
    pub(crate) fn refused(
        socket: &'a Socket,
        states: &'a States,
        name: &'a str,
        args: &'a Args<'a>,
        refusal: &'a Refusal,
    ) -> Self {
        Self::about(socket, states, (Occurrence { name, args }, refusal))
    }
}

impl<'a> Context<'a, OnNamespace> {
    /// A client that asks for a namespace.
    pub(crate) fn asking(name: &'a str, handshake: &'a Handshake, states: &'a States) -> Self {
        Self { subject: (), handshake, states, detail: name }
    }
}

impl<'a> Context<'a, OnMiddleware> {
    /// A client that asks to enter.
    pub(crate) fn entering(socket: &'a Socket, states: &'a States) -> Self {
        Self::about(socket, states, ())
    }
}

impl<'a> Context<'a, OnConnect> {
    /// A client that was let in.
    pub(crate) fn connected(socket: &'a Socket, states: &'a States) -> Self {
        Self::about(socket, states, ())
    }
}

impl<'a> Context<'a, OnDisconnect> {
    /// A socket that leaves.
    pub(crate) fn leaving(socket: &'a Socket, states: &'a States, reason: DisconnectReason) -> Self {
        Self::about(socket, states, reason)
    }
}

impl<K: Kind> fmt::Debug for Context<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
