//! A server's and a client's session joined by a network in memory, under virtual time.
//!
//! The shells around the sessions are as small as can be: they do what `poll_output` says, send what the outbox
//! holds when `can_transmit` allows it, poll and post one request at a time. Every choice (delays, who says
//! what when, what breaks) is read from a script of bytes, so that a run can be repeated from its script.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use bytes::Bytes;
use enchufe_proto::engine::{
    CloseReason, Frame, Millis, Open, Output, Packet, Path, Poll, Session, SessionConfig, State, Transport,
};

/// Steps in one moment of virtual time after which nothing but a livelock explains them.
const LIVELOCK: usize = 1_000;
/// How long the world goes on after the script: longer than all time-outs in a row.
const AFTERMATH: Millis = 60_000;

/// What travels. A link is one WebSocket.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Get,
    GetAnswer(Option<Vec<String>>),
    Post(Vec<String>),
    PostAnswer(bool),
    ProbeOpens(usize),
    ProbeOpened(usize),
    ToServer(usize, String),
    ToClient(usize, String),
    ClosesAtServer(usize),
    ClosesAtClient(usize),
}

/// What went wrong in a run, the worst of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    None,
    /// A probe failed before it carried anything that matters.
    Probe,
    /// The session may have been lost.
    Session,
}

/// One end: its session, its WebSockets, and the messages that went and came.
struct End {
    session: Session,
    main: Option<usize>,
    probe: Option<usize>,
    sent: usize,
    received: usize,
    closed: Option<CloseReason>,
}

/// Both ends and what is between them.
struct World<'a> {
    script: &'a [u8],
    config: SessionConfig,
    now: Millis,
    server: End,
    client: End,
    /// A poll waits at the server.
    parked: bool,
    getting: bool,
    posting: bool,
    pausing: bool,
    /// Under way, with a number that keeps the order of what arrives together.
    network: BinaryHeap<Reverse<(Millis, usize, Event)>>,
    count: usize,
    links: usize,
    cut: BTreeSet<usize>,
    /// When the last thing on a WebSocket arrives at the server and at the client: nothing overtakes it.
    last: [Millis; 2],
    damage: Damage,
}

/// Runs a script to its end and on, and asserts that every promise was kept.
pub(crate) fn run(script: &[u8]) {
    let (setup, script) = script.split_first().unwrap_or((&0, &[]));
    let mut world = World::new(*setup, script);
    world.settle();
    while !world.script.is_empty() {
        world.act();
        world.settle();
    }
    let end = world.now + AFTERMATH;
    while world.now < end && world.step(end) {}
    world.verdict();
}

impl End {
    fn new(session: Session) -> Self {
        Self { session, main: None, probe: None, sent: 0, received: 0, closed: None }
    }

    fn say(&mut self, config: &SessionConfig) {
        let open = matches!(self.session.state(), State::Open | State::Upgrading);
        if open && self.session.send([Frame::text(format!("4{}", self.sent))], config).is_ok() {
            self.sent += 1;
        }
    }

    /// Hands a packet to the session, and checks that messages come in order, each once.
    fn hear(&mut self, now: Millis, path: Path, text: &str, config: &SessionConfig) {
        let packet = Packet::decode(text).expect("only packets are sent");
        if let Some(message) = self.session.handle_packet(now, path, packet, config) {
            assert_eq!(message, self.received.to_string(), "in order, each once");
            self.received += 1;
        }
    }

    fn queued(&mut self) -> Vec<String> {
        let frames = self.session.outbox().take_all();
        frames.iter().map(|frame| text(frame.body())).collect()
    }

    fn path_of(&self, link: usize) -> Option<Path> {
        match Some(link) {
            link if link == self.main => Some(Path::Main),
            link if link == self.probe => Some(Path::Probe),
            _ => None,
        }
    }

    fn lose(&mut self, link: usize) {
        match self.path_of(link) {
            Some(Path::Main) => {
                self.main = None;
                self.session.handle_transport_closed(CloseReason::TransportClose);
            }
            Some(Path::Probe) => {
                self.probe = None;
                self.session.handle_probe_closed();
            }
            None => {}
        }
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

impl<'a> World<'a> {
    fn new(setup: u8, script: &'a [u8]) -> Self {
        let transport = if setup & 1 == 0 { Transport::Polling } else { Transport::WebSocket };
        let config = SessionConfig {
            ping_interval: 3_000,
            ping_timeout: 2_000,
            upgrade: setup & 2 == 0,
            ..SessionConfig::default()
        };
        let open = Open {
            sid: "s".into(),
            upgrades: vec!["websocket".into()],
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            max_payload: 1_000_000,
        };
        let open = Frame::text(format!("0{}", open.to_json()));
        let mut server = End::new(Session::server(0, transport, open, 3_000, &config));
        server.session.joined();
        let mut client = End::new(Session::client(0, transport, &config));
        if transport == Transport::WebSocket {
            (server.main, client.main) = (Some(0), Some(0));
        }
        Self {
            script,
            config,
            now: 0,
            server,
            client,
            parked: false,
            getting: false,
            posting: false,
            pausing: false,
            network: BinaryHeap::new(),
            count: 0,
            links: 1,
            cut: BTreeSet::new(),
            last: [0; 2],
            damage: Damage::None,
        }
    }

    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.script.split_first() else { return 1 };
        self.script = rest;
        *byte
    }

    /// What the script says next.
    fn act(&mut self) {
        match self.byte() {
            b'a'..b'g' => self.client.say(&self.config),
            b'g'..b'm' => self.server.say(&self.config),
            b'p' => {
                // Until the client has switched, its session does not depend on the probe.
                if let Some(link) = self.client.probe {
                    self.break_link(link, Damage::Probe);
                }
            }
            b'q' => {
                if let Some(link) = self.client.main {
                    self.break_link(link, Damage::Session);
                }
            }
            b'r' => {
                self.damage = Damage::Session;
                self.client.session.close(self.now, CloseReason::ForcedClose, &self.config);
            }
            b's' => {
                self.damage = Damage::Session;
                self.server.session.close(self.now, CloseReason::ForcedClose, &self.config);
            }
            b't' => {
                self.damage = Damage::Session;
                self.server.session.abort(CloseReason::ServerShuttingDown);
            }
            // Something under way is lost: requests fail, a WebSocket breaks.
            b'u' => self.lose_one(),
            time => {
                let until = self.now + Millis::from(time);
                while self.now < until && self.step(until) {}
            }
        }
    }

    fn lose_one(&mut self) {
        let Some(Reverse((_, _, event))) = self.network.pop() else { return };
        match event {
            Event::ToServer(link, _) | Event::ToClient(link, _) if self.client.probe == Some(link) => {
                self.break_link(link, Damage::Probe);
            }
            Event::ToServer(link, _) | Event::ToClient(link, _) => self.break_link(link, Damage::Session),
            Event::ProbeOpens(link) | Event::ProbeOpened(link) => self.break_link(link, Damage::Probe),
            Event::ClosesAtServer(link) => self.server.lose(link),
            Event::ClosesAtClient(link) => self.lose_at_client(link),
            Event::Get | Event::GetAnswer(_) | Event::Post(_) | Event::PostAnswer(_) => {
                self.damage = Damage::Session;
                (self.getting, self.posting, self.parked) = (false, false, false);
                self.client.session.handle_transport_closed(CloseReason::TransportError);
                self.server.session.handle_transport_closed(CloseReason::TransportClose);
            }
        }
    }

    fn break_link(&mut self, link: usize, damage: Damage) {
        self.damage = self.damage.max(damage);
        self.cut.insert(link);
        self.server.lose(link);
        self.lose_at_client(link);
    }

    fn lose_at_client(&mut self, link: usize) {
        if self.client.path_of(link) == Some(Path::Probe) {
            self.pausing = false;
        }
        self.client.lose(link);
    }

    /// Time passes until something arrives or is due, at most until `until`. `false` if nothing was.
    fn step(&mut self, until: Millis) -> bool {
        let arrival = self.network.peek().map(|Reverse((at, _, _))| *at);
        let due = [self.server.session.poll_timeout(), self.client.session.poll_timeout()];
        let Some(next) = due.into_iter().chain([arrival]).flatten().min().filter(|at| *at <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        if arrival == Some(next)
            && let Some(Reverse((_, _, event))) = self.network.pop()
        {
            self.arrive(event);
        } else {
            for end in [&mut self.server, &mut self.client] {
                end.session.handle_timeout(self.now, &self.config);
                assert!(end.session.poll_timeout().is_none_or(|at| at > self.now), "what was due is done");
            }
        }
        self.settle();
        true
    }

    fn send(&mut self, event: Event) {
        let mut at = self.now + Millis::from(self.byte() % 100);
        let in_order = match event {
            Event::ProbeOpens(_) | Event::ToServer(..) | Event::ClosesAtServer(_) => self.last.first_mut(),
            Event::ProbeOpened(_) | Event::ToClient(..) | Event::ClosesAtClient(_) => self.last.last_mut(),
            Event::Get | Event::GetAnswer(_) | Event::Post(_) | Event::PostAnswer(_) => None,
        };
        if let Some(last) = in_order {
            at = at.max(*last);
            *last = at;
        }
        self.count += 1;
        self.network.push(Reverse((at, self.count, event)));
    }

    fn arrive(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Get => match self.server.session.handle_poll(now) {
                Poll::Answer => self.answer_with_outbox(),
                Poll::Park => self.parked = true,
                Poll::Overlap => panic!("the client polls once at a time"),
                Poll::WrongTransport | Poll::Closed => self.send(Event::GetAnswer(None)),
            },
            Event::Post(packets) => {
                let open = !matches!(self.server.session.state(), State::Closed(_));
                assert!(
                    !open || self.server.session.transport() == Transport::Polling,
                    "no post after the switch"
                );
                for packet in packets {
                    self.server.hear(now, Path::Main, &packet, &self.config);
                }
                self.send(Event::PostAnswer(open));
            }
            Event::GetAnswer(Some(packets)) => {
                self.getting = false;
                for packet in packets {
                    self.client.hear(now, Path::Main, &packet, &self.config);
                }
            }
            Event::PostAnswer(true) => self.posting = false,
            Event::GetAnswer(None) | Event::PostAnswer(false) => {
                (self.getting, self.posting) = (false, false);
                self.client.session.handle_transport_closed(CloseReason::TransportError);
            }
            Event::ProbeOpens(link) if !self.cut.contains(&link) => {
                if self.server.session.handle_probe_open(now, &self.config) {
                    self.server.probe = Some(link);
                    self.send(Event::ProbeOpened(link));
                } else {
                    self.send(Event::ClosesAtClient(link));
                }
            }
            Event::ProbeOpened(link) if !self.cut.contains(&link) => {
                if self.client.session.handle_probe_open(now, &self.config) {
                    self.client.probe = Some(link);
                } else {
                    self.send(Event::ClosesAtServer(link));
                }
            }
            Event::ToServer(link, packet) if !self.cut.contains(&link) => {
                if let Some(path) = self.server.path_of(link) {
                    self.server.hear(now, path, &packet, &self.config);
                }
            }
            Event::ToClient(link, packet) if !self.cut.contains(&link) => {
                if let Some(path) = self.client.path_of(link) {
                    self.client.hear(now, path, &packet, &self.config);
                }
            }
            Event::ClosesAtServer(link) => self.server.lose(link),
            Event::ClosesAtClient(link) => self.lose_at_client(link),
            // It was on a WebSocket that is no more.
            Event::ProbeOpens(_) | Event::ProbeOpened(_) | Event::ToServer(..) | Event::ToClient(..) => {}
        }
    }

    fn answer_with_outbox(&mut self) {
        let packets = self.server.queued();
        self.parked = false;
        self.send(Event::GetAnswer(Some(packets)));
        self.server.session.handle_poll_answered();
    }

    fn answer(&mut self, packet: &str) {
        if std::mem::take(&mut self.parked) {
            self.send(Event::GetAnswer(Some(vec![packet.into()])));
            self.server.session.handle_poll_answered();
        }
    }

    /// Does what the sessions want until they want nothing more.
    fn settle(&mut self) {
        for _ in 0..LIVELOCK {
            if let Some(output) = self.server.session.poll_output() {
                self.do_for_server(output);
            } else if let Some(output) = self.client.session.poll_output() {
                self.do_for_client(output);
            } else if !self.transmit_server() && !self.transmit_client() {
                for end in [&self.server, &self.client] {
                    let deadline = end.session.poll_timeout();
                    let closed = matches!(end.session.state(), State::Closed(_));
                    assert_eq!(deadline.is_none(), closed, "every state but Closed has a deadline");
                }
                return;
            }
        }
        panic!("a livelock");
    }

    fn do_for_server(&mut self, output: Output) {
        assert_eq!(self.server.closed, None, "{output:?} after the end");
        match output {
            Output::SendProbe(packet) => {
                if let Some(link) = self.server.probe {
                    self.send(Event::ToClient(link, packet.into()));
                }
            }
            Output::CloseProbe => {
                if let Some(link) = self.server.probe.take() {
                    self.send(Event::ClosesAtClient(link));
                }
            }
            Output::Upgraded => {
                assert!(self.server.main.is_none() && self.server.probe.is_some());
                self.server.main = self.server.probe.take();
            }
            Output::AnswerNoop => {
                if self.server.session.transport() == Transport::WebSocket
                    || self.server.session.outbox().is_empty()
                {
                    self.answer("6");
                }
            }
            Output::Closed(reason) => {
                self.server.closed = Some(reason);
                if std::mem::take(&mut self.parked) {
                    self.send(Event::GetAnswer(Some(vec!["1".into()])));
                }
                if let Some(link) = self.server.main.take() {
                    self.send(Event::ClosesAtClient(link));
                }
            }
            Output::Opened | Output::StartProbe | Output::PausePolling => panic!("{output:?} is a client's"),
        }
    }

    fn do_for_client(&mut self, output: Output) {
        assert_eq!(self.client.closed, None, "{output:?} after the end");
        match output {
            Output::Opened => assert!(self.client.session.take_open().is_some()),
            Output::StartProbe => {
                let link = self.links;
                self.links += 1;
                self.send(Event::ProbeOpens(link));
            }
            Output::PausePolling => self.pausing = true,
            Output::SendProbe(packet) => {
                if let Some(link) = self.client.probe {
                    self.send(Event::ToServer(link, packet.into()));
                }
            }
            Output::CloseProbe => {
                self.pausing = false;
                if let Some(link) = self.client.probe.take() {
                    self.send(Event::ClosesAtServer(link));
                }
            }
            Output::Upgraded => {
                assert!(self.client.main.is_none() && self.client.probe.is_some());
                self.client.main = self.client.probe.take();
            }
            Output::Closed(reason) => {
                self.client.closed = Some(reason);
                if let Some(link) = self.client.main.take() {
                    self.send(Event::ClosesAtServer(link));
                }
            }
            Output::AnswerNoop => panic!("{output:?} is a server's"),
        }
    }

    /// `true` if something was sent.
    fn transmit_server(&mut self) -> bool {
        let session = &mut self.server.session;
        if !session.can_transmit() || session.outbox().is_empty() {
            return false;
        }
        match (session.transport(), self.server.main) {
            (Transport::Polling, _) => {
                assert!(self.parked, "it transmits when a poll waits");
                self.answer_with_outbox();
            }
            (Transport::WebSocket, Some(link)) => {
                for packet in self.server.queued() {
                    self.send(Event::ToClient(link, packet));
                }
                self.server.session.handle_flushed();
            }
            (Transport::WebSocket, None) => return false,
        }
        true
    }

    fn transmit_client(&mut self) -> bool {
        let session = &mut self.client.session;
        if matches!(session.state(), State::Closed(_)) {
            return false;
        }
        if session.transport() == Transport::WebSocket {
            let (Some(link), true) = (self.client.main, session.can_transmit()) else { return false };
            let packets = self.client.queued();
            let some = !packets.is_empty();
            for packet in packets {
                self.send(Event::ToServer(link, packet));
            }
            return some;
        }
        if self.pausing {
            if !self.getting && !self.posting {
                self.pausing = false;
                session.handle_paused();
                return true;
            }
            return false;
        }
        if !self.posting && session.can_transmit() && !session.outbox().is_empty() {
            self.posting = true;
            let packets = self.client.queued();
            self.send(Event::Post(packets));
            return true;
        }
        if !self.getting {
            self.getting = true;
            self.send(Event::Get);
            return true;
        }
        false
    }

    fn verdict(&self) {
        let [server, client] = [&self.server, &self.client];
        if self.damage < Damage::Session {
            for end in [server, client] {
                assert_eq!(end.session.state(), State::Open, "nothing happened that ends a session");
            }
            assert_eq!(client.received, server.sent, "all that the server said");
            assert_eq!(server.received, client.sent, "all that the client said");
        }
        if self.damage == Damage::None && self.config.upgrade {
            assert_eq!(server.session.transport(), Transport::WebSocket, "it was upgraded");
        }
        assert_eq!(server.closed.is_some(), client.closed.is_some(), "one does not go on without the other");
        if server.closed.is_none() {
            assert_eq!(server.session.transport(), client.session.transport());
        }
    }
}
