//! A namespace that runs: its members, their rooms, and the broadcasts that wait for answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use enchufe_cluster::{RoomName, Rooms as RoomIndex, Selection};
use enchufe_proto::socket::Args;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use slab::Slab;

use super::Routes;
use super::lanes::Lanes;
use super::registry::Parent;
use crate::frames::{Frames, Wire};
use crate::id::{IdText, SocketId};
use crate::operators::BroadcastAnswers;
use crate::recovery::NamespaceRecovery;
use crate::socket::Socket;
use crate::state::States;

pub(crate) struct NamespaceCore {
    name: Arc<str>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) states: Arc<States>,
    pub(super) members: RwLock<Members>,
    pub(super) recovery: Option<Box<NamespaceRecovery>>,
    /// The dynamic definition that it was made for.
    parent: Option<Arc<Parent>>,
    /// It is found by its name. Changes under the lock of the names.
    listed: AtomicBool,
    /// Events that are handled one after another. Made when the first is.
    lanes: OnceLock<Box<Lanes>>,
    /// It was removed: nobody comes in. Changes under the lock of the members.
    closed: AtomicBool,
    ack_ids: AtomicU64,
    /// Some handler may want to see what is emitted: it is looked which socket's.
    watched: AtomicBool,
    /// Broadcasts that wait for answers, by the id that all recipients answer with.
    broadcasts: Mutex<HashMap<u64, Arc<BroadcastAnswers>, RandomState>>,
}

#[derive(Default)]
pub(super) struct Members {
    pub(super) sockets: Slab<Socket>,
    pub(super) by_id: HashMap<SocketId, u32, RandomState>,
    pub(super) rooms: RoomIndex,
}

impl Members {
    pub(super) fn select(&self, selection: &Selection, mut each: impl FnMut(&Socket)) {
        let own = |name: &str| {
            let found = if SocketId::may_be(name) { self.by_id.get(&IdText::new(name)) } else { None };
            found.copied()
        };
        let everybody = self.sockets.iter().filter_map(|(key, _)| u32::try_from(key).ok());
        self.rooms.select(selection, everybody, own, |key| {
            if let Some(socket) = self.sockets.get(key as usize) {
                each(socket);
            }
        });
    }

    /// Gives a new socket its key.
    pub(super) fn admit(&mut self, id: SocketId, make: impl FnOnce(u32) -> Socket) -> Socket {
        let entry = self.sockets.vacant_entry();
        // A process does not hold four thousand million sockets.
        let key = u32::try_from(entry.key()).unwrap_or(u32::MAX);
        let socket = entry.insert(make(key)).clone();
        self.by_id.insert(id, key);
        socket
    }

    /// Whether a socket is a member. Its key alone does not say so: it is given again.
    fn has(&self, socket: &Socket) -> bool {
        self.sockets.get(socket.key() as usize) == Some(socket)
    }
}

impl NamespaceCore {
    pub(crate) fn new(
        name: Arc<str>,
        routes: Arc<Routes>,
        states: Arc<States>,
        parent: Option<Arc<Parent>>,
    ) -> Self {
        Self {
            name,
            watched: AtomicBool::new(!routes.outgoing.is_empty()),
            recovery: routes.recovery.as_ref().map(|plan| Box::new(NamespaceRecovery::new(plan))),
            routes,
            states,
            parent,
            listed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            lanes: OnceLock::new(),
            members: RwLock::default(),
            ack_ids: AtomicU64::new(0),
            broadcasts: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How its packets are written.
    pub(crate) fn wire(&self) -> Wire<'_> {
        Wire { namespace: &self.name, parser: self.routes.parser.unwrap_or_default() }
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(crate) fn next_ack_id(&self) -> u64 {
        self.ack_ids.fetch_add(1, Ordering::Relaxed)
    }

    // ---- coming and going --------------------------------------------------------------------------

    pub(crate) fn parent(&self) -> Option<&Arc<Parent>> {
        self.parent.as_ref()
    }

    pub(crate) fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Acquire)
    }

    pub(super) fn set_listed(&self, listed: bool) {
        self.listed.store(listed, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.read().sockets.is_empty()
    }

    /// Nobody comes in any more. Those who are in it, or on their way: who comes later sees that it is closed.
    pub(super) fn close(&self) -> Vec<Socket> {
        let members = self.members.write();
        self.closed.store(true, Ordering::Release);
        members.sockets.iter().map(|(_, socket)| socket.clone()).collect()
    }

    /// A socket has a handler that wants to see what is emitted.
    pub(crate) fn watch_outgoing(&self) {
        self.watched.store(true, Ordering::Release);
    }

    // ---- events in lanes ---------------------------------------------------------------------------

    pub(super) fn lanes(&self) -> Option<&Lanes> {
        self.lanes.get().map(|lanes| &**lanes)
    }

    pub(super) fn make_lanes(&self) -> &Lanes {
        self.lanes.get_or_init(Box::default)
    }

    /// This socket's events do not wait any more.
    pub(crate) fn forget_waiting(&self, socket: &Socket) {
        if let Some(lanes) = self.lanes() {
            lanes.forget(socket);
        }
    }

    // ---- members ---------------------------------------------------------------------------------

    /// Gives a new socket its key.
    pub(crate) fn admit(&self, id: SocketId, make: impl FnOnce(u32) -> Socket) -> Socket {
        self.members.write().admit(id, make)
    }

    /// Forgets a socket and its rooms.
    pub(crate) fn remove(&self, socket: &Socket) {
        let mut members = self.members.write();
        if !members.has(socket) {
            return;
        }
        let forgotten = self.keep_session(socket, &members);
        members.sockets.try_remove(socket.key() as usize);
        members.rooms.leave_all(socket.key());
        // An old client that has come back at once has the same id again.
        if members.by_id.get(socket.id_ref()) == Some(&socket.key()) {
            members.by_id.remove(socket.id_ref());
        }
        drop(members);
        drop(forgotten);
    }

    pub(crate) fn socket(&self, id: &SocketId) -> Option<Socket> {
        let members = self.members.read();
        let key = *members.by_id.get(id)?;
        members.sockets.get(key as usize).cloned()
    }

    // ---- rooms -----------------------------------------------------------------------------------

    pub(crate) fn join(&self, socket: &Socket, rooms: &[RoomName]) {
        let limit = socket.core().config.limits.max_rooms;
        let joined = self.join_up_to(limit, socket, rooms);
        if !joined {
            // Not under the lock: what logs may use the namespace itself.
            crate::stats::add(&socket.core().stats.refused_rooms, 1);
            tracing::warn!(socket = %socket.id(), limit, "a socket is in too many rooms: not joined");
        }
    }

    /// `false` where it would be in too many.
    fn join_up_to(&self, limit: usize, socket: &Socket, rooms: &[RoomName]) -> bool {
        let mut members = self.members.write();
        if !members.has(socket) {
            return true;
        }
        for room in rooms {
            if members.rooms.joined_count(socket.key()) >= limit {
                return false;
            }
            if **room == *socket.id_ref().as_str() {
                members.rooms.join_own(socket.key());
            } else {
                members.rooms.join(socket.key(), room);
            }
        }
        true
    }

    pub(crate) fn leave(&self, socket: &Socket, rooms: &[RoomName]) {
        let mut members = self.members.write();
        if !members.has(socket) {
            return;
        }
        for room in rooms {
            if **room == *socket.id_ref().as_str() {
                members.rooms.leave_own(socket.key());
            } else {
                members.rooms.leave(socket.key(), room);
            }
        }
    }

    pub(crate) fn rooms_of(&self, socket: &Socket) -> Vec<String> {
        let members = self.members.read();
        if !members.has(socket) {
            return Vec::new();
        }
        let own = members.rooms.in_own(socket.key()).then(|| socket.id().to_string());
        own.into_iter().chain(members.rooms.rooms_of(socket.key()).map(|room| room.to_string())).collect()
    }

    /// The number of rooms, the sockets' own included.
    pub(crate) fn room_count(&self) -> usize {
        let members = self.members.read();
        members.rooms.room_count() + members.sockets.len()
    }

    // ---- many ------------------------------------------------------------------------------------

    /// Queues a packet for everybody selected; tells how many that were.
    pub(crate) fn broadcast(&self, selection: &Selection, frames: &Frames, volatile: bool) -> usize {
        let mut count = 0;
        let mut shown = self.watch();
        self.members.read().select(selection, |socket| {
            let delivered = socket.deliver(frames, volatile);
            count += usize::from(delivered);
            shown.note(socket, delivered);
        });
        // Not under the lock: handlers may use the namespace.
        shown.show(frames);
        count
    }

    /// Notes those whose handlers want to see a packet.
    pub(super) fn watch(&self) -> Shown {
        Shown { watched: self.watched.load(Ordering::Acquire), to: Vec::new() }
    }

    /// Everybody selected who has been let in.
    pub(crate) fn selected(&self, selection: &Selection) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.members.read().select(selection, |socket| {
            if socket.connected() {
                sockets.push(socket.clone());
            }
        });
        sockets
    }

    // ---- answers to broadcasts ---------------------------------------------------------------------

    pub(crate) fn await_answers(&self, id: u64, answers: Arc<BroadcastAnswers>) {
        self.broadcasts.lock().insert(id, answers);
    }

    pub(crate) fn forget_answers(&self, id: u64) {
        self.broadcasts.lock().remove(&id);
    }

    /// An answer to a broadcast came. `false` where it is to none.
    pub(crate) fn answered(&self, id: u64, socket: &Socket, args: &Args<'_>) -> bool {
        let Some(answers) = self.broadcasts.lock().get(&id).cloned() else { return false };
        answers.answer(socket.id(), args)
    }

    /// A socket that has gone does not answer any more.
    pub(crate) fn forget_in_broadcasts(&self, id: &SocketId) {
        let waiting: Vec<_> = self.broadcasts.lock().values().cloned().collect();
        waiting.iter().for_each(|answers| answers.forget(id));
    }
}

/// Recipients of a packet whose handlers want to see it.
pub(super) struct Shown {
    watched: bool,
    to: Vec<Socket>,
}

impl Shown {
    pub(super) fn note(&mut self, socket: &Socket, delivered: bool) {
        if self.watched && delivered && socket.is_watched() {
            self.to.push(socket.clone());
        }
    }

    pub(super) fn show(&self, frames: &Frames) {
        self.to.iter().for_each(|socket| socket.show_outgoing(frames));
    }
}
