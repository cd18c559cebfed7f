//! The queue of frames that wait for their transport: in order, bounded in bytes.

use std::collections::VecDeque;

use thiserror::Error;

use super::frame::Frame;

/// What one queued frame is counted with beyond its bytes, so that a flood of empty ones is bounded too.
const FRAME_OVERHEAD: usize = size_of::<Frame>();

/// The frames would have passed the outbox's bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the outbox is full")]
pub struct OutboxFull;

/// Frames that wait to be sent. Empty, it holds no memory beyond itself.
#[derive(Debug, Default)]
pub struct Outbox {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub const fn new() -> Self {
        Self { frames: VecDeque::new(), bytes: 0 }
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
        let more: usize = frames.as_ref().iter().map(cost).sum();
        if self.bytes > 0 && self.bytes.saturating_add(more) > limit {
            return Err(OutboxFull);
        }
        self.bytes += more;
        self.frames.extend(frames);
        Ok(())
    }

    /// Takes the oldest frame.
    pub fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front();
        match &frame {
            Some(frame) => self.bytes -= cost(frame),
            None => self.frames = VecDeque::new(),
        }
        frame
    }

    /// Takes everything at once, in order, and keeps no memory.
    pub fn take_all(&mut self) -> VecDeque<Frame> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
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
}
