//! Events that arrive before the connect handlers have finished: they wait, in order, bounded in bytes.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use enchufe_proto::socket::Packet;

use super::{ACCEPTED, READY, Socket};
use crate::connection::Mail;

/// One event that waits.
#[derive(Default)]
pub(crate) struct Early {
    pub(crate) text: Vec<u8>,
    pub(crate) attachments: Vec<Bytes>,
}

#[derive(Default)]
pub(super) struct EarlyEvents {
    events: VecDeque<Early>,
    bytes: usize,
    /// The connect handlers have finished; what waits is being handled.
    draining: bool,
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
        let Some(waiting) = early.as_mut() else { return Gate::Open };
        let event = Early::new(packet, attachments);
        waiting.bytes += event.cost();
        if waiting.bytes > self.core().config.limits.max_early_bytes {
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
                *early = None;
                self.become_ready();
            }
        }
    }

    /// The next event that waited; `None` opens the gate for good.
    pub(crate) fn next_early(&self) -> Option<Early> {
        let mut early = self.0.early.lock();
        let next = early.as_mut().and_then(|waiting| waiting.events.pop_front());
        if next.is_none() && early.take().is_some_and(|waiting| waiting.draining) {
            self.become_ready();
        }
        next
    }

    fn become_ready(&self) {
        let _ = self.0.state.compare_exchange(ACCEPTED, READY, Ordering::AcqRel, Ordering::Acquire);
    }
}
