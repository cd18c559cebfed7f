//! Connection state recovery at work in a namespace: every step that must see members, log and connections together.
//!
//! Packets get their position and are queued for connections under the lock of the log; sockets are let in, leave and
//! take up sessions under it too. So each packet was queued before a socket left, or is found in the log by the one that
//! comes back; and no connection gets two packets in another order than that of their offsets.

use enchufe_cluster::Selection;
use enchufe_cluster::recovery::{Found, Pid, Restored};
use enchufe_proto::engine::{CloseReason, Frame, Revision};

use super::core::NamespaceCore;
use super::members::Members;
use crate::connection::{Delivery, mux};
use crate::frames::{self, Frames, Recoverable};
use crate::id::SocketId;
use crate::operators::RoomEvents;
use crate::recovery::{Kept, NamespaceRecovery, Presented, Resume, SocketSession, Store};
use crate::socket::{Entering, Socket};

/// How often a client that comes back may find that another connection of its session has just been quicker.
const RACES: usize = 3;

impl NamespaceCore {
    /// How clients are recovered, if they are.
    pub(crate) fn recovery(&self) -> Option<&NamespaceRecovery> {
        self.recovery.as_deref()
    }

    /// Whether clients may come back to it that are not here: it is in use although it has no sockets.
    pub(crate) fn is_awaiting(&self) -> bool {
        self.recovery().is_some_and(|recovery| recovery.store().is_awaiting(recovery.now()))
    }

    /// Nobody can come back any more: the server is closed. What is kept may hold the server itself.
    pub(crate) fn forget_sessions(&self) {
        let Some(recovery) = self.recovery() else { return };
        let mut store = recovery.store();
        store.clear();
        let forgotten = store.take_forgotten();
        drop(store);
        drop(forgotten);
    }

    // ---- coming ----------------------------------------------------------------------------------

    /// A socket enters, with the session that its client shows if that can be restored.
    pub(crate) fn enter(&self, recovery: &NamespaceRecovery, entering: Entering<'_>) -> Socket {
        let (presented, auth) = Presented::take(entering.auth);
        let entering = Entering { auth, ..entering };
        let presented = presented.and_then(|shown| Some((shown.pid?, shown.offset)));
        if let Some((pid, _)) = &presented {
            self.free(recovery, pid);
        }
        recovery.tidy();
        // What it has missed must leave room for what comes after it.
        let connection = entering.connection;
        let room =
            (connection.core.config.limits.max_outbox_bytes / 2).saturating_sub(connection.queued_bytes());
        let mut members = self.members.write();
        let mut store = recovery.store();
        store.forget_old(recovery.now());
        let restored = presented.and_then(|(pid, offset)| {
            let restored = store.restore(recovery.now(), &pid, offset.as_deref(), room, weight)?;
            Some((pid, restored))
        });
        let socket = match restored {
            Some((pid, restored)) => {
                go_on(&mut members, self.room_events.as_deref(), entering, pid, restored)
            }
            None => {
                let id = SocketId::random();
                let session = SocketSession::new(Pid::new(rand::random()), &id);
                members.admit(id.clone(), |key| entering.socket(id, key, None, Some(session)))
            }
        };
        if let Some(session) = socket.session() {
            store.enter(session.pid.clone(), socket.key());
        }
        let forgotten = store.take_forgotten();
        drop(store);
        drop(members);
        drop(forgotten);
        self.tell_room_events(socket.namespace_core());
        socket
    }

    /// Has the session leave the connection that it may still have: the server has not noticed that it is dead, or
    /// another one of the same client is quicker.
    fn free(&self, recovery: &NamespaceRecovery, pid: &Pid) {
        for _ in 0..RACES {
            let found = recovery.store().find(recovery.now(), pid);
            let Some(Found::Here(key)) = found else { return };
            let old = self.members.read().sockets.get(key as usize).cloned();
            match old {
                Some(old) if old.session().is_some_and(|session| session.pid == *pid) => {
                    mux::supersede(&old);
                }
                _ => return,
            }
        }
    }

    /// Lets a socket in: what it has missed is queued, then the reply. `false` where it has gone meanwhile.
    pub(crate) fn let_in(
        &self,
        recovery: &NamespaceRecovery,
        socket: &Socket,
        session: &SocketSession,
        enter: impl FnOnce() -> bool,
    ) -> bool {
        let reply = frames::connect(Revision::Four, self.wire(), socket.id_ref(), Some(&session.pid));
        let store = recovery.store();
        let mut missed = Vec::new();
        if let Some(resume) = session.take_resume() {
            // What was emitted while middlewares ran.
            let Some(late) = store.since(resume.until, socket.id_ref().as_str(), &resume.rooms) else {
                session.spoil();
                drop(store);
                tracing::debug!("what a client has missed was lost before it was let in: closed");
                socket.connection().close(CloseReason::ForcedServerClose);
                return false;
            };
            missed = resume.missed;
            missed.extend(late);
            missed.iter().for_each(|(position, _)| session.hand_out(*position, store.gone()));
        } else {
            session.begin(store.end());
        }
        let packets =
            missed.into_iter().flat_map(|(_, frames)| frames).chain([reply]).collect::<Vec<Frame>>();
        socket.connection().send_if(packets, enter)
    }

    // ---- going -----------------------------------------------------------------------------------

    /// A member is about to be removed: its session is kept where its client may come back. What it gives is to be
    /// dropped without a lock.
    pub(super) fn keep_session(&self, socket: &Socket, members: &Members) -> Vec<Kept> {
        let Some((recovery, session)) = self.recovery().zip(socket.session()) else { return Vec::new() };
        let mut store = recovery.store();
        if session.may_return() {
            let own = members.rooms.in_own(socket.key()).then(|| session.own_room());
            let rooms = own.into_iter().chain(members.rooms.rooms_of(socket.key()).cloned()).collect();
            let kept = Kept { id: socket.id(), data: socket.data().share() };
            let (left, kept) = session.kept(rooms, kept);
            store.leave(recovery.now(), &session.pid, left, kept);
        } else {
            store.end_session(&session.pid);
        }
        store.take_forgotten()
    }

    // ---- sending ---------------------------------------------------------------------------------

    /// Queues a packet for everybody selected, and keeps it for those who are away. With a key it takes the place of an
    /// earlier one that still waits for a connection; in the log both are kept.
    pub(crate) fn broadcast_recoverable(
        &self,
        recovery: &NamespaceRecovery,
        selection: &Selection,
        packet: Recoverable,
        key: Option<u64>,
    ) {
        let mut shown = self.watch();
        let members = self.members.read();
        let mut store = recovery.store();
        let (position, frames) = append(&mut store, recovery, selection, false, packet);
        let gone = store.gone();
        let mut delivery = Delivery::new(&frames);
        members.select(selection, |socket| {
            let delivered = match key {
                Some(key) => socket.deliver_latest(&frames, key),
                None => socket.deliver(&mut delivery, false),
            };
            if delivered && let Some(session) = socket.session() {
                session.hand_out(position, gone);
            }
            shown.note(socket, delivered);
        });
        drop(delivery);
        let forgotten = store.take_forgotten();
        drop(store);
        drop(members);
        drop(forgotten);
        // Not under the locks: handlers may use the namespace.
        shown.show(&frames);
    }

    /// Queues a packet for one socket; if that has lost its connection, for the one that goes on with its session, or keeps
    /// it until there is one. With a key it takes the place of an earlier one that still waits for the connection; in the
    /// log both are kept.
    pub(crate) fn emit_recoverable(
        &self,
        recovery: &NamespaceRecovery,
        socket: &Socket,
        session: &SocketSession,
        packet: Recoverable,
        key: Option<u64>,
    ) {
        let mut store = recovery.store();
        if !socket.may_emit() {
            let awaited = session.may_return() && store.find(recovery.now(), &session.pid).is_some();
            drop(store);
            if awaited {
                self.broadcast_recoverable(recovery, &session.own, packet, key);
            }
            return;
        }
        let (position, frames) = append(&mut store, recovery, &session.own, true, packet);
        // While it waits to be let in, it gets this behind what it has missed.
        let now = !session.is_resuming();
        if now {
            session.hand_out(position, store.gone());
            match key {
                Some(key) => {
                    socket.connection().send_conflated(frames.clone(), key, || socket.may_emit());
                }
                None => socket.transmit(frames::shared(&frames), false),
            }
        }
        let forgotten = store.take_forgotten();
        drop(store);
        drop(forgotten);
        if socket.is_watched() {
            socket.show_outgoing(&frames);
        }
    }
}

fn append(
    store: &mut Store,
    recovery: &NamespaceRecovery,
    selection: &Selection,
    direct: bool,
    packet: Recoverable,
) -> (u64, Frames) {
    store.append(recovery.now(), selection, direct, packet.bytes(), |offset| packet.finish(offset))
}

/// What a packet weighs in an outbox.
fn weight(frames: &Frames) -> usize {
    frames.iter().map(|frame| frame.wire_len() + size_of::<Frame>()).sum()
}

/// A socket that goes on with a session: with its id, its rooms and its data.
fn go_on(
    members: &mut Members,
    events: Option<&RoomEvents>,
    entering: Entering<'_>,
    pid: Pid,
    restored: Restored<Frames, Kept>,
) -> Socket {
    let Restored { session: kept, missed, until } = restored;
    let Kept { id, data } = kept.data;
    let resume = Resume { missed, until, rooms: kept.rooms.clone() };
    let session = SocketSession::resumed(pid, &id, kept.progress, resume);
    let socket = members.admit(id.clone(), |key| entering.socket(id, key, Some(data), Some(session)));
    let mut in_own = false;
    for room in &kept.rooms {
        if *room == kept.id {
            in_own = true;
        } else {
            members.join(events, &socket, room);
        }
    }
    if !in_own {
        members.rooms.leave_own(socket.key());
    }
    socket
}
