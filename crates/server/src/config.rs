//! The options of a server, and apart from them the limits that protect it from its peers.

use std::time::Duration;

use enchufe_proto::engine::{SessionConfig, Transport};
use enchufe_proto::{socket, websocket};

use crate::cookie::Cookie;
use crate::cors::Cors;
use crate::engine::Message;
use crate::error::BuildError;
use crate::hooks::Hooks;
use crate::overload::OutboxPolicy;
use crate::parser::Parser;
use crate::recovery::Recovery;
use crate::time::millis;

/// Bytes from which on the answer to a poll is compressed: as in the official server.
pub(crate) const HTTP_COMPRESSION: usize = 1024;

/// The longest that clients may be told to wait for a ping: browsers count in 32 bits of milliseconds, and what is longer
/// has passed at once.
const LONGEST_SILENCE: Duration = Duration::from_secs(24 * 24 * 3_600);

/// The transports that a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportKind {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

impl From<Transport> for TransportKind {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Polling => Self::Polling,
            Transport::WebSocket => Self::WebSocket,
        }
    }
}

/// What a server does and how; see [`ServerBuilder`](crate::ServerBuilder) for each option.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Begins with a slash; ends with none.
    pub(crate) path: String,
    pub(crate) trailing_slash: bool,
    pub(crate) serve_client: bool,
    pub(crate) transports: Vec<TransportKind>,
    pub(crate) allow_upgrades: bool,
    pub(crate) allow_eio3: bool,
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    pub(crate) upgrade_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) drain_window: Duration,
    /// A listener for each worker.
    pub(crate) reuse_port: bool,
    pub(crate) outbox_policy: OutboxPolicy,
    pub(crate) cors: Option<Cors>,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) hooks: Hooks,
    pub(crate) initial_packet: Option<Message>,
    /// Bytes from which on the answers to polls are compressed.
    pub(crate) http_compression: Option<usize>,
    pub(crate) parser: Parser,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) cleanup_empty_child_namespaces: bool,
    pub(crate) limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io".into(),
            trailing_slash: true,
            serve_client: true,
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            allow_upgrades: true,
            allow_eio3: false,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
            shutdown_timeout: Duration::from_secs(8),
            drain_window: Duration::ZERO,
            reuse_port: false,
            outbox_policy: OutboxPolicy::default(),
            cors: None,
            cookie: None,
            hooks: Hooks::default(),
            initial_packet: None,
            http_compression: Some(HTTP_COMPRESSION),
            parser: Parser::default(),
            recovery: None,
            cleanup_empty_child_namespaces: false,
            limits: Limits::default(),
        }
    }
}

/// The bounds on what a peer can make the server hold. A peer that passes one is closed, counted and logged.
///
/// ```
/// use enchufe::{Limits, Server};
/// let limits = Limits { max_outbox_bytes: 1 << 20, ..Limits::default() };
/// let io = Server::builder().limits(limits).build()?;
/// # Ok::<_, enchufe::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of one POST body or one WebSocket message. Announced to clients as `maxPayload`.
    /// Default 1,000,000, as in the official server. Worst case: twice this for each connection that sends.
    pub max_payload_bytes: usize,
    /// Binary attachments of one packet. Default 10, as in the official server: a packet that announces
    /// more is refused before any of them is kept. With `Parser::Msgpack`, where they lie in the message itself,
    /// 1,024 at least.
    pub max_attachments: usize,
    /// Bytes of all attachments of one packet together. Default 10,000,000 (the official server: none).
    pub max_attachment_bytes: usize,
    /// How long a packet may wait for its attachments. Default 30 s (the official server: for ever).
    pub attachment_timeout: Duration,
    /// Nesting of arrays and objects in JSON. Default 512 (the official server: none, it can overflow its
    /// stack). It costs no memory; it protects those to whom a message is relayed.
    pub max_json_depth: usize,
    /// Namespaces that one connection may have joined. Default 1,024 (the official server: none).
    /// About 600 bytes each.
    pub max_namespaces: usize,
    /// Rooms of one socket. Default 10,000 (the official server: none). About 100 bytes each.
    pub max_rooms: usize,
    /// Acknowledgements that one socket may owe the server. Default 10,000 (the official server: none).
    /// The emit that would pass it fails.
    pub max_pending_acks: usize,
    /// Event handlers of one connection that may be running. Default 256 (the official server: none).
    /// Events past it wait until one of them ends, in order; with `max_early_bytes` of
    /// them waiting the connection is not read any more. Only an event whose turn comes among those of
    /// [one key](crate::Execution::keyed) goes on beside them, in the place of the handler that ended, so that others don't
    /// wait for this client's.
    pub max_in_flight_handlers: usize,
    /// Bytes that may wait for one connection's transport. Default 4 MiB (the official server: none).
    /// What is done with a connection past it says [`ServerBuilder::outbox_policy`](crate::ServerBuilder::outbox_policy):
    /// it is closed as a slow consumer, unless told otherwise. Worst case: this and 256 KiB for each connection; what
    /// all recipients of a broadcast share is held once.
    pub max_outbox_bytes: usize,
    /// Bytes that may wait for the transports of all connections together. Default none, since the right number is a part
    /// of the machine's memory (the official server: none). Past it those for whom most waits are closed with
    /// `server overloaded`, until an eighth of it is free. What the recipients of a broadcast share counts for each of them.
    pub max_total_outbox_bytes: usize,
    /// Bytes of events of one connection that may wait for connect handlers to finish; and of those that may wait for
    /// others to be handled before them. Default 1,000,000. A client that sends more before its connect handlers have
    /// finished is closed; one whose events wait for others is not read until half of them have gone on.
    pub max_early_bytes: usize,
    /// How long events may wait for a connect handler. Default 15 s. Then they are handled while it goes on, with a
    /// warning; where it is a middleware that has not finished the connection is closed.
    pub early_timeout: Duration,
    /// How long a connection may go unread because too many of its handlers are running, with its heartbeat waiting for
    /// it. Default 60 s; from then on the heartbeat's own time-outs hold again, and close it with `ping timeout`.
    pub stall_timeout: Duration,
    /// Messages that one connection may send in a second: events, answers, packets of any kind, heartbeats and
    /// WebSocket's own pings and pongs too, but not attachments on their own. Default none (the official server: none).
    /// One that sends faster is not read until it may again, so that it waits in its own memory and the kernel's. 32 bytes
    /// a connection.
    pub max_events_per_second: usize,
    /// Bytes that one connection may send in a second, attachments and the headers of WebSocket's frames included; over
    /// polling those of the packets. Default none (the official server: none). Past it as for `max_events_per_second`.
    pub max_bytes_per_second: usize,
    /// How much may come at once after a silence: what the two rates above allow in this time. Default 2 s.
    pub rate_burst: Duration,
    /// How long a connection may keep sending faster than the two rates above without a pause. Default 10 s; then it is
    /// closed with `rate limit exceeded`, and told so with close code 1008. While the server does not read it for the
    /// sake of its own handlers it may go on sending at its rates: what then comes at once is not held against it.
    pub flood_timeout: Duration,
    /// Connections in all, those whose handshake is not done included. Default none; a handshake past it is refused
    /// with 503.
    pub max_connections: usize,
    /// Connections from one address: an IPv4 address, or a /64 of IPv6. Default none, since behind a proxy that is not
    /// told apart ([`ServerBuilder::address_of`](crate::ServerBuilder::address_of)) all clients have one address. A
    /// handshake past it is refused with 429. About 32 bytes for each address with a connection.
    pub max_connections_per_address: usize,
    /// HTTP connections that serve no request of a session and carry no WebSocket: idle ones, those that take long to
    /// ask, and those that wait for what the application answers. Default 10,000; one more is closed at once. Those that
    /// ask for nothing last for `header_timeout` at most. They are not bounded for each address: where one could take all
    /// of them, a proxy or firewall in front does it. Only for servers started with
    /// [`Server::listen`](crate::Server::listen). About 20 KiB each, and at worst `max_head_bytes`.
    pub max_idle_http_connections: usize,
    /// Bytes of the head of a request that opens a connection, which keeps it for its life. Default 64 KiB (the
    /// official server: 16 KiB). A larger one is answered 431, whichever HTTP server is in front.
    pub max_head_bytes: usize,
    /// How long an HTTP connection may take until the head of its first request has come, and after each answer until
    /// that of the next has: so it is also how long it may be idle. Default 10 s. Only for servers started with
    /// [`Server::listen`](crate::Server::listen); elsewhere the host server's own setting holds.
    pub header_timeout: Duration,
    /// How long the body of a POST may take. Default 30 s.
    pub body_timeout: Duration,
    /// How long a client may take nothing at all of an HTTP answer that waits for it. Default 30 s (the official server:
    /// for ever). Only for servers started with [`Server::listen`](crate::Server::listen).
    pub write_timeout: Duration,
    /// Bytes of the events, and of the sessions without a connection, that are kept on the whole server for clients that
    /// may come back; only with connection state recovery. Default 64 MiB (the official server: none). The oldest events
    /// go first; a client that has missed one of them starts anew.
    pub max_recovery_bytes: usize,
    /// Events of one namespace that are kept for clients that may come back. Default 100,000 (the official server: none).
    pub max_recovery_packets: usize,
    /// Sessions without a connection on the whole server. Default 100,000 (the official server: none). About 500 bytes
    /// each, and what the application keeps for them. The oldest of the namespace go first.
    pub max_recovery_sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload_bytes: 1_000_000,
            max_attachments: 10,
            max_attachment_bytes: 10_000_000,
            attachment_timeout: Duration::from_secs(30),
            max_json_depth: 512,
            max_namespaces: 1_024,
            max_rooms: 10_000,
            max_pending_acks: 10_000,
            max_in_flight_handlers: 256,
            max_outbox_bytes: 4 << 20,
            max_total_outbox_bytes: usize::MAX,
            max_early_bytes: 1_000_000,
            early_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(60),
            max_events_per_second: usize::MAX,
            max_bytes_per_second: usize::MAX,
            rate_burst: Duration::from_secs(2),
            flood_timeout: Duration::from_secs(10),
            max_connections: usize::MAX,
            max_connections_per_address: usize::MAX,
            max_idle_http_connections: 10_000,
            max_head_bytes: 64 << 10,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            max_recovery_bytes: 64 << 20,
            max_recovery_packets: 100_000,
            max_recovery_sessions: 100_000,
        }
    }
}

impl Config {
    /// Finds what no server can be built with.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let invalid = |option, reason: &str| Err(BuildError::InvalidOption { option, reason: reason.into() });
        if self.transports.is_empty() {
            return invalid("transports", "there must be one");
        }
        if self.path.contains(['?', '#']) {
            return invalid("path", "it has no query and no fragment");
        }
        let limits = &self.limits;
        for (option, time) in [
            ("ping_interval", self.ping_interval),
            ("ping_timeout", self.ping_timeout),
            ("connect_timeout", self.connect_timeout),
            ("attachment_timeout", limits.attachment_timeout),
            ("header_timeout", limits.header_timeout),
            ("body_timeout", limits.body_timeout),
            ("write_timeout", limits.write_timeout),
        ] {
            if time.is_zero() {
                return invalid(option, "no client is so quick: it is more than nothing");
            }
        }
        if self.ping_interval.saturating_add(self.ping_timeout) > LONGEST_SILENCE {
            return invalid(
                "ping_interval",
                "with `ping_timeout` it is at most 24 days, the longest that timers of browsers can wait",
            );
        }
        self.cookie.as_ref().map_or(Ok(()), Cookie::check)
    }

    /// What a session needs to know of all this.
    pub(crate) fn session(&self) -> SessionConfig {
        SessionConfig {
            ping_interval: millis(self.ping_interval),
            ping_timeout: millis(self.ping_timeout),
            upgrade_timeout: millis(self.upgrade_timeout),
            join_timeout: millis(self.connect_timeout),
            partial_timeout: millis(self.limits.attachment_timeout),
            outbox_limit: self.limits.max_outbox_bytes,
            ..SessionConfig::default()
        }
    }

    pub(crate) fn packet_limits(&self) -> socket::Limits {
        socket::Limits {
            max_attachments: self.limits.max_attachments,
            max_attachment_bytes: self.limits.max_attachment_bytes,
            max_depth: self.limits.max_json_depth,
        }
    }

    pub(crate) fn websocket_limits(&self) -> websocket::Limits {
        websocket::Limits { max_message: self.limits.max_payload_bytes, ..websocket::Limits::default() }
    }

    pub(crate) fn allows(&self, transport: TransportKind) -> bool {
        self.transports.contains(&transport)
    }
}
