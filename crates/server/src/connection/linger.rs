//! The last words to a peer that broke a rule: a close frame that it is given the time to read.
//!
//! Closing a TCP stream in which unread bytes lie makes the kernel answer with a reset, and that may throw away what the
//! peer has not read yet: the close code that explains it all. So writing is shut down, and what the peer still sends is
//! read and forgotten, for a short time and not much of it.
//!
//! Promises: no more than [`MAX`] at a time, [`TIME`] each, with one small buffer; the connection's place is free already.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use enchufe_proto::engine::Frame;
use enchufe_proto::websocket::{self, CloseCode, Opcode};

use super::stream::Io;
use crate::core::Core;
use crate::stats::Gauge;

/// How long a peer has to read its close frame and to stop sending.
const TIME: Duration = Duration::from_secs(2);
/// Streams that are read on at a time; past it they are closed at once.
const MAX: usize = 1_000;
/// Bytes that are read and forgotten, at least; for larger limits, four times the largest message.
const BYTES: usize = 4 << 20;
const BUFFER: usize = 4 << 10;

/// Ends a WebSocket with a code and the reason in words. To be called within a runtime.
pub(super) fn close_with(mut io: Io, core: &Arc<Core>, code: CloseCode, reason: &str, scratch: &mut Vec<u8>) {
    if !io.closing {
        io.closing = true;
        io.writing.push_back(close_frame(code, reason));
    }
    let mut cx = Context::from_waker(Waker::noop());
    if core.stats.lingering.load(Ordering::Relaxed) >= MAX {
        // Nobody is left to be told of a failure.
        let _ = io.poll_write_all(&mut cx, scratch);
        let _ = io.stream.poll_shutdown(&mut cx);
        return;
    }
    let gauge = Gauge::new(core, |counters| &counters.lingering);
    let bytes = BYTES.max(core.config.limits.max_payload_bytes.saturating_mul(4));
    tokio::spawn(async move {
        let _ = tokio::time::timeout(TIME, last_words(io, bytes)).await;
        drop(gauge);
    });
}

/// A close frame as it is queued.
pub(super) fn close_frame(code: CloseCode, reason: &str) -> Frame {
    let mut frame = Vec::new();
    websocket::close_frame(&mut frame, code, reason, None);
    // Its header is two bytes long, as that of every control frame.
    let body = frame.get(2..).unwrap_or_default();
    Frame::control(Opcode::Close, Bytes::copy_from_slice(body))
}

/// Writes what waits, and reads until the peer has seen it.
async fn last_words(mut io: Io, mut bytes: usize) -> std::io::Result<()> {
    let mut scratch = Vec::new();
    poll_fn(|cx| io.poll_write_all(cx, &mut scratch)).await?;
    poll_fn(|cx| io.stream.poll_shutdown(cx)).await?;
    let mut buffer = vec![0; BUFFER];
    while bytes > 0 {
        let read = poll_fn(|cx| io.stream.poll_read(cx, &mut buffer)).await?;
        if read == 0 {
            break;
        }
        bytes = bytes.saturating_sub(read);
    }
    Ok(())
}
