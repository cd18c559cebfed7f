//! Events for the other nodes themselves, not for clients: `server_side_emit`, and the handlers of a namespace for it.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use enchufe_cluster::bus::{Gather, Message, NodeId, Outgoing};
use enchufe_proto::socket::{ArgsError, EncodeError, RawArgs};
use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::Broadcast;
use super::answers::value;
use super::fetch::Incomplete;
use super::requests::{Open, Request};
use crate::ack::ErrorAnswer;
use crate::error::{EmitError, HandlerError};
use crate::handler::{HandlerName, IntoAnswer, guarded, says_something};
use crate::namespace::NamespaceCore;
use crate::socket::{AckError, Emitted};
use crate::state::States;

/// Names that the official server keeps for itself.
const RESERVED: [&str; 3] = ["connect", "connection", "new_namespace"];

/// Whether a server-side event can't have this name.
pub(crate) fn is_reserved_for_servers(event: &str) -> bool {
    RESERVED.contains(&event)
}

/// What another node answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct NodeAnswer<R> {
    /// The node.
    pub node: NodeId,
    /// The first argument of its answer. One that does not fit is [`AckError::Invalid`].
    pub value: Result<R, AckError>,
}

/// Why not all nodes' answers to a server-side event are there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerSideAckError<R: fmt::Debug> {
    /// Some nodes did not answer in time: the answers of the others are here.
    #[error(transparent)]
    Timeout(Incomplete<NodeAnswer<R>>),
    /// The event could not be emitted.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

impl<R: fmt::Debug> ServerSideAckError<R> {
    /// The answers that came.
    #[must_use]
    pub fn into_answers(self) -> Vec<NodeAnswer<R>> {
        match self {
            Self::Timeout(incomplete) => incomplete.received,
            Self::Emit(_) => Vec::new(),
        }
    }
}

impl Broadcast {
    /// Emits an event to the other nodes of the cluster, for their
    /// [`on_server_side`](crate::Namespace::on_server_side) handlers in this namespace. No client gets it, and neither does
    /// this node; rooms have no meaning for it. Without a cluster it does nothing.
    ///
    /// ```
    /// # fn example(io: &enchufe::Server) -> Result<(), enchufe::EmitError> {
    /// io.of("/chat").server_side_emit("words changed", ["spam", "eggs"])?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Where the arguments cannot be encoded, or the name is `connect`, `connection` or `new_namespace`.
    pub fn server_side_emit<T: Serialize>(&self, event: &str, args: T) -> Result<Emitted, EmitError> {
        let packet = packet(event, &args)?;
        let Some(cluster) = self.cluster() else { return Ok(Emitted::locally()) };
        Ok(cluster.publish(&self.namespace, Message::ServerSide { packet, request: None }))
    }

    /// As [`Broadcast::server_side_emit`], and waits until every other node has answered. The event is on its way when this
    /// returns. A node without a handler for it counts as having answered, with nothing.
    ///
    /// ```
    /// # async fn example(io: &enchufe::Server) {
    /// let loads = io.of("/").server_side_emit_with_ack::<f64>("load?", ()).await;
    /// for answer in loads.unwrap_or_else(|error| error.into_answers()) {
    ///     println!("{}: {:?}", answer.node, answer.value);
    /// }
    /// # }
    /// ```
    ///
    /// The future's error is an emit that failed, or says that a node did not answer within [`timeout`](Self::timeout), 5 s
    /// by default, with the answers of the others. Cancel safe.
    pub fn server_side_emit_with_ack<R: DeserializeOwned + fmt::Debug + 'static>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> ServerSideAckFuture<R> {
        let asked = packet(event, &args).map(|packet| {
            let cluster = self.cluster()?.clone();
            let gather = Gather::new();
            let id = cluster.begin(Request::ServerSide(gather.clone()));
            let open = Open { cluster: cluster.clone(), id };
            let question = Message::ServerSide { packet, request: Some(open.id.clone()) };
            let answers = self.gather(&cluster, &gather, question);
            Some((open, answers))
        });
        ServerSideAckFuture(Box::pin(async move {
            let Some((open, answers)) = asked? else { return Ok(Vec::new()) };
            let (answers, missing_nodes) = answers.await;
            drop(open);
            let given = answers.into_iter().filter_map(|(node, answer)| Some((node, answer?)));
            let received =
                given.map(|(node, answer)| NodeAnswer { node, value: value(&answer.args()) }).collect();
            if missing_nodes == 0 {
                Ok(received)
            } else {
                Err(ServerSideAckError::Timeout(Incomplete { received, missing_nodes }))
            }
        }))
    }
}

type AllAnswers<R> = Result<Vec<NodeAnswer<R>>, ServerSideAckError<R>>;

/// The answers of the other nodes to a server-side event, which has been sent, whether this is awaited or not.
///
/// Cancel safe: dropping it gives up the wait.
#[must_use = "the event has been sent; await the answers, or use `server_side_emit` if there are none"]
pub struct ServerSideAckFuture<R: fmt::Debug>(Pin<Box<dyn Future<Output = AllAnswers<R>> + Send>>);

impl<R: fmt::Debug> Future for ServerSideAckFuture<R> {
    type Output = AllAnswers<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<R: fmt::Debug> fmt::Debug for ServerSideAckFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSideAckFuture").finish_non_exhaustive()
    }
}

fn packet(event: &str, args: &impl Serialize) -> Result<Outgoing, EmitError> {
    if is_reserved_for_servers(event) {
        return Err(EmitError::Reserved(event.into()));
    }
    Ok(Outgoing { event: event.into(), args: RawArgs::new(args)? })
}

/// An event from another node: what a handler of [`Namespace::on_server_side`](crate::Namespace::on_server_side) takes.
#[derive(Clone)]
pub struct ServerSideEvent {
    name: Arc<str>,
    args: RawArgs,
    from: NodeId,
    namespace: Arc<NamespaceCore>,
}

impl ServerSideEvent {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its arguments, by the rules of [`Data`](crate::Data): a tuple is several, anything else the first.
    ///
    /// # Errors
    /// Where they don't fit. In a handler that returns a `Result` with [`HandlerError`], `?` answers with an error.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        self.args.args().deserialize()
    }

    /// Its arguments as they came.
    #[must_use]
    pub const fn args(&self) -> &RawArgs {
        &self.args
    }

    /// The node that emitted it.
    #[must_use]
    pub const fn from(&self) -> &NodeId {
        &self.from
    }

    /// Everybody in the namespace, as from [`Server::of`](crate::Server::of): of all nodes, unless it is made
    /// [`local`](Broadcast::local).
    pub fn namespace(&self) -> Broadcast {
        Broadcast::new(self.namespace.clone())
    }

    /// What was given to the server with [`state`](crate::ServerBuilder::state).
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.states().get().cloned()
    }

    fn states(&self) -> &States {
        &self.namespace.states
    }
}

impl fmt::Debug for ServerSideEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSideEvent")
            .field("name", &self.name)
            .field("from", &self.from)
            .field("namespace", &self.namespace.name())
            .finish_non_exhaustive()
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<RawArgs, HandlerError>> + Send>>;

/// A handler whose type is forgotten. What it returns answers.
pub(crate) struct ServerSideHandler {
    name: HandlerName,
    says_something: bool,
    call: Box<dyn Fn(ServerSideEvent) -> Answering + Send + Sync>,
}

impl ServerSideHandler {
    pub(crate) fn new<H, F, M>(name: HandlerName, handler: H) -> Self
    where
        H: Fn(ServerSideEvent) -> F + Send + Sync + 'static,
        F: Future<Output: IntoAnswer<M>> + Send + 'static,
    {
        let call = move |event| -> Answering {
            let answering = handler(event);
            Box::pin(async move { Ok(encoded(&answering.await.into_answer()?)?) })
        };
        Self {
            name,
            says_something: says_something::<<F::Output as IntoAnswer<M>>::Value>(),
            call: Box::new(call),
        }
    }
}

fn encoded<T: Serialize>(value: &T) -> Result<RawArgs, EncodeError> {
    RawArgs::from_answer(value)
}

impl fmt::Debug for ServerSideHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerSideHandler").field(&&*self.name).finish()
    }
}

/// The calls of an event's handlers, to be run in this order, of which one answers with `answer`, once. Where there is
/// no handler, that is called with `None`.
pub(super) fn dispatch(
    namespace: &Arc<NamespaceCore>,
    from: &NodeId,
    packet: &Outgoing,
    answer: impl FnOnce(Option<RawArgs>) + Send + 'static,
) -> Vec<Pin<Box<dyn Future<Output = ()> + Send>>> {
    let handlers = namespace.routes.server_side.get(&*packet.event);
    let handlers = handlers.map(Vec::as_slice).unwrap_or_default();
    if handlers.is_empty() {
        answer(None);
        return Vec::new();
    }
    let answering = handlers.iter().position(|handler| handler.says_something).unwrap_or(0);
    let mut answer = Some(answer);
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::with_capacity(handlers.len());
    for at in 0..handlers.len() {
        let event = ServerSideEvent {
            name: packet.event.clone(),
            args: packet.args.clone(),
            from: from.clone(),
            namespace: namespace.clone(),
        };
        let answer = if at == answering { answer.take() } else { None };
        let (routes, event_name) = (namespace.routes.clone(), packet.event.clone());
        tasks.push(Box::pin(async move {
            // It was found there a moment ago, and routes never change.
            let Some(handler) = routes.server_side.get(&*event_name).and_then(|all| all.get(at)) else {
                return;
            };
            let name = handler.name.clone();
            let started = guarded(&name, || (handler.call)(event));
            let answered = match started {
                Some(task) => run(task, &name).await,
                None => None,
            };
            if let Some(answer) = answer {
                answer(Some(answered.unwrap_or_else(|| error_answer(HandlerError::INTERNAL))));
            }
        }));
    }
    tasks
}

/// Runs a handler to its end. `None` where it panicked.
async fn run(task: Answering, name: &str) -> Option<RawArgs> {
    match AssertUnwindSafe(task).catch_unwind().await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            error.log(name);
            Some(error_answer(error.message()))
        }
        Err(_) => {
            tracing::error!(handler = name, "handler panicked");
            None
        }
    }
}

fn error_answer(message: &str) -> RawArgs {
    RawArgs::new(&(ErrorAnswer { error: message, data: None },)).unwrap_or_default()
}
