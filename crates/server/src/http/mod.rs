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
mod stream;
mod timer;
mod websocket;

use std::error::Error;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Buf;
use http::{Method, Request, StatusCode};

use self::admit::Refused;
pub(crate) use self::answer::Answer;
pub(crate) use self::head::Caller;
pub use self::head::RequestHead;
use self::polling::Manner;
use self::request::Verified;
pub(crate) use self::stream::{HoldBack, HttpStream};
pub(crate) use self::timer::HeadTimer;
use self::websocket::OnUpgrade;
use crate::core::Core;

/// The address of a request's peer. Servers that know it put it among the request's extensions; one that was
/// started with [`Server::listen`](crate::Server::listen) does so by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Among the extensions of requests that came to a listener of ours, whose connections are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listened;

/// Whether a request is for this server: its path is the server's, or below it. Another path that merely begins with
/// the same letters is not.
pub(crate) fn is_ours(core: &Core, path: &str) -> bool {
    match path.strip_prefix(&*core.config.path) {
        Some("") => !core.config.trailing_slash,
        Some(below) => below.starts_with('/'),
        None => false,
    }
}

/// An answer that is being made.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Answers a request that [`is_ours`].
///
/// What waits for long, as a poll does, keeps neither the head of its request nor room for what other requests need.
pub(crate) fn handle<B>(core: Arc<Core>, request: Request<B>, caller: Caller) -> Answering
where
    B: http_body::Body + Send + 'static,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let on_upgrade = parts.extensions.remove::<OnUpgrade>();
    let head = RequestHead::new(parts, caller);
    let preflight = head.method() == Method::OPTIONS;
    let cors = match core.config.hooks.cors(&head) {
        Some(chosen) => chosen.map(|cors| cors.headers_for(head.headers(), preflight)),
        None => core.config.cors.as_ref().map(|cors| cors.headers_for(head.headers(), preflight)),
    };
    let known = match &cors {
        Some(_) if preflight => Some(answer::empty(StatusCode::NO_CONTENT)),
        _ => client_file(&core, &head),
    };
    let cors = cors.unwrap_or_default();
    if let Some(known) = known {
        return Box::pin(ready(cors.on_any(known)));
    }
    let upgrade = websocket::is_upgrade(head.headers());
    let asked = head.asked();
    match request::verify(&core, &head, &asked, upgrade) {
        Ok(Verified::Poll(connection)) => {
            let additions = core.config.hooks.headers_for(&head, false);
            let manner = Manner::of(&core, &head, &asked);
            Box::pin(async move { cors.on_any(additions.on(polling::poll(connection, manner).await)) })
        }
        Ok(Verified::Post(connection)) => {
            let additions = core.config.hooks.headers_for(&head, false);
            let (manner, binary) = (Manner::of_post(&head, &asked), polling::is_binary(head.headers()));
            let headers = answer::emptied(head.into_headers());
            Box::pin(async move {
                let answer = polling::post(connection, body, manner, binary, headers).await;
                cors.on_any(additions.on(answer))
            })
        }
        Ok(Verified::OtherMethod) => {
            Box::pin(ready(cors.on_any(answer::empty(StatusCode::INTERNAL_SERVER_ERROR))))
        }
        Ok(Verified::Handshake { upgrade: false }) => Box::pin(async move {
            let served = polling::open(&core, &head).await;
            cors.on_any(finish(&core, &head, upgrade, served))
        }),
        Ok(Verified::Handshake { upgrade: true }) => Box::pin(async move {
            let served = websocket::open(&core, &head, on_upgrade).await;
            cors.on_any(finish(&core, &head, upgrade, served))
        }),
        Ok(Verified::Upgrade(connection, dialect)) => Box::pin(async move {
            let served = websocket::upgrade(&head, on_upgrade, connection, dialect);
            cors.on_any(finish(&core, &head, upgrade, served))
        }),
        Err(error) => Box::pin(ready(cors.on_any(finish(&core, &head, upgrade, Err(error.into()))))),
    }
}

/// One of the browser client's files, where that is what is asked for.
fn client_file(core: &Core, head: &RequestHead) -> Option<Answer> {
    let method = head.method();
    let file = client_files::find(&core.config.path, head.uri().path())?;
    let asked_for = core.config.serve_client && matches!(*method, Method::GET | Method::HEAD);
    asked_for.then(|| client_files::answer(file, method, head.headers()))
}

/// The answer with what the application adds to it, or the refusal.
fn finish(core: &Core, head: &RequestHead, upgrade: bool, served: Result<Answer, Refused>) -> Answer {
    match served {
        Ok(answer) if !core.config.hooks.have_headers() => answer,
        Ok(answer) => core.config.hooks.headers_for(head, head.is_handshake()).on(answer),
        Err(refused) => refused.answer(core, head, upgrade),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_that_waits_takes_little() {
        // Every idle client that polls has one. It was two kilobytes when all requests shared one future.
        let connection = crate::socket::Socket::unconnected("{}").connection().clone();
        let head = RequestHead::new(Request::new(()).into_parts().0, Caller::default());
        let manner = Manner::of(&connection.core, &head, &head.asked());
        let size = size_of_val(&polling::poll(connection, manner));
        assert!(size <= 512, "{size} bytes");
    }
}
