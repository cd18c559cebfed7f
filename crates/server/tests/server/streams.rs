//! Streams that keep what they are given until they are flushed, as those of TLS do.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use enchufe::{Data, Namespace, Server, Socket};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::time::Instant;

use crate::support::{Received, Ws, serve};

/// How much one of these streams takes before it refuses more.
const KEPT: usize = 64 << 10;
/// What it says before its end.
const GOODBYE: &[u8] = b"\x01goodbye";

/// Passes on what it has taken as far as the next stream takes it, when it is written to, flushed or shut down.
struct Keeping {
    next: DuplexStream,
    kept: Vec<u8>,
    said_goodbye: bool,
}

impl Keeping {
    fn poll_pass_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let passed = ready!(Pin::new(&mut self.next).poll_write(cx, &self.kept))?;
            self.kept.drain(..passed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Keeping {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.next).poll_read(cx, buf)
    }
}

impl AsyncWrite for Keeping {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let taken = data.len().min(KEPT - self.kept.len());
        self.kept.extend_from_slice(&data[..taken]);
        if let Poll::Ready(Err(error)) = self.poll_pass_on(cx) {
            return Poll::Ready(Err(error));
        }
        if taken == 0 { Poll::Pending } else { Poll::Ready(Ok(taken)) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_pass_on(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.said_goodbye {
            self.said_goodbye = true;
            self.kept.extend_from_slice(GOODBYE);
        }
        ready!(self.poll_pass_on(cx))?;
        Pin::new(&mut self.next).poll_shutdown(cx)
    }
}

/// A client that joined, over a stream that passes on so many bytes at a time.
async fn joined(io: &Server, capacity: usize) -> Ws {
    let (near, far) = duplex(capacity);
    let mut ws = Ws::between(io, near, Keeping { next: far, kept: Vec::new(), said_goodbye: false });
    ws.upgrade("EIO=4&transport=websocket").await;
    assert!(ws.text().await.starts_with("0{"));
    ws.send("40").await;
    assert!(ws.text().await.starts_with("40{"));
    ws
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_keeps_leaves_as_soon_as_it_can() {
    for len in [100, 3_000, 40_000, 200_000] {
        let io = serve(Namespace::new("/").on("get", async |Data(len): Data<usize>| "x".repeat(len)));
        let mut ws = joined(&io, 1024).await;
        let begun = Instant::now();
        ws.send(&format!("421[\"get\",{len}]")).await;
        let answer = ws.text().await;
        io.of("/").emit("all", "x".repeat(len)).unwrap();
        // Nobody reads at first.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let broadcast = ws.text().await;
        assert_eq!(answer, format!("431[\"{}\"]", "x".repeat(len)));
        assert_eq!(broadcast, format!("42[\"all\",\"{}\"]", "x".repeat(len)));
        assert!(begun.elapsed() < Duration::from_secs(1), "{len}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_shut_down_to_its_last_byte() {
    let io = serve(Namespace::new("/").on("bye", async |socket: Socket| socket.disconnect(true)));
    // The close frame fits, and what the stream itself has to say does not.
    let mut ws = joined(&io, 8).await;
    let begun = Instant::now();
    ws.send("42[\"bye\"]").await;
    assert_eq!(ws.text().await, "41");
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(matches!(ws.recv().await, Received::Close(_)));
    assert_eq!(ws.rest().await.as_bytes(), GOODBYE);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
