//! Long-polling: the handshake, polls, and POSTs.

use std::error::Error;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use enchufe_proto::engine::{CloseReason, Transport};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::oneshot;

use super::admit::{self, Refused};
use super::answer::{self, Answer};
use super::coding::{self, Coding};
use super::{RequestHead, request};
use crate::connection::{Connection, Mail, Payload, PollAnswer, PollOutcome, PostAnswer};
use crate::core::Core;

/// Opens a session; the answer is its OPEN packet.
pub(crate) async fn open(core: &Arc<Core>, head: &RequestHead) -> Result<Answer, Refused> {
    let sid = admit::admit(core, head).await?;
    let connection = request::connection(core, request::block(head), Transport::Polling, sid)?;
    let PollOutcome::Payload(payload) = connection.poll() else {
        // A new session has its OPEN packet queued.
        return Err(Refused::SHUTTING_DOWN);
    };
    let mut answer = encoded(core, payload, coding(core, head)).await;
    if let Some(cookie) = core.config.cookie.as_ref().and_then(|cookie| cookie.header(&connection.sid)) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    connection.start();
    Ok(answer)
}

/// How the answer to a poll is to be compressed, if it is worth it.
pub(crate) fn coding(core: &Core, head: &RequestHead) -> Option<Coding> {
    core.config.http_compression?;
    coding::negotiate(head.headers(), &Coding::QUICK)
}

/// Answers a poll, when there is something.
pub(crate) async fn poll(connection: Arc<Connection>, coding: Option<Coding>) -> Answer {
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
        Ok(payload) => encoded(&connection.core, payload, coding).await,
        Err(refused) => refused,
    };
    guard.disarm();
    answer
}

/// The answer with a payload, compressed where the client takes it and it is worth it.
async fn encoded(core: &Core, payload: Payload, coding: Option<Coding>) -> Answer {
    let body = Bytes::from(payload.body);
    let worth_it = payload.compress && core.config.http_compression.is_some_and(|from| body.len() >= from);
    let Some(coding) = coding.filter(|_| worth_it) else { return answer::payload(body) };
    let Some(shorter) = coding.encode_apart(body.clone()).await else { return answer::payload(body) };
    let mut answer = answer::payload(shorter);
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
pub(crate) async fn post<B>(connection: Arc<Connection>, body: B, binary: bool) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if !connection.begin_post() {
        return answer::bad_request();
    }
    let guard = AbortGuard(Some(&connection));
    let answer = take(&connection, body, binary).await;
    guard.disarm();
    connection.end_post();
    answer
}

async fn take<B>(connection: &Arc<Connection>, body: B, binary: bool) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if binary {
        connection.abort(CloseReason::TransportError);
        return answer::bad_request();
    }
    let limits = &connection.core.config.limits;
    let body = Limited::new(body, limits.max_payload_bytes).collect();
    let body = match tokio::time::timeout(limits.body_timeout, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            tracing::debug!(limit = limits.max_payload_bytes, "a POST is larger than `max_payload_bytes`");
            return answer::empty(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(Err(_)) | Err(_) => {
            connection.request_aborted();
            return answer::bad_request();
        }
    };
    let (sender, receiver) = oneshot::channel();
    if connection.post_mail(Mail::Post(body, sender)).is_err() {
        return answer::session_ended();
    }
    match receiver.await {
        Ok(PostAnswer::Ok) => answer::ok(),
        Ok(PostAnswer::Bad) | Err(_) => answer::bad_request(),
    }
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
