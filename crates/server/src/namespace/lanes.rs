//! Lanes: events that are handled one after another.
//!
//! A lane exists while an event is in it. The event holds its [`Turn`]; others wait behind it, in the order in which they
//! came. When the turn is dropped, because all the handlers that held it have ended, panicked or were cancelled, it passes to
//! the next event, whose connection's driver handles it. So a lane can't get stuck, and it needs no task.
//!
//! What waits is counted with its connection for as long as it lives, and goes when its socket leaves.

use std::hash::BuildHasher;
use std::sync::Arc;

use enchufe_proto::socket::Packet;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;

use crate::connection::{Connection, Mail};
use crate::socket::{Early, Socket};
use bytes::Bytes;

/// Locks among which the lanes are spread.
const SHARDS: usize = 16;

/// Which lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// That of a socket, by its address: whatever is in the lane keeps the socket alive.
    Socket(usize),
    Key(u64),
}

impl Lane {
    pub(crate) fn of(socket: &Socket) -> Self {
        Self::Socket(socket.address())
    }
}

/// The lanes of a namespace that are in use.
#[derive(Default)]
pub(crate) struct Lanes {
    shards: [Mutex<HashMap<Lane, VecDeque<Waiting>, RandomState>>; SHARDS],
    hash: RandomState,
}

impl Lanes {
    /// Puts an event into a lane: its turn where the lane was free, else it waits. `whole` says that its handlers are
    /// to hold the turn to their end.
    pub(super) fn enter(
        &self,
        lane: Lane,
        whole: bool,
        socket: &Socket,
        packet: &Packet<'_>,
        attachments: &[Bytes],
    ) -> Option<Turn> {
        let mut lanes = self.shard(lane).lock();
        match lanes.get_mut(&lane) {
            Some(waiting) => {
                waiting.push_back(Waiting::new(socket, whole, Early::new(packet, attachments)));
                None
            }
            None => {
                lanes.insert(lane, VecDeque::new());
                Some(Turn { lane, whole, socket: socket.clone(), passes: true })
            }
        }
    }

    /// Who comes next; where nobody does, the lane is no more.
    fn next(&self, lane: Lane) -> Option<Waiting> {
        let mut lanes = self.shard(lane).lock();
        let next = lanes.get_mut(&lane)?.pop_front();
        if next.is_none() {
            lanes.remove(&lane);
        }
        next
    }

    /// The events of this socket do not wait any more. Where they are `shared`, lanes are not only sockets' own.
    pub(super) fn forget(&self, socket: &Socket, shared: bool) {
        if !socket.connection().has_waiting_events() {
            return;
        }
        if !shared {
            let lane = Lane::of(socket);
            let forgotten = self.shard(lane).lock().get_mut(&lane).map(std::mem::take);
            return drop(forgotten);
        }
        let mut forgotten: Vec<VecDeque<Waiting>> = Vec::new();
        for shard in &self.shards {
            for waiting in shard.lock().values_mut() {
                if waiting.iter().any(|event| event.socket == *socket) {
                    let (theirs, others) =
                        std::mem::take(waiting).into_iter().partition(|event| event.socket == *socket);
                    *waiting = others;
                    forgotten.push(theirs);
                }
            }
        }
        // Sockets may be dropped: not under a lock.
        drop(forgotten);
    }

    fn shard(&self, lane: Lane) -> &Mutex<HashMap<Lane, VecDeque<Waiting>, RandomState>> {
        #[expect(clippy::cast_possible_truncation, reason = "the lower bits of a hash")]
        let at = self.hash.hash_one(lane) as usize % SHARDS;
        // Less than their number.
        &self.shards[at]
    }
}

/// The right to be handled now. Dropped, it passes to the next event of the lane.
pub(crate) struct Turn {
    lane: Lane,
    /// The handlers of the event hold it to their end, not only until they have started.
    pub(super) whole: bool,
    socket: Socket,
    passes: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.passes {
            return;
        }
        let Some(lanes) = self.socket.namespace_core().lanes() else { return };
        // In a loop, however many connections have ended meanwhile.
        while let Some(event) = lanes.next(self.lane) {
            let connection = event.socket.connection().clone();
            let turn =
                Self { lane: self.lane, whole: event.whole, socket: event.socket.clone(), passes: true };
            match connection.post_mail(Mail::Turn(Box::new(Granted { event, turn }))) {
                Ok(()) => return,
                Err(Mail::Turn(mut granted)) => granted.turn.passes = false,
                Err(_) => {}
            }
        }
    }
}

/// An event that waited, and whose turn has come.
pub(crate) struct Granted {
    event: Waiting,
    turn: Turn,
}

impl Granted {
    pub(crate) fn socket(&self) -> &Socket {
        &self.event.socket
    }

    /// The event, which is not waiting any more, and its turn.
    pub(crate) fn take(mut self) -> (Early, Turn) {
        (std::mem::take(&mut self.event.early), self.turn)
    }
}

/// An event that waits in a lane; counted with its connection.
struct Waiting {
    socket: Socket,
    whole: bool,
    early: Early,
    cost: usize,
}

impl Waiting {
    fn new(socket: &Socket, whole: bool, early: Early) -> Self {
        let cost = early.cost();
        socket.connection().event_waits(cost);
        Self { socket: socket.clone(), whole, early, cost }
    }

    fn connection(&self) -> &Arc<Connection> {
        self.socket.connection()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.connection().event_goes_on(self.cost);
    }
}
