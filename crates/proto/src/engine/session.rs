//! The rules of one Engine.IO session, for both roles, as one explicit state machine.
//!
//! # Theory of operation
//! A session is `Opening → Open ⇄ Upgrading → Closing → Closed`, on one transport. The shell
//! 1. tells what happened with `handle_*` (a packet came, a poll came, a transport closed, time passed);
//! 2. takes what the session wants with [`Session::poll_output`] until there is nothing more;
//! 3. sends what waits in [`Session::outbox`] whenever [`Session::can_transmit`] allows it;
//! 4. sleeps until [`Session::poll_timeout`] and calls [`Session::handle_timeout`].
//!
//! Calls that make no sense in a state are no-ops. Every state but `Closed` has a finite deadline:
//!
//! | state | deadline |
//! | --- | --- |
//! | Opening | the client's opening time-out (a server's session is born open) |
//! | Open | the heartbeat (revision 3: the next ping of the client, and once more as long where it sent anything else) |
//! | Upgrading | the upgrade time-out closes only the probe; the heartbeat goes on |
//! | Closing | the closing time-out |
//!
//! All transitions are in [`Session::handle_packet`], [`Session::handle_timeout`] and the few methods
//! beside them in this file.

use std::collections::VecDeque;

use super::dialect::Revision;
use super::frame::Frame;
use super::open::Open;
use super::outbox::{Outbox, OutboxFull, Queued, Shed};
use super::packet::{Kind, Packet};
use super::reason::CloseReason;
use super::timer::{Millis, Timer, Timers};

/// How long a poll that is pending during an upgrade waits for its noop: the official server looks every 100 ms.
const NOOP_DELAY: Millis = 100;

/// How late a shell may notice a deadline without its being late.
const COARSENESS: Millis = 20;

/// The longest that a client lets a server take between two pings: a day, so that a server that announces an
/// absurd interval does not leave it without a deadline.
const LONGEST_PATIENCE: u32 = 24 * 60 * 60 * 1000;

/// Which end of the session this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The end that pings, in revision 4.
    Server,
    /// The end that answers, in revision 4.
    Client,
}

/// What carries the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// A WebSocket.
    WebSocket,
}

impl Transport {
    /// The name used in queries and handshakes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Client: waiting for the OPEN packet.
    Opening,
    /// Messages flow.
    Open,
    /// Messages flow, and a second transport is being probed.
    Upgrading,
    /// What is queued still goes out; nothing that comes in matters any more.
    Closing(CloseReason),
    /// Over.
    Closed(CloseReason),
}

/// The transport on which a packet came, or is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// The session's transport.
    Main,
    /// The one that is being probed.
    Probe,
}

/// What a session asks its shell to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Client: the handshake is complete; see [`Session::take_open`].
    Opened,
    /// Client: the server offers an upgrade; open the transport and say so with [`Session::handle_probe_open`].
    StartProbe,
    /// Client: let the pending poll and post finish, start no other, then call [`Session::handle_paused`].
    PausePolling,
    /// Send this packet on the probing transport.
    SendProbe(&'static str),
    /// Close the probing transport; the session goes on without it.
    CloseProbe,
    /// The probing transport is the session's transport from now on.
    Upgraded,
    /// Server: answer the pending poll with a noop.
    AnswerNoop,
    /// The session is over; release everything. A pending poll is to be answered with this packet.
    Closed(CloseReason),
}

/// What becomes of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// Answer it now with what is in the outbox.
    Answer,
    /// Keep it until there is something.
    Park,
    /// Another poll is pending: that is against the rules and has closed the session.
    Overlap,
    /// The session does not poll (any more).
    WrongTransport,
    /// The session is over.
    Closed,
}

/// The times and bounds of a session, in milliseconds and bytes.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Between a pong and the next ping; in revision 3 between a client's pings.
    pub ping_interval: Millis,
    /// What a pong may take.
    pub ping_timeout: Millis,
    /// What an upgrade may take.
    pub upgrade_timeout: Millis,
    /// Server: what the layer above may take until it accepts the peer.
    pub join_timeout: Millis,
    /// What opening (client) may take.
    pub open_timeout: Millis,
    /// What closing may take: the time in which a polling peer must fetch its last packets.
    pub close_timeout: Millis,
    /// How long a packet that came in part may wait for the rest.
    pub partial_timeout: Millis,
    /// Bytes that may wait for the transport.
    pub outbox_limit: usize,
    /// Client: whether an offered upgrade is taken.
    pub upgrade: bool,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            ping_interval: 25_000,
            ping_timeout: 20_000,
            upgrade_timeout: 10_000,
            join_timeout: 45_000,
            open_timeout: 20_000,
            close_timeout: 30_000,
            partial_timeout: 30_000,
            outbox_limit: 4 << 20,
            upgrade: true,
        }
    }
}

/// One session. What is asked of it for each packet that is sent stands at its beginning.
#[derive(Debug)]
#[repr(C)]
pub struct Session {
    role: Role,
    revision: Revision,
    state: State,
    transport: Transport,
    /// A ping was sent and its pong has not come.
    awaiting_pong: bool,
    /// Something else came meanwhile, which earns one extension.
    heard: bool,
    extended: bool,
    /// The probe's question was answered (server) or its answer came (client).
    probed: bool,
    /// A poll is pending.
    parked: bool,
    /// Client: polling is pausing for an upgrade.
    paused: bool,
    /// The CLOSE packet is the last thing in the outbox, or has left it.
    close_queued: bool,
    /// Client: how long until the next ping must have come, in milliseconds.
    patience: u32,
    outbox: Outbox,
    timers: Timers,
    /// What the shell is asked to do; `None` where that is nothing.
    #[expect(clippy::box_collection, reason = "one word of every session instead of four")]
    outputs: Option<Box<VecDeque<Output>>>,
    open: Option<Box<Open>>,
}

impl Session {
    /// A server's session, born open, with the OPEN packet as the first thing to be sent.
    ///
    /// `first_ping` is how long until the first ping: usually the ping interval, or less to spread a herd.
    #[must_use]
    pub fn server(
        now: Millis,
        transport: Transport,
        open: Frame,
        first_ping: Millis,
        config: &SessionConfig,
    ) -> Self {
        let mut session = Self::new(Role::Server, State::Open, transport);
        session.outbox.push_unbounded(open);
        session.timers.set(Timer::Heartbeat, now + first_ping);
        session.timers.set(Timer::Join, now + config.join_timeout);
        session
    }

    /// As [`Session::server`], for a client of revision 3, which pings by itself.
    #[must_use]
    pub fn server_of_revision_3(
        now: Millis,
        transport: Transport,
        open: Frame,
        config: &SessionConfig,
    ) -> Self {
        let mut session = Self::server(now, transport, open, 0, config);
        session.revision = Revision::Three;
        session.timers.set(Timer::Heartbeat, now + config.ping_interval + config.ping_timeout);
        session
    }

    /// A client's session, of revision 4, waiting for the server's OPEN packet.
    #[must_use]
    pub fn client(now: Millis, transport: Transport, config: &SessionConfig) -> Self {
        let mut session = Self::new(Role::Client, State::Opening, transport);
        session.timers.set(Timer::Transition, now + config.open_timeout);
        session
    }

    const fn new(role: Role, state: State, transport: Transport) -> Self {
        Self {
            role,
            revision: Revision::Four,
            state,
            transport,
            awaiting_pong: false,
            heard: false,
            extended: false,
            probed: false,
            parked: false,
            paused: false,
            close_queued: false,
            patience: 0,
            timers: Timers::new(),
            outbox: Outbox::new(),
            outputs: None,
            open: None,
        }
    }

    // ---- what happened -------------------------------------------------------------------------

    /// A text packet came. A message for the layer above is returned; all else is dealt with here.
    pub fn handle_packet<'a>(
        &mut self,
        now: Millis,
        path: Path,
        packet: Packet<'a>,
        config: &SessionConfig,
    ) -> Option<&'a str> {
        match (self.state, path) {
            (State::Closed(_), _) => None,
            (State::Closing(_), Path::Main) => {
                if packet.kind == Kind::Close {
                    self.finish(CloseReason::TransportClose);
                }
                None
            }
            (State::Upgrading, Path::Probe) => {
                self.handle_probe_packet(now, packet);
                None
            }
            (_, Path::Probe) => {
                self.ask(Output::CloseProbe);
                None
            }
            (State::Opening, Path::Main) => {
                self.handle_handshake(now, packet, config);
                None
            }
            (State::Open | State::Upgrading, Path::Main) => self.handle_main_packet(now, packet, config),
        }
    }

    fn handle_main_packet<'a>(
        &mut self,
        now: Millis,
        packet: Packet<'a>,
        config: &SessionConfig,
    ) -> Option<&'a str> {
        match (packet.kind, self.role) {
            (Kind::Message, _) => {
                self.heard = true;
                return Some(packet.data);
            }
            (Kind::Close, _) => self.finish(CloseReason::TransportClose),
            (Kind::Ping, Role::Server) if self.revision == Revision::Three => {
                self.handle_client_ping(now, packet.data, config);
            }
            // The heartbeat has one direction only.
            (Kind::Pong, Role::Server) if self.revision == Revision::Three => {
                self.finish(CloseReason::TransportError);
            }
            (Kind::Pong, Role::Server) if self.awaiting_pong => {
                self.awaiting_pong = false;
                self.timers.set(Timer::Heartbeat, now + config.ping_interval);
            }
            // The heartbeat has one direction only.
            (Kind::Ping, Role::Server) => self.finish(CloseReason::TransportError),
            (Kind::Ping, Role::Client) => {
                if self.answer_ping(packet.data, config) {
                    self.expect_ping(now);
                }
            }
            (Kind::Pong | Kind::Open | Kind::Upgrade | Kind::Noop, _) => {}
        }
        None
    }

    fn handle_client_ping(&mut self, now: Millis, data: &str, config: &SessionConfig) {
        if self.answer_ping(data, config) {
            (self.heard, self.extended) = (false, false);
            self.timers.set(Timer::Heartbeat, now + config.ping_interval + config.ping_timeout);
        }
    }

    /// `false` where the peer does not take what it asks for.
    fn answer_ping(&mut self, data: &str, config: &SessionConfig) -> bool {
        let pong = Frame::text(format!("3{data}"));
        let answered = self.outbox.push_all([pong], config.outbox_limit);
        if answered == Err(OutboxFull) {
            self.finish(CloseReason::SlowConsumer);
        }
        answered.is_ok()
    }

    fn handle_handshake(&mut self, now: Millis, packet: Packet<'_>, config: &SessionConfig) {
        if packet.kind != Kind::Open {
            return self.finish(CloseReason::ParseError);
        }
        let Ok(open) = Open::parse(packet.data) else { return self.finish(CloseReason::ParseError) };
        let offered = open.upgrades.iter().any(|name| name == Transport::WebSocket.name());
        self.timers.stop(Timer::Transition);
        let patience = open.ping_interval.saturating_add(open.ping_timeout);
        self.patience = u32::try_from(patience).unwrap_or(u32::MAX).min(LONGEST_PATIENCE);
        self.open = Some(Box::new(open));
        self.state = State::Open;
        self.expect_ping(now);
        self.ask(Output::Opened);
        if offered && config.upgrade && self.transport == Transport::Polling {
            self.ask(Output::StartProbe);
        }
    }

    fn handle_probe_packet(&mut self, now: Millis, packet: Packet<'_>) {
        match (self.role, packet.kind, packet.data, self.probed) {
            (Role::Server, Kind::Ping, "probe", false) => {
                self.probed = true;
                self.ask(Output::SendProbe("3probe"));
                if self.parked {
                    self.timers.set(Timer::Noop, now);
                }
            }
            (Role::Server, Kind::Upgrade, _, true) => self.switch(),
            (Role::Client, Kind::Pong, "probe", false) => {
                self.probed = true;
                self.paused = true;
                self.ask(Output::PausePolling);
            }
            _ => self.abandon_probe(),
        }
    }

    /// A binary message came. `true` where it is one for the layer above.
    pub fn handle_binary(&mut self, path: Path) -> bool {
        match (self.state, path) {
            (State::Open | State::Upgrading, Path::Main) => {
                self.heard = true;
                true
            }
            (State::Upgrading, Path::Probe) => {
                self.abandon_probe();
                false
            }
            (State::Opening, Path::Main) => {
                self.finish(CloseReason::ParseError);
                false
            }
            _ => false,
        }
    }

    /// Something came that is no packet at all.
    pub fn handle_garbage(&mut self, path: Path) {
        match path {
            Path::Probe => self.abandon_probe(),
            Path::Main => self.finish(CloseReason::ParseError),
        }
    }

    /// Server: a poll came.
    pub fn handle_poll(&mut self, now: Millis) -> Poll {
        if matches!(self.state, State::Closed(_)) {
            return Poll::Closed;
        }
        if self.transport != Transport::Polling {
            return Poll::WrongTransport;
        }
        if self.parked {
            self.finish(CloseReason::TransportError);
            return Poll::Overlap;
        }
        self.queue_close();
        if !self.outbox.is_empty() {
            return Poll::Answer;
        }
        self.parked = true;
        if self.probed {
            self.timers.set(Timer::Noop, now + NOOP_DELAY);
        }
        Poll::Park
    }

    /// Server: a poll that could be answered is kept, because the shell holds its frames back for now.
    pub fn park(&mut self) {
        self.parked = self.transport == Transport::Polling && !matches!(self.state, State::Closed(_));
    }

    /// Server: the pending poll was answered, or a poll was answered at once.
    pub fn handle_poll_answered(&mut self) {
        self.parked = false;
        self.timers.stop(Timer::Noop);
        self.handle_flushed();
    }

    /// Everything that was queued has been handed to the transport.
    pub fn handle_flushed(&mut self) {
        if let (State::Closing(reason), true, true) = (self.state, self.close_queued, self.outbox.is_empty())
        {
            self.finish(reason);
        }
    }

    /// Queues the CLOSE packet of a polling session that is closing, once all else has left.
    ///
    /// It has a payload of its own: clients handle messages after a delay but a CLOSE at once, so one in the
    /// same payload would overtake what it stands behind.
    pub fn queue_close(&mut self) {
        let last = matches!(self.state, State::Closing(_)) && self.outbox.is_empty();
        if last && self.transport == Transport::Polling && !self.close_queued {
            self.outbox.push_unbounded(Frame::text(bytes::Bytes::from_static(b"1")));
            self.close_queued = true;
        }
    }

    /// The peer broke off a poll or a post, or its transport ended.
    pub fn handle_transport_closed(&mut self, reason: CloseReason) {
        match self.state {
            State::Closed(_) => {}
            State::Closing(first) => self.finish(first),
            _ => self.finish(reason),
        }
    }

    /// A transport for an upgrade is there. `false` where the session does not want one: close it.
    pub fn handle_probe_open(&mut self, now: Millis, config: &SessionConfig) -> bool {
        if self.state != State::Open || self.transport != Transport::Polling {
            return false;
        }
        self.state = State::Upgrading;
        self.probed = false;
        self.timers.set(Timer::Upgrade, now + config.upgrade_timeout);
        if self.role == Role::Client {
            self.ask(Output::SendProbe("2probe"));
        }
        true
    }

    /// The probing transport ended.
    pub fn handle_probe_closed(&mut self) {
        if self.state == State::Upgrading {
            self.end_probe();
        }
    }

    /// Client: polling has paused, as asked by [`Output::PausePolling`].
    pub fn handle_paused(&mut self) {
        if self.state == State::Upgrading && self.paused && self.role == Role::Client {
            self.ask(Output::SendProbe("5"));
            self.switch();
        }
    }

    /// The shell has not read from the peer for a while, for reasons of its own: what the peer owes cannot have
    /// come, and has its time anew.
    pub fn handle_unread(&mut self, now: Millis, config: &SessionConfig) {
        if self.revision == Revision::Three {
            self.timers.postpone(Timer::Heartbeat, now + config.ping_interval + config.ping_timeout);
        } else if self.awaiting_pong {
            self.timers.postpone(Timer::Heartbeat, now + config.ping_timeout);
        }
        self.timers.postpone(Timer::Upgrade, now + config.upgrade_timeout);
        self.timers.postpone(Timer::Partial, now + config.partial_timeout);
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Millis, config: &SessionConfig) {
        while let Some((timer, due)) = self.timers.expire(now) {
            match timer {
                Timer::Heartbeat => {
                    // The shell's clock is coarse; that alone does not make the next deadline later.
                    let from = if now - due <= COARSENESS { due } else { now };
                    self.handle_heartbeat(from, config);
                }
                Timer::Upgrade => self.abandon_probe(),
                Timer::Noop => {
                    if self.parked {
                        self.ask(Output::AnswerNoop);
                    }
                }
                Timer::Join => self.close(now, CloseReason::ForcedServerClose, config),
                Timer::Partial => self.finish(CloseReason::ParseError),
                Timer::Transition => match self.state {
                    State::Closing(reason) => self.finish(reason),
                    _ => self.finish(CloseReason::TransportError),
                },
            }
        }
    }

    fn handle_heartbeat(&mut self, now: Millis, config: &SessionConfig) {
        if self.role == Role::Client {
            return self.finish(CloseReason::PingTimeout);
        }
        if !self.awaiting_pong && self.revision == Revision::Four {
            self.outbox.push_unbounded(Frame::text(bytes::Bytes::from_static(b"2")));
            (self.awaiting_pong, self.heard, self.extended) = (true, false, false);
        } else if self.heard && !self.extended {
            // The peer lives, but its heartbeat is stuck behind what it sends: wait once more.
            self.extended = true;
        } else {
            return self.finish(CloseReason::PingTimeout);
        }
        self.timers.set(Timer::Heartbeat, now + config.ping_timeout);
    }

    // ---- commands ------------------------------------------------------------------------------

    /// Queues the frames of one packet, all or none.
    ///
    /// # Errors
    /// [`OutboxFull`] when they would pass the bound; the caller then closes the session or sheds.
    /// Frames for a session that is closing or closed are dropped without an error.
    pub fn send(
        &mut self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        config: &SessionConfig,
    ) -> Result<(), OutboxFull> {
        self.send_or_shed(frames, config, Shed::Nothing, None).map(drop)
    }

    /// As [`Session::send`], giving up what `shed` allows where there is no room. With a `key` it takes the place of a
    /// packet of the same key that still waits.
    ///
    /// # Errors
    /// As [`Session::send`], where even that makes not room enough.
    #[inline]
    pub fn send_or_shed(
        &mut self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        config: &SessionConfig,
        shed: Shed,
        key: Option<u64>,
    ) -> Result<Queued, OutboxFull> {
        if matches!(self.state, State::Closing(_) | State::Closed(_)) {
            return Ok(Queued::default());
        }
        match key {
            Some(key) => self.outbox.push_conflated(frames, config.outbox_limit, shed, key),
            None => self.outbox.push_or_shed(frames, config.outbox_limit, shed),
        }
    }

    /// Server: the layer above has accepted the peer.
    pub fn joined(&mut self) {
        self.timers.stop(Timer::Join);
    }

    /// Starts or stops the clock of a packet that came in part.
    pub fn set_partial(&mut self, now: Millis, partial: bool, config: &SessionConfig) {
        if !partial {
            self.timers.stop(Timer::Partial);
        } else if !self.timers.is_set(Timer::Partial) && !self.is_over() {
            self.timers.set(Timer::Partial, now + config.partial_timeout);
        }
    }

    /// Closes in good order: what is queued still goes out.
    pub fn close(&mut self, now: Millis, reason: CloseReason, config: &SessionConfig) {
        if self.is_over() {
            return;
        }
        if self.state == State::Upgrading {
            self.ask(Output::CloseProbe);
        }
        self.timers.stop_all();
        self.timers.set(Timer::Transition, now + config.close_timeout);
        self.state = State::Closing(reason);
    }

    /// Closes at once; what is queued is lost.
    pub fn abort(&mut self, reason: CloseReason) {
        self.finish(reason);
    }

    // ---- what the shell drains ------------------------------------------------------------------

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.as_mut()?.pop_front();
        if output.is_none() {
            self.outputs = None;
        }
        output
    }

    /// When [`Session::handle_timeout`] is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.timers.next()
    }

    /// What waits to be sent.
    pub const fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Client: the server's handshake, once.
    pub fn take_open(&mut self) -> Option<Box<Open>> {
        self.open.take()
    }

    // ---- getters -------------------------------------------------------------------------------

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The revision of the protocol that it speaks.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Its transport.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether queued frames may leave now.
    #[must_use]
    pub fn can_transmit(&self) -> bool {
        match (self.role, self.transport) {
            _ if matches!(self.state, State::Closed(_)) => false,
            (Role::Server, Transport::Polling) => self.parked,
            _ => !self.paused,
        }
    }

    /// Whether a frame sent now would leave at once: the condition of volatile packets.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.outbox.is_empty() && self.can_transmit()
    }

    /// Bytes that wait for the transport.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.outbox.bytes()
    }

    /// Whether the session is closing or closed.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Closing(_) | State::Closed(_))
    }

    // ---- transitions ---------------------------------------------------------------------------

    fn ask(&mut self, output: Output) {
        self.outputs.get_or_insert_default().push_back(output);
    }

    fn switch(&mut self) {
        self.end_probe();
        self.transport = Transport::WebSocket;
        if self.parked {
            self.ask(Output::AnswerNoop);
        }
        self.ask(Output::Upgraded);
    }

    fn abandon_probe(&mut self) {
        if self.state == State::Upgrading {
            self.end_probe();
            self.ask(Output::CloseProbe);
        }
    }

    fn end_probe(&mut self) {
        self.state = State::Open;
        (self.probed, self.paused) = (false, false);
        self.timers.stop(Timer::Upgrade);
        self.timers.stop(Timer::Noop);
    }

    fn finish(&mut self, reason: CloseReason) {
        if matches!(self.state, State::Closed(_)) {
            return;
        }
        if self.state == State::Upgrading {
            self.ask(Output::CloseProbe);
        }
        self.state = State::Closed(reason);
        self.timers.stop_all();
        self.outbox.clear();
        self.ask(Output::Closed(reason));
    }

    fn expect_ping(&mut self, now: Millis) {
        self.timers.set(Timer::Heartbeat, now.saturating_add(self.patience.into()));
    }
}

#[cfg(test)]
mod tests;
