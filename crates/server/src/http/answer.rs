//! The HTTP answers of the official server, with its codes and texts.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

/// The body of everything that is answered here.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a request is refused, in the official codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    UnknownTransport,
    UnknownSession,
    BadHandshakeMethod,
    BadRequest,
    Forbidden,
    UnsupportedProtocol,
}

impl Refused {
    const fn code(self) -> u8 {
        match self {
            Self::UnknownTransport => 0,
            Self::UnknownSession => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden => 4,
            Self::UnsupportedProtocol => 5,
        }
    }

    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSession => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedProtocol => "Unsupported protocol version",
        }
    }

    /// For a plain request: 400 (403 where it is forbidden) with the code and the message as JSON.
    pub(crate) fn answer(self) -> Answer {
        let status = if self == Self::Forbidden { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
        let body = format!("{{\"code\":{},\"message\":\"{}\"}}", self.code(), self.message());
        with_type(status, "application/json", body)
    }

    /// For a WebSocket's request: 400 with the message as text.
    pub(crate) fn answer_upgrade(self) -> Answer {
        let mut answer = with_type(StatusCode::BAD_REQUEST, "text/html", self.message());
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        answer
    }
}

/// A payload for a poll.
pub(crate) fn payload(payload: Vec<u8>) -> Answer {
    uncached(with_type(StatusCode::OK, "text/plain; charset=UTF-8", payload))
}

/// A POST was taken.
pub(crate) fn ok() -> Answer {
    uncached(with_type(StatusCode::OK, "text/html", Bytes::from_static(b"ok")))
}

/// A status without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// The server takes no (more) connections.
pub(crate) fn unavailable(why: &'static str) -> Answer {
    let mut answer = with_type(StatusCode::SERVICE_UNAVAILABLE, "text/plain", why);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

pub(crate) fn with_type(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn uncached(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
