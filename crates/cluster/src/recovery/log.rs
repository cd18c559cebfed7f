//! The packets of a namespace that may have to be sent again, in order.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::Position;
use super::quota::Quota;
use crate::rooms::{RoomName, Selection};

/// What a packet is counted with beyond its own bytes: its entry, its selection, the blocks that hold it.
const OVERHEAD: usize = 256;

/// Packets in order, without a gap. What is dropped is the oldest.
#[derive(Debug)]
pub(super) struct Log<P> {
    entries: VecDeque<Entry<P>>,
    /// The position of the last packet, kept or not.
    end: Position,
    /// What the packets are counted with.
    bytes: usize,
    quota: Arc<Quota>,
}

#[derive(Debug)]
struct Entry<P> {
    at: u64,
    bytes: usize,
    /// It was emitted to the one socket whose id its selection names, whatever rooms that is in.
    direct: bool,
    selection: Selection,
    packet: P,
}

impl<P: Clone> Log<P> {
    pub(super) const fn new(quota: Arc<Quota>) -> Self {
        Self { entries: VecDeque::new(), end: 0, bytes: 0, quota }
    }

    /// The position of the last packet.
    pub(super) const fn end(&self) -> Position {
        self.end
    }

    /// The last position that is not kept any more.
    pub(super) fn gone(&self) -> Position {
        self.end - self.entries.len() as Position
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What the packets are counted with.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a packet, at the position after the last.
    pub(super) fn push(&mut self, at: u64, selection: &Selection, direct: bool, packet: P, bytes: usize) {
        let bytes = bytes + OVERHEAD;
        self.end += 1;
        self.bytes += bytes;
        self.quota.take_bytes(bytes);
        self.entries.push_back(Entry { at, bytes, direct, selection: selection.clone(), packet });
    }

    /// Counts a packet that nobody can ask for.
    pub(super) fn skip(&mut self) {
        self.clear();
        self.end += 1;
    }

    /// Drops what came before this time.
    pub(super) fn expire(&mut self, before: u64) {
        while self.entries.front().is_some_and(|entry| entry.at < before) {
            self.drop_first();
        }
    }

    /// Drops the oldest; `false` where there is none.
    pub(super) fn drop_first(&mut self) -> bool {
        let dropped = self.entries.pop_front();
        if let Some(entry) = &dropped {
            self.bytes -= entry.bytes;
            self.quota.give_bytes(entry.bytes);
        }
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        dropped.is_some()
    }

    pub(super) fn clear(&mut self) {
        while self.drop_first() {}
    }

    /// The packets behind a position, which are all kept, that a socket with this id and these rooms (its own among
    /// them unless it has left it) would have been sent.
    pub(super) fn behind<'a>(
        &'a self,
        position: Position,
        id: &'a str,
        rooms: &'a [RoomName],
    ) -> impl Iterator<Item = (Position, &'a P)> {
        let gone = self.gone();
        let skipped = usize::try_from(position.saturating_sub(gone)).unwrap_or(usize::MAX);
        let skipped = skipped.min(self.entries.len());
        let first = gone + 1 + skipped as Position;
        let rooms: HashSet<&str, RandomState> = rooms.iter().map(|room| &**room).collect();
        self.entries.range(skipped..).zip(first..).filter_map(move |(entry, position)| {
            let inside = |room: &RoomName| rooms.contains(&**room);
            let (to, except) = (&entry.selection.rooms, &entry.selection.except);
            let wanted = if entry.direct {
                to.iter().any(|room| **room == *id)
            } else {
                (to.is_empty() || to.iter().any(inside)) && !except.iter().any(inside)
            };
            wanted.then_some((position, &entry.packet))
        })
    }
}

impl<P> Drop for Log<P> {
    fn drop(&mut self) {
        self.entries.iter().for_each(|entry| self.quota.give_bytes(entry.bytes));
    }
}
