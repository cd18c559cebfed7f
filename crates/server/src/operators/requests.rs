//! This node's place in a cluster: what it tells the others, and what it waits for from them.

use std::fmt;
use std::sync::Arc;

use enchufe_cluster::bus::{
    Bus, Envelope, Gather, Message, NodeId, PeersFuture, Published, RequestId, SocketDetails,
};
use enchufe_proto::socket::RawArgs;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::BroadcastAnswers;
use super::beside::Beside;
use crate::namespace::NamespaceCore;
use crate::socket::Emitted;

/// A node's bus, and its requests that are not answered yet: each lives as long as the future of whoever asked.
pub(crate) struct Cluster {
    bus: Arc<dyn Bus>,
    requests: Mutex<HashMap<RequestId, Request, RandomState>>,
    /// The nodes for which answers are awaited here, or were: each ends with the node.
    asking: Mutex<HashMap<NodeId, CancellationToken, RandomState>>,
    pub(super) beside: Beside,
}

/// What is asked of the other nodes.
#[derive(Clone)]
pub(super) enum Request {
    Sockets(Gather<Vec<SocketDetails>>),
    ServerSide(Gather<(NodeId, Option<RawArgs>)>),
    Acks(Arc<BroadcastAnswers>),
}

impl Cluster {
    pub(crate) fn new(bus: Arc<dyn Bus>) -> Arc<Self> {
        Arc::new(Self {
            bus,
            requests: Mutex::default(),
            asking: Mutex::default(),
            beside: Beside::default(),
        })
    }

    pub(crate) fn bus(&self) -> &dyn Bus {
        &*self.bus
    }

    // ---- saying ----------------------------------------------------------------------------------

    /// Tells all other nodes.
    pub(super) fn publish(&self, namespace: &NamespaceCore, message: Message) -> Emitted {
        match self.bus.publish(self.envelope(namespace.shared_name(), message)) {
            Published::Done => Emitted::locally(),
            Published::Pending(published) => Emitted::published(published),
        }
    }

    /// Tells one node.
    pub(super) fn respond(&self, namespace: &NamespaceCore, to: &NodeId, message: Message) {
        self.respond_about(namespace.shared_name(), to, message);
    }

    /// As [`Cluster::respond`], about a namespace that this node may not have.
    pub(super) fn respond_about(&self, namespace: Arc<str>, to: &NodeId, message: Message) {
        // The bus goes on with it by itself, and nobody here could do anything about it.
        drop(self.bus.respond(to, self.envelope(namespace, message)));
    }

    fn envelope(&self, namespace: Arc<str>, message: Message) -> Envelope {
        Envelope { from: self.bus.node().clone(), namespace, message }
    }

    // ---- asking ----------------------------------------------------------------------------------

    pub(super) fn peers(&self, namespace: &str) -> PeersFuture {
        self.bus.peers(namespace)
    }

    /// Waits for answers, from now on.
    pub(super) fn begin(&self, request: Request) -> RequestId {
        let id = RequestId::from_random(rand::random());
        self.requests.lock().insert(id.clone(), request);
        id
    }

    pub(super) fn end(&self, id: &RequestId) {
        let ended = self.requests.lock().remove(id);
        drop(ended);
    }

    /// The request of this id, if somebody still waits.
    fn request(&self, id: &RequestId) -> Option<Request> {
        self.requests.lock().get(id).cloned()
    }

    /// Another node answers. Gives back what is no answer.
    pub(super) fn answered(&self, envelope: Envelope) -> Option<Envelope> {
        let Envelope { from, namespace, message } = envelope;
        match message {
            Message::Sockets { request, sockets } => {
                if let Some(Request::Sockets(gather)) = self.request(&request) {
                    gather.answer(&from, sockets);
                }
            }
            Message::ServerSideAnswer { request, answer } => {
                if let Some(Request::ServerSide(gather)) = self.request(&request) {
                    gather.answer(&from, (from.clone(), answer));
                }
            }
            Message::ClientCount { request, clients } => {
                if let Some(Request::Acks(answers)) = self.request(&request) {
                    answers.counted(&from, clients);
                }
            }
            Message::ClientAck { request, socket, answer } => {
                if let Some(Request::Acks(answers)) = self.request(&request) {
                    answers.answered_elsewhere(&from, socket.as_deref(), answer);
                }
            }
            Message::ClientsLeft { request, clients } => {
                if let Some(Request::Acks(answers)) = self.request(&request) {
                    answers.left_elsewhere(&from, clients);
                }
            }
            message => return Some(Envelope { from, namespace, message }),
        }
        None
    }

    /// Is cancelled when this node leaves, which asks for something.
    pub(super) fn asked_by(&self, node: &NodeId) -> CancellationToken {
        self.asking.lock().entry(node.clone()).or_default().child_token()
    }

    /// Nobody waits for this node any more, and it waits for nothing.
    pub(super) fn node_left(&self, node: &NodeId) {
        let asking = self.asking.lock().remove(node);
        if let Some(asking) = asking {
            asking.cancel();
        }
        let waiting: Vec<Request> = self.requests.lock().values().cloned().collect();
        for request in waiting {
            match request {
                Request::Sockets(gather) => gather.leave(node),
                Request::ServerSide(gather) => gather.leave(node),
                Request::Acks(answers) => answers.node_left(node),
            }
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("node", self.bus.node()).finish_non_exhaustive()
    }
}

/// A request that ends when this is dropped.
pub(super) struct Open {
    pub(super) cluster: Arc<Cluster>,
    pub(super) id: RequestId,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.cluster.end(&self.id);
    }
}
