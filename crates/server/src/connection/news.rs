//! What somebody waits to hear from a connection: the answer to a poll, and that nothing waits any more.
//!
//! Promises: it is found out under the connection's lock and told without it, and a panic ends here. Whoever waits has a waker
//! of its own, which may be the application's: it may come back to this connection at once.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::{Inner, Payload, PollAnswer};
use crate::handler::guarded;

/// To be told when the lock is free again.
#[derive(Default)]
#[must_use = "somebody waits to hear it"]
pub(super) struct News {
    drained: Option<Arc<Notify>>,
    answer: Option<(oneshot::Sender<PollAnswer>, Payload)>,
}

impl News {
    /// Tells it. No lock is held here.
    #[inline]
    pub(super) fn tell(self) {
        if self.drained.is_some() || self.answer.is_some() {
            self.tell_now();
        }
    }

    fn tell_now(self) {
        if let Some((poll, payload)) = self.answer {
            // The request may be gone already; then the session learns it from there.
            guarded("the waker of a request", || drop(poll.send(PollAnswer::Payload(payload))));
        }
        if let Some(waiting) = self.drained {
            guarded("the waker of drained()", || waiting.notify_waiters());
        }
    }
}

impl Inner {
    /// Whoever waits for the outbox to be empty hears it, if it is. Who begins to wait from now on is another's.
    #[inline]
    pub(super) fn drained_news(&mut self) -> News {
        let drained = if self.drained.is_some() && self.is_drained() { self.drained.take() } else { None };
        News { drained, answer: None }
    }

    /// As [`Inner::drained_news`], with an answer to the pending poll.
    pub(super) fn answered_news(&mut self, payload: Payload) -> News {
        News { answer: self.poll.take().map(|poll| (poll, payload)), ..self.drained_news() }
    }
}
