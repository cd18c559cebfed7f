//! The HTTP answers of the official server, with its codes and texts.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::error::ConnectionError;

/// Made once: to check each of their bytes takes longer than all else that is done for an answer's headers.
static TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
static BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
static HTML: HeaderValue = HeaderValue::from_static("text/html");
static NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Headers that a map has room for and is still used again; the HTTP server keeps it with the connection.
const SPARE: usize = 64;

/// A request's map of headers, emptied for its answer, which then needs no memory of its own.
pub(crate) fn emptied(mut headers: HeaderMap) -> HeaderMap {
    if headers.capacity() > SPARE {
        return HeaderMap::new();
    }
    headers.clear();
    headers
}

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

/// A payload for a poll. Its map of headers is its own: a poll that waits has no room for one.
pub(crate) fn payload(payload: Bytes, binary: bool) -> Answer {
    uncached(payload, if binary { &BINARY } else { &TEXT }, HeaderMap::new())
}

/// A POST was taken; the headers of the answer are put into this map.
pub(crate) fn ok(headers: HeaderMap) -> Answer {
    uncached(Bytes::from_static(b"ok"), &HTML, headers)
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

fn uncached(body: Bytes, kind: &HeaderValue, mut headers: HeaderMap) -> Answer {
    headers.insert(header::CONTENT_TYPE, kind.clone());
    headers.insert(header::CACHE_CONTROL, NO_STORE.clone());
    let mut answer = Response::new(Full::new(body));
    *answer.headers_mut() = headers;
    answer
}
