//! The queue of frames that wait for their transport: in order, bounded in bytes.
//!
//! Promises: a packet is in it whole or not at all; what is given up for want of room is counted, and is never a frame
//! of [`Rank::Kept`].

use std::collections::VecDeque;

use thiserror::Error;

use super::frame::{Frame, Rank};

/// What one queued frame is counted with beyond its bytes, so that a flood of empty ones is bounded too.
const FRAME_OVERHEAD: usize = size_of::<Frame>();

/// The frames would have passed the outbox's bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the outbox is full")]
pub struct OutboxFull;

/// What may be given up where there is no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shed {
    /// Nothing.
    #[default]
    Nothing,
    /// Packets of [`Rank::Volatile`], the oldest first.
    Volatile,
    /// Events, the oldest first.
    Oldest,
}

impl Shed {
    const fn takes(self, rank: Rank) -> bool {
        match self {
            Self::Nothing => false,
            Self::Volatile => matches!(rank, Rank::Volatile),
            Self::Oldest => matches!(rank, Rank::Volatile | Rank::Event),
        }
    }
}

/// What queueing a packet did to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Queued {
    /// Older packets that were given up for it.
    pub dropped: usize,
    /// It took the place of an older one of its key.
    pub replaced: bool,
}

/// Frames that wait to be sent. Empty, it holds no memory beyond itself.
#[derive(Debug, Default)]
pub struct Outbox {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Where packets with a key wait; `None` as long as there was none since it was empty.
    keys: Option<Box<Keys>>,
}

/// The packets that have a key.
#[derive(Debug, Default)]
struct Keys {
    /// Frames that have left the front of the queue since the first of these came.
    gone: u64,
    /// Each key with the number of its packet's first frame, counted as `gone` is.
    places: Vec<(u64, u64)>,
}

impl Keys {
    /// So many frames at `at` are no longer there.
    fn removed(&mut self, at: usize, count: usize) {
        let at = self.gone + at as u64;
        let count = count as u64;
        self.places.retain(|(_, place)| *place < at || *place >= at + count);
        for (_, place) in self.places.iter_mut().filter(|(_, place)| *place >= at) {
            *place -= count;
        }
    }
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub const fn new() -> Self {
        Self { frames: VecDeque::new(), bytes: 0, keys: None }
    }

    /// Queues a frame, whatever the bound: for what the protocol itself must send.
    pub fn push_unbounded(&mut self, frame: Frame) {
        self.bytes += cost(&frame);
        self.frames.push_back(frame);
    }

    /// Queues the frames of one packet together, or none of them.
    ///
    /// # Errors
    /// [`OutboxFull`] when they would take the outbox past `limit` bytes and something is queued already
    /// (a single packet larger than the bound still goes out).
    pub fn push_all(
        &mut self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        limit: usize,
    ) -> Result<(), OutboxFull> {
        self.push_or_shed(frames, limit, Shed::Nothing).map(drop)
    }

    /// As [`Outbox::push_all`], giving up what `shed` allows where there is no room. A packet is given up with its
    /// attachments or not at all.
    ///
    /// # Errors
    /// [`OutboxFull`] where even that makes not room enough.
    #[inline]
    pub fn push_or_shed(
        &mut self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        limit: usize,
        shed: Shed,
    ) -> Result<Queued, OutboxFull> {
        let more: usize = frames.as_ref().iter().map(cost).sum();
        let mut dropped = 0;
        if !self.has_room(more, limit) {
            dropped = self.make_room(more, limit, shed);
            if !self.has_room(more, limit) {
                return Err(OutboxFull);
            }
        }
        self.bytes += more;
        self.frames.extend(frames);
        Ok(Queued { dropped, replaced: false })
    }

    /// As [`Outbox::push_or_shed`], in the place of a packet of the same key that waits: that one is forgotten, and this
    /// one stands at the end, so that it overtakes nothing.
    ///
    /// # Errors
    /// As [`Outbox::push_or_shed`].
    pub fn push_conflated(
        &mut self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        limit: usize,
        shed: Shed,
        key: u64,
    ) -> Result<Queued, OutboxFull> {
        let replaced = self.withdraw(key);
        let queued = self.push_or_shed(frames.as_ref().to_vec(), limit, shed)?;
        let place = self.frames.len() - frames.as_ref().len();
        let keys = self.keys.get_or_insert_default();
        if keys.places.len() > 2 * self.frames.len() + 16 {
            // Many have left without being replaced.
            let gone = keys.gone;
            keys.places.retain(|(_, place)| *place >= gone);
        }
        keys.places.push((key, keys.gone + place as u64));
        Ok(Queued { replaced, ..queued })
    }

    fn has_room(&self, more: usize, limit: usize) -> bool {
        self.bytes == 0 || self.bytes.saturating_add(more) <= limit
    }

    /// Gives packets up until there is room, the oldest first; tells how many.
    #[cold]
    fn make_room(&mut self, more: usize, limit: usize, shed: Shed) -> usize {
        let (mut at, mut dropped) = (0, 0);
        while shed != Shed::Nothing && !self.has_room(more, limit) {
            match self.frames.get(at).map(Frame::rank) {
                Some(rank) if shed.takes(rank) => {
                    self.remove_packet(at);
                    dropped += 1;
                }
                Some(_) => at += 1,
                None => break,
            }
        }
        dropped
    }

    fn withdraw(&mut self, key: u64) -> bool {
        let Some(keys) = &mut self.keys else { return false };
        let Some(index) = keys.places.iter().position(|(other, _)| *other == key) else { return false };
        let (_, place) = keys.places.swap_remove(index);
        let Some(at) = place.checked_sub(keys.gone).and_then(|at| usize::try_from(at).ok()) else {
            return false;
        };
        self.remove_packet(at);
        true
    }

    /// Forgets the packet that begins at `at`, with its attachments.
    fn remove_packet(&mut self, at: usize) {
        let attachments =
            self.frames.iter().skip(at + 1).take_while(|frame| frame.rank() == Rank::Attachment).count();
        let end = (at + 1 + attachments).min(self.frames.len());
        let removed = self.frames.drain(at.min(end)..end);
        let count = removed.len();
        self.bytes -= removed.map(|frame| cost(&frame)).sum::<usize>();
        if let Some(keys) = &mut self.keys {
            keys.removed(at, count);
        }
    }

    /// Takes the oldest frame.
    pub fn pop(&mut self) -> Option<Frame> {
        let Some(frame) = self.frames.pop_front() else {
            if self.frames.capacity() > 0 {
                *self = Self::new();
            }
            return None;
        };
        self.bytes -= cost(&frame);
        if let Some(keys) = &mut self.keys {
            keys.gone += 1;
        }
        Some(frame)
    }

    /// Takes everything at once, in order, and keeps no memory.
    pub fn take_all(&mut self) -> VecDeque<Frame> {
        std::mem::take(self).frames
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The number of frames that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// The bytes that wait, the frames' own overhead included.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn cost(frame: &Frame) -> usize {
    frame.wire_len() + FRAME_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_in_the_order_they_came() {
        let mut outbox = Outbox::default();
        outbox.push_all([Frame::text("4a"), Frame::text("4b")], 10_000).unwrap();
        outbox.push_unbounded(Frame::text("2"));
        let bodies: Vec<_> = std::iter::from_fn(|| outbox.pop()).map(|f| f.body().clone()).collect();
        assert_eq!(bodies, ["4a", "4b", "2"]);
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn a_packet_past_the_bound_is_refused_whole() {
        let mut outbox = Outbox::default();
        outbox.push_all([Frame::text("4a")], 100).unwrap();
        let before = outbox.bytes();
        assert_eq!(outbox.push_all([Frame::text("4b"), Frame::binary(vec![0; 100])], 100), Err(OutboxFull));
        assert_eq!((outbox.bytes(), outbox.len()), (before, 1));
    }

    #[test]
    fn one_packet_larger_than_the_bound_passes_an_empty_outbox() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.push_all([Frame::binary(vec![0; 1000])], 100), Ok(()));
    }

    fn event(text: &'static str) -> Frame {
        Frame::text(text).ranked(Rank::Event)
    }

    fn bodies(outbox: &mut Outbox) -> Vec<String> {
        outbox.take_all().iter().map(|frame| String::from_utf8_lossy(frame.body()).into_owned()).collect()
    }

    #[test]
    fn the_oldest_events_go_first_and_nothing_else_does() {
        let mut outbox = Outbox::new();
        let one = cost(&event("4a"));
        outbox.push_unbounded(Frame::text("40"));
        for text in ["4a", "4b", "4c"] {
            outbox.push_all([event(text)], 1000).unwrap();
        }
        outbox.push_unbounded(Frame::text("2"));
        let full = outbox.bytes();
        let queued = outbox.push_or_shed([event("4d")], full, Shed::Oldest);
        assert_eq!(queued, Ok(Queued { dropped: 1, replaced: false }));
        let queued = outbox.push_or_shed([event("4e"), event("4f")], full, Shed::Oldest);
        assert_eq!(queued, Ok(Queued { dropped: 2, replaced: false }));
        assert_eq!(outbox.bytes(), full);
        assert_eq!(outbox.push_or_shed([event("4g")], 2 * one, Shed::Oldest), Err(OutboxFull));
        assert_eq!(bodies(&mut outbox), ["40", "2"], "what is kept may still fill it");
    }

    #[test]
    fn a_packet_goes_with_its_attachments() {
        let mut outbox = Outbox::new();
        let attachment = || Frame::binary(vec![7; 10]).ranked(Rank::Attachment);
        outbox.push_all([event("451-a"), attachment()], 1000).unwrap();
        outbox.push_all([event("4b")], 1000).unwrap();
        let full = outbox.bytes();
        assert_eq!(outbox.push_or_shed([event("4c")], full, Shed::Oldest).unwrap().dropped, 1);
        assert_eq!(bodies(&mut outbox), ["4b", "4c"]);
    }

    #[test]
    fn only_volatile_packets_go_where_only_they_may() {
        let mut outbox = Outbox::new();
        outbox.push_all([event("4a")], 1000).unwrap();
        outbox.push_all([Frame::text("4v").ranked(Rank::Volatile)], 1000).unwrap();
        let full = outbox.bytes();
        assert_eq!(outbox.push_or_shed([event("4b")], full, Shed::Volatile).unwrap().dropped, 1);
        assert_eq!(outbox.push_or_shed([event("4c")], full, Shed::Volatile), Err(OutboxFull));
        assert_eq!(bodies(&mut outbox), ["4a", "4b"]);
    }

    #[test]
    fn the_latest_of_a_key_takes_the_place_of_those_that_wait() {
        let mut outbox = Outbox::new();
        let mut push = |text, key| outbox.push_conflated([event(text)], 1000, Shed::Nothing, key).unwrap();
        assert!(!push("4x1", 1).replaced);
        assert!(!push("4y1", 2).replaced);
        assert!(push("4x2", 1).replaced);
        assert_eq!(outbox.pop().unwrap().body(), "4y1");
        let mut push = |text, key| outbox.push_conflated([event(text)], 1000, Shed::Nothing, key).unwrap();
        assert!(!push("4y2", 2).replaced, "the first has left");
        assert!(push("4x3", 1).replaced);
        assert!(push("4y3", 2).replaced);
        assert_eq!(bodies(&mut outbox), ["4x3", "4y3"]);
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn keys_that_are_used_once_take_no_lasting_memory() {
        let mut outbox = Outbox::new();
        outbox.push_all([event("4first")], 1000).unwrap();
        for key in 0..10_000 {
            outbox.push_conflated([event("4n")], 1000, Shed::Nothing, key).unwrap();
            outbox.pop().unwrap();
        }
        assert!(outbox.keys.as_ref().unwrap().places.len() < 100);
        while outbox.pop().is_some() {}
        assert!(outbox.keys.is_none());
    }
}
