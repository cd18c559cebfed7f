//! What the recipients of a broadcast answer: as a stream, or all together.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use enchufe_cluster::bus::{Message, Outgoing, Peers, PeersFuture, RequestId};
use enchufe_proto::socket::{Args, RawArgs};
use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::time::{Instant, Sleep};

use super::collecting::Given;
use super::requests::Request;
use super::{Broadcast, BroadcastAnswers, Cluster};
use crate::error::EmitError;
use crate::frames;
use crate::id::SocketId;
use crate::namespace::NamespaceCore;
use crate::socket::AckError;
use crate::time::after;

/// What answers may take where nothing else was said: as long as the official nodes wait for each other.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// What one recipient of a broadcast answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer<R> {
    /// Who; `None` where it is the socket of a node that does not tell, as official nodes don't.
    pub from: Option<SocketId>,
    /// The first argument of the answer. One that does not fit is [`AckError::Invalid`].
    pub value: Result<R, AckError>,
}

/// What all recipients of a broadcast answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answers<R> {
    /// The answers in the order in which they came.
    pub answers: Vec<Answer<R>>,
    /// How many recipients left without an answer.
    pub left: usize,
}

impl<R> Answers<R> {
    /// The answers that fit, without their sockets.
    pub fn into_values(self) -> impl Iterator<Item = R> {
        values(self.answers)
    }
}

fn values<R>(answers: Vec<Answer<R>>) -> impl Iterator<Item = R> {
    answers.into_iter().filter_map(|answer| answer.value.ok())
}

/// What had been answered when the time was up.
#[non_exhaustive]
pub struct PartialAnswers<R> {
    /// The answers in the order in which they came.
    pub answers: Vec<Answer<R>>,
    /// How many recipients left without an answer.
    pub left: usize,
    /// Who did not answer in time.
    pub unanswered: Unanswered,
}

impl<R> PartialAnswers<R> {
    /// The answers that fit, without their sockets.
    pub fn into_values(self) -> impl Iterator<Item = R> {
        values(self.answers)
    }
}

impl<R> fmt::Debug for PartialAnswers<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialAnswers")
            .field("answers", &self.answers.len())
            .field("left", &self.left)
            .field("unanswered", &self.unanswered)
            .finish()
    }
}

/// Who has not answered a broadcast.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unanswered {
    /// Sockets of this node.
    pub sockets: Vec<SocketId>,
    /// How many sockets of other nodes.
    pub elsewhere: usize,
    /// How many nodes have not even said whom they asked, or cannot be reached.
    pub nodes: usize,
}

impl Unanswered {
    /// Whether everybody has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty() && self.elsewhere == 0 && self.nodes == 0
    }
}

/// Why not everybody's answer to a broadcast is there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BroadcastAckError<R> {
    /// Somebody did not answer in time. The answers that came are here.
    #[error("operation has timed out")]
    Timeout(PartialAnswers<R>),
    /// The event could not be emitted.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

impl<R> BroadcastAckError<R> {
    /// The answers that came.
    #[must_use]
    pub fn into_answers(self) -> Vec<Answer<R>> {
        match self {
            Self::Timeout(partial) => partial.answers,
            Self::Emit(_) => Vec::new(),
        }
    }
}

impl Broadcast {
    /// Asks them. `keeps` says that all answers are held until the last has come.
    pub(super) fn ask<R>(
        &self,
        event: &str,
        args: &impl Serialize,
        keeps: bool,
    ) -> Result<BroadcastAckStream<R>, EmitError> {
        let namespace = &self.namespace;
        let id = namespace.next_ack_id();
        let elsewhere = self.cluster().map(|cluster| Ok::<_, EmitError>((cluster, RawArgs::new(args)?)));
        let elsewhere = elsewhere.transpose()?;
        let frames = match &elsewhere {
            Some((_, args)) => frames::event(namespace.wire(), Some(id), event, args),
            None => frames::event(namespace.wire(), Some(id), event, args),
        }?;
        let frames = frames::compressible(frames, self.compress);
        let recipients = namespace.selected(&self.selection);
        let answers = BroadcastAnswers::new(&recipients, None);
        // Before the first of them can answer.
        namespace.await_answers(id, answers.clone());
        let mut asked = Asked {
            namespace: namespace.clone(),
            id,
            answers: answers.clone(),
            elsewhere: None,
            deadline: after(self.timeout.unwrap_or(DEFAULT_TIMEOUT)),
            unreachable: false,
        };
        namespace.deliver_question(&recipients, &frames, &answers);
        let Some((cluster, args)) = elsewhere else {
            answers.expect(Peers::Count(0));
            return Ok(BroadcastAckStream::new(asked, None, keeps));
        };
        let request = cluster.begin(Request::Acks(answers));
        asked.elsewhere = Some((cluster.clone(), request.clone()));
        let peers = cluster.peers(namespace.name());
        let packet = Outgoing { event: event.into(), args };
        let mut reach = self.reach();
        reach.timeout = Some(self.timeout.unwrap_or(DEFAULT_TIMEOUT));
        // Where it fails, the bus has said so, and the others are missing when the time is up.
        drop(cluster.publish(namespace, Message::Broadcast { packet, reach, request: Some(request) }));
        Ok(BroadcastAckStream::new(asked, Some(peers), keeps))
    }
}

/// The wait for answers. Dropped, it leaves nothing behind.
struct Asked {
    namespace: Arc<NamespaceCore>,
    id: u64,
    answers: Arc<BroadcastAnswers>,
    elsewhere: Option<(Arc<Cluster>, RequestId)>,
    deadline: Instant,
    /// The bus could not tell who else is there.
    unreachable: bool,
}

impl Asked {
    fn forget(&self) {
        self.namespace.forget_answers(self.id);
        if let Some((cluster, request)) = &self.elsewhere {
            cluster.end(request);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.forget();
    }
}

/// The answers to a broadcast, each as it comes, from [`Broadcast::emit_with_ack_stream`].
///
/// It ends when everybody has answered or left, or the time is up: [`unanswered`](Self::unanswered) tells. Dropping it
/// gives up the wait. Answers that are not read are held, 16 MiB of them; beyond that an answer is
/// [`AckError::Discarded`].
#[must_use = "the event has been sent; read the answers, or use `emit` if there are none"]
pub struct BroadcastAckStream<R> {
    asked: Asked,
    peers: Option<PeersFuture>,
    timeout: Option<Pin<Box<Sleep>>>,
    /// All answers are held until the last has come, so what has been read counts among what is held.
    keeps: bool,
    over: Option<Unanswered>,
    answer: PhantomData<fn() -> R>,
}

impl<R> BroadcastAckStream<R> {
    fn new(asked: Asked, peers: Option<PeersFuture>, keeps: bool) -> Self {
        Self { asked, peers, timeout: None, keeps, over: None, answer: PhantomData }
    }

    /// Who has not answered yet; after the end, who did not in time.
    #[must_use]
    pub fn unanswered(&self) -> Unanswered {
        self.over.clone().unwrap_or_else(|| self.missing())
    }

    /// How many recipients have left without an answer.
    #[must_use]
    pub fn left(&self) -> usize {
        self.asked.answers.left()
    }

    fn missing(&self) -> Unanswered {
        let (sockets, elsewhere, nodes) = self.asked.answers.missing();
        Unanswered { sockets, elsewhere, nodes: nodes + usize::from(self.asked.unreachable) }
    }

    fn poll_given(&mut self, cx: &mut Context<'_>) -> Poll<Option<Given>> {
        if self.over.is_some() {
            return Poll::Ready(None);
        }
        if let Some(Poll::Ready(peers)) = self.peers.as_mut().map(|peers| peers.as_mut().poll(cx)) {
            self.peers = None;
            let peers = peers.unwrap_or_else(|error| {
                tracing::warn!(%error, "only this node's sockets are asked");
                self.asked.unreachable = true;
                Peers::Count(0)
            });
            self.asked.answers.expect(peers);
        }
        match self.asked.answers.poll_next(cx, self.keeps) {
            Poll::Ready(None) => {}
            Poll::Ready(given) => return Poll::Ready(given),
            Poll::Pending => {
                let deadline = self.asked.deadline;
                let timeout =
                    self.timeout.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                ready!(timeout.as_mut().poll(cx));
            }
        }
        self.over = Some(self.missing());
        self.asked.forget();
        Poll::Ready(None)
    }
}

impl<R: DeserializeOwned> Stream for BroadcastAckStream<R> {
    type Item = Answer<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer<R>>> {
        let given = ready!(self.poll_given(cx));
        Poll::Ready(given.map(|Given { from, args, .. }| Answer {
            from,
            value: args.map_or(Err(AckError::Discarded), |args| value(&args.args())),
        }))
    }
}

/// The first argument, whatever its type: a tuple is an array, and `()` takes anything.
pub(super) fn value<R: DeserializeOwned>(args: &Args<'_>) -> Result<R, AckError> {
    match args.deserialize::<(R,)>() {
        Ok((value,)) => Ok(value),
        Err(error) => args.deserialize().map_err(|_| AckError::Invalid(error)),
    }
}

impl<R> fmt::Debug for BroadcastAckStream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastAckStream").field("over", &self.over.is_some()).finish_non_exhaustive()
    }
}

/// The answers to a broadcast, all together. The event has been queued already, whether this is awaited or not.
///
/// Cancel safe: dropping it gives up the wait.
#[must_use = "the event has been sent; await the answers, or use `emit` if there are none"]
pub struct BroadcastAckFuture<R> {
    stream: Result<BroadcastAckStream<R>, Option<EmitError>>,
    answers: Vec<Answer<R>>,
}

impl<R> BroadcastAckFuture<R> {
    pub(super) fn new(stream: Result<BroadcastAckStream<R>, EmitError>) -> Self {
        Self { stream: stream.map_err(Some), answers: Vec::new() }
    }
}

/// Nothing in it is pinned.
impl<R> Unpin for BroadcastAckFuture<R> {}

impl<R: DeserializeOwned> Future for BroadcastAckFuture<R> {
    type Output = Result<Answers<R>, BroadcastAckError<R>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let stream = match &mut this.stream {
            Ok(stream) => stream,
            Err(error) => {
                // Polled again after its end, it has nothing more to say.
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
            }
        };
        while let Some(answer) = ready!(Pin::new(&mut *stream).poll_next(cx)) {
            this.answers.push(answer);
        }
        let (answers, left, unanswered) =
            (std::mem::take(&mut this.answers), stream.left(), stream.unanswered());
        Poll::Ready(if unanswered.is_empty() {
            Ok(Answers { answers, left })
        } else {
            Err(BroadcastAckError::Timeout(PartialAnswers { answers, left, unanswered }))
        })
    }
}

impl<R> fmt::Debug for BroadcastAckFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastAckFuture").finish_non_exhaustive()
    }
}
