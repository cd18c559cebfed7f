//! One Engine.IO session under any sequence of calls, sensible or not: it keeps its deadline, closes once, and
//! its queue stays bounded.

use enchufe_proto::engine::{
    CloseReason, Frame, Millis, Output, Packet, Path, Poll, Revision, Role, Session, SessionConfig, State,
    Transport,
};

/// What the protocol itself may queue beyond the bound of the outbox.
const BEYOND: usize = 2 << 10;

/// The first byte: role, transport and a server's revision; the rest: calls, of one or more bytes each.
pub fn session(data: &[u8]) {
    let [setup, script @ ..] = data else { return };
    let role = if setup & 1 == 0 { Role::Server } else { Role::Client };
    let transport = if setup & 2 == 0 { Transport::Polling } else { Transport::WebSocket };
    let revision = if setup & 4 == 0 { Revision::Four } else { Revision::Three };
    let mut driver = Driver::new(role, transport, revision);
    let mut script = Script(script);
    driver.check();
    while let Some(call) = script.byte() {
        driver.call(call, &mut script);
        driver.check();
    }
    driver.run_out();
}

struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// Up to the next line break.
    fn line(&mut self) -> &'a str {
        let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        std::str::from_utf8(line).unwrap_or_default()
    }
}

struct Driver {
    session: Session,
    config: SessionConfig,
    now: Millis,
    transport: Transport,
    /// How it closed.
    closed: Option<CloseReason>,
}

impl Driver {
    fn new(role: Role, transport: Transport, revision: Revision) -> Self {
        let config = SessionConfig { outbox_limit: 1000, ..SessionConfig::default() };
        let session = match role {
            Role::Server if revision == Revision::Three => {
                Session::server_of_revision_3(0, transport, Frame::text("0{}"), &config)
            }
            Role::Server => {
                let open = Frame::text("0{}");
                Session::server(0, transport, open, config.ping_interval, &config)
            }
            Role::Client => Session::client(0, transport, &config),
        };
        Self { session, config, now: 0, transport, closed: None }
    }

    fn call(&mut self, call: u8, script: &mut Script<'_>) {
        let (session, config, now) = (&mut self.session, &self.config, self.now);
        let path = if matches!(call, b'a' | b'c' | b'o') { Path::Main } else { Path::Probe };
        match call {
            b'a' | b'b' => {
                if let Ok(packet) = Packet::decode(script.line()) {
                    let before = session.state();
                    let message = session.handle_packet(now, path, packet, config);
                    if message.is_some() {
                        assert!(matches!(before, State::Open | State::Upgrading) && path == Path::Main);
                        assert_eq!(session.state(), before, "a message changes nothing");
                    }
                } else {
                    session.handle_garbage(path);
                }
            }
            b'c' | b'd' => {
                let before = session.state();
                let wanted = session.handle_binary(path);
                assert!(!wanted || matches!(before, State::Open | State::Upgrading) && path == Path::Main);
            }
            b'e' => self.poll(),
            b'f' => session.park(),
            b'g' => session.handle_poll_answered(),
            b'h' => session.handle_flushed(),
            b'i' => session.handle_transport_closed(CloseReason::TransportClose),
            b'j' => {
                let before = session.state();
                let wanted = session.handle_probe_open(now, config);
                assert!(!wanted || (before == State::Open && session.state() == State::Upgrading));
            }
            b'k' => session.handle_probe_closed(),
            b'l' => session.handle_paused(),
            b'm' => {
                let frames = vec![Frame::text("4x"); usize::from(script.byte().unwrap_or(1) % 8)];
                let before = session.queued_bytes();
                if session.send(frames, config).is_err() {
                    assert_eq!(session.queued_bytes(), before, "all or none");
                }
            }
            b'n' => session.joined(),
            b'o' | b'p' => session.set_partial(now, path == Path::Main, config),
            b'q' => session.close(now, CloseReason::ForcedServerClose, config),
            b'r' => session.abort(CloseReason::TransportError),
            b's' => {
                while session.outbox().pop().is_some() {}
                session.handle_flushed();
            }
            b't' => self.sleep(Millis::from(script.byte().unwrap_or(0))),
            b'u' => self.sleep(Millis::from(script.byte().unwrap_or(0)) * 200),
            b'v' => {
                if let Some(open) = session.take_open() {
                    assert!(session.take_open().is_none(), "once");
                    assert!(!open.to_json().is_empty());
                }
            }
            _ => self.deadline(),
        }
    }

    fn poll(&mut self) {
        let state = self.session.state();
        match self.session.handle_poll(self.now) {
            Poll::Answer => {
                assert!(!self.session.outbox().is_empty());
                self.session.outbox().take_all();
                self.session.handle_poll_answered();
            }
            Poll::Park => {
                assert_eq!(self.session.state(), state);
                assert!(self.session.outbox().is_empty());
            }
            Poll::Overlap => assert!(matches!(self.session.state(), State::Closed(_))),
            Poll::WrongTransport => assert_eq!(self.session.transport(), Transport::WebSocket),
            Poll::Closed => assert!(matches!(state, State::Closed(_))),
        }
    }

    fn sleep(&mut self, time: Millis) {
        self.now += time;
        self.session.handle_timeout(self.now, &self.config);
        assert!(self.session.poll_timeout().is_none_or(|at| at > self.now), "what was due is done");
    }

    /// Time passes until the next deadline.
    fn deadline(&mut self) {
        if let Some(at) = self.session.poll_timeout() {
            self.sleep(at.saturating_sub(self.now));
        }
    }

    /// Takes what the session wants, and looks whether it stays within its promises.
    fn check(&mut self) {
        while let Some(output) = self.session.poll_output() {
            assert!(self.closed.is_none(), "{output:?} after the end");
            match output {
                Output::Closed(reason) => {
                    assert_eq!(self.session.state(), State::Closed(reason));
                    self.closed = Some(reason);
                }
                Output::Upgraded => {
                    assert_eq!(self.transport, Transport::Polling, "it is upgraded once");
                    self.transport = Transport::WebSocket;
                }
                _ => {}
            }
        }
        let session = &mut self.session;
        assert_eq!(session.transport(), self.transport);
        match session.state() {
            State::Closed(reason) => {
                assert_eq!(self.closed, Some(reason));
                assert_eq!(session.poll_timeout(), None);
                assert!(session.outbox().is_empty() && !session.can_transmit() && !session.is_writable());
            }
            state => {
                let deadline =
                    session.poll_timeout().unwrap_or_else(|| panic!("{state:?} without a deadline"));
                assert!(deadline <= self.now + (1 << 32), "a deadline that comes");
                assert_eq!(self.closed, None);
            }
        }
        assert!(session.queued_bytes() <= self.config.outbox_limit + BEYOND, "bounded");
    }

    /// Left alone, every session ends.
    fn run_out(&mut self) {
        for _ in 0..20 {
            self.deadline();
            self.check();
        }
        assert!(self.closed.is_some(), "{:?} does not end", self.session.state());
    }
}
