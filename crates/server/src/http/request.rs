//! What a request wants, checked in the order of the official server.

use std::sync::Arc;

use enchufe_proto::engine::{CloseReason, Dialect, Frame, Open, Revision, Session, Transport};
use http::{Method, header};

use super::RequestHead;
use super::admit::{self, Refused};
use super::query::Asked;
use crate::config::TransportKind;
use crate::connection::Connection;
use crate::core::{Core, Layer};
use crate::error::{BadRequest, ConnectionError};
use crate::handshake::{Handshake, RequestDraft};
use crate::id::SocketId;
use crate::origin::OriginCheck;
use crate::stats;

/// Intervals from this on have their first ping at random in their second half, so that clients that come
/// together are not pinged together for ever after. Conformance suites use shorter ones, and count on them.
const JITTER_FROM: u64 = 5_000;

/// A request that may be served.
pub(crate) enum Verified {
    /// A new session: over polling, or over the WebSocket that this request upgrades to.
    Handshake { upgrade: bool },
    /// A poll.
    Poll(Arc<Connection>),
    /// A payload.
    Post(Arc<Connection>),
    /// A WebSocket for this session.
    Upgrade(Arc<Connection>, Dialect),
    /// A method that no transport has.
    OtherMethod,
}

/// Checks a request, as far as that can be done at once; what the application has a say in comes after, see
/// [`super::admit`].
pub(crate) fn verify(
    core: &Core,
    head: &RequestHead,
    asked: &Asked<'_>,
    upgrade: bool,
) -> Result<Verified, ConnectionError> {
    let unknown =
        || ConnectionError::UnknownTransport { transport: asked.transport.as_deref().map(Into::into) };
    let transport = match asked.transport.as_deref() {
        Some("polling") => Transport::Polling,
        Some("websocket") => Transport::WebSocket,
        _ => return Err(unknown()),
    };
    if !core.config.allows(transport.into()) {
        return Err(unknown());
    }
    if let Some(origin) = head.headers().get(header::ORIGIN)
        && origin.to_str().is_err()
    {
        // With control characters it could split the headers of an answer that repeats it.
        let origin = String::from_utf8_lossy(origin.as_bytes()).into_owned();
        return Err(BadRequest::InvalidOrigin { origin }.into());
    }
    match asked.sid.as_deref() {
        Some(sid) => match core.registry.get(sid) {
            Some(connection) => verify_existing(core, connection, head, asked, transport, upgrade),
            None => Err(ConnectionError::UnknownSid { sid: sid.into() }),
        },
        None => verify_handshake(core, head, asked, transport, upgrade),
    }
}

fn verify_existing(
    core: &Core,
    connection: Arc<Connection>,
    head: &RequestHead,
    asked: &Asked<'_>,
    transport: Transport,
    upgrade: bool,
) -> Result<Verified, ConnectionError> {
    let previous = connection.transport();
    let fits = if upgrade { transport == Transport::WebSocket } else { transport == previous };
    if !fits {
        let (transport, previous_transport) = (transport.name(), previous.name());
        return Err(BadRequest::TransportMismatch { transport, previous_transport }.into());
    }
    if revision(core, asked) != Some(connection.revision()) {
        let (protocol, previous_protocol) = (protocol(asked), connection.revision().number());
        return Err(BadRequest::ProtocolMismatch { protocol, previous_protocol }.into());
    }
    check_origin(core, head, asked)?;
    if upgrade {
        let dialect = dialect(asked, connection.revision());
        return Ok(Verified::Upgrade(connection, dialect));
    }
    if previous != Transport::Polling {
        // A WebSocket's session has no use for a plain request.
        return Err(BadRequest::TransportHandshakeError.into());
    }
    Ok(match *head.method() {
        Method::GET => Verified::Poll(connection),
        Method::POST => Verified::Post(connection),
        _ => Verified::OtherMethod,
    })
}

fn verify_handshake(
    core: &Core,
    head: &RequestHead,
    asked: &Asked<'_>,
    transport: Transport,
    upgrade: bool,
) -> Result<Verified, ConnectionError> {
    if head.method() != Method::GET {
        return Err(ConnectionError::BadHandshakeMethod { method: head.method().clone() });
    }
    if upgrade != (transport == Transport::WebSocket) {
        return Err(BadRequest::TransportHandshakeError.into());
    }
    check_origin(core, head, asked)?;
    Ok(Verified::Handshake { upgrade })
}

fn check_origin(core: &Core, head: &RequestHead, asked: &Asked<'_>) -> Result<(), ConnectionError> {
    let check = &core.origin_check;
    if matches!(check, OriginCheck::Off) {
        return Ok(());
    }
    let authority = head.uri().authority().map(|authority| authority.as_str());
    let allowed = if asked.callback.is_some() {
        check.allows_script(head.headers(), authority)
    } else {
        check.allows(head.headers(), authority)
    };
    if allowed {
        return Ok(());
    }
    Err(ConnectionError::Forbidden { message: "Forbidden".into() })
}

/// The revision of Engine.IO that a request is in, for those who are told of it: what is not 4 counts as 3, as in the
/// official server.
pub(super) fn protocol(asked: &Asked<'_>) -> u8 {
    let current = asked.protocol.as_deref() == Some("4");
    if current { Revision::Four.number() } else { Revision::Three.number() }
}

/// The revision that a request is in, if it is one that is spoken. Where old clients of Socket.IO are admitted that is 3 for
/// all that does not name 4, as with the official server; Engine.IO alone wants it named, as the public suite of
/// revision 4 does.
pub(super) fn revision(core: &Core, asked: &Asked<'_>) -> Option<Revision> {
    match asked.protocol.as_deref() {
        Some("4") => Some(Revision::Four),
        _ if !core.config.allow_eio3 => None,
        Some("3") => Some(Revision::Three),
        _ => matches!(core.layer, Layer::SocketIo).then_some(Revision::Three),
    }
}

/// How the client of a request that opens a transport writes and reads.
pub(super) fn dialect(asked: &Asked<'_>, revision: Revision) -> Dialect {
    let text_only = asked.base64.as_deref().is_some_and(|value| !value.is_empty());
    Dialect { revision, base64: text_only || asked.callback.is_some() }
}

/// What is kept of the request that opens a connection.
pub(crate) fn block(head: &RequestHead) -> RequestDraft {
    let secure = head.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
    let mut draft = RequestDraft::of(head.uri(), head.headers(), secure);
    if let Some(address) = head.address() {
        draft.set_address(address);
    }
    draft
}

/// A new session and its connection, not yet with its driver.
pub(crate) fn connection(
    core: &Arc<Core>,
    request: RequestDraft,
    transport: Transport,
    dialect: Dialect,
    sid: SocketId,
) -> Result<Arc<Connection>, NotOpened> {
    let driver = core.driver().ok_or(NotOpened::ShuttingDown)?;
    let upgrades = core.config.allow_upgrades
        && transport == Transport::Polling
        && core.config.allows(TransportKind::WebSocket);
    let open = Open {
        sid: sid.to_string(),
        upgrades: if upgrades { vec![Transport::WebSocket.name().into()] } else { Vec::new() },
        ping_interval: core.session.ping_interval,
        ping_timeout: core.session.ping_timeout,
        max_payload: core.config.limits.max_payload_bytes as u64,
    };
    let open = Frame::text(open.packet());
    let mut session = session(core, transport, dialect.revision, open);
    if let Some(message) = &core.config.initial_packet {
        session.outbox().push_unbounded(message.clone().into_frame());
    }
    let connection =
        Connection::new(core.clone(), driver, sid, Handshake::new(request.finish()), dialect, session);
    if !core.registry.insert(&connection) {
        return Err(NotOpened::SidTaken);
    }
    stats::add(&core.stats.opened, 1);
    // After the insertion: either this sees the server closing, or the closing sees the connection.
    if core.draining.is_cancelled() {
        core.registry.remove(&connection);
        core.stats.count_close(CloseReason::ServerShuttingDown);
        return Err(NotOpened::ShuttingDown);
    }
    Ok(connection)
}

fn session(core: &Core, transport: Transport, revision: Revision, open: Frame) -> Session {
    let (now, config) = (core.clock.now(), &core.session);
    let interval = config.ping_interval;
    match revision {
        Revision::Three => Session::server_of_revision_3(now, transport, open, config),
        Revision::Four if interval < JITTER_FROM => Session::server(now, transport, open, interval, config),
        Revision::Four => {
            let first_ping = interval / 2 + rand::random_range(0..=interval / 2);
            Session::server(now, transport, open, first_ping, config)
        }
    }
}

/// Why there is no session.
pub(crate) enum NotOpened {
    ShuttingDown,
    /// There is one with this id.
    SidTaken,
}

impl From<NotOpened> for Refused {
    fn from(why: NotOpened) -> Self {
        match why {
            NotOpened::ShuttingDown => Self::SHUTTING_DOWN,
            NotOpened::SidTaken => admit::unusable("the id is another session's".into()),
        }
    }
}
