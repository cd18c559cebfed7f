//! The queue of frames that wait for their transport: in order, bounded in bytes.
//!
//! Promises: a packet is in it whole or not at all; what is given up for want of room is counted, and is never a frame
//! of [`Rank::Kept`]. Whatever waits, and however many keys there are, queueing takes a few steps on average.

use std::collections::VecDeque;

use thiserror::Error;

use self::marks::Marks;
use super::frame::{Frame, Rank};

mod marks;

/// What one queued frame is counted with beyond its bytes, so that a flood of empty ones is bounded too.
pub const FRAME_OVERHEAD: usize = size_of::<Frame>();
/// Gaps are closed when they are more than one in so many frames, which costs each of them a few steps, and more than
/// these few.
const MANY_GAPS: usize = 4;
const FEW_GAPS: usize = 16;

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
#[repr(C)]
pub struct Outbox {
    /// Of all that are no gaps.
    bytes: usize,
    /// Some of them may be gaps, where a packet was given up or replaced: those behind it keep their places.
    frames: VecDeque<Frame>,
    /// What is known of frames that are not at an end; `None` as long as nothing was to be given up and no packet had a
    /// key since it was empty.
    marks: Option<Box<Marks>>,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub const fn new() -> Self {
        Self { frames: VecDeque::new(), bytes: 0, marks: None }
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
        let count = frames.as_ref().len();
        let queued = self.push_or_shed(frames, limit, shed)?;
        let at = self.frames.len() - count;
        self.marks.get_or_insert_default().keep(key, at, self.frames.len());
        Ok(Queued { replaced, ..queued })
    }

    fn has_room(&self, more: usize, limit: usize) -> bool {
        self.bytes == 0 || self.bytes.saturating_add(more) <= limit
    }

    /// Gives packets up until there is room, the oldest first; tells how many. However often it is called, it looks at
    /// each frame once for each kind of what may be given up.
    #[cold]
    fn make_room(&mut self, more: usize, limit: usize, shed: Shed) -> usize {
        if shed == Shed::Nothing {
            return 0;
        }
        let mut marks = self.marks.take().unwrap_or_default();
        let (mut at, mut dropped) = (marks.unseen(shed), 0);
        while !self.has_room(more, limit)
            && let Some(rank) = self.frames.get(at).map(Frame::rank)
        {
            if shed.takes(rank) {
                self.give_up(at, &mut marks);
                dropped += 1;
            }
            marks.count_work(1);
            at += 1;
        }
        marks.see(shed, at);
        self.settle(marks);
        dropped
    }

    fn withdraw(&mut self, key: u64) -> bool {
        let Some(mut marks) = self.marks.take() else { return false };
        let waiting = marks.take(key).filter(|at| self.frames.get(*at).is_some_and(|frame| !frame.is_gap()));
        if let Some(at) = waiting {
            self.give_up(at, &mut marks);
        }
        self.settle(marks);
        waiting.is_some()
    }

    /// Leaves a gap where the packet that begins at `at` was, with its attachments.
    fn give_up(&mut self, at: usize, marks: &mut Marks) {
        let mut attachment = false;
        for frame in self.frames.range_mut(at..) {
            if attachment && frame.rank() != Rank::Attachment {
                break;
            }
            attachment = true;
            self.bytes -= cost(frame);
            *frame = Frame::gap();
            marks.gaps += 1;
            marks.count_work(1);
        }
    }

    /// Keeps the marks, and has few gaps.
    fn settle(&mut self, mut marks: Box<Marks>) {
        if self.bytes == 0 {
            return self.clear();
        }
        while self.frames.front().is_some_and(Frame::is_gap) {
            self.frames.pop_front();
            marks.left(true);
        }
        if marks.gaps > self.frames.len() / MANY_GAPS + FEW_GAPS {
            marks.close_gaps(&mut self.frames);
        }
        self.marks = Some(marks);
    }

    /// Takes the oldest frame.
    pub fn pop(&mut self) -> Option<Frame> {
        loop {
            let Some(frame) = self.frames.pop_front() else {
                if self.frames.capacity() > 0 {
                    *self = Self::new();
                }
                return None;
            };
            if let Some(marks) = &mut self.marks {
                let gap = frame.is_gap();
                marks.left(gap);
                if gap {
                    continue;
                }
            }
            self.bytes -= cost(&frame);
            return Some(frame);
        }
    }

    /// Takes everything at once, in order, and keeps no memory.
    pub fn take_all(&mut self) -> VecDeque<Frame> {
        let mut all = std::mem::take(self);
        if all.marks.is_some_and(|marks| marks.gaps > 0) {
            all.frames.retain(|frame| !frame.is_gap());
        }
        all.frames
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        // Every frame counts for something.
        self.bytes == 0
    }

    /// The number of frames that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len() - self.marks.as_ref().map_or(0, |marks| marks.gaps)
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
mod tests;
