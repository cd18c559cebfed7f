//! The seam for clusters: sessions and packets where every node finds them.
//!
//! A node on its own calls a [`MemoryStore`] under the lock under which it hands packets out. Nodes that share their
//! clients keep both elsewhere, in a stream of Redis, say: there offsets are the store's own, a packet is handed out when its
//! offset has come, and a session goes to whichever node its client comes to. That is a [`SessionStore`];
//! [`MemorySessions`] is one for nodes of one process, and shows what one must do.

use std::error::Error;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use enchufe_proto::socket::RawArgs;

use super::{Bounds, KeptSession, MemoryStore, Offset, Pid, Progress, Quota};
use crate::rooms::{RoomName, Selection};

/// Where the sessions of one namespace, and the packets that their clients may have missed, are kept for all nodes.
///
/// Offsets are texts of the store's own, which tell an earlier packet from a later one to nobody but the store.
///
/// Cancel safe: what was begun takes place, or does not, whether its future is awaited or not.
pub trait SessionStore: Send + Sync + 'static {
    /// A session begins: what is appended from now on is kept for it. Gives the offset behind which it begins.
    fn begin(&self, pid: Pid) -> StoreFuture<'_, Box<str>>;

    /// Keeps a packet, and gives it the offset that its recipients get as its last argument.
    fn append(&self, packet: KeptPacket) -> StoreFuture<'_, Box<str>>;

    /// Keeps the session of a client that has lost its connection, instead of what was kept under this id before.
    fn persist(&self, pid: Pid, session: StoredSession) -> StoreFuture<'_, ()>;

    /// A session ends for good.
    fn end(&self, pid: Pid) -> StoreFuture<'_, ()>;

    /// Takes a session to go on with it: of several that ask at once, one gets it. `offset` is what the client has seen
    /// last, if it says so.
    ///
    /// `None` where there is no such session (any more), and where something that the client has missed may not be
    /// kept any more; see [the rules](super). Nobody gets the session then.
    fn restore(&self, pid: Pid, offset: Option<Box<str>>) -> StoreFuture<'_, Option<RestoredSession>>;
}

/// What a [`SessionStore`] does.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store could not do what it was asked, in its own words.
#[derive(Debug, Clone)]
pub struct StoreError(Arc<dyn Error + Send + Sync>);

impl StoreError {
    /// A failure of the store.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into().into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session store failed: {}", self.0)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// An event that was emitted, in a form that any node can send.
#[derive(Debug, Clone)]
pub struct KeptPacket {
    /// Whom it is for.
    pub selection: Selection,
    /// It is for the one socket whose id the selection's room is, in whatever rooms that is.
    pub direct: bool,
    /// The event's name and its arguments, without the offset.
    pub event: RawArgs,
}

/// A session without a connection, in a form that any node can take up.
#[derive(Debug, Clone)]
pub struct StoredSession {
    /// The public id of its socket.
    pub id: RoomName,
    /// The rooms that it was in, the one of its own id included unless it had left it.
    pub rooms: Vec<RoomName>,
    /// The JSON text of its data.
    pub data: Box<str>,
    /// The offset behind which it [began](SessionStore::begin), or that its client showed when it went on.
    pub began: Box<str>,
    /// The offset of the last packet that was handed to its connection, or `began`.
    pub last: Box<str>,
    /// The offset of the last packet before it lost its connection, whomever that was for, or `began`.
    pub left: Box<str>,
}

/// A session that was taken up.
#[derive(Debug, Clone)]
pub struct RestoredSession {
    /// As it was kept.
    pub session: StoredSession,
    /// What its client has missed, in order, each with its offset.
    pub missed: Vec<(Box<str>, KeptPacket)>,
}

/// A [`SessionStore`] in the memory of one process.
pub struct MemorySessions {
    store: Mutex<MemoryStore<(Offset, KeptPacket), StoredSession>>,
    now: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl MemorySessions {
    /// An empty one; `now` tells the time in milliseconds, `random` tells its offsets from those of others.
    pub fn new(
        bounds: Bounds,
        quota: Arc<Quota>,
        random: u64,
        now: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self { store: Mutex::new(MemoryStore::new(bounds, quota, random)), now: Box::new(now) }
    }

    fn store(&self) -> MutexGuard<'_, MemoryStore<(Offset, KeptPacket), StoredSession>> {
        // Each call leaves it whole.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for MemorySessions {
    fn begin(&self, pid: Pid) -> StoreFuture<'_, Box<str>> {
        let mut store = self.store();
        store.enter(pid, 0);
        done(store.offset(store.end()).to_string().into())
    }

    fn end(&self, pid: Pid) -> StoreFuture<'_, ()> {
        self.store().end_session(&pid);
        done(())
    }

    fn append(&self, packet: KeptPacket) -> StoreFuture<'_, Box<str>> {
        let (selection, direct, bytes) = (packet.selection.clone(), packet.direct, weight(&packet));
        let finish = |offset: &Offset| (*offset, packet);
        let (_, (offset, _)) = self.store().append((self.now)(), &selection, direct, bytes, finish);
        done(offset.to_string().into())
    }

    fn persist(&self, pid: Pid, session: StoredSession) -> StoreFuture<'_, ()> {
        let mut store = self.store();
        let position = |offset: &str| store.position(offset);
        let (began, last, left) =
            (position(&session.began), position(&session.last), position(&session.left));
        let kept = KeptSession {
            id: session.id.clone(),
            rooms: session.rooms.clone(),
            progress: Progress::between(began, last),
            data: session,
        };
        store.leave((self.now)(), &pid, left, kept);
        drop(store.take_forgotten());
        done(())
    }

    fn restore(&self, pid: Pid, offset: Option<Box<str>>) -> StoreFuture<'_, Option<RestoredSession>> {
        let mut store = self.store();
        let restored =
            store.restore((self.now)(), &pid, offset.as_deref(), usize::MAX, |(_, packet)| weight(packet));
        if restored.is_some() {
            store.enter(pid, 0);
        }
        let restored = restored.map(|restored| RestoredSession {
            session: restored.session.data,
            missed: restored
                .missed
                .into_iter()
                .map(|(_, (offset, packet))| (offset.to_string().into(), packet))
                .collect(),
        });
        done(restored)
    }
}

fn done<'a, T: Send + 'a>(value: T) -> StoreFuture<'a, T> {
    Box::pin(ready(Ok(value)))
}

fn weight(packet: &KeptPacket) -> usize {
    packet.event.json().len() + packet.event.attachments().iter().map(|data| data.len()).sum::<usize>()
}

impl fmt::Debug for MemorySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessions").finish_non_exhaustive()
    }
}
