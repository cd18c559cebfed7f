//! What a request wants, checked in the order of the official server.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use enchufe_proto::engine::{Frame, Open, Session, Transport};
use http::{HeaderMap, Method, Request, header};

use super::answer::Refused;
use super::{PeerAddr, query};
use crate::config::TransportKind;
use crate::connection::Connection;
use crate::core::Core;
use crate::handshake::RequestBlock;
use crate::id::SocketId;

/// Intervals from this on have their first ping at random in their second half, so that clients that come
/// together are not pinged together for ever after. Conformance suites use shorter ones, and count on them.
const JITTER_FROM: u64 = 5_000;

/// A request that may be served.
pub(crate) enum Verified {
    /// A new session over polling.
    Open,
    /// A poll.
    Poll(Arc<Connection>),
    /// A payload.
    Post(Arc<Connection>),
    /// A WebSocket: for this session, or for a new one.
    WebSocket(Option<Arc<Connection>>),
    /// A method that no transport has.
    OtherMethod,
    /// No more connections are taken.
    Full(&'static str),
}

/// Checks a request.
pub(crate) fn verify<B>(core: &Core, request: &Request<B>, upgrade: bool) -> Result<Verified, Refused> {
    let query = request.uri().query().unwrap_or_default();
    let transport = match query::get(query, "transport").as_deref() {
        Some("polling") => TransportKind::Polling,
        Some("websocket") => TransportKind::WebSocket,
        _ => return Err(Refused::UnknownTransport),
    };
    if !core.config.allows(transport) {
        return Err(Refused::UnknownTransport);
    }
    if !origin_is_clean(request.headers()) {
        return Err(Refused::BadRequest);
    }
    let current = query::get(query, "EIO").as_deref() == Some("4");
    match query::get(query, "sid") {
        Some(sid) => {
            let session = SocketId::parse(&sid).and_then(|sid| core.registry.get(&sid));
            let connection = session.ok_or(Refused::UnknownSession)?;
            verify_existing(core, connection, request, transport, upgrade, current)
        }
        None => verify_handshake(core, request, transport, upgrade, current),
    }
}

fn verify_existing<B>(
    core: &Core,
    connection: Arc<Connection>,
    request: &Request<B>,
    transport: TransportKind,
    upgrade: bool,
    current: bool,
) -> Result<Verified, Refused> {
    if upgrade != (transport == TransportKind::WebSocket) || !current {
        return Err(Refused::BadRequest);
    }
    if !core.origin_check.allows(request.headers(), request.uri().authority().map(|a| a.as_str())) {
        return Err(Refused::Forbidden);
    }
    if upgrade {
        return Ok(Verified::WebSocket(Some(connection)));
    }
    if connection.transport() != Transport::Polling {
        return Err(Refused::BadRequest);
    }
    Ok(match *request.method() {
        Method::GET => Verified::Poll(connection),
        Method::POST => Verified::Post(connection),
        _ => Verified::OtherMethod,
    })
}

fn verify_handshake<B>(
    core: &Core,
    request: &Request<B>,
    transport: TransportKind,
    upgrade: bool,
    current: bool,
) -> Result<Verified, Refused> {
    if request.method() != Method::GET {
        return Err(Refused::BadHandshakeMethod);
    }
    if upgrade != (transport == TransportKind::WebSocket) {
        return Err(Refused::BadRequest);
    }
    if !core.origin_check.allows(request.headers(), request.uri().authority().map(|a| a.as_str())) {
        core.stats.refused_handshakes.fetch_add(1, Ordering::Relaxed);
        return Err(Refused::Forbidden);
    }
    if !current {
        return Err(Refused::UnsupportedProtocol);
    }
    if core.draining.is_cancelled() {
        return Ok(Verified::Full("the server is shutting down"));
    }
    if core.registry.len() >= core.config.limits.max_connections {
        core.stats.refused_handshakes.fetch_add(1, Ordering::Relaxed);
        tracing::warn!("`max_connections` is reached: a client was refused");
        return Ok(Verified::Full("too many connections"));
    }
    Ok(if upgrade { Verified::WebSocket(None) } else { Verified::Open })
}

/// An `Origin` with control characters could split the headers of an answer that repeats it.
fn origin_is_clean(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_none_or(|origin| origin.to_str().is_ok())
}

/// What is kept of the request that opens a connection.
pub(crate) fn block<B>(request: &Request<B>) -> RequestBlock {
    let address = request.extensions().get::<PeerAddr>().map(|peer| peer.0);
    let secure = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
    RequestBlock::new(request.uri(), request.headers(), address, secure)
}

/// A new session and its connection, not yet with its driver. `None` where the server is closing.
pub(crate) fn connection(
    core: &Arc<Core>,
    request: RequestBlock,
    transport: Transport,
) -> Option<Arc<Connection>> {
    let driver = core.driver()?;
    let sid = SocketId::random();
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
    let interval = core.session.ping_interval;
    let first_ping =
        if interval >= JITTER_FROM { interval / 2 + rand::random_range(0..=interval / 2) } else { interval };
    let open = Frame::text(format!("0{}", open.to_json()));
    let session = Session::server(core.clock.now(), transport, open, first_ping, &core.session);
    let connection = Connection::new(core.clone(), driver, sid.clone(), Arc::new(request), session);
    core.registry.insert(connection.clone());
    // After the insertion: either this sees the server closing, or the closing sees the connection.
    if core.draining.is_cancelled() {
        core.registry.remove(&sid);
        return None;
    }
    Some(connection)
}
