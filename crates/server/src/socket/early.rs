//! Events that arrive before the connect handlers have finished: they wait, in order, bounded in
//! bytes and in time.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use enchufe_proto::engine::Millis;
use enchufe_proto::socket::Packet;

use super::{ACCEPTED, READY, Socket};
use crate::connection::Mail;
use crate::connection::pace::{coarse, has_passed};

/// One event that waits.
#[derive(Default)]
pub(crate) struct Early {
    pub(crate) text: Vec<u8>,
    pub(crate) attachments: Vec<Bytes>,
}

/// What waits for the connect handlers. Whether it has to, [`Socket`] knows beside it: here it would take a word more.
pub(super) type EarlyGate = Option<Box<EarlyEvents>>;

#[derive(Default)]
pub(super) struct EarlyEvents {
    events: VecDeque<Early>,
    bytes: usize,
    /// Since when the first has waited; see [`coarse`].
    since: u32,
    /// The connect handlers have finished; what waits is being handled.
    draining: bool,
}

/// What became of events that had waited too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// There were none.
    Nothing,
    /// They have waited since then only, and go on waiting.
    Since(u32),
    /// They are handled.
    Opened,
    /// The socket has not been let in.
    Entering,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It is handled now.
    Open,
    /// It waits.
    Waiting,
    /// There is no more room for it.
    Full,
}

impl Socket {
    /// Lets an event pass or keeps it.
    pub(crate) fn gate(&self, packet: &Packet<'_>, attachments: &[Bytes]) -> Gate {
        if self.0.state.load(Ordering::Acquire) == READY {
            return Gate::Open;
        }
        let mut early = self.0.early.lock();
        if self.0.passes.load(Ordering::Relaxed) {
            return Gate::Open;
        }
        let event = Early::new(packet, attachments);
        let waiting = early.get_or_insert_default();
        if waiting.events.is_empty() {
            waiting.since = coarse(self.core().clock.now());
        }
        waiting.bytes += event.cost();
        if !self.0.connection.keep_early(event.cost(), waiting.since) {
            return Gate::Full;
        }
        waiting.events.push_back(event);
        Gate::Waiting
    }

    /// The connect handlers have finished.
    pub(crate) fn open_gate(&self) {
        let mut early = self.0.early.lock();
        match early.as_mut() {
            Some(waiting) if !waiting.events.is_empty() => {
                waiting.draining = true;
                drop(early);
                // Where the connection is over there is nobody to handle them for.
                let _ = self.0.connection.post_mail(Mail::Admitted(self.clone()));
            }
            _ => {
                self.let_pass(&mut early);
                self.become_ready();
            }
        }
    }

    /// Events have waited for as long as they may: those of a socket that was let in go on without its handlers.
    pub(crate) fn overdue(&self, now: Millis) -> Overdue {
        let waits = |waiting: &&EarlyEvents| !waiting.events.is_empty() && !waiting.draining;
        let since = self.0.early.lock().as_deref().filter(waits).map(|waiting| waiting.since);
        let Some(since) = since else { return Overdue::Nothing };
        if !has_passed(since, self.core().config.limits.early_timeout, now) {
            return Overdue::Since(since);
        }
        if !self.connected() {
            return Overdue::Entering;
        }
        self.open_gate();
        Overdue::Opened
    }

    /// The next event that waited; `None` opens the gate for good.
    pub(crate) fn next_early(&self) -> Option<Early> {
        let mut early = self.0.early.lock();
        let next = early.as_mut().and_then(|waiting| {
            let event = waiting.events.pop_front()?;
            waiting.bytes -= event.cost();
            self.0.connection.forget_early(event.cost());
            Some(event)
        });
        if next.is_none() {
            let drained = early.as_ref().is_some_and(|waiting| waiting.draining);
            self.let_pass(&mut early);
            if drained {
                self.become_ready();
            }
        }
        next
    }

    /// Lets all pass from now on, and forgets what has waited; gives its bytes.
    pub(super) fn forget_early(&self) -> usize {
        self.let_pass(&mut self.0.early.lock())
    }

    fn let_pass(&self, early: &mut EarlyGate) -> usize {
        self.0.passes.store(true, Ordering::Relaxed);
        early.take().map_or(0, |waiting| waiting.bytes)
    }

    fn become_ready(&self) {
        let _ = self.0.state.compare_exchange(ACCEPTED, READY, Ordering::AcqRel, Ordering::Acquire);
    }
}
