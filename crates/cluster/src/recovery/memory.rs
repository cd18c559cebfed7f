//! The sessions and the log of one namespace, in the memory of one node.
//!
//! A plain data structure: its owner locks it, tells it the time, and appends to it under the same lock under which it
//! hands packets to connections, so that both see them in the same order. It has no task and no timer: what is too old
//! goes when something else comes.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::log::Log;
use super::offset::{Epoch, Seen, epoch};
use super::{Offset, Pid, Position, Progress, Quota};
use crate::rooms::{RoomName, Selection};

/// What a session without a connection is counted with beyond its rooms.
const SESSION_BYTES: usize = 512;
/// What one of its rooms is counted with: its name is shared as long as others are in it.
const ROOM_BYTES: usize = 64;

/// How long and how much a store keeps.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Milliseconds that a session may be without a connection.
    pub session_millis: u64,
    /// Milliseconds that a packet is kept: so much longer than a session as it may take until the loss of a connection
    /// is noticed.
    pub packet_millis: u64,
    /// Packets of one namespace.
    pub max_packets: usize,
}

/// The sessions of a namespace, and the packets that they may have missed. `P` is a packet as it is sent, `D` what else
/// is kept for a session.
#[derive(Debug)]
pub struct MemoryStore<P, D> {
    epoch: Epoch,
    log: Log<P>,
    sessions: HashMap<Pid, Slot<D>, RandomState>,
    /// The sessions that have left, in the order in which they did; some have come back.
    leaving: VecDeque<(u64, Pid)>,
    /// How many have left and not come back.
    away: usize,
    /// What they are counted with.
    away_bytes: usize,
    /// What belonged to sessions that were forgotten.
    forgotten: Vec<D>,
    bounds: Bounds,
    quota: Arc<Quota>,
}

#[derive(Debug)]
enum Slot<D> {
    /// It has a connection: the key that the owner knows it by.
    Here(u32),
    Away(Box<Away<D>>),
}

#[derive(Debug)]
struct Away<D> {
    at: u64,
    /// The last position when it left.
    left: Position,
    bytes: usize,
    session: KeptSession<D>,
}

/// What is kept of a session that lost its connection.
#[derive(Debug, Clone)]
pub struct KeptSession<D> {
    /// The public id of its socket.
    pub id: RoomName,
    /// The rooms that it was in, the one of its own id included unless it had left it.
    pub rooms: Vec<RoomName>,
    /// What its connection was handed.
    pub progress: Progress,
    /// What else belongs to it.
    pub data: D,
}

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It still has a connection: the key that it was entered with.
    Here(u32),
    /// It has none.
    Away,
}

/// A session that is to go on.
#[derive(Debug)]
pub struct Restored<P, D> {
    /// What was kept; its progress begins anew, at what the client has seen.
    pub session: KeptSession<D>,
    /// What the client has missed, in order.
    pub missed: Vec<(Position, P)>,
    /// How far that reaches.
    pub until: Position,
}

impl<P: Clone, D> MemoryStore<P, D> {
    /// An empty one. `random` tells its offsets from those of others.
    #[must_use]
    pub fn new(bounds: Bounds, quota: Arc<Quota>, random: u64) -> Self {
        Self {
            epoch: epoch(random),
            log: Log::new(quota.clone()),
            sessions: HashMap::default(),
            leaving: VecDeque::new(),
            away: 0,
            away_bytes: 0,
            forgotten: Vec::new(),
            bounds,
            quota,
        }
    }

    /// The position of the last packet.
    #[must_use]
    pub const fn end(&self) -> Position {
        self.log.end()
    }

    /// The last position that is not kept any more.
    #[must_use]
    pub fn gone(&self) -> Position {
        self.log.gone()
    }

    /// The packets that are kept.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.log.len()
    }

    /// The offset of a position.
    pub(super) fn offset(&self, position: Position) -> Offset {
        Offset::new(self.epoch, position)
    }

    /// The position that an offset of this store says; 0 for any other.
    pub(super) fn position(&self, offset: &str) -> Position {
        match Seen::read(Some(offset), self.epoch) {
            Seen::UpTo(position) => position,
            Seen::Nothing | Seen::OtherLog | Seen::Unknown => 0,
        }
    }

    /// An offset that no packet has, to be encoded where the offset of a packet is to be.
    #[must_use]
    pub fn placeholder(&self) -> Offset {
        self.offset(0)
    }

    // ---- packets -----------------------------------------------------------------------------------

    /// Gives a packet the next position, finishes it with that offset, and keeps it if anybody could ask for it.
    ///
    /// `direct` says that it goes to the one socket whose id is the selection's room, in whatever rooms that is;
    /// `bytes` is what it weighs.
    pub fn append(
        &mut self,
        now: u64,
        selection: &Selection,
        direct: bool,
        bytes: usize,
        finish: impl FnOnce(&Offset) -> P,
    ) -> (Position, P) {
        self.forget_old(now);
        let packet = finish(&self.offset(self.log.end() + 1));
        if self.sessions.is_empty() {
            self.log.skip();
        } else {
            self.log.push(now, selection, direct, packet.clone(), bytes);
            if self.log.len() > self.bounds.max_packets {
                self.log.drop_first();
            }
            self.shrink();
        }
        (self.log.end(), packet)
    }

    /// What a socket with this id and these rooms would have been sent since a position; `None` where not all of it is
    /// kept.
    pub fn since(&self, position: Position, id: &str, rooms: &[RoomName]) -> Option<Vec<(Position, P)>> {
        let whole = self.log.gone() <= position;
        whole.then(|| self.log.behind(position, id, rooms).map(|(at, packet)| (at, packet.clone())).collect())
    }

    // ---- sessions ----------------------------------------------------------------------------------

    /// A session begins, or goes on with a new connection.
    pub fn enter(&mut self, pid: Pid, key: u32) {
        let before = self.sessions.insert(pid, Slot::Here(key));
        self.release(before);
    }

    /// A session ends.
    pub fn end_session(&mut self, pid: &Pid) {
        let ended = self.sessions.remove(pid);
        self.release(ended);
    }

    /// A session has lost its connection and may come back. `left` is where the log ended when it did.
    pub fn leave(&mut self, now: u64, pid: &Pid, left: Position, session: KeptSession<D>) {
        self.forget_old(now);
        let rooms: usize = session.rooms.iter().map(|room| room.len() + ROOM_BYTES).sum();
        let bytes = SESSION_BYTES + rooms;
        self.quota.take_bytes(bytes);
        self.quota.take_session();
        self.away += 1;
        self.away_bytes += bytes;
        let away = Slot::Away(Box::new(Away { at: now, left, bytes, session }));
        let before = self.sessions.insert(pid.clone(), away);
        self.release(before);
        self.leaving.push_back((now, pid.clone()));
        self.compact();
        self.shrink();
    }

    /// Where the session with this secret id is; `None` where there is none (any more).
    pub fn find(&mut self, now: u64, pid: &Pid) -> Option<Found> {
        self.forget_old(now);
        Some(match self.sessions.get(pid)? {
            Slot::Here(key) => Found::Here(*key),
            Slot::Away(_) => Found::Away,
        })
    }

    /// Takes a session without connection to go on with it, where nothing of what its client has missed is gone, and
    /// where that weighs no more than `max_bytes` as `weigh` has it.
    ///
    /// The session is gone afterwards, whether it could be restored or not: its client begins anew or
    /// [enters](Self::enter) again.
    pub fn restore(
        &mut self,
        now: u64,
        pid: &Pid,
        offset: Option<&str>,
        max_bytes: usize,
        weigh: impl Fn(&P) -> usize,
    ) -> Option<Restored<P, D>> {
        self.forget_old(now);
        if !matches!(self.sessions.get(pid)?, Slot::Away(_)) {
            return None;
        }
        let taken = self.sessions.remove(pid)?;
        self.count_out(&taken);
        let Slot::Away(away) = taken else { return None };
        let Away { left, mut session, .. } = *away;
        let seen = Seen::read(offset, self.epoch);
        let until = self.log.end();
        let from = session.progress.resume(seen, left, self.log.gone(), until);
        let missed = from.and_then(|from| {
            let mut bytes = 0;
            let missed = self.log.behind(from, &session.id, &session.rooms).map(|(position, packet)| {
                bytes += weigh(packet);
                (bytes <= max_bytes).then(|| (position, packet.clone()))
            });
            Some((from, missed.collect::<Option<Vec<_>>>()?))
        });
        let Some((from, missed)) = missed else {
            self.forgotten.push(session.data);
            return None;
        };
        session.progress = Progress::beginning(from);
        Some(Restored { session, missed, until })
    }

    /// Takes what belonged to sessions that were forgotten: to be dropped where no lock is held, as it may be the
    /// application's.
    #[must_use]
    pub fn take_forgotten(&mut self) -> Vec<D> {
        std::mem::take(&mut self.forgotten)
    }

    /// Forgets all sessions without a connection, and all packets: nobody can come back any more.
    pub fn clear(&mut self) {
        self.leaving.clear();
        let away: Vec<_> = self.sessions.extract_if(|_, slot| matches!(slot, Slot::Away(_))).collect();
        away.into_iter().for_each(|(_, slot)| self.release(Some(slot)));
        self.log.clear();
    }

    /// Whether somebody may still come back.
    pub fn is_awaiting(&mut self, now: u64) -> bool {
        self.forget_old(now);
        self.away > 0
    }

    // ---- bounds ------------------------------------------------------------------------------------

    /// Forgets the sessions and packets whose time is up, as all that comes does.
    pub fn forget_old(&mut self, now: u64) {
        while let Some((at, pid)) = self.leaving.front()
            && now.saturating_sub(*at) > self.bounds.session_millis
        {
            let (at, pid) = (*at, pid.clone());
            self.leaving.pop_front();
            self.expire(at, &pid);
        }
        self.log.expire(now.saturating_sub(self.bounds.packet_millis));
    }

    /// Forgets a session that left at this time, unless it has come back since.
    fn expire(&mut self, at: u64, pid: &Pid) {
        if matches!(self.sessions.get(pid), Some(Slot::Away(away)) if away.at == at) {
            self.end_session(pid);
        }
    }

    /// Forgets the oldest until all stores together are within their quota, or this one has nothing left to give: first
    /// packets, then sessions, which are worth more.
    fn shrink(&mut self) {
        while self.quota.has_too_many_bytes_for(self.bytes()) && self.log.drop_first() {}
        while self.quota.is_over_for(self.bytes(), self.away) {
            let Some((at, pid)) = self.leaving.pop_front() else { return };
            self.expire(at, &pid);
        }
    }

    /// What all of it is counted with.
    const fn bytes(&self) -> usize {
        self.log.bytes() + self.away_bytes
    }

    /// Drops the memory of departures that were followed by a return: clients could make it grow.
    fn compact(&mut self) {
        if self.leaving.len() > 2 * self.away + 64 {
            let sessions = &self.sessions;
            self.leaving
                .retain(|(at, pid)| matches!(sessions.get(pid), Some(Slot::Away(away)) if away.at == *at));
        }
    }

    fn release(&mut self, slot: Option<Slot<D>>) {
        if let Some(slot) = slot {
            self.count_out(&slot);
            if let Slot::Away(away) = slot {
                self.forgotten.push(away.session.data);
            }
        }
        if self.sessions.is_empty() {
            // Nobody can ask for them.
            self.log.clear();
        }
    }

    fn count_out(&mut self, slot: &Slot<D>) {
        if let Slot::Away(away) = slot {
            self.away -= 1;
            self.away_bytes -= away.bytes;
            self.quota.give_bytes(away.bytes);
            self.quota.give_session();
        }
    }
}

impl<P, D> Drop for MemoryStore<P, D> {
    fn drop(&mut self) {
        for slot in self.sessions.values() {
            if let Slot::Away(away) = slot {
                self.quota.give_bytes(away.bytes);
                self.quota.give_session();
            }
        }
    }
}
