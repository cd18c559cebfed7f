//! What a connection is sent until it is flushed: packets as the bytes that its WebSocket carries, one behind the other, in a
//! buffer that is lent to it. Its driver lends it one for its turn; and whoever emits lends one for a few small packets, if the
//! thread has one to spare, so that each receiver of a broadcast takes a copy of some bytes.
//!
//! An answer then is written twice, once by the serializer and once into this buffer, and takes no allocation, no place in the
//! outbox and no piece of a vectored write. Promises: what is in it counts as if it were in the outbox, and stands before
//! whatever is there; what does not fit, or is not plain, moves it all to the outbox first ([`Inner::uncork`]), so that limits
//! and policies decide as they would without it. Why, with figures: `docs/decisions/0016-corks.md`.

use std::cell::RefCell;

use enchufe_proto::engine::{FRAME_OVERHEAD, Frame, Rank, Transport};

use super::shared::Ahead;
use super::stream::Io;
use super::{Connection, Due, Inner};
use crate::core::Core;
use crate::overload::OutboxPolicy;

#[cfg(test)]
mod tests;

/// Bytes that are written ahead: as much as one read brings, and a write of the system takes at once.
const LIMIT: usize = 64 << 10;
/// Up to this many bytes packets that many connections share are copied in; larger ones are sent from where they lie.
pub(super) const COPIED: usize = 16 << 10;
/// Up to this many bytes a packet may open a cork outside its connection's turn, and as many such packets stand in it as
/// [`AHEAD`] bytes hold.
const SMALL: usize = 512;
const AHEAD: usize = 4 << 10;
/// What a fresh buffer begins with: a packet or two.
const FRESH: usize = 256;
/// Up to this much memory a buffer is a slim one, as broadcasts lend them; turns make wide ones of them.
const SLIM: usize = 1 << 10;
/// Memory of slim buffers that a thread keeps: as many as a broadcast to twice ten thousand lends.
const SPARE: usize = 8 << 20;
/// Memory of wide ones that it keeps besides; and where it has some of them, no more that take more than [`WIDE`].
const SPARE_WIDE: usize = 4 << 20;
const WIDE: usize = 32 << 10;
const SOME: usize = 4;

thread_local! {
    /// The buffers that this thread has at hand. One that another thread gives back is that one's then.
    static AT_HAND: RefCell<Corks> = const { RefCell::new(Corks { slim: Pile::EMPTY, wide: Pile::EMPTY, missed: 0 }) };
}

/// The buffer.
#[derive(Debug)]
pub(super) struct Cork {
    bytes: Vec<u8>,
    /// Where each packet's frame ends, and its rank.
    frames: Vec<(u32, Rank)>,
    /// Its connection has its turn.
    at_work: bool,
}

impl Cork {
    fn fresh() -> Box<Self> {
        Box::new(Self {
            bytes: Vec::with_capacity(FRESH),
            frames: Vec::with_capacity(FRESH / 64),
            at_work: false,
        })
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
        size_of::<Self>() + self.bytes.capacity() + self.frames.capacity() * size_of::<(u32, Rank)>()
    }

    fn push(&mut self, written: &[u8], rank: Rank) {
        self.bytes.extend_from_slice(written);
        self.end_frame(rank);
    }

    #[inline]
    fn end_frame(&mut self, rank: Rank) {
        // It holds `LIMIT` bytes.
        self.frames.push((u32::try_from(self.bytes.len()).unwrap_or(u32::MAX), rank));
    }

    fn push_all(&mut self, frames: &[Frame]) {
        for frame in frames {
            frame.write_to(&mut self.bytes);
            self.end_frame(frame.rank());
        }
    }

    /// What its driver is to be told when something was written into it: whoever lent it outside of a turn may not have come to
    /// telling it anything yet.
    #[inline]
    const fn due(&self) -> Due {
        if self.at_work { Due::Nothing } else { Due::Flush }
    }

    /// Whether so many bytes more may be written into it.
    fn has_place(&self, bytes: usize) -> bool {
        if self.at_work {
            self.bytes.len() + bytes <= LIMIT
        } else {
            bytes <= SMALL && self.bytes.len() + bytes <= AHEAD
        }
    }

    /// What is in it, as frames of their own.
    fn take(&mut self) -> impl Iterator<Item = Frame> + '_ {
        let mut begin = 0;
        let bytes = &self.bytes;
        self.frames.drain(..).filter_map(move |(end, rank)| {
            let written = bytes.get(begin..end as usize)?;
            begin = end as usize;
            Some(Frame::of_written(written)?.ranked(rank))
        })
    }
}

/// Buffers that nothing is written into.
#[derive(Debug)]
struct Pile {
    #[expect(clippy::vec_box, reason = "a connection holds the box, and none is a word")]
    corks: Vec<Box<Cork>>,
    /// Their memory.
    kept: usize,
}

impl Pile {
    const EMPTY: Self = Self { corks: Vec::new(), kept: 0 };

    #[inline]
    fn take(&mut self) -> Option<Box<Cork>> {
        let cork = self.corks.pop()?;
        self.kept -= cork.capacity().min(self.kept);
        Some(cork)
    }

    #[inline]
    fn keep(&mut self, cork: Box<Cork>, capacity: usize, limit: usize) {
        if self.kept + capacity <= limit {
            self.kept += capacity;
            self.corks.push(cork);
        }
    }
}

/// What a thread has of them.
#[derive(Debug)]
struct Corks {
    slim: Pile,
    /// Apart from the others, so that they take no room from those.
    wide: Pile,
    /// Packets that have gone another way in this round for want of a buffer.
    missed: usize,
}

impl Corks {
    fn keep(&mut self, mut cork: Box<Cork>) {
        cork.bytes.clear();
        cork.frames.clear();
        cork.at_work = false;
        let capacity = cork.capacity();
        if capacity <= SLIM {
            self.slim.keep(cork, capacity, SPARE);
        } else if capacity <= WIDE || (capacity <= 2 * LIMIT && self.wide.corks.len() < SOME) {
            self.wide.keep(cork, capacity, SPARE_WIDE);
        }
    }
}

/// Gives buffers back.
pub(super) fn keep(returned: impl IntoIterator<Item = Box<Cork>>) {
    // Of a thread that is ending nothing is kept.
    let _ = AT_HAND.try_with(|corks| {
        let corks = &mut *corks.borrow_mut();
        returned.into_iter().for_each(|cork| corks.keep(cork));
    });
}

/// Has one buffer more at hand, if a packet of this round, as this one may have, went another way for want of one.
pub(super) fn provide() {
    let _ = AT_HAND.try_with(|corks| {
        let corks = &mut *corks.borrow_mut();
        if corks.missed > 0 {
            corks.missed -= 1;
            if corks.slim.kept < SPARE {
                corks.keep(Cork::fresh());
            }
        }
    });
}

/// The round is over: what was missed in it, and flushed on another thread, is not provided for.
pub(super) fn end_round() {
    let _ = AT_HAND.try_with(|corks| corks.borrow_mut().missed = 0);
}

/// One of this thread's for a few packets, unless it has none, which it notes, or is ending.
fn at_hand() -> Option<Box<Cork>> {
    let take = |corks: &RefCell<Corks>| {
        let corks = &mut *corks.borrow_mut();
        let cork = corks.slim.take().or_else(|| corks.wide.take());
        corks.missed += usize::from(cork.is_none());
        cork
    };
    AT_HAND.try_with(take).ok().flatten()
}

/// One for a turn, a wide one first.
fn for_a_turn() -> Box<Cork> {
    let take = |corks: &RefCell<Corks>| {
        let corks = &mut *corks.borrow_mut();
        corks.wide.take().or_else(|| corks.slim.take())
    };
    AT_HAND.try_with(take).ok().flatten().unwrap_or_else(Cork::fresh)
}

/// Lends one to a connection that has its turn, if its packets may leave as they are written.
pub(super) fn lend(connection: &Connection, io: &Io, inner: &mut Inner) {
    if let Some(cork) = &mut inner.cork {
        cork.at_work = true;
    } else if inner.may_lend() && io.is_plain() && connection.core.config.hooks.observer.is_none() {
        let mut cork = for_a_turn();
        cork.at_work = true;
        if let Some(shared) = inner.shared.take() {
            cork.push(shared.bytes(), shared.frame().rank());
        }
        inner.cork = Some(cork);
    }
}

impl Connection {
    /// Whether packets leave as they are written, and nobody is to be told of each.
    #[inline]
    pub(super) fn sends_plain(&self) -> bool {
        // What an upgraded WebSocket says of itself is `may_cork`'s.
        self.dialect.is_plain() && self.core.config.hooks.observer.is_none()
    }
}

impl Inner {
    /// Whether nothing was written ahead, and nothing stands in the way of what it is sent from now on.
    #[inline]
    pub(super) fn takes_cork(&self) -> bool {
        self.shared.is_none() && self.may_lend()
    }

    #[inline]
    fn may_lend(&self) -> bool {
        self.cork.is_none() && self.session.transport() == Transport::WebSocket && self.may_cork()
    }

    #[inline]
    fn may_cork(&self) -> bool {
        self.session.queued_bytes() == 0
            && self.hold == 0
            && !self.blocked
            && !self.translated
            && self.policy == OutboxPolicy::Close
            && !self.session.is_over()
    }

    /// The buffer, if a packet of so many frames and bytes can be written into it.
    #[inline]
    fn open_cork(&mut self, frames: usize, bytes: usize, core: &Core) -> Option<&mut Cork> {
        if self.shared.is_some() {
            self.cork_shared()?;
        }
        if self.cork.is_none() || !self.may_cork() {
            return None;
        }
        let cork = self.cork.as_deref_mut()?;
        let more = bytes + frames * FRAME_OVERHEAD;
        let fits =
            cork.has_place(bytes) && (cork.is_empty() || cork.cost() + more <= core.session.outbox_limit);
        fits.then_some(cork)
    }

    /// Has the packet of many that it keeps copied to a buffer, so that others can be written behind it. `None` where it is
    /// too large for that, or there is no buffer to spare.
    fn cork_shared(&mut self) -> Option<()> {
        let shared = self.shared.take_if(|shared| shared.bytes().len() <= SMALL)?;
        let Some(mut cork) = at_hand() else {
            self.shared = Some(shared);
            return None;
        };
        cork.push(shared.bytes(), shared.frame().rank());
        self.cork = Some(cork);
        Some(())
    }

    /// A buffer for a connection that does not have its turn, if a packet of so many bytes can be written into it and there is
    /// one to spare.
    #[inline]
    fn new_cork(&mut self, bytes: usize, connection: &Connection) -> Option<&mut Cork> {
        if bytes > SMALL || !connection.sends_plain() || !self.takes_cork() {
            return None;
        }
        Some(self.cork.insert(at_hand()?))
    }

    /// Writes a frame ahead. `None` where that can't be.
    #[inline]
    pub(super) fn cork_written(
        &mut self,
        written: &[u8],
        rank: Rank,
        connection: &Connection,
    ) -> Option<Due> {
        if let Some(cork) = self.open_cork(1, written.len(), &connection.core) {
            cork.push(written, rank);
            return Some(cork.due());
        }
        self.new_cork(written.len(), connection)?.push(written, rank);
        Some(Due::Flush)
    }

    /// Writes the frames of a packet ahead. `None` where that can't be.
    #[inline]
    pub(super) fn cork_frames(&mut self, frames: &[Frame], connection: &Connection) -> Option<Due> {
        let bytes = match frames {
            [frame] => frame.wire_len(),
            frames => frames.iter().map(Frame::wire_len).sum(),
        };
        if bytes > COPIED || !frames.iter().all(Frame::may_compress) {
            return None;
        }
        if let Some(cork) = self.open_cork(frames.len(), bytes, &connection.core) {
            cork.push_all(frames);
            return Some(cork.due());
        }
        self.new_cork(bytes, connection)?.push_all(frames);
        Some(Due::Flush)
    }

    /// Whether what was written ahead is all that its transport is to be given.
    #[inline]
    pub(super) fn is_only_corked(&self) -> bool {
        self.writing == 0 && self.corked_bytes() > 0 && self.may_cork()
    }

    /// What was written ahead, to be sent.
    #[inline]
    pub(super) fn take_ahead(&mut self) -> Option<Ahead> {
        match self.shared.take() {
            Some(shared) => Some(Ahead::Shared(shared)),
            None => self.cork.take().map(Ahead::Cork),
        }
    }

    /// Its turn is over, and what was written ahead stays where it is: what comes now has its driver told.
    pub(super) fn leave_cork(&mut self) {
        if let Some(cork) = &mut self.cork {
            cork.at_work = false;
        }
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
        if let Some(shared) = self.shared.take() {
            self.session.outbox().push_unbounded(shared.frame().clone());
        }
        let Some(cork) = &mut self.cork else { return };
        for frame in cork.take() {
            self.session.outbox().push_unbounded(frame);
        }
        cork.bytes.clear();
    }

    /// What was written ahead, counted as in the outbox.
    pub(super) fn corked_bytes(&self) -> usize {
        match (&self.shared, &self.cork) {
            (Some(shared), _) => shared.cost(),
            (None, Some(cork)) => cork.cost(),
            (None, None) => 0,
        }
    }

    pub(super) fn corked_packets(&self) -> usize {
        usize::from(self.shared.is_some()) + self.cork.as_ref().map_or(0, |cork| cork.frames.len())
    }
}
