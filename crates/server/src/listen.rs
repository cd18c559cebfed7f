//! A listener of one's own: HTTP/1.1 with upgrades, bounded header time, and an orderly end.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tower_service::Service;

use crate::core::Core;
use crate::http::{HttpStream, PeerAddr};
use crate::service::SocketIoService;
use crate::stats;
use crate::time::FOR_EVER;

/// How long accepting pauses when the process is out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);
/// The least that hyper can do with.
const LEAST_BUFFER: usize = 8 << 10;
/// How long open HTTP requests may take to end when the server stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Serves until the server is closed.
pub(crate) async fn serve<S, B>(core: Arc<Core>, listener: TcpListener, fallback: S) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Into<Bytes> + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connections = TaskTracker::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(core.config.limits.header_timeout.min(FOR_EVER))
        .max_buf_size(core.config.limits.max_head_bytes.max(LEAST_BUFFER));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = core.stopped.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        if core.idle_http_connections() >= core.config.limits.max_idle_http_connections {
            refuse(&core, stream);
            continue;
        }
        let stream = HttpStream::new(&core, stream);
        let service = SocketIoService::new(core.clone(), fallback.clone());
        let service = TowerToHyperService::new(WithPeer { peer, inner: service });
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stopped = core.stopped.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stopped.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::trace!(%error, "an HTTP connection ended");
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(LAST_REQUESTS, connections.wait()).await.is_err() {
        tracing::debug!("some HTTP requests did not end in time");
    }
    Ok(())
}

/// Closes a connection at once: too many that ask for nothing are open already.
fn refuse(core: &Core, stream: TcpStream) {
    drop(stream);
    stats::add(&core.stats.refused_http, 1);
    if let Some(others) = core.stats.complaints.http.due(core.clock.now()) {
        let limit = core.config.limits.max_idle_http_connections;
        tracing::warn!(others, limit, "too many HTTP connections are idle: a new one was closed");
    }
}

/// A failed accept is the client's trouble or a passing one of ours; the listener lives on.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "no connection can be accepted for now");
    tokio::time::sleep(PAUSE).await;
}

/// Puts the peer's address among a request's extensions.
#[derive(Clone)]
struct WithPeer<S> {
    peer: SocketAddr,
    inner: S,
}

impl<S, B> Service<Request<B>> for WithPeer<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(PeerAddr(self.peer));
        self.inner.call(request)
    }
}
