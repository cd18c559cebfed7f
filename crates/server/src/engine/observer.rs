//! Watching connections from outside: the events of the official engine and of its raw sockets.
//!
//! Promises: a server without an observer pays a comparison for each packet, and nothing else. No lock is held while an
//! observer runs, and its panic ends the call it happened in and nothing else.

use std::sync::Arc;

use enchufe_proto::engine::{Frame, FrameKind, Kind, Millis, Packet, Revision};

use super::EngineSocket;
use crate::connection::Connection;
use crate::handler::guarded;
use crate::reason::DisconnectReason;

/// Who watches the connections of a server, with Socket.IO or without: for metrics, traces, and what the official
/// `io.engine.on("connection", …)` and `socket.conn.on(…)` are used for. See
/// [`ServerBuilder::observe`](crate::ServerBuilder::observe).
///
/// The calls are made where things happen, also by drivers that serve other connections: they must not block. Those for
/// one connection may overlap, because requests and emits come from anywhere.
///
/// ```
/// use enchufe::Server;
/// use enchufe::engine::{EngineObserver, EngineSocket};
///
/// struct Upgrades;
///
/// impl EngineObserver for Upgrades {
///     fn on_upgrade(&self, socket: &EngineSocket) {
///         println!("{:?} now uses {}", socket.address(), socket.transport());
///     }
/// }
///
/// let io = Server::builder().observe(Upgrades).build()?;
/// # Ok::<_, enchufe::BuildError>(())
/// ```
pub trait EngineObserver: Send + Sync + 'static {
    /// A client has connected. The packets of a polling handshake itself come before.
    fn on_open(&self, socket: &EngineSocket) {
        let _ = socket;
    }

    /// A packet came in, or went out to the transport. Those of a transport that is being tried are not shown.
    fn on_packet(&self, socket: &EngineSocket, packet: &ObservedPacket<'_>) {
        let _ = (socket, packet);
    }

    /// The client answered a ping, or where it speaks revision 3 sent one.
    fn on_heartbeat(&self, socket: &EngineSocket) {
        let _ = socket;
    }

    /// A second transport works, and the client is about to change to it.
    fn on_upgrading(&self, socket: &EngineSocket) {
        let _ = socket;
    }

    /// The client has changed to it.
    fn on_upgrade(&self, socket: &EngineSocket) {
        let _ = socket;
    }

    /// So many packets were handed to the transport.
    fn on_flush(&self, socket: &EngineSocket, packets: usize) {
        let _ = (socket, packets);
    }

    /// Nothing waits for the transport any more.
    fn on_drain(&self, socket: &EngineSocket) {
        let _ = socket;
    }

    /// So many events for it were given up because it did not take them: see [`OutboxPolicy`](crate::OutboxPolicy).
    fn on_dropped(&self, socket: &EngineSocket, packets: usize) {
        let _ = (socket, packets);
    }

    /// The connection is over.
    fn on_close(&self, socket: &EngineSocket, reason: DisconnectReason) {
        let _ = (socket, reason);
    }
}

/// A packet that an [`EngineObserver`] is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservedPacket<'a> {
    /// Whose packet it is.
    pub direction: Direction,
    /// What it is.
    pub kind: PacketKind,
    /// What is in it, without the kind.
    pub data: PacketData<'a>,
}

/// Which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    Incoming,
    /// To the client.
    Outgoing,
}

/// What is in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketData<'a> {
    /// A text.
    Text(&'a str),
    /// Bytes: always a message. (To a client that takes no bytes they go as text, in base64 with a `b` before it.)
    Binary(&'a [u8]),
}

/// The kinds of packets of Engine.IO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocol says what they are")]
pub enum PacketKind {
    Open,
    Close,
    Ping,
    Pong,
    Message,
    Upgrade,
    Noop,
}

impl From<Kind> for PacketKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Open => Self::Open,
            Kind::Close => Self::Close,
            Kind::Ping => Self::Ping,
            Kind::Pong => Self::Pong,
            Kind::Message => Self::Message,
            Kind::Upgrade => Self::Upgrade,
            Kind::Noop => Self::Noop,
        }
    }
}

/// Tells the observer something, if there is one.
#[inline]
pub(crate) fn observe(connection: &Arc<Connection>, tell: impl FnOnce(&dyn EngineObserver, &EngineSocket)) {
    if let Some(observer) = &connection.core.config.hooks.observer {
        guarded("EngineObserver", || tell(&**observer, &EngineSocket(connection.clone())));
    }
}

/// So many packets were given up: the observer is told, and now and then the log.
#[cold]
pub(crate) fn dropped(connection: &Arc<Connection>, packets: u32, now: Millis) {
    observe(connection, |observer, socket| observer.on_dropped(socket, packets as usize));
    if let Some(others) = connection.core.stats.complaints.dropped.due(now) {
        tracing::warn!(packets, others, "events were given up for a client that does not take them");
    }
}

/// A text packet came.
#[inline]
pub(crate) fn incoming(connection: &Arc<Connection>, packet: &Packet<'_>) {
    observe(connection, |observer, socket| {
        let (direction, data) = (Direction::Incoming, PacketData::Text(packet.data));
        observer.on_packet(socket, &ObservedPacket { direction, kind: packet.kind.into(), data });
        let heartbeat = match connection.revision() {
            Revision::Three => Kind::Ping,
            Revision::Four => Kind::Pong,
        };
        if packet.kind == heartbeat {
            observer.on_heartbeat(socket);
        }
    });
}

/// A binary message came.
pub(crate) fn incoming_binary(connection: &Arc<Connection>, data: &[u8]) {
    observe(connection, |observer, socket| {
        let (direction, data) = (Direction::Incoming, PacketData::Binary(data));
        observer.on_packet(socket, &ObservedPacket { direction, kind: PacketKind::Message, data });
    });
}

/// These were handed to the transport.
pub(crate) fn flushed<'a>(connection: &Arc<Connection>, frames: impl ExactSizeIterator<Item = &'a Frame>) {
    if frames.len() == 0 {
        return;
    }
    observe(connection, |observer, socket| {
        let count = frames.len();
        for frame in frames {
            observer.on_packet(socket, &outgoing(frame));
        }
        observer.on_flush(socket, count);
    });
}

fn outgoing(frame: &Frame) -> ObservedPacket<'_> {
    let text = std::str::from_utf8(frame.body()).unwrap_or_default();
    let (kind, data) = match (frame.kind(), Packet::decode(text)) {
        (FrameKind::Binary, _) => (PacketKind::Message, PacketData::Binary(frame.body())),
        (FrameKind::Text, Ok(packet)) => (packet.kind.into(), PacketData::Text(packet.data)),
        // Bytes for a client that takes none, in base64.
        (FrameKind::Text, Err(_)) => (PacketKind::Message, PacketData::Text(text)),
    };
    ObservedPacket { direction: Direction::Outgoing, kind, data }
}
