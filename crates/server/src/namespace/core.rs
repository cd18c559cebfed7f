//! A namespace that runs: its members, their rooms, and the broadcasts that wait for answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use enchufe_cluster::{RoomName, Selection};
use enchufe_proto::socket::Args;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};

use super::Routes;
use super::lanes::Lanes;
use super::members::Members;
use super::registry::Parent;
use crate::connection::Delivery;
use crate::frames::{Frames, Wire};
use crate::id::SocketId;
use crate::operators::{BroadcastAnswers, RoomEvents};
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
    /// Where somebody wants to know what happens to rooms.
    pub(super) room_events: Option<Box<RoomEvents>>,
    ack_ids: AtomicU64,
    /// Some handler may want to see what is emitted: it is looked which socket's.
    watched: AtomicBool,
    /// Broadcasts that wait for answers, by the id that all recipients answer with.
    broadcasts: Mutex<HashMap<u64, Arc<BroadcastAnswers>, RandomState>>,
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
            room_events: (!routes.room_hooks.is_empty()).then(Box::default),
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
        self.lanes.get_or_init(|| Box::new(Lanes::new(self.routes.execution.is_keyed())))
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
        members.leave_all(self.room_events.as_deref(), socket);
        // An old client that has come back at once has the same id again.
        members.forget_id(socket);
        drop(members);
        drop(forgotten);
        self.tell_room_events(socket.namespace_core());
    }

    pub(crate) fn socket(&self, id: &SocketId) -> Option<Socket> {
        let members = self.members.read();
        let key = members.key_of(id.as_str())?;
        members.sockets.get(key as usize).cloned()
    }

    // ---- rooms -----------------------------------------------------------------------------------

    pub(crate) fn join(&self, socket: &Socket, rooms: &[RoomName]) {
        let mut members = self.members.write();
        let joined =
            !members.has(socket) || members.join_up_to_limit(self.room_events.as_deref(), socket, rooms);
        drop(members);
        // Not under the lock: what logs may use the namespace itself.
        if !joined {
            warn_of_rooms(socket);
        }
        self.tell_room_events(socket.namespace_core());
    }

    pub(crate) fn leave(&self, socket: &Socket, rooms: &[RoomName]) {
        let mut members = self.members.write();
        if members.has(socket) {
            members.leave(self.room_events.as_deref(), socket, rooms);
        }
        drop(members);
        self.tell_room_events(socket.namespace_core());
    }

    /// Everybody selected who has been let in joins, under one lock.
    pub(crate) fn join_selected(self: &Arc<Self>, selection: &Selection, rooms: &[RoomName]) {
        let mut members = self.members.write();
        let mut refused = Vec::new();
        for socket in members.selected(selection) {
            if !members.join_up_to_limit(self.room_events.as_deref(), &socket, rooms) {
                refused.push(socket);
            }
        }
        drop(members);
        refused.iter().for_each(warn_of_rooms);
        self.tell_room_events(self);
    }

    /// Everybody selected who has been let in leaves, under one lock.
    pub(crate) fn leave_selected(self: &Arc<Self>, selection: &Selection, rooms: &[RoomName]) {
        let mut members = self.members.write();
        for socket in members.selected(selection) {
            members.leave(self.room_events.as_deref(), &socket, rooms);
        }
        drop(members);
        self.tell_room_events(self);
    }

    /// A socket was let in: those who want to know what happens to rooms learn of its own.
    pub(crate) fn let_into_own_room(self: &Arc<Self>, socket: &Socket) {
        let Some(events) = &self.room_events else { return };
        let members = self.members.write();
        if members.has(socket) && members.rooms.in_own(socket.key()) {
            let others = members.rooms.len(socket.id_ref().as_str()) > 0;
            events.note(|notes| notes.joined_own(socket.id_ref(), socket.key(), others));
        }
        drop(members);
        self.tell_room_events(self);
    }

    pub(super) fn tell_room_events(&self, this: &Arc<Self>) {
        if let Some(events) = &self.room_events {
            events.tell(this);
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

    /// Everybody selected who has been let in, with the rooms that each is in, all at one moment.
    pub(crate) fn selected_with_rooms(&self, selection: &Selection) -> Vec<(Socket, Vec<RoomName>)> {
        let members = self.members.read();
        let selected = members.selected(selection);
        selected.into_iter().map(|socket| (socket.clone(), members.rooms_of(&socket))).collect()
    }

    /// The number of rooms, the sockets' own included.
    pub(crate) fn room_count(&self) -> usize {
        self.members.read().room_count()
    }

    // ---- many ------------------------------------------------------------------------------------

    /// Queues a packet for everybody selected; tells how many that were.
    pub(crate) fn broadcast(&self, selection: &Selection, frames: &Frames, volatile: bool) -> usize {
        let mut count = 0;
        let mut shown = self.watch();
        let mut delivery = Delivery::new(frames);
        self.members.read().select(selection, |socket| {
            let delivered = socket.deliver(&mut delivery, volatile);
            count += usize::from(delivered);
            shown.note(socket, delivered);
        });
        drop(delivery);
        // Not under the lock: handlers may use the namespace.
        shown.show(frames);
        count
    }

    /// As [`broadcast`](Self::broadcast), for each in the place of what still waits with the same key.
    pub(crate) fn broadcast_latest(&self, selection: &Selection, frames: &Frames, key: u64) {
        let mut shown = self.watch();
        self.members.read().select(selection, |socket| {
            shown.note(socket, socket.deliver_latest(frames, key));
        });
        shown.show(frames);
    }

    /// Notes those whose handlers want to see a packet.
    pub(super) fn watch(&self) -> Shown {
        Shown { watched: self.watched.load(Ordering::Acquire), to: Vec::new() }
    }

    /// Everybody selected who has been let in.
    pub(crate) fn selected(&self, selection: &Selection) -> Vec<Socket> {
        self.members.read().selected(selection)
    }

    /// Queues a question for those who are asked; who has left meanwhile is not waited for.
    pub(crate) fn deliver_question(
        &self,
        recipients: &[Socket],
        frames: &Frames,
        answers: &BroadcastAnswers,
    ) {
        let mut shown = self.watch();
        let mut delivery = Delivery::new(frames);
        for socket in recipients {
            let delivered = socket.deliver(&mut delivery, false);
            if !delivered {
                answers.forget(socket.id_ref());
            }
            shown.note(socket, delivered);
        }
        drop(delivery);
        shown.show(frames);
    }

    // ---- answers to broadcasts ---------------------------------------------------------------------

    pub(crate) fn await_answers(&self, id: u64, answers: Arc<BroadcastAnswers>) {
        self.broadcasts.lock().insert(id, answers);
    }

    pub(crate) fn forget_answers(&self, id: u64) {
        let forgotten = self.broadcasts.lock().remove(&id);
        // It may be the last that holds another node's place.
        drop(forgotten);
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

fn warn_of_rooms(socket: &Socket) {
    let limit = socket.core().config.limits.max_rooms;
    crate::stats::add(&socket.core().stats.refused_rooms, 1);
    tracing::warn!(socket = %socket.id(), limit, "a socket is in too many rooms: not joined");
}
