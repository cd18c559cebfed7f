//! Handlers that one socket has for itself: `socket.on(…)`, as in JavaScript.

use super::routes::EventRoute;
use crate::extract::{OnDisconnect, OnEvent};
use crate::handler::{Answers, BoxHandler, Handler};
use crate::socket::Socket;
use crate::state::Requirements;
use enchufe_proto::socket::is_reserved;
use foldhash::fast::RandomState;
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// # Handlers of one socket
///
/// Handlers are best registered once, on the [`Namespace`](crate::Namespace); these are for what differs from
/// socket to socket. They cost memory for each socket, and are dropped when it has left; one that is registered
/// after that is never called. Register them in a connect handler, so that no first event is missed.
impl Socket {
    /// Calls `handler` for each event of this name that this socket receives, after the namespace's own; see
    /// [`Namespace::on`](crate::Namespace::on).
    ///
    /// ```
    /// use enchufe::{Namespace, Socket};
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// Namespace::new("/").on_connect(async |socket: Socket| {
    ///     let clicks = AtomicU32::new(0); // of this socket
    ///     socket.on("click", move || {
    ///         let clicks = clicks.fetch_add(1, Ordering::Relaxed) + 1;
    ///         async move { clicks }
    ///     });
    /// });
    /// ```
    ///
    /// # Panics
    /// If the name is reserved, so that no client can send the event, and if the handler takes a
    /// [`State`](crate::State) that the server was not given. In a connect handler this ends the handler.
    #[track_caller]
    pub fn on<H, A, M>(&self, event: impl Into<Cow<'static, str>>, handler: H)
    where
        H: Handler<OnEvent, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let event = event.into();
        assert!(!is_reserved(&event), "no client can send {event:?}, the name is reserved");
        let key = event.as_ref().into();
        let handler = handler.erase(event.into()).0;
        self.check(|needs| handler.requirements(needs));
        self.own_routes().edit(|own| own.events.entry(key).or_default().push(Arc::new(handler)));
    }

    /// Drops the handlers that [`on`](Self::on) added for this event. Those that run run to their end.
    pub fn off(&self, event: &str) {
        // Dropping a handler runs destructors of the application: not under the lock.
        let removed = self.own_routes().edit(|own| own.events.remove(event));
        drop(removed);
    }

    /// Calls `handler` when this socket leaves, while it is still in its rooms; see
    /// [`Namespace::on_disconnecting`](crate::Namespace::on_disconnecting).
    ///
    /// # Panics
    /// If the handler takes a [`State`](crate::State) that the server was not given.
    #[track_caller]
    pub fn on_disconnecting<H, A, M>(&self, handler: H)
    where
        H: Handler<OnDisconnect, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = handler.erase("on_disconnecting".into()).0;
        self.check(|needs| handler.requirements(needs));
        self.own_routes().edit(|own| own.disconnecting.push(handler));
    }

    /// Calls `handler` when this socket has left; see
    /// [`Namespace::on_disconnect`](crate::Namespace::on_disconnect).
    ///
    /// # Panics
    /// If the handler takes a [`State`](crate::State) that the server was not given.
    #[track_caller]
    pub fn on_disconnect<H, A, M>(&self, handler: H)
    where
        H: Handler<OnDisconnect, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = handler.erase("on_disconnect".into()).0;
        self.check(|needs| handler.requirements(needs));
        self.own_routes().edit(|own| own.disconnect.push(handler));
    }

    #[track_caller]
    fn check(&self, note: impl FnOnce(&mut Requirements)) {
        let mut needs = Requirements::default();
        note(&mut needs);
        if let Some(missing) = self.states().missing(&needs) {
            panic!("a handler takes State<{missing}>, but the server was given none: add .state(…)");
        }
    }
}

/// The handlers that one socket has for itself. Most have none.
#[derive(Default)]
pub(crate) struct OwnRoutes(RwLock<Slot>);

#[derive(Default)]
enum Slot {
    #[default]
    Empty,
    Some(Box<Own>),
    /// The socket has left.
    Ended,
}

impl Slot {
    fn own(&self) -> Option<&Own> {
        if let Self::Some(own) = self { Some(own) } else { None }
    }

    /// None when the socket has left.
    fn own_mut(&mut self) -> Option<&mut Own> {
        if let Self::Empty = self {
            *self = Self::Some(Box::default());
        }
        if let Self::Some(own) = self { Some(own) } else { None }
    }
}

#[derive(Default)]
struct Own {
    events: HashMap<Box<str>, OwnHandlers, RandomState>,
    disconnecting: Vec<BoxHandler<OnDisconnect>>,
    disconnect: Vec<BoxHandler<OnDisconnect>>,
}

/// A socket's handlers of one event.
pub(crate) type OwnHandlers = SmallVec<[Arc<BoxHandler<OnEvent>>; 1]>;

impl OwnRoutes {
    /// The handlers of an event, to be called when the lock is free again.
    pub(crate) fn event(&self, name: &str) -> OwnHandlers {
        let own = self.0.read();
        own.own().and_then(|own| own.events.get(name)).cloned().unwrap_or_default()
    }

    /// Takes the handlers to be called once, while the socket is still in its rooms.
    pub(crate) fn take_disconnecting(&self) -> Vec<BoxHandler<OnDisconnect>> {
        let mut slot = self.0.write();
        if let Slot::Some(own) = &mut *slot { std::mem::take(&mut own.disconnecting) } else { Vec::new() }
    }

    /// Takes the handlers to be called once, when the socket has left, and drops all others: they may hold
    /// the socket itself, and the two would keep each other alive.
    pub(crate) fn end(&self) -> Vec<BoxHandler<OnDisconnect>> {
        // Dropping handlers runs destructors of the application: not under the lock.
        let ended = std::mem::replace(&mut *self.0.write(), Slot::Ended);
        if let Slot::Some(own) = ended { own.disconnect } else { Vec::new() }
    }

    /// Does nothing when the socket has left.
    fn edit<R>(&self, edit: impl FnOnce(&mut Own) -> R) -> Option<R> {
        let mut slot = self.0.write();
        if let Some(own) = slot.own_mut() {
            return Some(edit(own));
        }
        // What `edit` would have kept is dropped: not under the lock.
        drop(slot);
        None
    }
}

impl fmt::Debug for OwnRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnRoutes").finish_non_exhaustive()
    }
}

/// The handlers of one event in the order they are called in, those of the namespace before those of the
/// socket, each with the ack that it is called with: `ack` for the one that answers.
pub(crate) fn with_ack<'r>(
    shared: Option<&'r EventRoute>,
    own: &'r [Arc<BoxHandler<OnEvent>>],
    ack: Option<u64>,
) -> impl Iterator<Item = (&'r BoxHandler<OnEvent>, Option<u64>)> {
    let shared_says = shared.map_or(Answers::No, EventRoute::answers);
    // The first of those that say most, as within a route.
    let own_says = own.iter().map(|handler| handler.answers()).max().unwrap_or(Answers::No);
    let own_answers = own_says > shared_says;
    let answering = own.iter().position(|handler| own_answers && handler.answers() == own_says);
    let shared = shared.into_iter().flat_map(move |route| route.with_ack(ack.filter(|_| !own_answers)));
    let own = own.iter().enumerate();
    shared.chain(own.map(move |(i, handler)| (&**handler, ack.filter(|_| Some(i) == answering))))
}
