//! The handlers that one socket has for itself: where they are kept, and how those that are to be called are found.
//!
//! A socket without any holds no memory for them, and whoever looks reads one byte. No handler is called or dropped
//! under the lock: its destructor is the application's.

use super::routes::EventRoute;
use crate::extract::{Kind, OnDisconnect, OnError, OnEvent, OnFallback, OnIncoming};
use crate::handler::{Answers, BoxHandler};
use foldhash::fast::RandomState;
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio_util::sync::CancellationToken;

/// What a socket has handlers for.
const EVENTS: u8 = 1;
const ANY: u8 = 2;
const OUTGOING: u8 = 4;
/// It has, or once had: while one of its events may be on its way through, later ones must not pass it.
const MIDDLEWARES: u8 = 8;
/// It has left.
const ENDED: u8 = 16;

/// Names one handler of one socket: see [`Socket::off_handler`](crate::Socket::off_handler).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandlerId(u64);

/// The handlers that one socket has for itself. Most have none.
#[derive(Default)]
pub(crate) struct OwnRoutes {
    /// Changes under the lock only; read without it.
    flags: AtomicU8,
    own: RwLock<Option<Box<Own>>>,
}

#[derive(Default)]
struct Own {
    last: u64,
    events: HashMap<Box<str>, Vec<Entry<OnEvent>>, RandomState>,
    any: Vec<Entry<OnFallback>>,
    outgoing: Vec<Entry<OnFallback>>,
    middlewares: Vec<Entry<OnIncoming>>,
    had_middlewares: bool,
    errors: Vec<Entry<OnError>>,
    /// Ends the handlers that are to end with the socket.
    left: Option<CancellationToken>,
    disconnecting: Vec<Entry<OnDisconnect>>,
    disconnect: Vec<Entry<OnDisconnect>>,
}

struct Entry<K: Kind> {
    id: HandlerId,
    once: bool,
    handler: Arc<BoxHandler<K>>,
}

/// Handlers to be called.
pub(crate) type OwnHandlers<K> = SmallVec<[Arc<BoxHandler<K>>; 1]>;

impl OwnRoutes {
    // ---- adding ----------------------------------------------------------------------------------

    pub(super) fn add_event(&self, event: Box<str>, once: bool, handler: BoxHandler<OnEvent>) -> HandlerId {
        self.add(handler, |own, entry| own.events.entry(event).or_default().push(Entry { once, ..entry }))
    }

    pub(super) fn add_any(&self, handler: BoxHandler<OnFallback>, first: bool) -> HandlerId {
        self.add(handler, |own, entry| insert(&mut own.any, entry, first))
    }

    pub(super) fn add_outgoing(&self, handler: BoxHandler<OnFallback>, first: bool) -> HandlerId {
        self.add(handler, |own, entry| insert(&mut own.outgoing, entry, first))
    }

    pub(super) fn add_middleware(&self, handler: BoxHandler<OnIncoming>) -> HandlerId {
        self.add(handler, |own, entry| {
            own.had_middlewares = true;
            own.middlewares.push(entry);
        })
    }

    pub(super) fn add_error(&self, handler: BoxHandler<OnError>) -> HandlerId {
        self.add(handler, |own, entry| own.errors.push(entry))
    }

    pub(super) fn add_disconnecting(&self, handler: BoxHandler<OnDisconnect>) -> HandlerId {
        self.add(handler, |own, entry| own.disconnecting.push(entry))
    }

    pub(super) fn add_disconnect(&self, handler: BoxHandler<OnDisconnect>) -> HandlerId {
        self.add(handler, |own, entry| own.disconnect.push(entry))
    }

    fn add<K: Kind>(&self, handler: BoxHandler<K>, put: impl FnOnce(&mut Own, Entry<K>)) -> HandlerId {
        let handler = Arc::new(handler);
        let kept = handler.clone();
        let id = self.edit(|own| {
            own.last += 1;
            let id = HandlerId(own.last);
            put(own, Entry { id, once: false, handler: kept });
            id
        });
        // Where the socket has left, the handler goes, and the id names none.
        drop(handler);
        id.unwrap_or(HandlerId(0))
    }

    // ---- removing --------------------------------------------------------------------------------

    pub(super) fn remove_event(&self, event: &str) {
        drop(self.edit_if_any(|own| own.events.remove(event)));
    }

    pub(super) fn remove_events(&self) {
        drop(self.edit_if_any(|own| mem::take(&mut own.events)));
    }

    pub(super) fn remove_any(&self) {
        drop(self.edit_if_any(|own| mem::take(&mut own.any)));
    }

    pub(super) fn remove_outgoing(&self) {
        drop(self.edit_if_any(|own| mem::take(&mut own.outgoing)));
    }

    pub(super) fn remove(&self, id: HandlerId) -> bool {
        let removed = self.edit_if_any(|own| own.remove(id)).flatten();
        removed.is_some()
    }

    // ---- calling ---------------------------------------------------------------------------------

    /// How many handlers there are for an event.
    pub(crate) fn count(&self, event: &str) -> usize {
        let own = self.own.read();
        own.as_ref().and_then(|own| own.events.get(event)).map_or(0, Vec::len)
    }

    /// The handlers of an event, to be called when the lock is free again. Those that were for once are taken back.
    pub(crate) fn event(&self, name: &str) -> OwnHandlers<OnEvent> {
        if !self.has(EVENTS) {
            return SmallVec::new();
        }
        let own = self.own.read();
        let Some(entries) = own.as_ref().and_then(|own| own.events.get(name)) else { return SmallVec::new() };
        if !entries.iter().any(|entry| entry.once) {
            return entries.iter().map(|entry| entry.handler.clone()).collect();
        }
        drop(own);
        self.edit_if_any(|own| own.take_once(name)).unwrap_or_default()
    }

    /// Whether there are handlers of events by name.
    pub(crate) fn has_events(&self) -> bool {
        self.has(EVENTS)
    }

    /// Whether there are none at all.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.flags.load(Ordering::Acquire) == 0
    }

    /// The handlers of every event that comes in.
    pub(crate) fn any(&self) -> OwnHandlers<OnFallback> {
        if self.has(ANY) { self.all(|own| &own.any) } else { SmallVec::new() }
    }

    /// The handlers of every event that goes out.
    pub(crate) fn outgoing(&self) -> OwnHandlers<OnFallback> {
        self.all(|own| &own.outgoing)
    }

    pub(crate) fn has_outgoing(&self) -> bool {
        self.has(OUTGOING)
    }

    /// The middlewares of the events that come in.
    pub(crate) fn middlewares(&self) -> OwnHandlers<OnIncoming> {
        if self.had_middlewares() { self.all(|own| &own.middlewares) } else { SmallVec::new() }
    }

    /// Whether there are or were middlewares.
    pub(crate) fn had_middlewares(&self) -> bool {
        self.has(MIDDLEWARES)
    }

    /// The handlers of events that were refused.
    pub(crate) fn errors(&self) -> OwnHandlers<OnError> {
        self.all(|own| &own.errors)
    }

    /// Is cancelled when the socket has left.
    pub(crate) fn left(&self) -> CancellationToken {
        self.edit(|own| own.left.get_or_insert_default().clone()).unwrap_or_else(|| {
            let left = CancellationToken::new();
            left.cancel();
            left
        })
    }

    /// Takes the handlers to be called once, while the socket is still in its rooms.
    pub(crate) fn take_disconnecting(&self) -> OwnHandlers<OnDisconnect> {
        handlers(self.edit_if_any(|own| mem::take(&mut own.disconnecting)).unwrap_or_default())
    }

    /// Takes the handlers to be called once, when the socket has left, and drops all others: they may hold
    /// the socket itself, and the two would keep each other alive.
    pub(crate) fn end(&self) -> OwnHandlers<OnDisconnect> {
        let mut own = self.own.write();
        self.flags.store(ENDED, Ordering::Release);
        let ended = own.take();
        drop(own);
        let Some(own) = ended else { return SmallVec::new() };
        if let Some(left) = &own.left {
            left.cancel();
        }
        handlers(own.disconnect)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Acquire) & flag != 0
    }

    fn all<K: Kind>(&self, list: impl FnOnce(&Own) -> &Vec<Entry<K>>) -> OwnHandlers<K> {
        let own = self.own.read();
        let entries = own.as_deref().map(list);
        entries.into_iter().flatten().map(|entry| entry.handler.clone()).collect()
    }

    /// Does nothing when the socket has left.
    fn edit<R>(&self, edit: impl FnOnce(&mut Own) -> R) -> Option<R> {
        let mut slot = self.own.write();
        if self.has(ENDED) {
            // What `edit` would have kept is dropped: not under the lock.
            drop(slot);
            return None;
        }
        let own = slot.get_or_insert_default();
        let edited = edit(own);
        self.flags.store(own.flags(), Ordering::Release);
        Some(edited)
    }

    /// As `edit`, where there is something to be edited.
    fn edit_if_any<R>(&self, edit: impl FnOnce(&mut Own) -> R) -> Option<R> {
        let mut slot = self.own.write();
        let own = slot.as_mut()?;
        let edited = edit(own);
        self.flags.store(own.flags(), Ordering::Release);
        Some(edited)
    }
}

impl Own {
    fn flags(&self) -> u8 {
        let flag = |flag, there: bool| if there { flag } else { 0 };
        flag(EVENTS, !self.events.is_empty())
            | flag(ANY, !self.any.is_empty())
            | flag(OUTGOING, !self.outgoing.is_empty())
            | flag(MIDDLEWARES, self.had_middlewares)
    }

    /// The handlers of an event, of which those for once do not stay.
    fn take_once(&mut self, event: &str) -> OwnHandlers<OnEvent> {
        let Some(entries) = self.events.get_mut(event) else { return SmallVec::new() };
        let taken = entries.iter().map(|entry| entry.handler.clone()).collect();
        entries.retain(|entry| !entry.once);
        if entries.is_empty() {
            self.events.remove(event);
        }
        taken
    }

    /// The handler with this id, whatever it is for.
    fn remove(&mut self, id: HandlerId) -> Option<Removed> {
        let found = self.events.iter().find(|(_, entries)| entries.iter().any(|entry| entry.id == id));
        if let Some(event) = found.map(|(event, _)| event.clone()) {
            let entries = self.events.get_mut(&event)?;
            let removed = take(entries, id)?;
            if entries.is_empty() {
                self.events.remove(&event);
            }
            return Some(Removed::Event { _handler: removed });
        }
        let any = take(&mut self.any, id).or_else(|| take(&mut self.outgoing, id));
        if let Some(removed) = any {
            return Some(Removed::Any { _handler: removed });
        }
        if let Some(removed) = take(&mut self.middlewares, id) {
            return Some(Removed::Middleware { _handler: removed });
        }
        if let Some(removed) = take(&mut self.errors, id) {
            return Some(Removed::Error { _handler: removed });
        }
        let leaving = take(&mut self.disconnecting, id).or_else(|| take(&mut self.disconnect, id));
        leaving.map(|removed| Removed::Leaving { _handler: removed })
    }
}

/// A handler on its way out from under the lock.
enum Removed {
    Event { _handler: Entry<OnEvent> },
    Any { _handler: Entry<OnFallback> },
    Middleware { _handler: Entry<OnIncoming> },
    Error { _handler: Entry<OnError> },
    Leaving { _handler: Entry<OnDisconnect> },
}

fn insert<K: Kind>(entries: &mut Vec<Entry<K>>, entry: Entry<K>, first: bool) {
    let at = if first { 0 } else { entries.len() };
    entries.insert(at, entry);
}

fn take<K: Kind>(entries: &mut Vec<Entry<K>>, id: HandlerId) -> Option<Entry<K>> {
    let at = entries.iter().position(|entry| entry.id == id)?;
    Some(entries.remove(at))
}

fn handlers<K: Kind>(entries: Vec<Entry<K>>) -> OwnHandlers<K> {
    entries.into_iter().map(|entry| entry.handler).collect()
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
