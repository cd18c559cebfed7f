//! Opening a session: what the application has a say in, once the request itself is in order.
//!
//! In the official server's order: `allow_request`, the protocol's revision, the id. All of it comes before a WebSocket
//! is answered 101, so that a refusal is a proper HTTP answer there too (the official server upgrades first, and then
//! writes HTTP into the WebSocket).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use enchufe_proto::engine::Dialect;
use http::{HeaderValue, StatusCode, header};

use super::answer::{self, Answer};
use super::{RequestHead, request};
use crate::core::Core;
use crate::error::{BadRequest, ConnectionError};
use crate::handshake;
use crate::id::SocketId;
use crate::places::{Full, Place};
use crate::stats;

/// Why a request is not served.
pub(crate) enum Refused {
    Error(ConnectionError),
    /// A WebSocket of another version than 13.
    OtherVersion,
    /// A head that is larger than what is kept of one.
    HeadTooLarge,
    /// Nothing is wrong with it: the server takes no (more) connections.
    Unavailable(&'static str),
    /// Nor here: there are as many connections from its address as may be.
    TooManyFromAddress,
    /// Nor here: the HTTP server in front does not hand its stream over.
    NoUpgrades,
}

impl Refused {
    pub(crate) const SHUTTING_DOWN: Self = Self::Unavailable("the server is shutting down");

    /// The answer to the request, after whoever wants to know has been told.
    pub(crate) fn answer(self, core: &Core, head: &RequestHead, upgrade: bool) -> Answer {
        core.stats.refused_handshakes.fetch_add(u64::from(head.is_handshake()), Ordering::Relaxed);
        let other_version = matches!(self, Self::OtherVersion);
        let error = match self {
            Self::Error(error) => error,
            Self::HeadTooLarge => return answer::empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Self::OtherVersion => BadRequest::TransportHandshakeError.into(),
            Self::Unavailable(why) => return answer::unavailable(StatusCode::SERVICE_UNAVAILABLE, why),
            Self::TooManyFromAddress => {
                let why = "too many connections from this address";
                return answer::unavailable(StatusCode::TOO_MANY_REQUESTS, why);
            }
            Self::NoUpgrades => {
                tracing::error!("the HTTP server does not support upgrades: serve with them enabled");
                return answer::empty(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        core.config.hooks.tell_refused(&error, head);
        tracing::debug!(code = error.code(), %error, "a request was refused");
        let mut answer = if upgrade { answer::refused_upgrade(&error) } else { answer::refusal(&error) };
        if other_version {
            *answer.status_mut() = StatusCode::UPGRADE_REQUIRED;
            answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        answer
    }

    /// Tells whoever wants to know, where it is too late for an answer.
    pub(crate) fn tell(self, core: &Core, head: Option<&RequestHead>) {
        if let (Self::Error(error), Some(head)) = (self, head) {
            core.config.hooks.tell_refused(&error, head);
        }
    }
}

impl From<ConnectionError> for Refused {
    fn from(error: ConnectionError) -> Self {
        Self::Error(error)
    }
}

impl From<BadRequest> for Refused {
    fn from(error: BadRequest) -> Self {
        Self::Error(error.into())
    }
}

/// Lets a request open a session, and gives the session its id and its dialect.
///
/// What the application takes for it is bounded by the connect time-out, as what comes after is.
pub(crate) async fn admit(
    core: &Arc<Core>,
    head: &RequestHead,
) -> Result<(SocketId, Dialect, Place), Refused> {
    // Before anything is done for it: handshakes that take long have their places too.
    let place = place(core, head)?;
    if handshake::size_of(head.uri(), head.headers()) > core.config.limits.max_head_bytes {
        tracing::debug!("the head of a request is larger than `max_head_bytes`");
        return Err(Refused::HeadTooLarge);
    }
    let hooks = &core.config.hooks;
    let patience = core.config.connect_timeout;
    if hooks.allow_request.is_some() {
        let allowed = tokio::time::timeout(patience, hooks.allow(head)).await;
        if let Err(message) = allowed.unwrap_or_else(|_| Err("timeout".into())) {
            return Err(ConnectionError::Forbidden { message }.into());
        }
    }
    let asked = head.asked();
    let Some(revision) = request::revision(core, &asked) else {
        let protocol = request::protocol(&asked);
        return Err(ConnectionError::UnsupportedProtocolVersion { protocol }.into());
    };
    let sid = if hooks.generate_id.is_some() {
        let made = tokio::time::timeout(patience, hooks.session_id(head)).await;
        let sid = made.unwrap_or_else(|_| Err("timeout".into())).map_err(unusable)?;
        if core.registry.get(sid.as_str()).is_some() {
            return Err(unusable("the id is another session's".into()));
        }
        sid
    } else {
        SocketId::random()
    };
    check_open(core)?;
    Ok((sid, request::dialect(&asked, revision), place))
}

/// A session's id that cannot be used: the application's fault.
pub(crate) fn unusable(error: String) -> Refused {
    tracing::error!(error, "`generate_id` gave no id that can be used");
    BadRequest::IdGenerationError { error }.into()
}

fn check_open(core: &Core) -> Result<(), Refused> {
    if core.draining.is_cancelled() { Err(Refused::SHUTTING_DOWN) } else { Ok(()) }
}

fn place(core: &Arc<Core>, head: &RequestHead) -> Result<Place, Refused> {
    check_open(core)?;
    Place::take(core, core.config.hooks.address(head)).map_err(|full| {
        let (counter, refused) = match full {
            Full::Everywhere => (&core.stats.refused_for_room, Refused::Unavailable("too many connections")),
            Full::ForThisAddress => (&core.stats.refused_addresses, Refused::TooManyFromAddress),
        };
        stats::add(counter, 1);
        if let Some(others) = core.stats.complaints.refused.due(core.clock.now()) {
            tracing::warn!(others, ?full, "there is no room for a connection: it was refused");
        }
        refused
    })
}
