//! A TCP connection as long as it speaks HTTP: counted, and given up where its peer takes nothing of an answer.
//!
//! A peer that asks and does not read would hold its answer for as long as it keeps the connection open. Promises: a timer
//! exists only while a write waits; a WebSocket gets the bare stream back, and is counted no more. The answer that switches
//! to a WebSocket can be held back, to leave with the session's first packet: one write, and one segment, instead of two.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::core::Core;

/// Said by who answers a request: from now on what is written is held back, because the stream will be handed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct HoldBack(Arc<AtomicBool>);

impl HoldBack {
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The stream of a listener of ours.
pub(crate) struct HttpStream {
    stream: TcpStream,
    counted: Counted,
    hold_back: HoldBack,
    held: Vec<u8>,
    /// When the write that waits has waited for too long.
    deadline: Option<Pin<Box<Sleep>>>,
}

struct Counted(Arc<Core>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.stats.http_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HttpStream {
    pub(crate) fn new(core: &Arc<Core>, stream: TcpStream) -> Self {
        core.stats.http_connections.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(core.clone());
        Self { stream, counted, hold_back: HoldBack::default(), held: Vec::new(), deadline: None }
    }

    /// What has it hold back the answer.
    pub(crate) fn hold_back(&self) -> HoldBack {
        self.hold_back.clone()
    }

    /// The stream, and what was held back.
    pub(crate) fn into_inner(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.held)
    }

    /// What a write came to, or an error where it has waited for too long.
    fn in_time<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let limit = self.counted.0.config.limits.write_timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(limit)));
        deadline.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.hold_back.has_begun() {
            self.held.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.in_time(written, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.hold_back.has_begun() {
            bufs.iter().for_each(|buf| self.held.extend_from_slice(buf));
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.in_time(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
