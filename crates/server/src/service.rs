//! The server as a tower layer and service: mounted into axum, hyper, or anything that speaks tower.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::http::{Request, Response, StatusCode};
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::core::Core;
use crate::http::{self, Caller};

/// Puts a server in front of an application: requests under the server's path are the server's, all others
/// the application's. From [`Server::layer`](crate::Server::layer).
///
/// ```
/// use axum::{Router, routing::get};
/// use enchufe::{Namespace, Server};
///
/// let io = Server::builder().namespace(Namespace::new("/")).build()?;
/// let app: Router = Router::new().route("/", get(async || "hello")).layer(io.layer());
/// # Ok::<_, enchufe::BuildError>(())
/// ```
#[derive(Clone)]
pub struct SocketIoLayer(pub(crate) Arc<Core>);

impl<S> Layer<S> for SocketIoLayer {
    type Service = SocketIoService<S>;

    fn layer(&self, inner: S) -> SocketIoService<S> {
        SocketIoService { core: self.0.clone(), inner }
    }
}

/// A server, and behind it the service that answers what is not the server's.
#[derive(Clone)]
pub struct SocketIoService<S> {
    core: Arc<Core>,
    inner: S,
}

impl<S> SocketIoService<S> {
    pub(crate) const fn new(core: Arc<Core>, inner: S) -> Self {
        Self { core, inner }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SocketIoService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Buf + Send,
    ReqBody::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        if http::is_ours(&self.core, request.uri().path()) {
            let caller = Caller::told_by(request.extensions());
            return ResponseFuture::Ours { answer: http::handle(self.core.clone(), request, caller) };
        }
        ResponseFuture::Inner { future: self.inner.call(request) }
    }
}

pin_project! {
    /// The answer to a request.
    #[project = ResponseFutureProjection]
    pub enum ResponseFuture<F> {
        /// The server's.
        #[doc(hidden)]
        Ours { answer: http::Answering },
        /// The application's.
        #[doc(hidden)]
        Inner { #[pin] future: F },
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            ResponseFutureProjection::Ours { answer } => {
                answer.as_mut().poll(cx).map(|answer| Ok(answer.map(|body| ResponseBody::Ours { body })))
            }
            ResponseFutureProjection::Inner { future } => {
                future.poll(cx).map_ok(|answer| answer.map(|body| ResponseBody::Inner { body }))
            }
        }
    }
}

pin_project! {
    /// The body of an answer: the server's or the application's.
    #[project = ResponseBodyProjection]
    pub enum ResponseBody<B> {
        /// The server's.
        #[doc(hidden)]
        Ours { body: Full<Bytes> },
        /// The application's.
        #[doc(hidden)]
        Inner { #[pin] body: B },
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Data: Into<Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project() {
            ResponseBodyProjection::Ours { body } => {
                // A body of bytes in memory cannot fail.
                Pin::new(body)
                    .poll_frame(cx)
                    .map(|frame| frame.map(|frame| frame.map_err(|never| match never {})))
            }
            ResponseBodyProjection::Inner { body } => {
                body.poll_frame(cx).map_ok(|frame| frame.map_data(Into::into))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ours { body } => body.is_end_stream(),
            Self::Inner { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ours { body } => body.size_hint(),
            Self::Inner { body } => body.size_hint(),
        }
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::Inner { body: B::default() }
    }
}

/// What stands behind a server that is alone: nothing.
#[derive(Debug, Clone, Copy)]
pub struct NotFound;

impl<B> Service<Request<B>> for NotFound {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut answer = Response::new(Full::from("Not found"));
        *answer.status_mut() = StatusCode::NOT_FOUND;
        std::future::ready(Ok(answer))
    }
}

impl std::fmt::Debug for SocketIoLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SocketIoLayer").finish_non_exhaustive()
    }
}

impl<S> std::fmt::Debug for SocketIoService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SocketIoService").finish_non_exhaustive()
    }
}
