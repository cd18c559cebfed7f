//! The messages between nodes: the official `ClusterAdapter`'s, one variant for each of its types.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use enchufe_proto::socket::RawArgs;

use crate::{RoomName, Selection};

/// Names a node, as `uid` does in the official protocol: opaque, and different for each life of a node.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The node of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Sixteen hexadecimal digits, as the official adapters name themselves.
    pub fn from_random(random: u64) -> Self {
        Self(format!("{random:016x}").into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names a request among those of the node that made it; on the wire a text, as the official nodes choose theirs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The request of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Sixteen hexadecimal digits.
    pub fn from_random(random: u64) -> Self {
        Self(format!("{random:016x}").into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message on its way: who says it, and in which namespace.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The node that says it.
    pub from: NodeId,
    /// The namespace that it is about.
    pub namespace: Arc<str>,
    /// What is said.
    pub message: Message,
}

/// Whom an operation is for, and how: the official `opts`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reach {
    /// Whom.
    pub selection: Selection,
    /// Who cannot take it at once does not get it.
    pub volatile: bool,
    /// What must not be compressed says `false`.
    pub compress: bool,
    /// How long answers are waited for.
    pub timeout: Option<Duration>,
    /// It takes the place of an earlier event with this key that still waits for a client. Not official; a number that means
    /// something in the process that made it, and elsewhere only that two events of it have the same key.
    pub key: Option<u64>,
}

impl Reach {
    /// A selection, without any flag.
    pub fn new(selection: Selection) -> Self {
        Self { selection, volatile: false, compress: true, timeout: None, key: None }
    }
}

/// An event on its way to other nodes: its arguments are not encoded again.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The event's name.
    pub event: Arc<str>,
    /// Its arguments.
    pub args: RawArgs,
}

/// What a node tells of one of its sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketDetails {
    /// The socket's public id.
    pub id: Arc<str>,
    /// The official handshake, as JSON.
    pub handshake: Box<str>,
    /// The rooms that it is in, its own included.
    pub rooms: Vec<RoomName>,
    /// What the application keeps for it, as JSON.
    pub data: Box<str>,
}

/// What nodes say to each other. The numbers are the official message types.
///
/// Heartbeats (1 and 2) and the farewell (13) are a bus's own: they come out as [`Receiver::node_left`](super::Receiver).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Message {
    /// 3: an event for sockets of all nodes. With a request, each node says how many sockets it has asked
    /// ([`ClientCount`](Self::ClientCount)), and passes on what they answer ([`ClientAck`](Self::ClientAck)).
    Broadcast {
        /// The event.
        packet: Outgoing,
        /// For whom.
        reach: Reach,
        /// Who waits for answers.
        request: Option<RequestId>,
    },
    /// 4: sockets join rooms.
    SocketsJoin {
        /// Which sockets.
        reach: Reach,
        /// Which rooms.
        rooms: Vec<RoomName>,
    },
    /// 5: sockets leave rooms.
    SocketsLeave {
        /// Which sockets.
        reach: Reach,
        /// Which rooms.
        rooms: Vec<RoomName>,
    },
    /// 6: sockets are disconnected.
    DisconnectSockets {
        /// Which sockets.
        reach: Reach,
        /// Their whole connections.
        close: bool,
    },
    /// 7: which sockets are there?
    FetchSockets {
        /// Of these.
        reach: Reach,
        /// Who asks.
        request: RequestId,
    },
    /// 8: these are.
    Sockets {
        /// Who asked.
        request: RequestId,
        /// They.
        sockets: Vec<SocketDetails>,
    },
    /// 9: an event for the other nodes themselves.
    ServerSide {
        /// The event.
        packet: Outgoing,
        /// Who waits for answers.
        request: Option<RequestId>,
    },
    /// 10: the answer to it.
    ServerSideAnswer {
        /// Who asked.
        request: RequestId,
        /// One argument; `None` where nobody at this node answers, which official nodes do not say.
        answer: Option<RawArgs>,
    },
    /// 11: so many sockets have been asked.
    ClientCount {
        /// Who asked.
        request: RequestId,
        /// How many.
        clients: usize,
    },
    /// 12: one of them answers.
    ClientAck {
        /// Who asked.
        request: RequestId,
        /// The socket, which official nodes do not tell.
        socket: Option<Arc<str>>,
        /// One argument, or none.
        answer: RawArgs,
    },
    /// Not official, and ignored by official nodes: so many of those who were asked have left without an answer.
    ClientsLeft {
        /// Who asked.
        request: RequestId,
        /// How many.
        clients: usize,
    },
}
