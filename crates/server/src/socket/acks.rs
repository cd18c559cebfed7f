//! Answers that a client owes the server.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use enchufe_proto::socket::{Args, ArgsError, RawArgs};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::Socket;
use crate::error::EmitError;
use crate::stats;
use crate::time::after;

/// Why an answer did not come.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AckError {
    /// The client did not answer in time.
    #[error("operation has timed out")]
    Timeout,
    /// The client has gone.
    #[error("socket has been disconnected")]
    Disconnected,
    /// The answer is not what was expected.
    #[error("the answer does not fit: {0}")]
    Invalid(#[from] ArgsError),
    /// The answer came, but there was no room for it beside those that came before and were not read: see
    /// [`BroadcastAckStream`](crate::BroadcastAckStream).
    #[error("the answer was discarded: too many bytes of others wait to be read")]
    Discarded,
    /// The event could not be emitted.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// Empty, it holds no memory beyond itself.
#[derive(Default)]
pub(super) struct PendingAcks(Option<Box<HashMap<u64, oneshot::Sender<RawArgs>, RandomState>>>);

impl PendingAcks {
    fn insert(&mut self, id: u64, sender: oneshot::Sender<RawArgs>, limit: usize) -> Result<(), EmitError> {
        let pending = self.0.get_or_insert_default();
        if pending.len() >= limit {
            return Err(EmitError::TooManyPendingAcks);
        }
        pending.insert(id, sender);
        Ok(())
    }

    fn remove(&mut self, id: u64) -> Option<oneshot::Sender<RawArgs>> {
        let pending = self.0.as_mut()?;
        let sender = pending.remove(&id);
        if pending.is_empty() {
            self.0 = None;
        }
        sender
    }

    /// Everybody who waits learns that no answer will come when what this gives is dropped: not under the lock, for it wakes
    /// them.
    #[must_use]
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl Socket {
    /// Waits for the answer with this id, from now on.
    pub(super) fn expect_answer(&self, id: u64) -> Result<PendingAck, EmitError> {
        let (sender, receiver) = oneshot::channel();
        let limit = self.core().config.limits.max_pending_acks;
        let mut acks = self.0.acks.lock();
        // A socket that has gone does not take it: the sender is dropped, and the wait ends at once.
        if self.0.state.load(Ordering::Acquire) < super::LEFT {
            acks.insert(id, sender, limit).inspect_err(|_| stats::add(&self.core().stats.refused_acks, 1))?;
        }
        drop(acks);
        Ok(PendingAck { socket: self.clone(), id, receiver })
    }

    /// An answer came. `false` where nobody waits for it.
    pub(crate) fn answered(&self, id: u64, args: &Args<'_>) -> bool {
        let Some(sender) = self.0.acks.lock().remove(id) else { return false };
        // The one who waited may have given up this instant.
        let _ = sender.send(args.to_raw());
        true
    }
}

/// An answer that is awaited. Dropped, it leaves nothing behind.
pub(super) struct PendingAck {
    socket: Socket,
    id: u64,
    receiver: oneshot::Receiver<RawArgs>,
}

impl Drop for PendingAck {
    fn drop(&mut self) {
        let forgotten = self.socket.0.acks.lock().remove(self.id);
        drop(forgotten);
    }
}

/// The answer to an emit. The event has been queued already, whether this is awaited or not.
///
/// Cancel safe: dropping it gives up the wait.
#[must_use = "the event has been sent; await the answer, or use `emit` if there is none"]
pub struct AckFuture<R> {
    pending: Result<PendingAck, Option<EmitError>>,
    deadline: Option<Instant>,
    /// Made when somebody waits: an emit need not come from within a runtime.
    timeout: Option<Pin<Box<Sleep>>>,
    answer: std::marker::PhantomData<fn() -> R>,
}

impl<R> AckFuture<R> {
    pub(super) fn new(pending: Result<PendingAck, EmitError>, timeout: Option<Duration>) -> Self {
        Self {
            pending: pending.map_err(Some),
            deadline: timeout.map(after),
            timeout: None,
            answer: std::marker::PhantomData,
        }
    }
}

impl<R: DeserializeOwned> Future for AckFuture<R> {
    type Output = Result<R, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let pending = match &mut this.pending {
            Ok(pending) => pending,
            Err(error) => {
                return Poll::Ready(Err(error.take().map_or(AckError::Disconnected, AckError::Emit)));
            }
        };
        if let Poll::Ready(answer) = Pin::new(&mut pending.receiver).poll(cx) {
            return Poll::Ready(match answer {
                Ok(args) => args.args().deserialize().map_err(AckError::Invalid),
                Err(_) => Err(AckError::Disconnected),
            });
        }
        let Some(deadline) = this.deadline else { return Poll::Pending };
        let timeout = this.timeout.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        timeout.as_mut().poll(cx).map(|()| Err(AckError::Timeout))
    }
}

impl<R> std::fmt::Debug for AckFuture<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AckFuture").finish_non_exhaustive()
    }
}
