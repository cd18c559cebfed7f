//! What carries a WebSocket: the bare TCP stream where there is one, anything readable and writable elsewhere.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut, buf::Limit};
use enchufe_proto::engine::{Dialect, Frame};
use enchufe_proto::websocket::{Decoder, Opcode, Role};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Id};

use super::shared::Ahead;

/// Up to this many bytes the frames of a batch are copied together and written at once; a larger batch is
/// written from where it lies. Copying 16 KiB costs less than the kernel's work for a handful of pieces.
const GATHER_LIMIT: usize = 16 << 10;
/// The first byte of a pong.
const PONG: u8 = 0x8a;
/// Pieces of one vectored write: well under any system's limit.
const MAX_SLICES: usize = 64;

/// A stream that both sides of a TLS, HTTP/2 or in-memory connection offer.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// The transport of a WebSocket.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Other(Pin<Box<dyn Duplex>>),
}

/// A WebSocket whose HTTP upgrade is done, on its way to its driver.
pub(crate) struct Incoming {
    pub(crate) stream: Stream,
    /// The answer to the upgrade request, where it has not been sent: it stands before everything else.
    pub(crate) held: Vec<u8>,
    /// What came in the same segment as the upgrade request.
    pub(crate) early: Bytes,
    /// What its client understands.
    pub(crate) dialect: Dialect,
    /// Where it came in: that runtime is told of it by the network.
    pub(crate) runtime: Id,
}

impl Incoming {
    /// Has the current runtime told by the network from now on. Others wake this one's threads for each message, and what they
    /// were told is lost with them. A stream that somebody wraps, as for TLS, stays where it is.
    pub(super) fn move_here(self) -> io::Result<Self> {
        let runtime = Handle::current().id();
        if runtime == self.runtime {
            return Ok(self);
        }
        let stream = match self.stream {
            Stream::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream.into_std()?)?),
            other @ Stream::Other(_) => other,
        };
        Ok(Self { stream, runtime, ..self })
    }

    /// Sends the answer that was held back, where nothing follows that it could leave with.
    pub(crate) fn answer_now(&self) {
        if let Stream::Tcp(stream) = &self.stream
            && !self.held.is_empty()
        {
            // A stream that has sent next to nothing takes it whole, and nobody is left to be told of a failure.
            let _ = stream.try_write(&self.held);
        }
    }
}

impl Stream {
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        let ready = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buf),
            Self::Other(stream) => stream.as_mut().poll_read(cx, &mut buf),
        };
        ready.map_ok(|()| buf.filled().len())
    }

    /// Reads straight into a half-received message.
    pub(super) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Limit<&mut BytesMut>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => tokio_util::io::poll_read_buf(Pin::new(stream), cx, buf),
            Self::Other(stream) => tokio_util::io::poll_read_buf(stream.as_mut(), cx, buf),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Other(stream) => stream.as_mut().poll_write(cx, data),
        }
    }

    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, data: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, data),
            Self::Other(stream) => stream.as_mut().poll_write_vectored(cx, data),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Other(stream) => stream.as_mut().poll_flush(cx),
        }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => stream.as_mut().poll_shutdown(cx),
        }
    }
}

/// A WebSocket in its driver's hands.
pub(super) struct Io {
    pub(super) stream: Stream,
    pub(super) decoder: Decoder,
    /// What came before the driver read for the first time, or was read and not decoded.
    pub(super) early: Option<Box<BytesMut>>,
    /// Frames on their way, oldest first.
    pub(super) writing: VecDeque<Frame>,
    /// Bytes of the oldest that have been written.
    written: usize,
    /// A close frame is the last thing that was queued.
    pub(super) closing: bool,
    /// How binary messages go out.
    pub(super) dialect: Dialect,
}

impl Io {
    pub(super) fn new(incoming: Incoming) -> Self {
        Self {
            stream: incoming.stream,
            decoder: Decoder::new(Role::Server),
            early: (!incoming.early.is_empty()).then(|| Box::new(incoming.early.into())),
            writing: VecDeque::new(),
            written: 0,
            closing: false,
            dialect: incoming.dialect,
        }
    }

    /// Has these bytes, before anything else, and then the frames on their way.
    pub(super) fn begin_with(&mut self, held: Vec<u8>, frames: VecDeque<Frame>) {
        self.writing.push_back(Frame::unsent(held.into()));
        self.writing.extend(frames.into_iter().map(|frame| self.dialect.frame(frame)));
    }

    /// Whether nothing is on its way, and frames go out as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.writing.is_empty() && self.dialect.is_plain()
    }

    /// Whether it is a socket of the system.
    pub(super) const fn is_socket(&self) -> bool {
        matches!(self.stream, Stream::Tcp(_))
    }

    /// Writes these bytes to a socket, before which nothing is on its way, as far as that takes them at once. `false` where some
    /// are on their way then, whatever the reason: the next write finds out.
    pub(super) fn write_at_once(&mut self, ahead: &Ahead) -> bool {
        let bytes = ahead.bytes();
        let written = match &self.stream {
            Stream::Tcp(stream) => stream.try_write(bytes).unwrap_or_default(),
            Stream::Other(_) => 0,
        };
        let all = written == bytes.len();
        if !all {
            self.begin_rest(ahead, written);
        }
        all
    }

    /// Has what is left of these bytes on its way, before which nothing is.
    #[cold]
    fn begin_rest(&mut self, ahead: &Ahead, written: usize) {
        let (frame, written) = ahead.rest(written);
        self.writing.push_back(frame);
        self.written = written;
    }

    /// Writes these bytes, before which nothing is on its way; what the transport does not take now is on its way then.
    pub(super) fn poll_write_ahead(&mut self, cx: &mut Context<'_>, ahead: &Ahead) -> Poll<io::Result<()>> {
        let mut written = 0;
        while let Some(rest @ [_, ..]) = ahead.bytes().get(written..) {
            match self.stream.poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => written += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.begin_rest(ahead, written);
                    return Poll::Pending;
                }
            }
        }
        self.stream.poll_flush(cx)
    }

    /// Bytes on their way that the transport has not taken.
    pub(super) fn unwritten(&self) -> u32 {
        let unwritten = self.writing.iter().map(Frame::wire_len).sum::<usize>().saturating_sub(self.written);
        u32::try_from(unwritten).unwrap_or(u32::MAX)
    }

    /// Queues a pong, unless the close frame is out already. A peer that pings faster than it reads has its
    /// latest ping answered (RFC 6455 §5.5.3), so that its pings take no memory.
    pub(super) fn answer_ping(&mut self, data: Bytes) {
        if self.closing {
            return;
        }
        let pong = Frame::control(Opcode::Pong, data);
        // The first may be half written.
        let waiting = self.writing.len() > 1;
        match self.writing.back_mut() {
            Some(last) if waiting && last.header().first() == Some(&PONG) => *last = pong,
            _ => self.writing.push_back(pong),
        }
    }

    /// Keeps what was read into a buffer that others use, and not decoded.
    pub(super) fn keep(&mut self, input: &[u8]) {
        if !input.is_empty() {
            self.early = Some(Box::new(BytesMut::from(input)));
        }
    }

    /// Writes as much as the transport takes. Ready when nothing is left.
    pub(super) fn poll_write_all(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        while !self.writing.is_empty() {
            let written = match self.poll_write_some(cx, scratch) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            };
            self.advance(written);
        }
        self.writing = VecDeque::new();
        self.stream.poll_flush(cx)
    }

    /// One write: the small frames at the front copied together, and what is too large for that from where it lies.
    fn poll_write_some(&mut self, cx: &mut Context<'_>, scratch: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        scratch.clear();
        let mut skip = self.written;
        let mut rest = |piece: &'_ [u8]| -> usize {
            let skipped = skip.min(piece.len());
            skip -= skipped;
            skipped
        };
        let mut gathered = 0;
        for frame in &self.writing {
            if scratch.len() + frame.wire_len() > GATHER_LIMIT {
                break;
            }
            for piece in [frame.header(), frame.body()] {
                scratch.extend_from_slice(piece.get(rest(piece)..).unwrap_or_default());
            }
            gathered += 1;
        }
        if gathered == self.writing.len() {
            return self.stream.poll_write(cx, scratch);
        }
        let mut slices: SmallVec<[IoSlice<'_>; MAX_SLICES]> = SmallVec::new();
        slices.push(IoSlice::new(scratch));
        let large = self.writing.iter().skip(gathered);
        for piece in large.flat_map(|frame| [frame.header(), frame.body()]) {
            let piece = piece.get(rest(piece)..).unwrap_or_default();
            if !piece.is_empty() {
                slices.push(IoSlice::new(piece));
            }
            if slices.len() == MAX_SLICES {
                break;
            }
        }
        // Where nothing was gathered the first slice is empty, which the kernel passes over.
        self.stream.poll_write_vectored(cx, &slices)
    }

    fn advance(&mut self, written: usize) {
        self.written += written;
        while let Some(first) = self.writing.front() {
            if self.written < first.wire_len() {
                break;
            }
            self.written -= first.wire_len();
            self.writing.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::a_runtime;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Waker;
    use tokio::io::AsyncReadExt;

    fn incoming(stream: impl Duplex + 'static) -> Incoming {
        Incoming {
            stream: Stream::Other(Box::pin(stream)),
            held: Vec::new(),
            early: Bytes::new(),
            dialect: Dialect::default(),
            runtime: a_runtime().id(),
        }
    }

    /// Writes in a driver's way to a pipe that takes `capacity` bytes at a time, and gives what came out.
    async fn through(frames: Vec<Frame>, capacity: usize) -> Vec<u8> {
        let (near, mut far) = tokio::io::duplex(capacity);
        let mut io = Io::new(incoming(near));
        io.writing.extend(frames);
        let writer = async move {
            let mut scratch = Vec::new();
            std::future::poll_fn(|cx| io.poll_write_all(cx, &mut scratch)).await.unwrap();
        };
        let mut out = Vec::new();
        let ((), read) = tokio::join!(writer, far.read_to_end(&mut out));
        read.unwrap();
        out
    }

    #[tokio::test]
    async fn frames_of_all_sizes_arrive_whole_and_in_order() {
        let frames: Vec<_> = [1, 100, 20_000, 5, 0, 70_000, 16_380, 3]
            .into_iter()
            .zip(b'a'..)
            .map(|(len, byte)| Frame::text(vec![byte; len]))
            .collect();
        let expected: Vec<u8> = frames
            .iter()
            .flat_map(|frame| [frame.header().to_vec(), frame.body().to_vec()].concat())
            .collect();
        for capacity in [7, 1_000, 1 << 20] {
            assert!(
                through(frames.clone(), capacity).await == expected,
                "through {capacity} bytes at a time"
            );
        }
    }

    /// A stream that counts how often it is written to.
    struct Counted(Arc<AtomicUsize>);

    impl AsyncRead for Counted {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Ok(data.len()))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            data: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Ok(data.iter().map(|slice| slice.len()).sum()))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn small_frames_and_the_large_one_behind_them_leave_in_one_write() {
        let writes = Arc::new(AtomicUsize::new(0));
        let mut io = Io::new(incoming(Counted(writes.clone())));
        for len in [20, 64_000, 20, 70_000, 5] {
            io.writing.push_back(Frame::text(vec![b'x'; len]));
        }
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(io.poll_write_all(&mut cx, &mut Vec::new()), Poll::Ready(Ok(()))));
        assert_eq!(writes.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn nothing_to_write_is_ready() {
        let (near, _far) = tokio::io::duplex(1);
        let mut io = Io::new(incoming(near));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(io.poll_write_all(&mut cx, &mut Vec::new()), Poll::Ready(Ok(()))));
    }
}
