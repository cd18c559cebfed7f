//! A client in memory: the other end of a connection whose transport never leaves the process.
//!
//! It has no task. Whatever the server writes is read where it is written, and what is to be answered (the handshake, a
//! ping) waits as input when the server reads next. So the server's engine, wheel, rooms and outboxes do all that they do
//! for a client of the network, and the kernel does nothing. Every frame is looked at: one that should not come fails
//! the run.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use crate::frame;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const UPGRADE: &[u8] =
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What all clients of a run have seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Let into the main namespace.
    pub(super) joined: Count,
    pub(super) pings: Count,
    /// Events `msg`.
    pub(super) messages: Count,
    pub(super) acks: Count,
    /// What no client should be sent: the first of it.
    wrong: Mutex<Option<String>>,
}

/// A number that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Count {
    now: AtomicU64,
    awaited: AtomicU64,
    reached: Notify,
}

impl Count {
    fn add(&self) {
        // In one order with `reach`, or each might miss the other.
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        if now == self.awaited.load(Ordering::SeqCst) {
            self.reached.notify_one();
        }
    }

    pub(super) fn get(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    /// Waits until there are so many. One may wait at a time.
    pub(super) async fn reach(&self, number: u64) {
        self.awaited.store(number, Ordering::SeqCst);
        while self.get() < number {
            self.reached.notified().await;
        }
    }
}

impl Seen {
    fn wrong(&self, what: &str, bytes: &[u8]) {
        let shown = String::from_utf8_lossy(bytes.get(..120).unwrap_or(bytes)).into_owned();
        lock(&self.wrong).get_or_insert_with(|| format!("{what}: {shown}"));
    }

    /// The first thing that should not have come, if anything did.
    pub(super) fn fault(&self) -> Option<String> {
        lock(&self.wrong).clone()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its request has not been read.
    New,
    /// It waits for 101.
    Upgrading,
    WebSocket,
    Gone,
}

#[derive(Debug)]
pub(super) struct Client {
    seen: Arc<Seen>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    stage: Stage,
    messages: u32,
    /// What the server has not read.
    input: Vec<u8>,
    /// The beginning of a frame whose rest has not been written.
    partial: Vec<u8>,
    reader: Option<Waker>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is done under these locks that could leave them half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    pub(super) fn new(seen: &Arc<Seen>) -> Arc<Self> {
        let inner =
            Inner { stage: Stage::New, messages: 0, input: Vec::new(), partial: Vec::new(), reader: None };
        Arc::new(Self { seen: seen.clone(), inner: Mutex::new(inner) })
    }

    /// Sends frames.
    pub(super) fn send(&self, frames: &[u8]) {
        let mut inner = lock(&self.inner);
        inner.input.extend_from_slice(frames);
        wake(inner);
    }

    /// Hangs up.
    pub(super) fn hang_up(&self) {
        let mut inner = lock(&self.inner);
        inner.stage = Stage::Gone;
        wake(inner);
    }

    /// Messages that it has got.
    pub(super) fn messages(&self) -> u32 {
        lock(&self.inner).messages
    }

    fn read(&self, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<()> {
        let mut inner = lock(&self.inner);
        if inner.stage == Stage::New {
            inner.stage = Stage::Upgrading;
            buf.put_slice(UPGRADE);
            return Poll::Ready(());
        }
        if inner.input.is_empty() {
            if inner.stage == Stage::Gone {
                return Poll::Ready(());
            }
            match &mut inner.reader {
                Some(waker) if waker.will_wake(cx.waker()) => {}
                reader => *reader = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        let count = inner.input.len().min(buf.remaining());
        buf.put_slice(inner.input.get(..count).unwrap_or_default());
        inner.input.drain(..count);
        if inner.input.is_empty() {
            // An idle client is to weigh little beside the server's part of it.
            inner.input = Vec::new();
        }
        Poll::Ready(())
    }

    /// Takes all that the server writes.
    fn take(&self, written: &[u8]) {
        let mut inner = lock(&self.inner);
        let mut rest = written;
        if inner.stage == Stage::Upgrading {
            let Some(end) = memchr::memmem::find(rest, b"\r\n\r\n") else {
                return self.seen.wrong("an answer in pieces", rest);
            };
            if !rest.starts_with(b"HTTP/1.1 101") {
                self.seen.wrong("the upgrade was refused", rest);
            }
            rest = rest.get(end + 4..).unwrap_or_default();
            inner.stage = Stage::WebSocket;
        }
        let mut whole = std::mem::take(&mut inner.partial);
        if !whole.is_empty() {
            whole.extend_from_slice(rest);
            rest = &whole;
        }
        let mut answered = false;
        while !rest.is_empty() {
            match frame::parse(rest) {
                Ok(Some(header)) => {
                    let payload = rest.get(header.payload..header.end).unwrap_or_default();
                    answered |= self.frame(&mut inner, header.opcode, payload);
                    rest = rest.get(header.end..).unwrap_or_default();
                }
                Ok(None) => {
                    inner.partial = rest.to_vec();
                    break;
                }
                Err(error) => return self.seen.wrong(&error.to_string(), rest),
            }
        }
        if answered {
            wake(inner);
        }
    }

    /// One frame of the server. Whether it has an answer now.
    fn frame(&self, inner: &mut Inner, opcode: u8, payload: &[u8]) -> bool {
        let answer: &[u8] = match payload {
            b"2" => {
                self.seen.pings.add();
                b"3"
            }
            [b'0', b'{', ..] => b"40",
            [b'4', b'0', b'{', ..] => {
                self.seen.joined.add();
                return false;
            }
            [b'4', b'2', b'[', b'"', b'm', b's', b'g', b'"', ..] => {
                inner.messages += 1;
                self.seen.messages.add();
                return false;
            }
            [b'4', b'3', ..] => {
                self.seen.acks.add();
                return false;
            }
            // The close frame.
            _ if opcode == 0x8 => return false,
            other => {
                self.seen.wrong("a packet that nobody asked for", other);
                return false;
            }
        };
        frame::write(&mut inner.input, frame::TEXT, Some(MASK), &[answer]);
        true
    }
}

/// A client's frame with this packet in it.
pub(super) fn packet(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, frame::TEXT, Some(MASK), &[text.as_bytes()]);
    out
}

/// Has the server read: its waker may come back here, so it is called when the lock is free.
fn wake(mut inner: MutexGuard<'_, Inner>) {
    let reader = inner.reader.take();
    drop(inner);
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// The server's end.
#[derive(Debug)]
pub(super) struct Transport(pub(super) Arc<Client>);

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.read(cx, buf).map(Ok)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.take(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
