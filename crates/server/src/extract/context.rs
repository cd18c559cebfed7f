//! What a handler is called with, before its extractors have taken it apart.

use super::kind::{
    Answerable, EventKind, Kind, Occurrence, OnConnect, OnDisconnect, OnEvent, OnFallback, OnMiddleware,
};
use crate::socket::{DisconnectReason, Handshake, Socket};
use crate::state::States;
use enchufe_proto::socket::Args;
use std::cell::Cell;
use std::fmt;

/// What a handler is called with: extractors make themselves from it, see [`FromContext`](super::FromContext).
pub struct Context<'a, K: Kind> {
    socket: &'a Socket,
    states: &'a States,
    pub(super) detail: K::Detail<'a>,
}

impl<K: Kind> Context<'_, K> {
    /// The socket that the handler is called for.
    pub fn socket(&self) -> &Socket {
        self.socket
    }

    /// The request that opened the socket's connection, and the client's auth.
    pub fn handshake(&self) -> &Handshake {
        self.socket.handshake()
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
        Self { socket, states, detail: Answerable { event, ack: Cell::new(ack) } }
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
        Self { socket, states, detail: Occurrence { name, args } }
    }
}

impl<'a> Context<'a, OnMiddleware> {
    /// A client that asks to enter.
    pub(crate) fn entering(socket: &'a Socket, states: &'a States) -> Self {
        Self { socket, states, detail: () }
    }
}

impl<'a> Context<'a, OnConnect> {
    /// A client that was let in.
    pub(crate) fn connected(socket: &'a Socket, states: &'a States) -> Self {
        Self { socket, states, detail: () }
    }
}

impl<'a> Context<'a, OnDisconnect> {
    /// A socket that leaves.
    pub(crate) fn leaving(socket: &'a Socket, states: &'a States, reason: DisconnectReason) -> Self {
        Self { socket, states, detail: reason }
    }
}

impl<K: Kind> fmt::Debug for Context<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
