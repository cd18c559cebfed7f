//! What the other nodes say, done here.

use std::sync::{Arc, Weak};

use enchufe_cluster::bus::{Envelope, Message, NodeId, Outgoing, Reach, Receiver, RequestId};
use tokio::runtime::Handle;

use super::collecting::Relay;
use super::{Broadcast, BroadcastAnswers, Cluster, answers, beside, server_side};
use crate::core::Core;
use crate::frames;
use crate::namespace::NamespaceCore;
use crate::server::Server;

/// A node's ear. It keeps nothing alive.
pub(crate) struct Inbox {
    core: Weak<Core>,
    cluster: Weak<Cluster>,
}

impl Inbox {
    pub(crate) fn new(core: &Arc<Core>, cluster: &Arc<Cluster>) -> Self {
        Self { core: Arc::downgrade(core), cluster: Arc::downgrade(cluster) }
    }
}

impl Receiver for Inbox {
    fn receive(&self, envelope: Envelope) {
        let (Some(core), Some(cluster)) = (self.core.upgrade(), self.cluster.upgrade()) else { return };
        if let Some(envelope) = cluster.answered(envelope) {
            Asked { core, cluster, from: envelope.from, namespace: envelope.namespace }.act(envelope.message);
        }
    }

    fn node_left(&self, node: &NodeId) {
        if let Some(cluster) = self.cluster.upgrade() {
            cluster.node_left(node);
        }
    }
}

/// What another node wants done in a namespace.
struct Asked {
    core: Arc<Core>,
    cluster: Arc<Cluster>,
    from: NodeId,
    namespace: Arc<str>,
}

impl Asked {
    fn act(&self, message: Message) {
        let namespace = self.core.namespaces.get(&self.namespace);
        let here = |reach: Reach| namespace.clone().map(|namespace| Broadcast::here(namespace, reach));
        match message {
            Message::Broadcast { packet, reach, request: None } => {
                if let Some(everybody) = here(reach)
                    && let Err(error) = everybody.emit_here(&packet.event, &packet.args)
                {
                    tracing::warn!(from = %self.from, %error, "another node's event cannot be emitted");
                }
            }
            Message::Broadcast { packet, reach, request: Some(request) } => match &namespace {
                Some(namespace) => self.ask(namespace, &packet, reach, request),
                None => self.respond(Message::ClientCount { request, clients: 0 }),
            },
            Message::SocketsJoin { reach, rooms } => {
                drop(here(reach).map(|selected| selected.sockets_join(rooms)));
            }
            Message::SocketsLeave { reach, rooms } => {
                drop(here(reach).map(|selected| selected.sockets_leave(rooms)));
            }
            Message::DisconnectSockets { reach, close } => {
                drop(here(reach).map(|selected| selected.disconnect_sockets(close)));
            }
            Message::FetchSockets { reach, request } => {
                let sockets = here(reach).map(|selected| selected.details_here()).unwrap_or_default();
                self.respond(Message::Sockets { request, sockets });
            }
            Message::ServerSide { packet, request } => self.server_side(&packet, request),
            message => tracing::debug!(?message, "a message that this version does not know"),
        }
    }

    fn respond(&self, message: Message) {
        self.cluster.respond_about(self.namespace.clone(), &self.from, message);
    }

    /// Asks this node's sockets for another one, and passes on what they answer until all have, or its time is up.
    fn ask(&self, namespace: &Arc<NamespaceCore>, packet: &Outgoing, reach: Reach, request: RequestId) {
        let time = reach.timeout.unwrap_or(answers::DEFAULT_TIMEOUT);
        let id = namespace.next_ack_id();
        let frames = match frames::event(namespace.wire(), Some(id), &packet.event, &packet.args) {
            Ok(frames) => frames::compressible(frames, reach.compress),
            Err(error) => {
                tracing::warn!(from = %self.from, %error, "another node's event cannot be emitted");
                return self.respond(Message::ClientCount { request, clients: 0 });
            }
        };
        let recipients = namespace.selected(&reach.selection);
        self.respond(Message::ClientCount { request: request.clone(), clients: recipients.len() });
        if recipients.is_empty() {
            return;
        }
        let over = self.cluster.asked_by(&self.from);
        let relay = Relay {
            cluster: self.cluster.clone(),
            namespace: namespace.clone(),
            to: self.from.clone(),
            request,
            over: over.clone(),
        };
        let answers = BroadcastAnswers::new(&recipients, Some(relay));
        namespace.await_answers(id, answers.clone());
        namespace.deliver_question(&recipients, &frames, &answers);
        let (forget, stopped) = (Forget { namespace: namespace.clone(), id }, self.core.stopped.clone());
        let waiting = async move {
            let _forget = forget;
            tokio::select! {
                () = tokio::time::sleep(time) => {}
                () = over.cancelled() => {}
                () = stopped.cancelled() => {}
            }
        };
        // Where there is no runtime, the sockets' has just ended.
        self.core.within_runtime(|| drop(Handle::try_current().map(|runtime| runtime.spawn(waiting))));
    }

    fn server_side(&self, packet: &Outgoing, request: Option<RequestId>) {
        let (cluster, about, to) = (self.cluster.clone(), self.namespace.clone(), self.from.clone());
        let answer = move |answer| {
            if let Some(request) = request {
                cluster.respond_about(about, &to, Message::ServerSideAnswer { request, answer });
            }
        };
        // A dynamic namespace need not be in use at this node to have handlers.
        let Some(made) = self.core.namespaces.find_at_once(&self.namespace) else { return answer(None) };
        let namespace = Server::announce(&self.core, made);
        let tasks = server_side::dispatch(&namespace, &self.from, packet, answer);
        self.core.within_runtime(|| beside::run(&self.core, &self.cluster, tasks));
    }
}

/// No answers are awaited any more when this is dropped, be it with the runtime that it waits in.
struct Forget {
    namespace: Arc<NamespaceCore>,
    id: u64,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.namespace.forget_answers(self.id);
    }
}
