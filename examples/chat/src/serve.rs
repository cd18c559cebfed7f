//! The listener: HTTP/1.1 with upgrades, where nobody holds a connection open by sending slowly, and an orderly end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

/// How long the head of a request may take to arrive; also how long a connection may stay open between requests.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// How long accepting pauses when the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(200);
/// How long answers that are under way may take when the program is told to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Serves `app` until `stop`, then waits for the answers that are under way.
pub(crate) async fn serve(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.as_mut() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        // Small answers leave at once; where that can't be set, they leave a little later.
        let _ = stream.set_nodelay(true);
        let app = app.clone().map_request(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
            request
        });
        let service = TowerToHyperService::new(app);
        let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let connection = open.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_ANSWERS, open.shutdown()).await.is_err() {
        tracing::warn!("some answers were not finished in time");
    }
}

/// What fails is one connection, or all for the moment; the listener lives on.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "no connection can be accepted for now");
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn started(
        app: Router,
    ) -> (SocketAddr, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = tokio::spawn(serve(listener, app, async {
            let _ = stopped.await;
        }));
        (address, stop, serving)
    }

    #[tokio::test]
    async fn an_answer_that_is_under_way_is_finished_before_the_end() {
        let slow = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| {
            tokio::time::sleep(Duration::from_millis(300)).await;
            format!("hello {}", peer.ip())
        };
        let (address, stop, serving) = started(Router::new().route("/", get(slow))).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("hello 127.0.0.1"), "{answer}");
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_sends_slowly_is_let_go() {
        let (address, _stop, _serving) = started(Router::new()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(HEAD_WITHIN * 2, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "the connection is closed");
    }
}
