//! The WebSocket handshake, and taking the bare stream back from the HTTP server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use enchufe_proto::engine::{Dialect, Path, Revision, Transport};
use enchufe_proto::websocket::handshake;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
pub(crate) use hyper::upgrade::OnUpgrade;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use super::admit::{self, Refused};
use super::answer::{self, Answer};
use super::{HttpStream, RequestHead, request};
use crate::connection::stream::{Incoming, Stream};
use crate::connection::{Connection, Mail};
use crate::core::Core;
use crate::error::BadRequest;

/// How long the HTTP server may take to hand the stream over once 101 was answered.
const HAND_OVER: Duration = Duration::from_secs(10);

/// How long a client of revision 3 has, from the 101 on, until the OPEN packet comes. Those that start to listen only when
/// the WebSocket is open lose what comes in the same segment: the public suite of that revision is one of them.
const LISTENING: Duration = Duration::from_millis(20);

/// Whether a request asks for a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && has_token(headers, &header::CONNECTION, "upgrade")
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}

/// Answers 101 and, when the stream is there, starts a session on it.
pub(crate) async fn open(
    core: &Arc<Core>,
    head: &RequestHead,
    on_upgrade: Option<OnUpgrade>,
) -> Result<Answer, Refused> {
    let answer = switching(head.headers())?;
    let on_upgrade = on_upgrade.ok_or(Refused::NoUpgrades)?;
    let (sid, dialect, place) = admit::admit(core, head).await?;
    let mut block = request::block(head);
    // Only an id that the application made can be another session's by now.
    let made_by = core.config.hooks.generate_id.is_some().then(|| head.clone());
    if dialect.revision == Revision::Four {
        // It leaves with the OPEN packet.
        head.hold_back();
    }
    let core = core.clone();
    tokio::spawn(async move {
        let Some(incoming) = handed_over(on_upgrade, dialect).await else { return };
        if dialect.revision == Revision::Three {
            tokio::time::sleep(LISTENING).await;
        }
        if let Stream::Tcp(stream) = &incoming.stream
            && !block.has_address()
            && let Ok(address) = stream.peer_addr()
        {
            block.set_address(address);
        }
        match request::connection(&core, block, Transport::WebSocket, dialect, sid) {
            Ok(connection) => {
                connection.settle(place);
                let _ = connection.post_mail(Mail::Stream(Box::new(incoming), Path::Main));
                connection.start();
            }
            // Nothing can be refused any more: the stream is closed.
            Err(why) => {
                incoming.answer_now();
                Refused::from(why).tell(&core, made_by.as_ref());
            }
        }
    });
    Ok(answer)
}

/// Answers 101 and, when the stream is there, offers it to a session.
pub(crate) fn upgrade(
    head: &RequestHead,
    on_upgrade: Option<OnUpgrade>,
    connection: Arc<Connection>,
    dialect: Dialect,
) -> Result<Answer, Refused> {
    let answer = switching(head.headers())?;
    let on_upgrade = on_upgrade.ok_or(Refused::NoUpgrades)?;
    tokio::spawn(async move {
        if let Some(incoming) = handed_over(on_upgrade, dialect).await {
            // Where the session is over by now the stream is simply closed.
            let _ = connection.post_mail(Mail::Stream(Box::new(incoming), Path::Probe));
        }
    });
    Ok(answer)
}

/// The answer that switches to WebSocket (RFC 6455 §4.2.2), if that is what the request properly asks for.
fn switching(headers: &HeaderMap) -> Result<Answer, Refused> {
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
    let key = key.filter(|key| handshake::is_valid_key(key)).ok_or(BadRequest::TransportHandshakeError)?;
    if version != Some(b"13") {
        return Err(Refused::OtherVersion);
    }
    let accept = HeaderValue::from_str(&handshake::accept_key(key))
        .map_err(|_| Refused::from(BadRequest::TransportHandshakeError))?;
    let mut answer = answer::empty(StatusCode::SWITCHING_PROTOCOLS);
    let response = answer.headers_mut();
    response.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    response.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = first_protocol(headers) {
        // A browser that offered some expects one of them back.
        response.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(answer)
}

async fn handed_over(on_upgrade: OnUpgrade, dialect: Dialect) -> Option<Incoming> {
    match tokio::time::timeout(HAND_OVER, on_upgrade).await {
        Ok(Ok(upgraded)) => return Some(Incoming { dialect, ..take_stream(upgraded) }),
        Ok(Err(error)) => tracing::debug!(%error, "an upgrade failed"),
        Err(_) => tracing::debug!("an upgrade was not completed in time"),
    }
    None
}

fn first_protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    HeaderValue::from_str(offered.split(',').next()?.trim()).ok()
}

/// The bare TCP stream where there is one, with what had been read of it already; else whatever it is.
fn take_stream(upgraded: Upgraded) -> Incoming {
    // Under `axum::serve` hyper's own downcast fails, because of the wrapper that tells HTTP/1 from HTTP/2.
    let upgraded = match hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => return bare(parts.io.into_inner(), Vec::new(), &parts.read_buf),
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<TokioIo<HttpStream>>() {
        Ok(parts) => {
            let (stream, held) = parts.io.into_inner().into_inner();
            return bare(stream, held, &parts.read_buf);
        }
        Err(upgraded) => upgraded,
    };
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => bare(parts.io.into_inner(), Vec::new(), &parts.read_buf),
        Err(upgraded) => incoming(Stream::Other(Box::pin(TokioIo::new(upgraded))), Vec::new(), Bytes::new()),
    }
}

fn bare(stream: TcpStream, held: Vec<u8>, early: &Bytes) -> Incoming {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    // Even an empty slice would keep the HTTP server's whole read buffer alive.
    incoming(Stream::Tcp(stream), held, Bytes::copy_from_slice(early))
}

fn incoming(stream: Stream, held: Vec<u8>, early: Bytes) -> Incoming {
    Incoming { stream, held, early, dialect: Dialect::default(), runtime: Handle::current().id() }
}
