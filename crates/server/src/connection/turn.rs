//! A connection's turn: its mail, what its transport has received, and what its session wants done.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use enchufe_proto::engine::{CloseReason, Frame, Millis, Output, Path, Transport};
use enchufe_proto::websocket::{self, CloseCode, Opcode};
use tokio::sync::oneshot;

use super::driver::Slot;
use super::stream::{Incoming, Io};
use super::{Body, Connection, IO, Mail, Payload, PostAnswer, cork, incoming, linger, mux};
use crate::engine::observer::{self, observe};
use crate::handler::guarded;
use crate::namespace::dispatch;
use crate::places::Place;
use crate::reason::DisconnectReason;
use crate::socket::Socket;
use crate::stats;

/// Reads of one connection in one turn: a megabyte at most, then the others have theirs.
const READS: usize = 16;

impl Slot {
    /// Gives the connection its turn, for which it was woken with these flags, and tells how many bytes wait for its
    /// transport then. `None` when it is over and all of it has been released.
    pub(super) fn turn(
        &mut self,
        flags: u8,
        now: Millis,
        buffer: &mut [u8],
        scratch: &mut Vec<u8>,
    ) -> Option<usize> {
        let connection = self.connection.clone();
        let mut readable = flags & IO != 0 || self.resumes(now);
        if connection.may_be_overdue(now) {
            mux::overdue(&connection, now);
        }
        connection.resume();
        let mut inner = connection.inner.lock();
        let mut mail = std::mem::take(&mut inner.mail);
        if (readable || !mail.is_empty())
            && let Some(io) = &self.main
        {
            cork::lend(&connection, io, &mut inner);
        }
        drop(inner);
        for mail in mail.drain(..) {
            readable |= matches!(mail, Mail::Stream(..));
            if guarded("a connection's mail", || self.open_mail(mail, now)).is_none() {
                // Who knows what it has left half done; the rest of the mail is about others too.
                connection.abort(CloseReason::ForcedServerClose);
            }
        }
        if mail.capacity() > 0 && self.main.is_none() {
            // A session of polling gets mail with each POST.
            self.connection.keep_mail(mail);
        }
        let queued = self.apply_outputs(now, scratch)?;
        if !readable {
            return Some(queued);
        }
        let waker = Waker::from(connection);
        let cx = &mut Context::from_waker(&waker);
        self.read(Path::Main, now, buffer, scratch, cx);
        if self.probe.is_some() {
            self.read(Path::Probe, now, buffer, scratch, cx);
        }
        self.apply_outputs(now, scratch)
    }

    /// Whether a connection that was not read may be again.
    fn resumes(&mut self, now: Millis) -> bool {
        let resumes = self.paused && !self.connection.is_paused(now);
        self.paused &= !resumes;
        resumes
    }

    fn open_mail(&mut self, mail: Mail, now: Millis) {
        let connection = self.connection.clone();
        match mail {
            // Too much is waiting for handlers to end, or came too fast: the client waits for its answer meanwhile.
            Mail::Post(..) if connection.is_paused(now) => {
                connection.inner.lock().mail.push(mail);
            }
            Mail::Post(body, answer) => self.payload(body, answer, now),
            Mail::Stream(incoming, path) => self.attach(*incoming, path, now),
            Mail::Admitted(socket) => {
                if !mux::admitted(&socket) {
                    connection.inner.lock().mail.push(Mail::Admitted(socket));
                }
            }
            Mail::Enter(question, namespace) => mux::enter_decided(&question, &namespace),
            // A handler that ends wakes the connection. Where others may wait behind it, it goes on in the place of the
            // handler that has just ended there, whoever's that was.
            Mail::Turn(granted) if connection.is_saturated() && !granted.is_shared() => {
                connection.inner.lock().mail.push(Mail::Turn(granted));
            }
            Mail::Turn(granted) => dispatch::granted(*granted),
            Mail::Disconnected(socket) => mux::disconnected(&socket),
        }
    }

    /// Handles a payload, as far as the handlers that it starts do not become too many.
    fn payload(&mut self, body: Body, answer: oneshot::Sender<PostAnswer>, now: Millis) {
        match incoming::payload(&self.connection, &mut self.assembler, body, now) {
            Ok(outcome) => {
                self.connection.end_unread();
                // The request may be gone; its end is noticed where it was read.
                let _ = answer.send(outcome);
            }
            Err(rest) => {
                self.connection.inner.lock().mail.push(Mail::Post(rest, answer));
            }
        }
    }

    fn attach(&mut self, incoming: Incoming, path: Path, now: Millis) {
        let mut incoming = match incoming.move_here() {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::debug!(%error, "a stream could not be taken over from another runtime");
                if path == Path::Main {
                    self.ended(path, CloseReason::TransportError);
                }
                return;
            }
        };
        let held = std::mem::take(&mut incoming.held);
        let mut io = Io::new(incoming);
        match path {
            Path::Main => {
                if !held.is_empty() {
                    self.answer(&mut io, held);
                }
                self.main = Some(io);
            }
            Path::Probe => {
                let mut inner = self.connection.inner.lock();
                if inner.session.handle_probe_open(now, &self.connection.core.session) {
                    self.probe = Some(Box::new(io));
                } else {
                    drop(inner);
                    close_now(io, None, &mut Vec::new());
                }
            }
        }
    }

    /// Has the answer to the upgrade request leave with what waits for it, the OPEN packet first.
    fn answer(&self, io: &mut Io, held: Vec<u8>) {
        let mut inner = self.connection.inner.lock();
        inner.uncork();
        let frames = inner.session.outbox().take_all();
        // Until it has left: whoever watches is told then that nothing waits any more.
        inner.blocked = true;
        io.begin_with(held, frames);
        inner.writing = io.unwritten();
        drop(inner);
        observer::flushed(&self.connection, io.writing.iter().skip(1));
    }

    fn io(&mut self, path: Path) -> Option<&mut Io> {
        match path {
            Path::Main => self.main.as_mut(),
            Path::Probe => self.probe.as_deref_mut(),
        }
    }

    fn read(
        &mut self,
        mut path: Path,
        now: Millis,
        buffer: &mut [u8],
        scratch: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) {
        let connection = self.connection.clone();
        let mut last = None;
        for _ in 0..READS {
            if connection.is_paused(now) {
                // The end of a handler, or its time, wakes the connection again.
                self.paused = true;
                return;
            }
            let Some(io) = self.io(path) else { return };
            let received = match receive(io, &connection, buffer, cx) {
                Poll::Pending => return connection.end_unread(),
                Poll::Ready(received) => received,
            };
            // What was kept is decoded where it lies.
            let mut kept = BytesMut::new();
            let was_kept = matches!(received, Received::Kept(_));
            let mut input: &mut [u8] = match received {
                Received::Bytes(count) => buffer.get_mut(..count).unwrap_or_default(),
                Received::Kept(bytes) => {
                    kept = bytes;
                    &mut kept
                }
                Received::Message(message, count) => {
                    connection.charge(count, false, now);
                    self.message(&connection, &mut path, message, now, scratch, &mut last);
                    continue;
                }
                Received::Nothing(count) => {
                    connection.charge(count, false, now);
                    continue;
                }
                Received::Invalid(error) => return self.broken(path, &error, scratch),
                Received::End(reason) => return self.ended(path, reason),
            };
            loop {
                let limits = &connection.core.websocket_limits;
                let Some(io) = self.io(path) else { return };
                if connection.is_paused(now) {
                    if was_kept {
                        let left = input.len();
                        let kept = kept.split_off(kept.len() - left);
                        io.early = (!kept.is_empty()).then(|| Box::new(kept));
                    } else {
                        io.keep(input);
                    }
                    self.paused = true;
                    return;
                }
                let before = input.len();
                let decoded = io.decoder.decode(&mut input, limits);
                connection.charge(before - input.len(), false, now);
                match decoded {
                    Ok(Some(message)) => {
                        self.message(&connection, &mut path, message, now, scratch, &mut last);
                    }
                    Ok(None) => break,
                    Err(error) => return self.broken(path, &error, scratch),
                }
            }
        }
        // There may be more: the others first.
        connection.wake_for(IO);
    }

    fn message(
        &mut self,
        connection: &Arc<Connection>,
        path: &mut Path,
        message: websocket::Message<'_>,
        now: Millis,
        scratch: &mut Vec<u8>,
        last: &mut Option<Socket>,
    ) {
        let attachment = self.assembler.is_waiting() && incoming::is_binary(connection.revision(), &message);
        connection.charge(0, !attachment, now);
        match message {
            websocket::Message::Text(text) => {
                incoming::text(connection, &mut self.assembler, *path, text.as_str(), now, last);
            }
            websocket::Message::Binary(binary) => {
                *last = None;
                incoming::frame(connection, &mut self.assembler, *path, binary, now);
            }
            websocket::Message::Ping(data) => {
                if let Some(io) = self.io(*path) {
                    io.answer_ping(bytes::Bytes::copy_from_slice(&data));
                }
            }
            websocket::Message::Pong(_) => {}
            websocket::Message::Close(_) => {
                *last = None;
                self.ended(*path, CloseReason::TransportClose);
            }
        }
        if *path == Path::Probe {
            // What follows the upgrade packet in the same segment belongs to the session already.
            self.apply_probe_outputs(scratch);
            if self.probe.is_none() && self.main.is_some() {
                *path = Path::Main;
            }
        }
    }

    /// The peer broke the rules of WebSocket: it is told so and let go.
    fn broken(&mut self, path: Path, error: &websocket::Error, scratch: &mut Vec<u8>) {
        tracing::debug!(%error, "invalid WebSocket frame");
        let core = &self.connection.core;
        let reason = match error {
            websocket::Error::MessageTooBig => {
                stats::add(&core.stats.oversized, 1);
                format!("a message is larger than {} bytes", core.config.limits.max_payload_bytes)
            }
            other => other.to_string(),
        };
        let io = match path {
            Path::Main => self.main.take(),
            Path::Probe => self.probe.take().map(|probe| *probe),
        };
        if let Some(io) = io {
            linger::close_with(io, core, error.close_code(), &reason, scratch);
        }
        self.ended(path, CloseReason::TransportError);
    }

    fn ended(&mut self, path: Path, reason: CloseReason) {
        let mut inner = self.connection.inner.lock();
        match path {
            Path::Main => inner.session.handle_transport_closed(reason),
            Path::Probe => {
                inner.session.handle_probe_closed();
                drop(inner);
                self.probe = None;
            }
        }
    }

    /// Does what the session wants, and tells how many bytes wait. `None` when it is over.
    fn apply_outputs(&mut self, now: Millis, scratch: &mut Vec<u8>) -> Option<usize> {
        loop {
            let mut inner = self.connection.inner.lock();
            let outputs = inner.outputs();
            if outputs.is_empty() {
                return Some(inner.queued_bytes());
            }
            drop(inner);
            for output in outputs {
                if let Output::Closed(reason) = output {
                    self.finish(reason, now, scratch);
                    return None;
                }
                self.apply(output, scratch);
            }
        }
    }

    /// As [`Slot::apply_outputs`], in the middle of reading: the end is left to the end of the turn.
    fn apply_probe_outputs(&mut self, scratch: &mut Vec<u8>) {
        let mut inner = self.connection.inner.lock();
        if matches!(inner.session.state(), enchufe_proto::engine::State::Closed(_)) {
            return;
        }
        let outputs = inner.outputs();
        drop(inner);
        for output in outputs {
            self.apply(output, scratch);
        }
    }

    fn apply(&mut self, output: Output, scratch: &mut Vec<u8>) {
        match output {
            Output::SendProbe(packet) => {
                if let Some(probe) = &mut self.probe {
                    probe.writing.push_back(Frame::text(bytes::Bytes::from_static(packet.as_bytes())));
                    observe(&self.connection, |observer, socket| observer.on_upgrading(socket));
                }
            }
            Output::CloseProbe => {
                if let Some(probe) = self.probe.take() {
                    close_now(*probe, None, scratch);
                }
            }
            Output::Upgraded => {
                self.main = self.probe.take().map(|probe| *probe);
                let mut inner = self.connection.inner.lock();
                inner.mail.shrink_to_fit();
                if self.main.as_ref().is_some_and(|io| !io.dialect.is_plain()) {
                    inner.uncork();
                    inner.translated = true;
                }
                drop(inner);
                observe(&self.connection, |observer, socket| observer.on_upgrade(socket));
            }
            Output::AnswerNoop => {
                let mut inner = self.connection.inner.lock();
                if inner.session.transport() == Transport::Polling && !inner.session.outbox().is_empty() {
                    // There is something better to answer with.
                    return;
                }
                inner.session.handle_poll_answered();
                let news = inner.answered_news(Payload::of(self.connection.dialect, "6"));
                drop(inner);
                news.tell();
            }
            // Only a client's session asks for these, and the end is dealt with by the callers.
            Output::Opened | Output::StartProbe | Output::PausePolling | Output::Closed(_) => {}
        }
    }

    /// The session is over: everybody is told and everything released.
    fn finish(&mut self, reason: CloseReason, now: Millis, scratch: &mut Vec<u8>) {
        let connection = self.connection.clone();
        log_end(&connection, reason, now);
        let mut inner = connection.inner.lock();
        inner.gone = true;
        // `1` closes; a client that closed by itself gets a noop.
        let packet = if reason == CloseReason::TransportClose { "6" } else { "1" };
        let news = inner.answered_news(Payload::of(connection.dialect, packet));
        let (seat, ahead) = (inner.seat.take(), inner.take_ahead());
        let mail = std::mem::take(&mut inner.mail);
        let sockets = inner.sockets.take();
        drop(inner);
        news.tell();
        connection.clear_parked();
        if let Some(io) = self.main.take() {
            match parting(reason) {
                // It is sending, and would not read what it is told before it is reset.
                Some((code, words)) if reason == CloseReason::RateLimited => {
                    linger::close_with(io, &connection.core, code, words, scratch);
                }
                said => close_now(io, said, scratch),
            }
        }
        if let Some(io) = self.probe.take() {
            close_now(*io, None, scratch);
        }
        connection.core.registry.remove(&connection);
        drop((ahead, seat.map(|seat| Place::of(&connection.core, seat))));
        for mail in mail {
            match mail {
                Mail::Post(_, answer) => {
                    let _ = answer.send(PostAnswer::Bad);
                }
                Mail::Disconnected(socket) => {
                    guarded("the end of a socket", move || mux::disconnected(&socket));
                }
                Mail::Stream(..) | Mail::Admitted(_) | Mail::Enter(..) | Mail::Turn(_) => {}
            }
        }
        mux::closed(&connection, sockets, DisconnectReason::from(reason));
    }
}

/// What a transport had to say.
enum Received {
    /// So many bytes are in the buffer.
    Bytes(usize),
    /// These were kept.
    Kept(BytesMut),
    /// A large message is complete, with so many bytes.
    Message(websocket::Message<'static>, usize),
    /// A large message has grown by so many.
    Nothing(usize),
    Invalid(websocket::Error),
    End(CloseReason),
}

fn receive(
    io: &mut Io,
    connection: &Arc<Connection>,
    buffer: &mut [u8],
    cx: &mut Context<'_>,
) -> Poll<Received> {
    if let Some(kept) = io.early.take() {
        return Poll::Ready(Received::Kept(*kept));
    }
    let (read, direct) = match io.decoder.spare() {
        Some(mut spare) => (io.stream.poll_read_into(cx, &mut spare), true),
        None => (io.stream.poll_read(cx, buffer), false),
    };
    Poll::Ready(match read {
        Poll::Pending => return Poll::Pending,
        Poll::Ready(Ok(0)) => Received::End(CloseReason::TransportClose),
        Poll::Ready(Err(error)) => {
            // As in the official server: an error is what breaks the protocol, not what breaks the line.
            tracing::debug!(%error, "a connection broke");
            Received::End(CloseReason::TransportClose)
        }
        Poll::Ready(Ok(count)) if direct => match io.decoder.filled(&connection.core.websocket_limits) {
            Ok(Some(message)) => Received::Message(message, count),
            Ok(None) => Received::Nothing(count),
            Err(error) => Received::Invalid(error),
        },
        Poll::Ready(Ok(count)) => Received::Bytes(count),
    })
}

/// Ends a WebSocket as politely as can be done without waiting.
fn close_now(mut io: Io, said: Option<(CloseCode, &str)>, scratch: &mut Vec<u8>) {
    let mut cx = Context::from_waker(Waker::noop());
    if !io.closing {
        io.writing.push_back(match said {
            Some((code, words)) => linger::close_frame(code, words),
            None => Frame::control(Opcode::Close, bytes::Bytes::new()),
        });
    }
    // Nobody is left to be told of a failure.
    let _ = io.poll_write_all(&mut cx, scratch);
    let _ = io.stream.poll_shutdown(&mut cx);
}

/// What a client is told where the server closes for what it is or does. Elsewhere the official server says nothing.
const fn parting(reason: CloseReason) -> Option<(CloseCode, &'static str)> {
    match reason {
        CloseReason::SlowConsumer | CloseReason::RateLimited => Some((CloseCode::POLICY, reason.as_str())),
        CloseReason::Overloaded => Some((CloseCode::TRY_AGAIN_LATER, reason.as_str())),
        _ => None,
    }
}

/// Counts and logs an end: the server's own doing for all to see, now and then; what clients do for those who look.
fn log_end(connection: &Connection, reason: CloseReason, now: Millis) {
    let core = &connection.core;
    core.stats.count_close(reason);
    let cure = match reason {
        CloseReason::SlowConsumer => {
            "raise `max_outbox_bytes`, wait for `drained`, or choose an `outbox_policy`"
        }
        CloseReason::RateLimited => "raise `max_events_per_second`, `max_bytes_per_second` or `rate_burst`",
        CloseReason::Overloaded => "raise `max_total_outbox_bytes`, or lower `max_outbox_bytes`",
        _ => return tracing::debug!(%reason, "a connection ended"),
    };
    match core.stats.complaints.closed.due(now) {
        Some(others) => tracing::warn!(%reason, others, cure, "the server closed a connection"),
        None => tracing::debug!(%reason, "the server closed a connection"),
    }
}
