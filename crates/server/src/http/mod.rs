//! The HTTP side of a server: which requests are its own, and what is answered to them.

mod admit;
mod answer;
mod client_files;
mod coding;
mod head;
mod jsonp;
mod polling;
pub(crate) mod query;
mod request;
mod websocket;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Buf;
use http::{Method, Request, StatusCode};

pub(crate) use self::answer::Answer;
pub use self::head::RequestHead;
use self::polling::Manner;
use self::request::Verified;
use self::websocket::OnUpgrade;
use crate::core::Core;

/// The address of a request's peer. Servers that know it put it among the request's extensions; one that was
/// started with [`Server::listen`](crate::Server::listen) does so by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Whether a request is for this server: its path is the server's, or below it. Another path that merely begins with
/// the same letters is not.
pub(crate) fn is_ours(core: &Core, path: &str) -> bool {
    match path.strip_prefix(&*core.config.path) {
        Some("") => !core.config.trailing_slash,
        Some(below) => below.starts_with('/'),
        None => false,
    }
}

/// Answers a request that [`is_ours`].
pub(crate) async fn handle<B>(core: Arc<Core>, request: Request<B>) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let on_upgrade = parts.extensions.remove::<OnUpgrade>();
    let head = RequestHead::new(parts);
    let preflight = head.method() == Method::OPTIONS;
    let cors = match core.config.hooks.cors(&head) {
        Some(chosen) => chosen.map(|cors| cors.headers_for(head.headers(), preflight)),
        None => core.config.cors.as_ref().map(|cors| cors.headers_for(head.headers(), preflight)),
    };
    let mut answer = if preflight && cors.is_some() {
        answer::empty(StatusCode::NO_CONTENT)
    } else {
        answer_to(core, head, body, on_upgrade).await
    };
    cors.unwrap_or_default().apply(answer.headers_mut());
    answer
}

/// Everything but CORS. What waits for long, as a poll does, keeps no head of its request.
async fn answer_to<B>(core: Arc<Core>, head: RequestHead, body: B, on_upgrade: Option<OnUpgrade>) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if core.config.serve_client
        && let Some(file) = client_files::find(&core.config.path, head.uri().path())
        && matches!(*head.method(), Method::GET | Method::HEAD)
    {
        return client_files::answer(file, head.method(), head.headers());
    }
    let upgrade = websocket::is_upgrade(head.headers());
    let served = match request::verify(&core, &head, upgrade) {
        Ok(Verified::Poll(connection)) => {
            let additions = core.config.hooks.headers_for(&head, false);
            let manner = Manner::of(&core, &head);
            drop(head);
            return additions.on(polling::poll(connection, manner).await);
        }
        Ok(Verified::Post(connection)) => {
            let additions = core.config.hooks.headers_for(&head, false);
            let (manner, binary) = (Manner::of(&core, &head), polling::is_binary(head.headers()));
            drop(head);
            return additions.on(polling::post(connection, body, manner, binary).await);
        }
        Ok(Verified::OtherMethod) => return answer::empty(StatusCode::INTERNAL_SERVER_ERROR),
        Ok(Verified::Handshake { upgrade: false }) => polling::open(&core, &head).await,
        Ok(Verified::Handshake { upgrade: true }) => websocket::open(&core, &head, on_upgrade).await,
        Ok(Verified::Upgrade(connection, dialect)) => {
            websocket::upgrade(&head, on_upgrade, connection, dialect)
        }
        Err(error) => Err(error.into()),
    };
    match served {
        Ok(answer) => core.config.hooks.headers_for(&head, head.is_handshake()).on(answer),
        Err(refused) => refused.answer(&core, &head, upgrade),
    }
}
