//! A listener of one's own: HTTP/1.1 with upgrades, bounded header time, and an orderly end.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use crate::core::Core;
use crate::http::{self, Caller, HeadTimer, HoldBack, HttpStream, Listened, PeerAddr};
use crate::service::{NotFound, ResponseBody, ResponseFuture};
use crate::stats;
use crate::time::FOR_EVER;

/// How long accepting pauses when the process is out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);
/// The least that hyper can do with.
const LEAST_BUFFER: usize = 8 << 10;
/// How long open HTTP requests may take to end when the server stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// Connections that may wait to be accepted: as many as tokio's own listeners have.
const BACKLOG: u32 = 1024;
/// Whether several listeners can have one address.
const CAN_SHARE: bool = cfg!(all(
    unix,
    not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin", target_os = "nuttx"))
));

/// The listeners of an address: one, or with `reuse_port` one for each worker.
pub(crate) async fn bind(core: &Core, address: impl ToSocketAddrs) -> io::Result<Vec<TcpListener>> {
    if !core.config.reuse_port || !CAN_SHARE {
        return Ok(vec![TcpListener::bind(address).await?]);
    }
    let workers = Handle::current().metrics().num_workers().max(1);
    let mut refused = None;
    for address in lookup_host(address).await? {
        match share(address, workers) {
            Ok(listeners) => return Ok(listeners),
            Err(error) => refused = Some(error),
        }
    }
    let nothing = || io::Error::new(io::ErrorKind::InvalidInput, "the name stands for no address");
    Err(refused.unwrap_or_else(nothing))
}

/// So many listeners of one address; where its port is 0 the first one gets the port for all.
fn share(mut address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // As tokio's own listeners: a restart is not kept waiting by connections that have ended.
        socket.set_reuseaddr(true)?;
        set_shared(&socket)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

#[cfg(all(
    unix,
    not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin", target_os = "nuttx"))
))]
fn set_shared(socket: &TcpSocket) -> io::Result<()> {
    socket.set_reuseport(true)
}

#[cfg(not(all(
    unix,
    not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin", target_os = "nuttx"))
)))]
fn set_shared(_: &TcpSocket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Serves all of these until the server is closed; dropped, none of them accepts any more.
pub(crate) async fn serve_all(core: &Arc<Core>, listeners: Vec<TcpListener>) -> io::Result<()> {
    let mut listening = JoinSet::new();
    for listener in listeners {
        listening.spawn(serve(core.clone(), listener, NotFound));
    }
    while let Some(ended) = listening.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

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
    http.header_read_timeout(core.config.limits.header_timeout.min(FOR_EVER))
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
        let fallback = TowerToHyperService::new(fallback.clone());
        let service = Listening { core: core.clone(), peer, hold_back: stream.hold_back(), fallback };
        let mut http = http.clone();
        let connection =
            http.timer(HeadTimer::default()).serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stopped = core.stopped.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let mut stopping = pin!(stopped.cancelled());
            let mut listens = false;
            let ended = poll_fn(|cx| {
                let ended = connection.as_mut().poll(cx);
                if ended.is_ready() {
                    return ended.map(Some);
                }
                // A task is woken in the same way all its life: once is enough for being told.
                let stops =
                    if listens { stopped.is_cancelled() } else { stopping.as_mut().poll(cx).is_ready() };
                listens = true;
                if stops { Poll::Ready(None) } else { Poll::Pending }
            });
            let ended = match ended.await {
                Some(ended) => ended,
                None => {
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

/// What a connection of a listener asks: the server itself, which is told of the peer, or the application behind it.
///
/// hyper has this called as soon as a head has come, and its buffer back where nothing of the head is kept: a poll's is not,
/// which spares the next request a buffer of its own.
struct Listening<S> {
    core: Arc<Core>,
    peer: SocketAddr,
    hold_back: HoldBack,
    fallback: TowerToHyperService<S>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Listening<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<ResponseBody<B>>;
    type Error = Infallible;
    type Future = ResponseFuture<TowerToHyperServiceFuture<S, Request<Incoming>>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let ours = http::is_ours(&self.core, request.uri().path());
        if !ours || self.core.config.hooks.see_heads() {
            request.extensions_mut().insert(PeerAddr(self.peer));
            request.extensions_mut().insert(Listened);
        }
        if ours {
            let hold_back = Some(self.hold_back.clone());
            let caller = Caller { address: Some(self.peer), listened: true, hold_back };
            return ResponseFuture::Ours { answer: http::handle(self.core.clone(), request, caller) };
        }
        ResponseFuture::Inner { future: self.fallback.call(request) }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::Server;

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn with_reuse_port_every_worker_has_a_listener_of_the_one_address() {
        let server = Server::builder().reuse_port(true).build().unwrap();
        let listeners = bind(server.core(), "127.0.0.1:0").await.unwrap();
        let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let expected = if CAN_SHARE { 3 } else { 1 };
        assert_eq!(addresses.len(), expected);
        assert!(addresses.iter().all(|address| *address == addresses[0]));

        let served = server.clone();
        let serving = tokio::spawn(async move { serve_all(served.core(), listeners).await });
        // The kernel chooses by the client's port: so many come to each listener, and whoever is not accepted waits
        // for ever.
        for _ in 0..40 {
            let mut stream = TcpStream::connect(addresses[0]).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        }
        server.close().await;
        serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(addresses[0]).await.is_err(), "all of them have ended");
    }

    #[tokio::test]
    async fn without_it_there_is_one_listener_and_the_address_is_taken() {
        let server = Server::builder().build().unwrap();
        let listeners = bind(server.core(), "127.0.0.1:0").await.unwrap();
        assert_eq!(listeners.len(), 1);
        let address = listeners[0].local_addr().unwrap();
        let second = bind(server.core(), address).await.unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_had_is_an_error_with_reuse_port_too() {
        let server = Server::builder().reuse_port(true).build().unwrap();
        // One that is nobody's (RFC 5737).
        assert!(bind(server.core(), "192.0.2.1:0").await.is_err());
    }
}
