//! What a connection is sent while its driver is at work for it: packets as the bytes that its WebSocket carries, one behind
//! the other, in a buffer that the driver lends it from its turn until it is flushed.
//!
//! An answer then is written twice, once by the serializer and once into this buffer, and takes no allocation, no place in the
//! outbox and no piece of a vectored write. Promises: what is in it counts as if it were in the outbox, and stands before
//! whatever is there; what does not fit, or is not plain, moves it all to the outbox first ([`Inner::uncork`]), so that limits
//! and policies decide as they would without it. Why, with figures: `docs/decisions/0016-corks.md`.

use bytes::Bytes;
use enchufe_proto::engine::{FRAME_OVERHEAD, Frame, Rank, Transport};

use super::stream::Io;
use super::{Connection, Inner};
use crate::core::Core;
use crate::overload::OutboxPolicy;

/// Bytes that are written ahead: as much as one read brings, and a write of the system takes at once.
const LIMIT: usize = 64 << 10;
/// Up to this many bytes packets that many connections share are copied in; larger ones are sent from where they lie.
pub(super) const COPIED: usize = 16 << 10;
/// Memory of buffers that a driver keeps for the next turns.
const SPARE: usize = 1 << 20;
/// What a fresh buffer begins with: a handful of small packets.
const FRESH: usize = 1 << 10;

/// The buffer.
#[derive(Debug)]
pub(super) struct Cork {
    bytes: Vec<u8>,
    /// Where each packet's frame ends, and its rank.
    frames: Vec<(usize, Rank)>,
}

impl Cork {
    fn fresh() -> Box<Self> {
        Box::new(Self { bytes: Vec::with_capacity(FRESH), frames: Vec::with_capacity(FRESH / 64) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn cost(&self) -> usize {
        self.bytes.len() + self.frames.len() * FRAME_OVERHEAD
    }

    fn capacity(&self) -> usize {
        self.bytes.capacity() + self.frames.capacity() * size_of::<(usize, Rank)>()
    }

    fn push(&mut self, header: &[u8], body: &[u8], rank: Rank) {
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(body);
        self.frames.push((self.bytes.len(), rank));
    }

    /// What is in it, as frames of their own.
    fn take(&mut self) -> impl Iterator<Item = Frame> + '_ {
        let mut begin = 0;
        let bytes = &self.bytes;
        self.frames.drain(..).filter_map(move |(end, rank)| {
            let written = bytes.get(begin..end)?;
            begin = end;
            Some(Frame::of_written(written)?.ranked(rank))
        })
    }
}

/// The buffers that a driver has at hand.
#[derive(Debug, Default)]
pub(super) struct Corks {
    #[expect(clippy::vec_box, reason = "a connection holds the box, and none is a word")]
    spare: Vec<Box<Cork>>,
    /// Their memory.
    kept: usize,
}

impl Corks {
    /// Lends one to a connection whose packets may leave as they are written.
    pub(super) fn lend(&mut self, connection: &Connection, io: &Io, inner: &mut Inner) {
        if inner.takes_cork() && io.is_plain() && connection.core.config.hooks.observer.is_none() {
            let cork = self.spare.pop().unwrap_or_else(Cork::fresh);
            self.kept -= cork.capacity().min(self.kept);
            inner.cork = Some(cork);
        }
    }

    /// Takes one back.
    pub(super) fn keep(&mut self, mut cork: Box<Cork>) {
        cork.bytes.clear();
        cork.frames.clear();
        let capacity = cork.capacity();
        if capacity <= 2 * LIMIT && self.kept + capacity <= SPARE {
            self.kept += capacity;
            self.spare.push(cork);
        }
    }
}

impl Inner {
    /// Whether nothing stands in the way of what it is sent from now on.
    fn takes_cork(&self) -> bool {
        self.cork.is_none() && self.session.transport() == Transport::WebSocket && self.may_cork()
    }

    fn may_cork(&self) -> bool {
        self.session.queued_bytes() == 0
            && self.hold == 0
            && !self.blocked
            && self.policy == OutboxPolicy::Close
            && !self.session.is_over()
    }

    /// The buffer, if a packet of so many frames and bytes can be written into it.
    #[inline]
    fn open_cork(&mut self, frames: usize, bytes: usize, core: &Core) -> Option<&mut Cork> {
        if self.cork.is_none() || !self.may_cork() {
            return None;
        }
        let cork = self.cork.as_deref_mut()?;
        let more = bytes + frames * FRAME_OVERHEAD;
        let fits = cork.bytes.len() + bytes <= LIMIT
            && (cork.is_empty() || cork.cost() + more <= core.session.outbox_limit);
        fits.then_some(cork)
    }

    /// Writes a frame ahead. `false` where that can't be.
    #[inline]
    pub(super) fn cork_written(&mut self, written: &[u8], rank: Rank, core: &Core) -> bool {
        let Some(cork) = self.open_cork(1, written.len(), core) else { return false };
        cork.push(written, &[], rank);
        true
    }

    /// Writes the frames of a packet ahead. `false` where that can't be.
    #[inline]
    pub(super) fn cork_frames(&mut self, frames: &[Frame], core: &Core) -> bool {
        if self.cork.is_none() {
            return false;
        }
        let bytes = frames.iter().map(Frame::wire_len).sum();
        if bytes > COPIED || !frames.iter().all(Frame::may_compress) {
            return false;
        }
        let Some(cork) = self.open_cork(frames.len(), bytes, core) else { return false };
        for frame in frames {
            cork.push(frame.header(), frame.body(), frame.rank());
        }
        true
    }

    /// Moves what was written ahead to the outbox, for what comes now is more than can be written there.
    #[inline]
    pub(super) fn uncork(&mut self) {
        if self.corked_bytes() > 0 {
            self.uncork_now();
        }
    }

    #[cold]
    fn uncork_now(&mut self) {
        let Some(cork) = &mut self.cork else { return };
        for frame in cork.take() {
            self.session.outbox().push_unbounded(frame);
        }
        cork.bytes.clear();
    }

    /// What was written ahead, counted as in the outbox.
    pub(super) fn corked_bytes(&self) -> usize {
        self.cork.as_ref().map_or(0, |cork| cork.cost())
    }

    pub(super) fn corked_packets(&self) -> usize {
        self.cork.as_ref().map_or(0, |cork| cork.frames.len())
    }
}

/// What is left of bytes that a transport has not taken whole.
pub(super) fn rest(cork: &Cork, written: usize) -> Bytes {
    Bytes::copy_from_slice(cork.bytes.get(written..).unwrap_or_default())
}
