//! The HTTP side of a server: which requests are its own, and what is answered to them.

mod answer;
mod client_files;
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
use self::request::Verified;
use crate::core::Core;

/// The address of a request's peer. Servers that know it put it among the request's extensions; one that was
/// started with [`Server::listen`](crate::Server::listen) does so by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Whether a request is for this server: its path starts with the server's.
pub(crate) fn is_ours(core: &Core, path: &str) -> bool {
    path.starts_with(&core.config.path)
}

/// Answers a request that [`is_ours`].
pub(crate) async fn handle<B>(core: Arc<Core>, request: Request<B>) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let cors = core.config.cors.clone();
    let preflight = request.method() == Method::OPTIONS && cors.is_some();
    let asked = cors.is_some().then(|| request.headers().clone());
    let mut answer =
        if preflight { answer::empty(StatusCode::NO_CONTENT) } else { answer_to(core, request).await };
    if let (Some(cors), Some(asked)) = (cors, asked) {
        cors.write(&asked, preflight, answer.headers_mut());
    }
    answer
}

async fn answer_to<B>(core: Arc<Core>, request: Request<B>) -> Answer
where
    B: http_body::Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if core.config.serve_client
        && let Some(file) = client_files::find(&core.config.path, request.uri().path())
        && matches!(*request.method(), Method::GET | Method::HEAD)
    {
        return client_files::answer(file, request.method(), request.headers());
    }
    let upgrade = websocket::is_upgrade(request.headers());
    match request::verify(&core, &request, upgrade) {
        Ok(Verified::Poll(connection)) => polling::poll(connection).await,
        Ok(Verified::Post(connection)) => polling::post(connection, request).await,
        Ok(Verified::Open) => polling::open(&core, &request),
        Ok(Verified::WebSocket(session)) => websocket::upgrade(&core, request, session),
        Ok(Verified::OtherMethod) => answer::empty(StatusCode::INTERNAL_SERVER_ERROR),
        Ok(Verified::Full(why)) => answer::unavailable(why),
        Err(refused) if upgrade => refused.answer_upgrade(),
        Err(refused) => refused.answer(),
    }
}
