//! A connection's turn: its mail, what its transport has received, and what its session wants done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use enchufe_proto::engine::{CloseReason, Frame, Millis, Output, Path, Transport};
use enchufe_proto::websocket::{self, Opcode};
use tokio::sync::oneshot;

use super::driver::Slot;
use super::stream::{Incoming, Io};
use super::{Body, Connection, IO, Mail, Payload, PollAnswer, PostAnswer, incoming, mux};
use crate::engine::observer::observe;
use crate::namespace::dispatch;
use crate::reason::DisconnectReason;

/// Reads of one connection in one turn: a megabyte at most, then the others have theirs.
const READS: usize = 16;

impl Slot {
    /// Gives the connection its turn. `false` when it is over and all of it has been released.
    pub(super) fn turn(&mut self, now: Millis, buffer: &mut [u8], scratch: &mut Vec<u8>) -> bool {
        let connection = self.connection.clone();
        let flags = connection.flags.swap(0, Ordering::AcqRel);
        let mut readable = flags & IO != 0;
        connection.resume();
        let mail = std::mem::take(&mut connection.inner.lock().mail);
        for mail in mail {
            readable |= matches!(mail, Mail::Stream(..));
            self.open_mail(mail, now);
        }
        if !self.apply_outputs(scratch) {
            return false;
        }
        if readable {
            let waker = Waker::from(connection);
            let cx = &mut Context::from_waker(&waker);
            self.read(Path::Main, now, buffer, scratch, cx);
            if self.probe.is_some() {
                self.read(Path::Probe, now, buffer, scratch, cx);
            }
        }
        self.apply_outputs(scratch)
    }

    fn open_mail(&mut self, mail: Mail, now: Millis) {
        let connection = self.connection.clone();
        match mail {
            // Too much is waiting for handlers to end: the client waits for its answer meanwhile.
            Mail::Post(..) if connection.is_choked() => {
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
            // A handler that ends wakes the connection.
            Mail::Turn(_) if connection.is_saturated() => connection.inner.lock().mail.push(mail),
            Mail::Turn(granted) => dispatch::granted(*granted),
            Mail::Disconnected(socket) => mux::disconnected(&socket),
        }
    }

    /// Handles a payload, as far as the handlers that it starts do not become too many.
    fn payload(&mut self, body: Body, answer: oneshot::Sender<PostAnswer>, now: Millis) {
        match incoming::payload(&self.connection, &mut self.assembler, body, now) {
            Ok(outcome) => {
                // The request may be gone; its end is noticed where it was read.
                let _ = answer.send(outcome);
            }
            Err(rest) => {
                self.connection.inner.lock().mail.push(Mail::Post(rest, answer));
            }
        }
    }

    fn attach(&mut self, incoming: Incoming, path: Path, now: Millis) {
        let io = Io::new(incoming);
        match path {
            Path::Main => self.main = Some(io),
            Path::Probe => {
                let mut inner = self.connection.inner.lock();
                if inner.session.handle_probe_open(now, &self.connection.core.session) {
                    self.probe = Some(Box::new(io));
                } else {
                    drop(inner);
                    close_now(io, &[], &mut Vec::new());
                }
            }
        }
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
        for _ in 0..READS {
            if connection.is_choked() {
                // The end of a handler wakes the connection again.
                return;
            }
            let Some(io) = self.io(path) else { return };
            let received = match receive(io, &connection, buffer, cx) {
                Poll::Pending => return,
                Poll::Ready(received) => received,
            };
            let mut input: &mut [u8] = match received {
                Received::Bytes(count) => buffer.get_mut(..count).unwrap_or_default(),
                Received::Message(message) => {
                    self.message(&mut path, message, now, scratch);
                    continue;
                }
                Received::Nothing => continue,
                Received::Invalid(error) => return self.broken(path, &error, scratch),
                Received::End(reason) => return self.ended(path, reason),
            };
            loop {
                let limits = &connection.core.websocket_limits;
                let Some(io) = self.io(path) else { return };
                if connection.is_choked() {
                    return io.keep(input);
                }
                match io.decoder.decode(&mut input, limits) {
                    Ok(Some(message)) => self.message(&mut path, message, now, scratch),
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
        path: &mut Path,
        message: websocket::Message<'_>,
        now: Millis,
        scratch: &mut Vec<u8>,
    ) {
        let connection = self.connection.clone();
        match message {
            websocket::Message::Text(text) => {
                incoming::text(&connection, &mut self.assembler, *path, text.as_str(), now);
            }
            websocket::Message::Binary(binary) => {
                incoming::frame(&connection, &mut self.assembler, *path, binary, now);
            }
            websocket::Message::Ping(data) => {
                if let Some(io) = self.io(*path) {
                    io.answer_ping(bytes::Bytes::copy_from_slice(&data));
                }
            }
            websocket::Message::Pong(_) => {}
            websocket::Message::Close(_) => self.ended(*path, CloseReason::TransportClose),
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
        let mut frame = Vec::new();
        websocket::close_frame(&mut frame, error.close_code(), "", None);
        match path {
            Path::Main => {
                if let Some(io) = self.main.take() {
                    close_now(io, &frame, scratch);
                }
            }
            Path::Probe => {
                if let Some(io) = self.probe.take() {
                    close_now(*io, &frame, scratch);
                }
            }
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

    /// Does what the session wants. `false` when it is over.
    fn apply_outputs(&mut self, scratch: &mut Vec<u8>) -> bool {
        loop {
            let outputs = self.connection.inner.lock().outputs();
            if outputs.is_empty() {
                return true;
            }
            for output in outputs {
                if let Output::Closed(reason) = output {
                    self.finish(reason, scratch);
                    return false;
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
                    close_now(*probe, &[], scratch);
                }
            }
            Output::Upgraded => {
                self.main = self.probe.take().map(|probe| *probe);
                observe(&self.connection, |observer, socket| observer.on_upgrade(socket));
            }
            Output::AnswerNoop => {
                let mut inner = self.connection.inner.lock();
                if inner.session.transport() == Transport::Polling && !inner.session.outbox().is_empty() {
                    // There is something better to answer with.
                    return;
                }
                inner.answer_poll(Payload::of(self.connection.dialect, "6"));
                inner.session.handle_poll_answered();
            }
            // Only a client's session asks for these, and the end is dealt with by the callers.
            Output::Opened | Output::StartProbe | Output::PausePolling | Output::Closed(_) => {}
        }
    }

    /// The session is over: everybody is told and everything released.
    fn finish(&mut self, reason: CloseReason, scratch: &mut Vec<u8>) {
        let connection = self.connection.clone();
        if reason == CloseReason::SlowConsumer {
            tracing::warn!(
                limit = connection.core.config.limits.max_outbox_bytes,
                "a client did not take what it was sent: closed (raise `max_outbox_bytes` if it should be waited for)"
            );
        }
        let mut inner = connection.inner.lock();
        inner.gone = true;
        inner.tell_drained();
        if let Some(poll) = inner.poll.take() {
            // `1` closes; a client that closed by itself gets a noop.
            let packet = if reason == CloseReason::TransportClose { "6" } else { "1" };
            let _ = poll.send(PollAnswer::Payload(Payload::of(connection.dialect, packet)));
        }
        let mail = std::mem::take(&mut inner.mail);
        let sockets = std::mem::take(&mut inner.sockets);
        drop(inner);
        connection.clear_parked();
        if let Some(io) = self.main.take() {
            close_now(io, &[], scratch);
        }
        if let Some(io) = self.probe.take() {
            close_now(*io, &[], scratch);
        }
        connection.core.registry.remove(&connection);
        for mail in mail {
            match mail {
                Mail::Post(_, answer) => {
                    let _ = answer.send(PostAnswer::Bad);
                }
                Mail::Disconnected(socket) => mux::disconnected(&socket),
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
    /// A large message is complete.
    Message(websocket::Message<'static>),
    /// A large message has grown.
    Nothing,
    Invalid(websocket::Error),
    End(CloseReason),
}

fn receive(
    io: &mut Io,
    connection: &Arc<Connection>,
    buffer: &mut [u8],
    cx: &mut Context<'_>,
) -> Poll<Received> {
    if !io.early.is_empty() {
        let count = io.early.len().min(buffer.len());
        let bytes = io.early.split_to(count);
        if io.early.is_empty() {
            io.early = bytes::Bytes::new();
        }
        buffer.get_mut(..count).unwrap_or_default().copy_from_slice(&bytes);
        return Poll::Ready(Received::Bytes(count));
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
        Poll::Ready(Ok(_)) if direct => match io.decoder.filled(&connection.core.websocket_limits) {
            Ok(Some(message)) => Received::Message(message),
            Ok(None) => Received::Nothing,
            Err(error) => Received::Invalid(error),
        },
        Poll::Ready(Ok(count)) => Received::Bytes(count),
    })
}

/// Ends a WebSocket as politely as can be done without waiting: `frame`, or an empty close frame.
fn close_now(mut io: Io, frame: &[u8], scratch: &mut Vec<u8>) {
    let mut cx = Context::from_waker(Waker::noop());
    if !io.closing {
        let frame = match frame.split_at_checked(2) {
            Some((_, body)) => Frame::control(Opcode::Close, bytes::Bytes::copy_from_slice(body)),
            None => Frame::control(Opcode::Close, bytes::Bytes::new()),
        };
        io.writing.push_back(frame);
    }
    // Nobody is left to be told of a failure.
    let _ = io.poll_write_all(&mut cx, scratch);
    let _ = io.stream.poll_shutdown(&mut cx);
}
