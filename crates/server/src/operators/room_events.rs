//! Rooms come into being and go, sockets join and leave them: who wants to know is told, in order, with no lock held.
//!
//! What changes is noted under the lock of the namespace's members, so the notes are in the order of the changes. They are
//! told afterwards, by the thread that made the change unless another is telling: one at a time, all in order.
//! Names and occasions are the official adapter's: `create-room`, `delete-room`, `join-room`, `leave-room`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use enchufe_cluster::{Joined, Left, LeftRoom, RoomName, SocketKey};
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use parking_lot::Mutex;

use super::Broadcast;
use crate::handler::guarded;
use crate::id::SocketId;
use crate::namespace::NamespaceCore;

/// Changes that may wait while a hook is at work: some seconds' worth of a busy node. Where there are more, the hook is
/// too slow for what happens, and the newest are lost.
const MAX_WAITING: usize = 100_000;

/// What has happened to a room of a namespace on this node; see
/// [`Namespace::on_room_event`](crate::Namespace::on_room_event).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEvent {
    /// It has come into being: its first socket is about to be told of.
    Create {
        /// Its name.
        room: RoomName,
    },
    /// Its last socket has left.
    Delete {
        /// Its name.
        room: RoomName,
    },
    /// A socket has joined it.
    Join {
        /// Its name.
        room: RoomName,
        /// The socket.
        socket: SocketId,
    },
    /// A socket has left it.
    Leave {
        /// Its name.
        room: RoomName,
        /// The socket.
        socket: SocketId,
    },
}

impl RoomEvent {
    /// The room's name.
    #[must_use]
    pub fn room(&self) -> &str {
        match self {
            Self::Create { room } | Self::Delete { room } => room,
            Self::Join { room, .. } | Self::Leave { room, .. } => room,
        }
    }
}

type Hook = dyn Fn(Broadcast, &RoomEvent) + Send + Sync;

/// What the application does about it.
pub(crate) struct RoomHook(Box<Hook>);

impl RoomHook {
    pub(crate) fn new(hook: impl Fn(Broadcast, &RoomEvent) + Send + Sync + 'static) -> Self {
        Self(Box::new(hook))
    }
}

impl fmt::Debug for RoomHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomHook")
    }
}

/// What there is to tell of a namespace that somebody watches.
#[derive(Default)]
pub(crate) struct RoomEvents(Mutex<Notes>);

#[derive(Default)]
pub(crate) struct Notes {
    waiting: VecDeque<RoomEvent>,
    telling: bool,
    lost: u64,
    /// The sockets whose own rooms have been told of: those that were let in and have not left them.
    own: HashSet<SocketKey, RandomState>,
}

impl RoomEvents {
    /// Notes changes. Called under the lock of the members.
    pub(crate) fn note(&self, note: impl FnOnce(&mut Notes)) {
        note(&mut self.0.lock());
    }

    /// Tells what was noted, unless another thread, or this one further up, is at it. No lock is held.
    pub(crate) fn tell(&self, namespace: &Arc<NamespaceCore>) {
        let mut notes = self.0.lock();
        if notes.telling || notes.waiting.is_empty() {
            return;
        }
        notes.telling = true;
        let everybody = Broadcast::new(namespace.clone());
        while let Some(event) = notes.waiting.pop_front() {
            let lost = std::mem::take(&mut notes.lost);
            drop(notes);
            if lost > 0 {
                tracing::error!(lost, "room events were lost: a hook is slower than what happens");
            }
            for hook in &namespace.routes.room_hooks {
                guarded("on_room_event", || (hook.0)(everybody.clone(), &event));
            }
            notes = self.0.lock();
        }
        notes.telling = false;
    }
}

/// In each, `own` is the socket whose id the room's name is, if there is one, and whether it is in it.
impl Notes {
    fn push(&mut self, event: RoomEvent) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    /// A socket has joined a room that is not its own.
    pub(crate) fn joined(
        &mut self,
        socket: &SocketId,
        room: &RoomName,
        joined: Joined,
        own: Option<SocketKey>,
    ) {
        if !joined.joined {
            return;
        }
        if joined.created && !own.is_some_and(|own| self.own.contains(&own)) {
            self.push(RoomEvent::Create { room: room.clone() });
        }
        self.push(RoomEvent::Join { room: room.clone(), socket: socket.clone() });
    }

    /// A socket has left a room that is not its own.
    pub(crate) fn left(&mut self, socket: &SocketId, room: &RoomName, left: Left, own: Option<SocketKey>) {
        if !left.left {
            return;
        }
        self.push(RoomEvent::Leave { room: room.clone(), socket: socket.clone() });
        if left.deleted && !own.is_some_and(|own| self.own.contains(&own)) {
            self.push(RoomEvent::Delete { room: room.clone() });
        }
    }

    /// A socket that has been let in is in its own room. `others` says whether they are in it too.
    pub(crate) fn joined_own(&mut self, socket: &SocketId, key: SocketKey, others: bool) {
        if !self.own.insert(key) {
            return;
        }
        let room: RoomName = socket.as_str().into();
        if !others {
            self.push(RoomEvent::Create { room: room.clone() });
        }
        self.push(RoomEvent::Join { room, socket: socket.clone() });
    }

    /// A socket has left its own room.
    pub(crate) fn left_own(&mut self, socket: &SocketId, key: SocketKey, others: bool) {
        if !self.own.remove(&key) {
            return;
        }
        let room: RoomName = socket.as_str().into();
        self.push(RoomEvent::Leave { room: room.clone(), socket: socket.clone() });
        if !others {
            self.push(RoomEvent::Delete { room });
        }
    }

    /// A socket has left this room as one of all.
    pub(crate) fn left_with_all(&mut self, socket: &SocketId, left: LeftRoom, own: Option<SocketKey>) {
        let LeftRoom { name, deleted } = left;
        self.left(socket, &name, Left { left: true, deleted }, own);
    }
}
