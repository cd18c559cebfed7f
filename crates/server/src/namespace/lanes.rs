//! Lanes: events that are handled one after another.
//!
//! A lane exists while an event is in it. The event holds its [`Turn`]; others wait behind it, in the order in which they
//! came. When the turn is dropped, because all the handlers that held it have ended, panicked or were cancelled, it passes to
//! the next event, whose connection's driver handles it. So a lane can't get stuck, and it needs no task.
//!
//! What waits is counted with its connection for as long as it lives, and goes when its socket leaves: where sockets share
//! lanes, it is remembered for each of them where its events wait.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use enchufe_proto::socket::Packet;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;

use crate::connection::{Connection, Mail};
use crate::socket::{Early, Socket};

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
pub(crate) struct Lanes {
    shards: [Mutex<HashMap<Lane, Queue, RandomState>>; SHARDS],
    /// Where the events of each socket wait; only where lanes are not only sockets' own. Locked within a lane's shard.
    waiting: Option<Box<[Mutex<Places>; SHARDS]>>,
    /// The number of the next event that waits.
    number: AtomicU64,
    hash: RandomState,
}

/// The events that wait in a lane, by their numbers.
type Queue = BTreeMap<u64, Waiting>;

/// Lanes and numbers of the events that wait in them, by the addresses of sockets.
type Places = HashMap<usize, HashSet<(Lane, u64), RandomState>, RandomState>;

impl Lanes {
    /// Where they are `shared`, lanes are not only sockets' own.
    pub(super) fn new(shared: bool) -> Self {
        Self {
            shards: Default::default(),
            waiting: shared.then(Default::default),
            number: AtomicU64::new(0),
            hash: RandomState::default(),
        }
    }

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
            Some(queue) => {
                let number = self.number.fetch_add(1, Ordering::Relaxed);
                queue.insert(number, Waiting::new(socket, whole, Early::new(packet, attachments)));
                if let Some(places) = self.places(socket) {
                    places.lock().entry(socket.address()).or_default().insert((lane, number));
                }
                None
            }
            None => {
                lanes.insert(lane, Queue::default());
                Some(Turn { lane, whole, socket: socket.clone(), passes: true })
            }
        }
    }

    /// Who comes next; where nobody does, the lane is no more.
    fn next(&self, lane: Lane) -> Option<Waiting> {
        let mut lanes = self.shard(lane).lock();
        let Some((number, next)) = lanes.get_mut(&lane)?.pop_first() else {
            lanes.remove(&lane);
            return None;
        };
        if let Some(places) = self.places(&next.socket) {
            let mut places = places.lock();
            if let Some(theirs) = places.get_mut(&next.socket.address()) {
                theirs.remove(&(lane, number));
                if theirs.is_empty() {
                    places.remove(&next.socket.address());
                }
            }
        }
        Some(next)
    }

    /// The events of this socket do not wait any more.
    pub(super) fn forget(&self, socket: &Socket) {
        if !socket.connection().has_waiting_events() {
            return;
        }
        let Some(places) = self.places(socket) else {
            let lane = Lane::of(socket);
            let forgotten = self.shard(lane).lock().get_mut(&lane).map(std::mem::take);
            return drop(forgotten);
        };
        let theirs = places.lock().remove(&socket.address());
        for (lane, number) in theirs.into_iter().flatten() {
            // Its turn may come this moment.
            let forgotten = self.shard(lane).lock().get_mut(&lane).and_then(|queue| queue.remove(&number));
            // The socket may be dropped: not under a lock.
            drop(forgotten);
        }
    }

    fn shard(&self, lane: Lane) -> &Mutex<HashMap<Lane, Queue, RandomState>> {
        // Less than their number.
        &self.shards[self.shard_of(lane)]
    }

    fn places(&self, socket: &Socket) -> Option<&Mutex<Places>> {
        // Less than their number.
        self.waiting.as_ref().map(|places| &places[self.shard_of(Lane::of(socket))])
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower bits of a hash")]
    fn shard_of(&self, lane: Lane) -> usize {
        self.hash.hash_one(lane) as usize % SHARDS
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
    /// Whether events of other sockets may wait behind it.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.turn.lane, Lane::Key(_))
    }

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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use enchufe_proto::socket::Limits;

    use super::*;

    #[test]
    fn who_leaves_is_looked_for_only_where_its_events_wait() {
        let lanes = Arc::new(Lanes::new(true));
        let (busy, leaving) = (Socket::unconnected("{}"), Socket::unconnected("{}"));
        let packet = Packet::decode("2[\"a\"]", &Limits::default()).unwrap();
        let enter = |socket: &Socket, key: u64| lanes.enter(Lane::Key(key), true, socket, &packet, &[]);
        let mut turns: Vec<_> = (0..100).map(|key| enter(&busy, key).expect("a free lane")).collect();
        assert!(enter(&busy, 7).is_none() && enter(&leaving, 7).is_none() && enter(&busy, 7).is_none());
        assert!(leaving.connection().has_waiting_events());

        let theirs = lanes.shard_of(Lane::Key(7));
        let others: Vec<_> = lanes.shards.iter().enumerate().filter(|(at, _)| *at != theirs).collect();
        let locked: Vec<_> = others.iter().map(|(_, shard)| shard.lock()).collect();
        let (done, forgotten) = mpsc::channel();
        let (at_work, gone) = (lanes.clone(), leaving.clone());
        std::thread::spawn(move || {
            at_work.forget(&gone);
            done.send(()).unwrap();
        });
        assert!(forgotten.recv_timeout(Duration::from_secs(60)).is_ok(), "no other lane is looked at");
        drop(locked);
        assert!(!leaving.connection().has_waiting_events());
        let order: Vec<_> = std::iter::from_fn(|| lanes.next(Lane::Key(7))).collect();
        assert!(order.len() == 2 && order.iter().all(|event| event.socket == busy));
        assert!(lanes.waiting.iter().flat_map(|places| places.iter()).all(|places| places.lock().is_empty()));
        for turn in &mut turns {
            turn.passes = false;
        }
    }
}
