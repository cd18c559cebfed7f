//! What nodes say to each other, and the seam that carries it.
//!
//! A [`Bus`] takes [`Envelope`]s to the other nodes and brings theirs; the messages are those of the official
//! `ClusterAdapter` (socket.io-adapter 2.5, message types 3 to 12), typed, so that each bus writes them in the form that
//! its peers read. What is to be done with a message is the server's business, and how the answers of many nodes are
//! collected is here too: [`Gather`] for those that come one a node, [`Tally`] for who has answered.
//!
//! Nothing here waits: a node that is gone is told by [`Receiver::node_left`], one that is slow by the time-out of
//! whoever asked. [`Hub`] joins servers of one process.

mod envelope;
mod gather;
mod hub;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use envelope::{Envelope, Message, NodeId, Outgoing, Reach, RequestId, SocketDetails};
pub use gather::{Gather, Tally};
pub use hub::{Hub, HubBus};

/// Carries envelopes between the nodes of a cluster. One for each node.
///
/// What is published by one task reaches each other node in that order. Nothing is delivered to the node that
/// published it.
pub trait Bus: Send + Sync + 'static {
    /// The node that it speaks for.
    fn node(&self) -> &NodeId;

    /// Begins to deliver what the others say. Called once, before anything else.
    fn attach(&self, receiver: Arc<dyn Receiver>);

    /// Takes an envelope for all other nodes. It is under way when this returns, in order with those before it; the
    /// result tells when it can be expected to reach the others, and may be dropped.
    fn publish(&self, envelope: Envelope) -> Published;

    /// As [`publish`](Self::publish), for one node. A bus that cannot address a single node publishes it: the others
    /// ignore answers to requests that are not theirs.
    fn respond(&self, to: &NodeId, envelope: Envelope) -> Published;

    /// The other nodes that answer requests in a namespace.
    fn peers(&self, namespace: &str) -> PeersFuture;

    /// Leaves the cluster: nothing is delivered or published any more, and the others do not wait for this node.
    fn close(&self);
}

/// What a [`Bus`] delivers to.
pub trait Receiver: Send + Sync {
    /// Another node said something. It must not block.
    fn receive(&self, envelope: Envelope);

    /// Another node has left or is taken to be dead: nobody should wait for it.
    fn node_left(&self, node: &NodeId);
}

/// Why something could not be sent to the other nodes, in the words of the bus.
#[derive(Debug, Clone)]
pub struct BusError(Arc<str>);

impl BusError {
    /// An error with this message.
    pub fn new(message: impl Into<Arc<str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the other nodes cannot be reached: {}", self.0)
    }
}

impl std::error::Error for BusError {}

/// How far a published envelope has come.
#[must_use = "an error tells that the other nodes did not get it"]
pub enum Published {
    /// The bus has taken it.
    Done,
    /// It is being taken; the future need not be polled for that.
    Pending(Pin<Box<dyn Future<Output = Result<(), BusError>> + Send>>),
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "Done",
            Self::Pending(_) => "Pending",
        })
    }
}

/// The other nodes, as far as a bus knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peers {
    /// By name: those that leave are not waited for.
    Known(Vec<NodeId>),
    /// Their number alone.
    Count(usize),
}

impl Peers {
    /// How many they are.
    pub fn len(&self) -> usize {
        match self {
            Self::Known(nodes) => nodes.len(),
            Self::Count(count) => *count,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Tells [`Peers`].
pub type PeersFuture = Pin<Box<dyn Future<Output = Result<Peers, BusError>> + Send>>;
