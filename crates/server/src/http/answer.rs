//! The HTTP answers of the official server, with its codes and texts.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::error::ConnectionError;

/// The body of everything that is answered here.
pub(crate) type Answer = Response<Full<Bytes>>;

/// The refusal of a plain request: 400 (403 where it is forbidden) with the code and the message as JSON.
pub(crate) fn refusal(error: &ConnectionError) -> Answer {
    let forbidden = matches!(error, ConnectionError::Forbidden { .. });
    let status = if forbidden { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
    coded(status, error.code(), error.message())
}

/// The refusal of a WebSocket's request: 400 with the message as text. The connection is not used again.
pub(crate) fn refused_upgrade(error: &ConnectionError) -> Answer {
    let message = Bytes::copy_from_slice(error.message().as_bytes());
    let mut answer = with_type(StatusCode::BAD_REQUEST, "text/html", message);
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// A request of a session that broke its rules, or came too late for it.
pub(crate) fn bad_request() -> Answer {
    coded(StatusCode::BAD_REQUEST, 3, "Bad request")
}

/// A request of a session that has ended meanwhile.
pub(crate) fn session_ended() -> Answer {
    coded(StatusCode::BAD_REQUEST, 1, "Session ID unknown")
}

fn coded(status: StatusCode, code: u8, message: &str) -> Answer {
    let body = serde_json::json!({"code": code, "message": message});
    with_type(status, "application/json", body.to_string())
}

/// A payload for a poll.
pub(crate) fn payload(payload: Bytes, binary: bool) -> Answer {
    let kind = if binary { "application/octet-stream" } else { "text/plain; charset=UTF-8" };
    uncached(with_type(StatusCode::OK, kind, payload))
}

/// A POST was taken.
pub(crate) fn ok() -> Answer {
    uncached(with_type(StatusCode::OK, "text/html", Bytes::from_static(b"ok")))
}

/// A body is larger than it may be.
pub(crate) fn too_large(limit: usize) -> Answer {
    let why = format!("a message is larger than {limit} bytes");
    with_type(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", why)
}

/// A status without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// The server takes no (more) connections.
pub(crate) fn unavailable(status: StatusCode, why: &'static str) -> Answer {
    let mut answer = with_type(status, "text/plain", why);
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
