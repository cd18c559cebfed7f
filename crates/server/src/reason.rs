//! Why a socket was disconnected.

use std::fmt;

use enchufe_proto::engine::CloseReason;

/// Why a socket was disconnected; [`DisconnectReason::as_str`] gives the official texts.
///
/// Clients come back by themselves, unless one side disconnected the socket on purpose
/// ([`ClientNamespaceDisconnect`](Self::ClientNamespaceDisconnect),
/// [`ServerNamespaceDisconnect`](Self::ServerNamespaceDisconnect)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The transport failed, or the client broke its rules.
    TransportError,
    /// The client or the network closed the transport: the tab was closed, the connection lost.
    TransportClose,
    /// The client did not answer a heartbeat in time.
    PingTimeout,
    /// The client sent what is not an Engine.IO packet.
    ParseError,
    /// The server closed the connection, for example because a packet could not be decoded.
    ForcedClose,
    /// The server closed the connection because the client broke the rules of Socket.IO.
    ForcedServerClose,
    /// The client called `socket.disconnect()`.
    ClientNamespaceDisconnect,
    /// The server called [`Socket::disconnect`](crate::Socket::disconnect).
    ServerNamespaceDisconnect,
    /// The server is shutting down.
    ServerShuttingDown,
    /// The client did not take what was sent to it; see
    /// [`Limits::max_outbox_bytes`](crate::Limits::max_outbox_bytes). (Ours alone: the official server has no such bound.)
    SlowConsumer,
    /// The client kept sending faster than it may: see
    /// [`Limits::max_events_per_second`](crate::Limits::max_events_per_second). (Ours alone.)
    RateLimited,
    /// More waited for all clients together than
    /// [`Limits::max_total_outbox_bytes`](crate::Limits::max_total_outbox_bytes), and most of it for this one. (Ours
    /// alone.)
    Overloaded,
}

impl DisconnectReason {
    /// The text that the official server uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::ServerShuttingDown => "server shutting down",
            Self::SlowConsumer => "slow consumer",
            Self::RateLimited => "rate limit exceeded",
            Self::Overloaded => "server overloaded",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for DisconnectReason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<CloseReason> for DisconnectReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::TransportError => Self::TransportError,
            CloseReason::TransportClose => Self::TransportClose,
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::ParseError => Self::ParseError,
            CloseReason::ForcedClose => Self::ForcedClose,
            CloseReason::ForcedServerClose => Self::ForcedServerClose,
            CloseReason::ServerShuttingDown => Self::ServerShuttingDown,
            CloseReason::SlowConsumer => Self::SlowConsumer,
            CloseReason::RateLimited => Self::RateLimited,
            CloseReason::Overloaded => Self::Overloaded,
        }
    }
}
