//! Long-polling: the handshake, polls, and POSTs.

use std::error::Error;
use std::sync::Arc;

use bytes::Buf;
use enchufe_proto::engine::{CloseReason, Transport};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::oneshot;

use super::answer::{self, Answer, Refused};
use super::request;
use crate::connection::{Connection, Mail, PollAnswer, PollOutcome, PostAnswer};
use crate::core::Core;

/// Opens a session; the answer is its OPEN packet.
pub(crate) fn open<B>(core: &Arc<Core>, request: &Request<B>) -> Answer {
    let Some(connection) = request::connection(core, request::block(request), Transport::Polling) else {
        return answer::unavailable("the server is shutting down");
    };
    let PollOutcome::Payload(payload) = connection.poll() else {
        // A new session has its OPEN packet queued.
        return Refused::BadRequest.answer();
    };
    let mut answer = answer::payload(payload);
    if let Some(name) = &core.config.cookie {
        let cookie = format!("{name}={}; Path=/; HttpOnly; SameSite=Lax", connection.sid);
        match HeaderValue::from_str(&cookie) {
            Ok(cookie) => {
                answer.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            Err(error) => tracing::error!(%error, "the cookie's name is not one"),
        }
    }
    connection.start();
    answer
}

/// Answers a poll, when there is something.
pub(crate) async fn poll(connection: Arc<Connection>) -> Answer {
    match connection.poll() {
        PollOutcome::Payload(payload) => answer::payload(payload),
        PollOutcome::Parked(receiver) => {
            let guard = AbortGuard(Some(&connection));
            let answer = receiver.await;
            guard.disarm();
            match answer {
                Ok(PollAnswer::Payload(payload)) => answer::payload(payload),
                Err(_) => Refused::UnknownSession.answer(),
            }
        }
        PollOutcome::Overlap | PollOutcome::WrongTransport => Refused::BadRequest.answer(),
        PollOutcome::Closed => Refused::UnknownSession.answer(),
    }
}

/// Takes the packets of a POST. Its answer comes when they have been handled, which holds back a client that
/// sends faster than they can be.
pub(crate) async fn post<B>(connection: Arc<Connection>, request: Request<B>) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if !connection.begin_post() {
        return Refused::BadRequest.answer();
    }
    let guard = AbortGuard(Some(&connection));
    let answer = take(&connection, request).await;
    guard.disarm();
    connection.end_post();
    answer
}

async fn take<B>(connection: &Arc<Connection>, request: Request<B>) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let octets = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.to_str().is_ok_and(|kind| kind.eq_ignore_ascii_case("application/octet-stream"))
    });
    if octets {
        // The binary payloads of protocol 3.
        connection.abort(CloseReason::TransportError);
        return Refused::BadRequest.answer();
    }
    let limits = &connection.core.config.limits;
    let body = Limited::new(request.into_body(), limits.max_payload_bytes).collect();
    let body = match tokio::time::timeout(limits.body_timeout, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            tracing::debug!(limit = limits.max_payload_bytes, "a POST is larger than `max_payload_bytes`");
            return answer::empty(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(Err(_)) | Err(_) => {
            connection.request_aborted();
            return Refused::BadRequest.answer();
        }
    };
    let (sender, receiver) = oneshot::channel();
    if connection.post_mail(Mail::Post(body, sender)).is_err() {
        return Refused::UnknownSession.answer();
    }
    match receiver.await {
        Ok(PostAnswer::Ok) => answer::ok(),
        Ok(PostAnswer::Bad) | Err(_) => Refused::BadRequest.answer(),
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
