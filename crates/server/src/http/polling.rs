//! Long-polling: the handshake, polls, and POSTs.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use bytestring::ByteString;
use enchufe_proto::engine::{CloseReason, Revision, Transport};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt, LengthLimitError};
use tokio::sync::oneshot;

use super::admit::{self, Refused};
use super::answer::{self, Answer};
use super::coding::{self, Coding};
use super::jsonp::{self, Jsonp};
use super::query::Asked;
use super::{RequestHead, request};
use crate::connection::{Body, Connection, Mail, Payload, PollAnswer, PollOutcome, PostAnswer};
use crate::core::Core;
use crate::stats::{self, Gauge};

/// How the client of a request wants to be answered.
pub(crate) struct Manner {
    jsonp: Option<Jsonp>,
    /// How the answer is to be compressed, if it is worth it.
    coding: Option<Coding>,
    /// Internet Explorers take payloads for attacks unless they are told not to.
    internet_explorer: bool,
    /// Its HTTP connection is one of those that are counted.
    listened: bool,
}

impl Manner {
    /// That of a POST, whose answer is too short to be compressed.
    pub(crate) fn of_post(head: &RequestHead, asked: &Asked<'_>) -> Self {
        let agent = head.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        Self {
            jsonp: Jsonp::of(asked),
            coding: None,
            internet_explorer: agent
                .is_some_and(|agent| agent.contains("MSIE") || agent.contains("Trident/")),
            listened: head.is_listened(),
        }
    }

    /// That of a poll, or of the first request.
    pub(crate) fn of(core: &Core, head: &RequestHead, asked: &Asked<'_>) -> Self {
        let compresses = core.config.http_compression.is_some();
        let coding = compresses.then(|| coding::negotiate(head.headers(), &Coding::QUICK)).flatten();
        Self { coding, ..Self::of_post(head, asked) }
    }

    /// Says that its HTTP connection serves a session, for as long as the result lives.
    fn serving(&self, core: &Arc<Core>) -> impl Sized + use<> {
        self.listened.then(|| Gauge::new(core, |counters| &counters.session_requests))
    }

    fn adapt(&self, mut answer: Answer) -> Answer {
        if self.internet_explorer {
            let name = HeaderName::from_static("x-xss-protection");
            answer.headers_mut().insert(name, HeaderValue::from_static("0"));
        }
        answer
    }
}

/// Opens a session; the answer is its OPEN packet.
pub(crate) async fn open(core: &Arc<Core>, head: &RequestHead) -> Result<Answer, Refused> {
    let (sid, dialect, place) = admit::admit(core, head).await?;
    let connection = request::connection(core, request::block(head), Transport::Polling, dialect, sid)?;
    connection.settle(place);
    let first = connection.poll();
    // Whatever comes of it, and before anything is waited for: nobody would drive the session, nor end it.
    connection.start();
    let PollOutcome::Payload(payload) = first else {
        // A new session has its OPEN packet queued, unless the server has closed it already.
        return Err(Refused::SHUTTING_DOWN);
    };
    let manner = Manner::of(core, head, &head.asked());
    let mut answer = encoded(core, payload, &manner).await;
    if let Some(cookie) = core.config.cookie.as_ref().and_then(|cookie| cookie.header(&connection.sid)) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// Answers a poll, when there is something.
pub(crate) async fn poll(connection: Arc<Connection>, manner: Manner) -> Answer {
    let _serving = manner.serving(&connection.core);
    let guard = AbortGuard(Some(&connection));
    let payload = match connection.poll() {
        PollOutcome::Payload(payload) => Ok(payload),
        PollOutcome::Parked(receiver) => match receiver.await {
            Ok(PollAnswer::Payload(payload)) => Ok(payload),
            Err(_) => Err(answer::session_ended()),
        },
        PollOutcome::Overlap | PollOutcome::WrongTransport => Err(answer::bad_request()),
        PollOutcome::Closed => Err(answer::session_ended()),
    };
    let answer = match payload {
        // What was taken for a client that goes away meanwhile is lost: the guard ends its session.
        Ok(payload) => encoded(&connection.core, payload, &manner).await,
        Err(refused) => refused,
    };
    guard.disarm();
    answer
}

/// The answer with a payload, in a script where the client wants one, compressed where it takes that and it is worth
/// it.
async fn encoded(core: &Core, payload: Payload, manner: &Manner) -> Answer {
    let binary = payload.binary;
    let body = match &manner.jsonp {
        // A session that was opened for JSONP has no binary payloads.
        Some(jsonp) if !binary => jsonp.script(&String::from_utf8_lossy(&payload.body)).into(),
        _ => Bytes::from(payload.body),
    };
    let worth_it = payload.compress && core.config.http_compression.is_some_and(|from| body.len() >= from);
    let answer = match manner.coding.filter(|_| worth_it) {
        // Apart, because a poll that waits would keep the room for it.
        Some(coding) => Box::pin(compressed(body, binary, coding)).await,
        None => answer::payload(body, binary),
    };
    manner.adapt(answer)
}

async fn compressed(body: Bytes, binary: bool, coding: Coding) -> Answer {
    let Some(shorter) = coding.encode_apart(body.clone()).await else { return answer::payload(body, binary) };
    let mut answer = answer::payload(shorter, binary);
    answer.headers_mut().insert(header::CONTENT_ENCODING, coding.value());
    answer
}

/// Whether the body of a POST is one of the binary payloads of protocol 3.
pub(crate) fn is_binary(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.to_str().is_ok_and(|kind| kind.eq_ignore_ascii_case("application/octet-stream"))
    })
}

/// Takes the packets of a POST. Its answer comes when they have been handled, which holds back a client that
/// sends faster than they can be.
pub(crate) async fn post<B>(
    connection: Arc<Connection>,
    body: B,
    manner: Manner,
    binary: bool,
    headers: HeaderMap,
) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if !connection.begin_post() {
        return answer::bad_request();
    }
    let _serving = manner.serving(&connection.core);
    let guard = AbortGuard(Some(&connection));
    let answer = take(&connection, body, manner.jsonp.is_some(), binary, headers).await;
    guard.disarm();
    connection.end_post();
    manner.adapt(answer)
}

async fn take<B>(
    connection: &Arc<Connection>,
    body: B,
    jsonp: bool,
    binary: bool,
    headers: HeaderMap,
) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if connection.has_expired() {
        return answer::session_ended();
    }
    if binary && connection.revision() == Revision::Four {
        connection.abort(CloseReason::TransportError);
        return answer::bad_request();
    }
    let limits = &connection.core.config.limits;
    let mut receiving = pin!(receive(body, limits.max_payload_bytes));
    // No timer for what has come already.
    let received = match futures_util::poll!(receiving.as_mut()) {
        Poll::Ready(received) => Ok(received),
        Poll::Pending => tokio::time::timeout(limits.body_timeout, receiving).await,
    };
    let body = match received {
        Ok(Ok(body)) => body,
        Ok(Err(NotReceived::TooLarge)) => {
            tracing::debug!(limit = limits.max_payload_bytes, "a POST is larger than `max_payload_bytes`");
            stats::add(&connection.core.stats.oversized, 1);
            return answer::too_large(limits.max_payload_bytes);
        }
        Ok(Err(NotReceived::Broken)) | Err(_) => {
            connection.request_aborted();
            return answer::bad_request();
        }
    };
    let Some(body) = read_body(body, jsonp, binary) else {
        connection.abort(CloseReason::ParseError);
        return answer::bad_request();
    };
    let (sender, receiver) = oneshot::channel();
    if connection.post_mail(Mail::Post(body, sender)).is_err() {
        return answer::session_ended();
    }
    match receiver.await {
        Ok(PostAnswer::Ok) => answer::ok(headers),
        Ok(PostAnswer::Bad) | Err(_) => answer::bad_request(),
    }
}

/// Why there is no body.
enum NotReceived {
    TooLarge,
    Broken,
}

/// Up to so many bytes of a body are copied. Kept as they are they would keep the HTTP server's buffer, which would
/// need another one, of 8 KiB, to read on.
const COPIED: usize = 4 << 10;

/// The whole body. A large one that comes in a piece is not copied.
async fn receive<B>(body: B, limit: usize) -> Result<Bytes, NotReceived>
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = pin!(body);
    let (mut whole, mut pieces) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.into() {
            // A layer in front may have a limit too.
            error if error.is::<LengthLimitError>() => NotReceived::TooLarge,
            _ => NotReceived::Broken,
        })?;
        // Trailers say nothing here.
        let Ok(mut data) = frame.into_data() else { continue };
        if data.remaining() > limit - whole.len() - pieces.len() {
            return Err(NotReceived::TooLarge);
        }
        if whole.is_empty() && pieces.is_empty() {
            let length = data.remaining();
            whole = if length <= COPIED && data.chunk().len() == length {
                Bytes::copy_from_slice(data.chunk())
            } else {
                data.copy_to_bytes(length)
            };
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut whole));
            pieces.put(data);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
}

/// What a body holds. `None` where it is not what it should be.
fn read_body(body: Bytes, jsonp: bool, binary: bool) -> Option<Body> {
    Some(match (binary, jsonp) {
        (true, _) => Body::Binary(body),
        (false, true) => Body::Text(jsonp::payload(&body)?.into()),
        (false, false) => Body::Text(ByteString::try_from(body).ok()?),
    })
}

/// Dropped while armed, it tells the connection that the client broke the request off.
struct AbortGuard<'a>(Option<&'a Arc<Connection>>);

impl AbortGuard<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortGuard<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            connection.request_aborted();
        }
    }
}
