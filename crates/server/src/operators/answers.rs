//! The answers to a broadcast: one id and one encoding for all, collected until everybody has answered or
//! left, or the time is up.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use enchufe_cluster::Selection;
use enchufe_proto::socket::{Args, RawArgs};
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use crate::error::EmitError;
use crate::frames;
use crate::id::SocketId;
use crate::namespace::NamespaceCore;
use crate::socket::AckError;

/// What answers may take where nothing else was said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a broadcast's recipients answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answers<R> {
    /// The answers in the order in which they came, each with the socket that gave it. One that does not fit
    /// is [`AckError::Invalid`].
    pub answers: Vec<(SocketId, Result<R, AckError>)>,
    /// How many recipients had not answered when the time was up, or left before they did.
    pub missing: usize,
}

impl<R> Answers<R> {
    /// Whether everybody answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// The answers that fit, without their sockets.
    pub fn into_values(self) -> impl Iterator<Item = R> {
        self.answers.into_iter().filter_map(|(_, answer)| answer.ok())
    }
}

/// Those who have been asked.
pub(crate) struct BroadcastAnswers(Mutex<Collecting>);

struct Collecting {
    waiting: HashSet<SocketId, RandomState>,
    answers: Vec<(SocketId, RawArgs)>,
    left: usize,
    done: Option<oneshot::Sender<()>>,
}

impl BroadcastAnswers {
    /// An answer came. `false` where it was not asked for, or has come before.
    pub(crate) fn answer(&self, from: SocketId, args: &Args<'_>) -> bool {
        let mut collecting = self.0.lock();
        let expected = collecting.waiting.remove(&from);
        if expected {
            collecting.answers.push((from, args.to_raw()));
            collecting.look();
        }
        expected
    }

    /// This one will not answer any more.
    pub(crate) fn forget(&self, socket: &SocketId) {
        let mut collecting = self.0.lock();
        if collecting.waiting.remove(socket) {
            collecting.left += 1;
            collecting.look();
        }
    }
}

impl Collecting {
    fn look(&mut self) {
        if self.waiting.is_empty()
            && let Some(done) = self.done.take()
        {
            // The one who asked may have given up.
            let _ = done.send(());
        }
    }
}

/// The answers to a broadcast. The event has been queued already, whether this is awaited or not.
///
/// Cancel safe: dropping it gives up the wait.
#[must_use = "the event has been sent; await the answers, or use `emit` if there are none"]
pub struct BroadcastAckFuture<R> {
    state: Result<Asked, Option<EmitError>>,
    answer: PhantomData<fn() -> R>,
}

struct Asked {
    namespace: Arc<NamespaceCore>,
    id: u64,
    answers: Arc<BroadcastAnswers>,
    done: oneshot::Receiver<()>,
    timeout: Pin<Box<Sleep>>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.namespace.forget_answers(self.id);
    }
}

impl<R> BroadcastAckFuture<R> {
    pub(super) fn start(
        namespace: &Arc<NamespaceCore>,
        selection: &Selection,
        timeout: Option<Duration>,
        compress: bool,
        event: &str,
        args: &impl Serialize,
    ) -> Self {
        let id = namespace.next_ack_id();
        let state = frames::event(namespace.wire(), Some(id), event, args).map_err(Some).map(|frames| {
            let frames = frames::compressible(frames, compress);
            let recipients = namespace.selected(selection);
            let (sender, done) = oneshot::channel();
            let mut collecting = Collecting {
                waiting: recipients.iter().map(|socket| socket.id()).collect(),
                answers: Vec::with_capacity(recipients.len()),
                left: 0,
                done: Some(sender),
            };
            collecting.look();
            let answers = Arc::new(BroadcastAnswers(Mutex::new(collecting)));
            // Before the first of them can answer.
            namespace.await_answers(id, answers.clone());
            for socket in &recipients {
                if !socket.deliver(&frames, false) {
                    answers.forget(socket.id_ref());
                } else if socket.is_watched() {
                    socket.show_outgoing(&frames);
                }
            }
            let timeout = Box::pin(tokio::time::sleep(timeout.unwrap_or(DEFAULT_TIMEOUT)));
            Asked { namespace: namespace.clone(), id, answers, done, timeout }
        });
        Self { state, answer: PhantomData }
    }
}

impl<R: DeserializeOwned> Future for BroadcastAckFuture<R> {
    type Output = Result<Answers<R>, EmitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let asked = match &mut self.state {
            Ok(asked) => asked,
            Err(error) => {
                // Polled again after its end, it has nothing more to say.
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
            }
        };
        if Pin::new(&mut asked.done).poll(cx).is_pending() && asked.timeout.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let mut collecting = asked.answers.0.lock();
        let missing = collecting.waiting.len() + collecting.left;
        let raw = std::mem::take(&mut collecting.answers);
        drop(collecting);
        let answers = raw
            .into_iter()
            .map(|(id, args)| (id, args.args().deserialize().map_err(AckError::Invalid)))
            .collect();
        Poll::Ready(Ok(Answers { answers, missing }))
    }
}

impl<R> std::fmt::Debug for BroadcastAckFuture<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BroadcastAckFuture").finish_non_exhaustive()
    }
}
