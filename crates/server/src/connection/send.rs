//! What a connection is sent: packets into its cork or its outbox, and what they count as while they wait.
//!
//! Promises: the frames of a packet stand together; its driver is told of what was queued once since the last flush; a condition
//! that somebody else may end is asked under the lock, so that nothing stands behind the packet that ends it.

use std::sync::atomic::Ordering;

use enchufe_proto::engine::{CloseReason, Frame, OutboxFull, Queued, Rank, State};

use super::{Connection, Due, Inner, LARGE, QUEUED};
use crate::core::Core;
use crate::error::EmitError;
use crate::frames::{Draft, Frames};
use crate::overload::OutboxPolicy;
use crate::stats;

impl Connection {
    /// Queues the frames of one packet. With a connection that does not take them is done what its policy says.
    pub(crate) fn send(&self, frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>) {
        self.send_while(frames, || true);
    }

    /// As [`Connection::send`], if something holds, which is looked at under the lock. Tells whether it held.
    pub(crate) fn send_while(
        &self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        holds: impl FnOnce() -> bool,
    ) -> bool {
        self.send_keyed(frames, None, holds)
    }

    /// As [`Connection::send_while`], in the place of a packet of the same key that waits.
    pub(crate) fn send_conflated(
        &self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        key: u64,
        holds: impl FnOnce() -> bool,
    ) -> bool {
        self.send_keyed(frames, Some(key), holds)
    }

    fn send_keyed(
        &self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        key: Option<u64>,
        holds: impl FnOnce() -> bool,
    ) -> bool {
        let mut inner = self.inner.lock();
        if !holds() {
            return false;
        }
        let due = inner.queue(frames, self, key);
        let due = inner.newly(due, self);
        drop(inner);
        self.tell(due);
        true
    }

    /// As [`Connection::send_while`], for a packet that goes to this connection alone.
    ///
    /// # Errors
    /// It cannot be put into the form in which it is queued.
    pub(crate) fn send_draft(&self, mut draft: Draft<'_>, holds: impl Fn() -> bool) -> Result<(), EmitError> {
        let rank = draft.rank();
        if let Some(written) = draft.written() {
            let mut inner = self.inner.lock();
            if !holds() {
                return Ok(());
            }
            if let Some(due) = inner.cork_written(written, rank, self) {
                let due = inner.newly(due, self);
                drop(inner);
                self.tell(due);
                return Ok(());
            }
        }
        self.send_while(draft.finish()?, holds);
        Ok(())
    }

    /// Queues frames, together, if something holds, which is looked at under the lock: whoever sees its effect queues
    /// behind them.
    pub(crate) fn send_if(
        &self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        holds: impl FnOnce() -> bool,
    ) -> bool {
        let mut inner = self.inner.lock();
        let sent = holds();
        let due = if sent { inner.queue(frames, self, None) } else { Due::Turn };
        let due = inner.newly(due, self);
        drop(inner);
        self.tell(due);
        sent
    }

    /// As [`Connection::send_while`], but forgets the frames where they cannot leave at once, unless the policy lets them wait. Tells
    /// whether it held.
    pub(crate) fn send_volatile(
        &self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        holds: impl FnOnce() -> bool,
    ) -> bool {
        let mut inner = self.inner.lock();
        if !holds() {
            return false;
        }
        if !inner.blocked && inner.corked_bytes() == 0 && inner.session.is_writable() {
            // An empty outbox takes any packet.
            let _ = inner.session.send(frames, &self.core.session);
        } else if inner.policy != OutboxPolicy::DropVolatile || !inner.queue_volatile(frames, &self.core) {
            drop(inner);
            stats::add(&self.core.stats.dropped_volatile, 1);
            return true;
        }
        drop(inner);
        self.notify();
        true
    }

    /// What is given up from now on when too much waits.
    pub(crate) fn set_policy(&self, policy: OutboxPolicy) {
        let mut inner = self.inner.lock();
        inner.uncork();
        inner.policy = policy;
    }

    /// Everything that has not reached the transport; nothing where it is over.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let inner = self.inner.lock();
        if matches!(inner.session.state(), State::Closed(_)) { 0 } else { inner.waiting() }
    }

    /// Packets that wait for the transport.
    pub(crate) fn queued_packets(&self) -> usize {
        let mut inner = self.inner.lock();
        inner.corked_packets() + inner.session.outbox().len()
    }

    /// Bytes that wait for the transport.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.inner.lock().queued_bytes()
    }

    /// Keeps everything back until [`Connection::release`].
    pub(crate) fn hold(&self) {
        self.inner.lock().hold += 1;
    }

    pub(crate) fn release(&self) {
        let mut inner = self.inner.lock();
        inner.hold = inner.hold.saturating_sub(1);
        drop(inner);
        self.notify();
    }

    /// Done when nothing waits for the transport any more, or the connection is over.
    pub(crate) async fn drained(&self) {
        let notified = {
            let mut inner = self.inner.lock();
            if inner.is_drained() {
                return;
            }
            // Made under the lock, it cannot miss what is told under the lock.
            inner.drained.get_or_insert_with(Default::default).clone().notified_owned()
        };
        notified.await;
    }
}

#[cfg(test)]
impl Connection {
    /// The text packets that wait.
    pub(crate) fn queued_texts(&self) -> Vec<String> {
        let mut inner = self.inner.lock();
        inner.uncork();
        let frames = inner.session.outbox().take_all();
        for frame in &frames {
            inner.session.outbox().push_unbounded(frame.clone());
        }
        frames.iter().filter_map(|frame| String::from_utf8(frame.body().to_vec()).ok()).collect()
    }
}

impl Inner {
    /// What its driver is to be told that it does not know. To be called under the lock under which something was queued: the
    /// driver forgets it under the same one, before it looks what there is.
    #[inline]
    pub(super) fn newly(&mut self, due: Due, connection: &Connection) -> Due {
        if due != Due::Flush {
            return due;
        }
        // A turn that has not begun ends with a flush, and one that has begun before the last flush is not seen here.
        if self.unsent || connection.flags.load(Ordering::Acquire) & QUEUED != 0 {
            return Due::Nothing;
        }
        self.unsent = true;
        // What has been looked at since may be on the list still.
        if std::mem::replace(&mut self.listed, true) { Due::Nothing } else { Due::Flush }
    }

    /// Queues the frames of one packet. Whoever broadcasts holds locks here: the driver tells what became of them.
    pub(super) fn queue(
        &mut self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        connection: &Connection,
        key: Option<u64>,
    ) -> Due {
        if key.is_none()
            && let Some(due) = self.cork_frames(frames.as_ref(), connection)
        {
            return due;
        }
        self.queue_behind(frames, connection, key)
    }

    /// As [`Inner::queue`], for what cannot be written ahead.
    pub(super) fn queue_behind(
        &mut self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        connection: &Connection,
        key: Option<u64>,
    ) -> Due {
        let core = &connection.core;
        self.uncork();
        match self.session.send_or_shed(frames, &core.session, self.policy.shed(), key) {
            Ok(Queued { dropped: 0, replaced: false }) => {}
            Ok(queued) => self.count_lost(queued, core),
            Err(OutboxFull) => {
                self.session.abort(CloseReason::SlowConsumer);
                return Due::Turn;
            }
        }
        if self.session.queued_bytes() < LARGE { Due::Flush } else { Due::Turn }
    }

    /// As [`Inner::queue`], for a packet that may be lost and is to wait. `false` where there is no room for it.
    #[cold]
    pub(super) fn queue_volatile(&mut self, frames: impl IntoIterator<Item = Frame>, core: &Core) -> bool {
        let ranked = |frame: Frame| match frame.rank() {
            Rank::Attachment => frame,
            _ => frame.ranked(Rank::Volatile),
        };
        self.uncork();
        let frames: Frames = frames.into_iter().map(ranked).collect();
        match self.session.send_or_shed(frames, &core.session, self.policy.shed(), None) {
            Ok(queued) => {
                self.count_lost(queued, core);
                true
            }
            Err(OutboxFull) => false,
        }
    }

    #[cold]
    pub(super) fn count_lost(&mut self, queued: Queued, core: &Core) {
        self.dropped = self.dropped.saturating_add(u32::try_from(queued.dropped).unwrap_or(u32::MAX));
        stats::add(&core.stats.dropped_packets, queued.dropped);
        stats::add(&core.stats.conflated_packets, usize::from(queued.replaced));
    }

    /// Bytes that have not reached the transport.
    pub(super) fn waiting(&self) -> usize {
        self.queued_bytes() + self.writing as usize
    }

    /// Bytes that have not been taken for the transport.
    pub(super) fn queued_bytes(&self) -> usize {
        self.corked_bytes() + self.session.queued_bytes()
    }

    pub(super) fn is_drained(&self) -> bool {
        matches!(self.session.state(), State::Closed(_)) || (self.queued_bytes() == 0 && !self.blocked)
    }
}
