//! Why a session ended.

use std::fmt;

/// Why a session ended, with the texts of the official server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The transport failed, or its peer broke the transport's own rules.
    TransportError,
    /// The transport was closed from the other side.
    TransportClose,
    /// A heartbeat was not answered in time.
    PingTimeout,
    /// The peer sent what is not an Engine.IO packet.
    ParseError,
    /// This side closed the session.
    ForcedClose,
    /// The server closed the session because the peer broke the rules of Socket.IO.
    ForcedServerClose,
    /// The server shuts down.
    ServerShuttingDown,
    /// The peer did not take what was sent to it, and the outbox passed its bound.
    SlowConsumer,
    /// The peer kept sending faster than it may.
    RateLimited,
    /// More waited for all peers together than there is room for, and most of it for this one.
    Overloaded,
}

impl CloseReason {
    /// All reasons, in the order of the enumeration: the place of each is its number.
    pub const ALL: [Self; 10] = [
        Self::TransportError,
        Self::TransportClose,
        Self::PingTimeout,
        Self::ParseError,
        Self::ForcedClose,
        Self::ForcedServerClose,
        Self::ServerShuttingDown,
        Self::SlowConsumer,
        Self::RateLimited,
        Self::Overloaded,
    ];

    /// The text that applications see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ServerShuttingDown => "server shutting down",
            Self::SlowConsumer => "slow consumer",
            Self::RateLimited => "rate limit exceeded",
            Self::Overloaded => "server overloaded",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
