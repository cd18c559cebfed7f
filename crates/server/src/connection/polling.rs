//! A connection's side of long-polling: a poll that comes, a POST that is handled, and what ends them.
//!
//! Promises: a second POST beside the first ends the session; deadlines that have passed are seen to before a poll is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use enchufe_proto::engine::{CloseReason, Millis, Poll, State};
use tokio::sync::oneshot;

use super::flush::{self, Flushed};
use super::news::News;
use super::{Connection, Inner, Payload, PollAnswer};

impl Connection {
    /// A poll came: its payload now, or a receiver for it.
    pub(crate) fn poll(self: &Arc<Self>) -> PollOutcome {
        let now = self.now();
        let mut inner = self.inner.lock();
        // The driver looks at deadlines now and then; a poll is not to slip in between.
        self.handle_timeout(now, &mut inner);
        let (mut flushed, mut news) = (Flushed::new(), News::default());
        let outcome = match inner.session.handle_poll(now) {
            Poll::Answer if inner.hold == 0 => {
                let payload;
                (payload, flushed) = flush::take_payload(&mut inner.session, self.dialect);
                inner.session.handle_poll_answered();
                news = inner.drained_news();
                PollOutcome::Payload(payload)
            }
            Poll::Answer => {
                // Held back: park as if there were nothing; releasing it flushes.
                inner.session.park();
                PollOutcome::Parked(park(&mut inner))
            }
            Poll::Park => PollOutcome::Parked(park(&mut inner)),
            Poll::Overlap => PollOutcome::Overlap,
            Poll::WrongTransport => PollOutcome::WrongTransport,
            Poll::Closed => PollOutcome::Closed,
        };
        drop(inner);
        news.tell();
        self.tell_flushed(&flushed);
        self.notify();
        outcome
    }

    /// Whether it is over, with the deadlines that have passed by now.
    pub(crate) fn has_expired(&self) -> bool {
        let mut inner = self.inner.lock();
        self.handle_timeout(self.now(), &mut inner);
        let over = matches!(inner.session.state(), State::Closed(_));
        drop(inner);
        if over {
            self.notify();
        }
        over
    }

    /// Time passed.
    pub(super) fn handle_timeout(&self, now: Millis, inner: &mut Inner) {
        if self.is_unread(now) {
            // Its pong may have come long ago.
            inner.session.handle_unread(now, &self.core.session);
        }
        inner.session.handle_timeout(now, &self.core.session);
    }

    /// The peer broke off a poll or a POST.
    pub(crate) fn request_aborted(&self) {
        self.inner.lock().session.handle_transport_closed(CloseReason::TransportError);
        self.notify();
    }

    /// Marks a POST as being handled; `false` where one is already, which closes the session.
    pub(crate) fn begin_post(&self) -> bool {
        let first = !self.posting.swap(true, Ordering::AcqRel);
        if !first {
            self.abort(CloseReason::TransportError);
        }
        first
    }

    pub(crate) fn end_post(&self) {
        self.posting.store(false, Ordering::Release);
    }
}

/// What becomes of a poll.
pub(crate) enum PollOutcome {
    Payload(Payload),
    Parked(oneshot::Receiver<PollAnswer>),
    Overlap,
    WrongTransport,
    Closed,
}

fn park(inner: &mut Inner) -> oneshot::Receiver<PollAnswer> {
    let (sender, receiver) = oneshot::channel();
    inner.poll = Some(sender);
    receiver
}
