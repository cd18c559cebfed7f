//! Sending what a connection has queued: a batch of frames on a WebSocket, a payload to a pending poll.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use enchufe_proto::engine::{CloseReason, Dialect, Frame, Millis, Session, State, Transport};
use enchufe_proto::websocket::Opcode;

use super::cork::{self, Cork};
use super::driver::Slot;
use super::news::News;
use super::shared::Ahead;
use super::stream::Io;
use super::{Connection, Inner, Payload};
use crate::engine::observer;
use crate::overload::OutboxPolicy;

/// Bytes that are taken from the outbox at once: the rest stays where it is counted.
const BATCH: usize = 256 << 10;

/// Where no more than that waited, it may have been for want of a cork.
const AHEAD: usize = 1 << 10;

/// The frames that a polling payload was made of, for whoever watches.
pub(super) type Flushed = VecDeque<Frame>;

/// Everything that waits, as one polling payload.
pub(super) fn take_payload(session: &mut Session, dialect: Dialect) -> (Payload, Flushed) {
    let frames = session.outbox().take_all();
    let written = dialect.payload(frames.iter());
    let compress = frames.iter().any(Frame::may_compress);
    (Payload { body: written.bytes, binary: written.binary, compress }, frames)
}

/// Corks of a round, to be given back together.
pub(super) type Returned = Vec<Box<Cork>>;

/// How a connection stands after a flush.
pub(super) struct Standing {
    /// Its session's next deadline, if that may have come nearer.
    pub(super) next: Option<Millis>,
    /// Bytes that its transport has not taken.
    pub(super) waiting: usize,
    /// Packets that were given up since the last flush.
    pub(super) dropped: u32,
}

impl Connection {
    /// Tells whoever watches that a poll was answered with these.
    pub(super) fn tell_flushed(self: &Arc<Self>, frames: &Flushed) {
        if !frames.is_empty() {
            observer::flushed(self, frames.iter());
            observer::observe(self, |observer, socket| observer.on_drain(socket));
        }
    }
}

impl Slot {
    /// Sends what can be sent now.
    pub(super) fn flush(&mut self, scratch: &mut Vec<u8>, returned: &mut Returned) -> Standing {
        match self.flush_ahead(false, returned) {
            Usual::Done(standing) => standing,
            Usual::NotAll | Usual::Nothing => self.flush_all(scratch),
        }
    }

    /// As [`Slot::flush`], for a connection that was sent something outside of its turn. `None` where it has left since.
    pub(super) fn flush_unsent(
        &mut self,
        scratch: &mut Vec<u8>,
        returned: &mut Returned,
    ) -> Option<Standing> {
        match self.flush_ahead(true, returned) {
            Usual::Done(standing) => Some(standing),
            Usual::NotAll => Some(self.flush_all(scratch)),
            Usual::Nothing => None,
        }
    }

    /// As [`Slot::flush`], for what flushing is most of the time: what was written ahead goes to a socket that takes it all, and
    /// nobody waits to hear of it.
    #[inline]
    fn flush_ahead(&mut self, only_unsent: bool, returned: &mut Returned) -> Usual {
        let mut inner = self.connection.inner.lock();
        if only_unsent {
            inner.listed = false;
            if !inner.unsent {
                return Usual::Nothing;
            }
        }
        inner.unsent = false;
        let Some(io) = self.main.as_mut().filter(|io| io.writing.is_empty()) else { return Usual::NotAll };
        let usual = self.probe.is_none()
            && inner.is_only_corked()
            && inner.drained.is_none()
            && inner.dropped == 0
            && io.is_socket();
        if !usual {
            return Usual::NotAll;
        }
        let Some(ahead) = inner.take_ahead() else { return Usual::NotAll };
        // Sending moves no deadline: where there was no turn, none has come nearer.
        let next = if self.turned { inner.session.poll_timeout() } else { None };
        drop(inner);
        let all = io.write_at_once(&ahead);
        if let Ahead::Cork(cork) = ahead {
            returned.push(cork);
        }
        if all { Usual::Done(Standing { next, waiting: 0, dropped: 0 }) } else { Usual::NotAll }
    }

    fn flush_all(&mut self, scratch: &mut Vec<u8>) -> Standing {
        let waker = Waker::from(self.connection.clone());
        let mut cx = Context::from_waker(&waker);
        let connection = &self.connection;
        if let Some(probe) = &mut self.probe {
            // A probe that cannot be written to is noticed when it is read.
            let _ = probe.poll_write_all(&mut cx, scratch);
        }
        let mut flushed = false;
        loop {
            let mut inner = connection.inner.lock();
            inner.unsent = false;
            if inner.hold > 0 {
                inner.leave_cork();
                return inner.standing();
            }
            match (inner.session.transport(), &mut self.main) {
                (Transport::Polling, _) => {
                    let (flushed, news) = inner.flush_poll(connection.dialect);
                    if matches!(inner.session.state(), State::Closed(_)) {
                        // The peer has fetched the last of it.
                        connection.notify();
                    }
                    let standing = inner.standing();
                    drop(inner);
                    news.tell();
                    connection.tell_flushed(&flushed);
                    return standing;
                }
                (Transport::WebSocket, None) => return inner.standing(),
                (Transport::WebSocket, Some(io)) => {
                    if let Some(ahead) = inner.take_ahead() {
                        if !ahead.bytes().is_empty() && !matches!(inner.session.state(), State::Closed(_)) {
                            drop(inner);
                            let written = write_ahead(connection, io, &mut cx, &ahead);
                            give_back(ahead);
                            if !written {
                                let mut inner = connection.inner.lock();
                                inner.writing = io.unwritten();
                                return inner.standing();
                            }
                            flushed = true;
                            continue;
                        }
                        give_back(ahead);
                    }
                    if inner.blocked && io.writing.is_empty() {
                        // A stream in a wrapper, as for TLS, has taken it all and not passed it on.
                        inner.blocked = false;
                        drop(inner);
                        if !write(connection, io, &mut cx, scratch) {
                            return connection.inner.lock().standing();
                        }
                        flushed = true;
                        continue;
                    }
                    let batch = io.writing.is_empty() && take_batch(&mut inner, io);
                    if io.writing.is_empty() && !close_after(&mut inner, io) {
                        let drained = flushed || inner.blocked;
                        (inner.blocked, inner.writing) = (false, 0);
                        let news = inner.drained_news();
                        let standing = inner.standing();
                        drop(inner);
                        news.tell();
                        if drained {
                            observer::observe(connection, |observer, socket| observer.on_drain(socket));
                        }
                        return standing;
                    }
                    drop(inner);
                    if batch {
                        flushed = true;
                        observer::flushed(connection, io.writing.iter());
                    }
                    if !write(connection, io, &mut cx, scratch) {
                        let mut inner = connection.inner.lock();
                        inner.writing = io.unwritten();
                        return inner.standing();
                    }
                }
            }
        }
    }
}

/// How the usual flush went.
enum Usual {
    /// All has been sent.
    Done(Standing),
    /// There is more to it, or is more to do.
    NotAll,
    /// Nothing was sent to it since the last flush.
    Nothing,
}

fn give_back(ahead: Ahead) {
    if let Ahead::Cork(cork) = ahead {
        cork::keep([cork]);
    }
}

/// Moves what waits to what is being written; `false` where nothing does.
fn take_batch(inner: &mut Inner, io: &mut Io) -> bool {
    let waiting = inner.session.queued_bytes();
    if io.dialect.is_plain() && waiting <= BATCH {
        // The queue itself: most often one packet of a broadcast.
        io.writing = inner.session.outbox().take_all();
        if waiting > 0 && waiting <= AHEAD && inner.policy == OutboxPolicy::Close {
            cork::provide();
        }
        return waiting > 0;
    }
    let mut bytes = 0;
    while bytes < BATCH {
        let Some(frame) = inner.session.outbox().pop() else { break };
        bytes += frame.wire_len();
        let frame = if io.dialect.is_plain() { frame } else { io.dialect.frame(frame) };
        io.writing.push_back(frame);
    }
    bytes > 0
}

/// Queues the close frame when everything before it is out. `false` where there is nothing more to write.
fn close_after(inner: &mut Inner, io: &mut Io) -> bool {
    if io.closing || !matches!(inner.session.state(), State::Closing(_)) {
        return false;
    }
    io.closing = true;
    io.writing.push_back(Frame::control(Opcode::Close, bytes::Bytes::new()));
    true
}

/// Writes what was written ahead, behind what is on its way. `false` where the transport is full or broken.
fn write_ahead(connection: &Arc<Connection>, io: &mut Io, cx: &mut Context<'_>, ahead: &Ahead) -> bool {
    if !io.writing.is_empty() {
        io.writing.push_back(ahead.rest(0).0);
        return true;
    }
    let written = io.poll_write_ahead(cx, ahead);
    taken(connection, written)
}

/// What a write came to: `false` where the transport is full or broken.
fn taken(connection: &Arc<Connection>, written: Poll<io::Result<()>>) -> bool {
    match written {
        Poll::Ready(Ok(())) => true,
        Poll::Ready(Err(_)) => {
            connection.inner.lock().session.handle_transport_closed(CloseReason::TransportClose);
            connection.notify();
            false
        }
        Poll::Pending => {
            connection.inner.lock().blocked = true;
            false
        }
    }
}

/// Writes what is on its way. `false` where the transport is full or broken.
fn write(connection: &Arc<Connection>, io: &mut Io, cx: &mut Context<'_>, scratch: &mut Vec<u8>) -> bool {
    let written = io.poll_write_all(cx, scratch);
    if !taken(connection, written) {
        return false;
    }
    if io.closing && io.stream.poll_shutdown(cx).is_pending() {
        // To be asked again. The peer sees the end after the close frame; its own end ends the session.
        connection.inner.lock().blocked = true;
    }
    !io.closing
}

impl Inner {
    fn standing(&mut self) -> Standing {
        Standing {
            next: self.session.poll_timeout(),
            waiting: self.waiting(),
            dropped: std::mem::take(&mut self.dropped),
        }
    }

    /// What answers the pending poll, if there is one and something to say.
    fn flush_poll(&mut self, dialect: Dialect) -> (Flushed, News) {
        if !self.session.can_transmit() {
            return Default::default();
        }
        self.session.queue_close();
        if self.session.outbox().is_empty() {
            return Default::default();
        }
        let (payload, flushed) = take_payload(&mut self.session, dialect);
        self.session.handle_poll_answered();
        (flushed, self.answered_news(payload))
    }
}
