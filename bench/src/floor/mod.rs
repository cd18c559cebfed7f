//! The floor: one thread and one epoll, or several that share nothing but mailboxes; no runtime. It answers the events of the scenarios by copying
//! bytes — it looks at the beginning of a packet and never parses JSON, checks UTF-8, keeps time or
//! bounds anything — so its cost is that of the system calls. Never to be put on a network.
//!
//! Replies to one connection leave with one write per read, and so do the broadcasts that one read brought; room
//! messages are gathered and flushed once per turn of the loop: the cheapest way known for each.

mod connection;
mod contract;
mod http;
mod mail;

use std::collections::{BTreeMap, HashMap};
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::{Domain, Socket, Type};

use self::connection::{Connection, State};
use self::contract::{Action, Packed};
use self::mail::{Letter, Mailbox};
use crate::error::{Error, Result};
use crate::frame;

const LISTENER: Token = Token(usize::MAX);
const MAIL: Token = Token(usize::MAX - 1);
/// One read takes at most this: the largest message of the scenarios and some.
const READ_BYTES: usize = 256 * 1024;
/// A connection that asks for more than this without a complete message is dropped.
const MAX_INPUT: usize = 1 << 20;

/// Where the floor listens, and with how many threads.
#[derive(Debug, Clone, clap::Args)]
pub struct FloorOptions {
    /// Port on the loopback address; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Threads, each with a listener of its own (SO_REUSEPORT) and an epoll of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// The parser of packets; both are understood all the time.
    #[arg(long, value_parser = ["json", "msgpack"], default_value = "json")]
    parser: String,
}

/// Serves until the process is ended.
///
/// # Errors
/// When the port is taken or the system refuses a poll.
pub fn serve(options: &FloorOptions) -> Result<()> {
    let first = listen(SocketAddr::from(([127, 0, 0, 1], options.port)))?;
    let address = first.local_addr().map_err(Error::io("reading the port"))?;
    let mut listeners = vec![first];
    for _ in 1..options.workers {
        listeners.push(listen(address)?);
    }
    let (mut polls, mut mailboxes) = (Vec::new(), Vec::new());
    for listener in &mut listeners {
        let poll = Poll::new().map_err(Error::io("opening a poll"))?;
        poll.registry()
            .register(listener, LISTENER, Interest::READABLE)
            .map_err(Error::io("watching the listener"))?;
        mailboxes.push(Mailbox::new(&poll, MAIL)?);
        polls.push(poll);
    }
    println!("listening on {address}");
    let mailboxes: Arc<[Mailbox]> = mailboxes.into();
    let floors = listeners.into_iter().enumerate().map(|(index, listener)| Floor {
        listener,
        connections: Slab::new(),
        rooms: HashMap::new(),
        sessions: HashMap::new(),
        broadcasts: BTreeMap::new(),
        dirty: Vec::new(),
        next_id: index as u64,
        index,
        mailboxes: Arc::clone(&mailboxes),
    });
    let workers: Vec<_> =
        floors.zip(polls).map(|(floor, poll)| thread::spawn(move || floor.serve(poll))).collect();
    for worker in workers {
        worker.join().map_err(|_| Error::Setup("a thread of the floor panicked".into()))??;
    }
    Ok(())
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        socket.listen(4096)?;
        Ok(TcpListener::from_std(socket.into()))
    };
    open().map_err(Error::io(format!("listening on {address}")))
}

/// A thread's state: no part of it is locked, but for the mailboxes.
struct Floor {
    listener: TcpListener,
    connections: Slab<Connection>,
    rooms: HashMap<Box<[u8]>, Vec<usize>>,
    /// Packets of polling sessions that wait for their GET. A session keeps to one HTTP connection, hence to one thread.
    sessions: HashMap<u64, Vec<u8>>,
    /// What the read that is being handled has for everybody.
    broadcasts: BTreeMap<State, Vec<u8>>,
    /// Connections with gathered output.
    dirty: Vec<usize>,
    next_id: u64,
    index: usize,
    /// One for each thread.
    mailboxes: Arc<[Mailbox]>,
}

impl Floor {
    fn serve(mut self, mut poll: Poll) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut scratch = vec![0; READ_BYTES];
        loop {
            if let Err(error) = poll.poll(&mut events, None)
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(Error::io("polling")(error));
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(&poll)?,
                    MAIL => self.take_mail(),
                    Token(key) => {
                        if event.is_writable() {
                            self.flush(key);
                        }
                        if event.is_readable() {
                            self.read(key, &mut scratch);
                        }
                    }
                }
            }
            self.flush_dirty();
        }
    }

    /// What the other threads have for the clients of this one.
    fn take_mail(&mut self) {
        let Some(mailbox) = self.mailboxes.get(self.index) else { return };
        for letter in mailbox.take() {
            match letter {
                Letter::Everybody(to, message) => self.deliver(to, &message),
                Letter::Room { room, message } => self.deliver_to_room(&room, &message),
            }
        }
    }

    fn post(&self, letter: impl Fn() -> Letter) {
        for (index, mailbox) in self.mailboxes.iter().enumerate() {
            if index != self.index {
                mailbox.put(letter());
            }
        }
    }

    fn accept(&mut self, poll: &Poll) -> Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Error::io("accepting")(error)),
            };
            stream.set_nodelay(true).map_err(Error::io("setting TCP_NODELAY"))?;
            let entry = self.connections.vacant_entry();
            let token = Token(entry.key());
            let connection = entry.insert(Connection { stream, state: State::Http, buffers: None });
            poll.registry()
                .register(&mut connection.stream, token, Interest::READABLE | Interest::WRITABLE)
                .map_err(Error::io("watching a connection"))?;
        }
    }

    /// Reads until there is no more and handles what is complete.
    fn read(&mut self, key: usize, scratch: &mut [u8]) {
        let mut replies = Vec::new();
        loop {
            let Some(connection) = self.connections.get_mut(key) else { return };
            let held = connection.buffers.as_mut().map(|buffers| std::mem::take(&mut buffers.input));
            let held = held.unwrap_or_default();
            let Some((head, rest)) = scratch.split_at_mut_checked(held.len()) else { return self.close(key) };
            head.copy_from_slice(&held);
            let count = match connection.stream.read(rest) {
                Ok(0) => return self.close(key),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !held.is_empty() {
                        connection.buffers().input = held;
                    }
                    return self.reply(key, &replies);
                }
                Err(_) => return self.close(key),
            };
            // A read that did not fill the buffer has emptied the socket; the next arrival is a new edge.
            let drained = count < rest.len();
            let (input, _) = scratch.split_at_mut(held.len() + count);
            let taken = self.handle(key, input, &mut replies);
            self.broadcast();
            let Some(taken) = taken else { return self.close(key) };
            let left = input.get(taken..).unwrap_or_default();
            if left.len() > MAX_INPUT {
                return self.close(key);
            }
            if let Some(connection) = self.connections.get_mut(key).filter(|_| !left.is_empty()) {
                connection.buffers().input = left.to_vec();
            }
            if drained {
                return self.reply(key, &replies);
            }
        }
    }

    /// Handles the complete messages in `input` and tells how many bytes they were.
    fn handle(&mut self, key: usize, input: &mut [u8], replies: &mut Vec<u8>) -> Option<usize> {
        let mut taken = 0;
        loop {
            let state = self.connections.get(key)?.state;
            let rest = input.get_mut(taken..)?;
            if state == State::Http {
                let request = http::parse(rest)?;
                let Some(request) = request else { return Some(taken) };
                taken += request.length;
                self.serve_http(key, &request, replies)?;
                continue;
            }
            let Some(header) = frame::parse(rest).ok()? else { return Some(taken) };
            let payload = rest.get_mut(header.payload..header.end)?;
            frame::mask(payload, header.key?);
            taken += header.end;
            match header.opcode {
                frame::TEXT => self.text(key, payload, replies)?,
                frame::BINARY => {
                    let buffers = self.connections.get_mut(key)?.buffers.as_mut();
                    match buffers.and_then(|buffers| buffers.announced.take()) {
                        Some(announced) => {
                            frame::write(replies, frame::TEXT, None, &[&announced]);
                            frame::write(replies, frame::BINARY, None, &[payload]);
                        }
                        None => packed(payload, replies)?,
                    }
                }
                frame::PING => frame::write(replies, frame::PONG, None, &[payload]),
                frame::PONG => {}
                _ => return None,
            }
        }
    }

    fn text(&mut self, key: usize, packet: &[u8], replies: &mut Vec<u8>) -> Option<()> {
        match contract::action(packet)? {
            Action::Nothing => {}
            Action::Join { namespace } => {
                let connection = self.connections.get_mut(key)?;
                match namespace {
                    b"" => connection.state = State::Joined,
                    b"/chat," => connection.state = State::InChat,
                    _ => {}
                }
                for packet in contract::joined(key, namespace) {
                    frame::write(replies, frame::TEXT, None, &[&packet]);
                }
            }
            Action::Echo { namespace, id, arguments } => {
                frame::write(replies, frame::TEXT, None, &[b"43", namespace, id, b"[", arguments]);
            }
            Action::EchoBinary { id, arguments } => {
                let announced = [b"461-", id, b"[", arguments].concat();
                self.connections.get_mut(key)?.buffers().announced = Some(announced);
            }
            Action::Broadcast { namespace, id, arguments } => {
                let to = if namespace.is_empty() { State::Joined } else { State::InChat };
                let gathered = self.broadcasts.entry(to).or_default();
                frame::write(gathered, frame::TEXT, None, &[b"42", namespace, b"[\"msg\",", arguments]);
                frame::write(replies, frame::TEXT, None, &[b"43", namespace, id, b"[]"]);
            }
            Action::EnterRoom { id, room } => {
                self.rooms.entry(room.into()).or_default().push(key);
                frame::write(replies, frame::TEXT, None, &[b"43", id, b"[]"]);
            }
            Action::Room { room, arguments } => {
                let mut message = Vec::with_capacity(arguments.len() + 32);
                frame::write(&mut message, frame::TEXT, None, &[b"42[\"msg\",", arguments]);
                self.deliver_to_room(room, &message);
                if self.mailboxes.len() > 1 {
                    let message: Arc<[u8]> = message.into();
                    self.post(|| Letter::Room { room: room.into(), message: Arc::clone(&message) });
                }
            }
        }
        Some(())
    }

    fn serve_http(&mut self, key: usize, request: &http::Request<'_>, replies: &mut Vec<u8>) -> Option<()> {
        match request.kind {
            http::Kind::Upgrade { nonce } => {
                replies.extend_from_slice(http::switching(nonce).as_bytes());
                frame::write(replies, frame::TEXT, None, &[contract::opened(key as u64).as_bytes()]);
                self.connections.get_mut(key)?.state = State::Opened;
            }
            http::Kind::Open => {
                let id = self.next_id;
                self.next_id += self.mailboxes.len() as u64;
                self.sessions.insert(id, Vec::new());
                http::answer(replies, contract::opened(id).as_bytes());
            }
            http::Kind::Post { session, body } => {
                let waiting = self.sessions.get_mut(&session)?;
                for packet in body.split(|byte| *byte == http::SEPARATOR) {
                    match contract::action(packet)? {
                        Action::Join { namespace: b"" } => {
                            for packet in contract::joined(key, b"") {
                                http::queue(waiting, &[&packet]);
                            }
                        }
                        Action::Echo { namespace: b"", id, arguments } => {
                            http::queue(waiting, &[b"43", id, b"[", arguments]);
                        }
                        Action::Nothing => {}
                        _ => return None,
                    }
                }
                http::answer(replies, b"ok");
            }
            http::Kind::Poll { session } => {
                let waiting = self.sessions.get_mut(&session)?;
                http::answer(replies, if waiting.is_empty() { b"6" } else { waiting });
                waiting.clear();
            }
        }
        Some(())
    }

    /// The broadcasts that one read brought leave with one write to each.
    fn broadcast(&mut self) {
        for (to, messages) in std::mem::take(&mut self.broadcasts) {
            self.deliver(to, &messages);
            if self.mailboxes.len() > 1 {
                let messages: Arc<[u8]> = messages.into();
                self.post(|| Letter::Everybody(to, Arc::clone(&messages)));
            }
        }
    }

    /// One write to each; what a socket does not take waits for it.
    fn deliver(&mut self, to: State, message: &[u8]) {
        for (_, connection) in &mut self.connections {
            if connection.state == to {
                connection.send(message);
            }
        }
    }

    /// Gathered until the end of the turn.
    fn deliver_to_room(&mut self, room: &[u8], message: &[u8]) {
        let Some(members) = self.rooms.get(room) else { return };
        for &member in members {
            let Some(connection) = self.connections.get_mut(member) else { continue };
            let output = &mut connection.buffers().output;
            if output.is_empty() {
                self.dirty.push(member);
            }
            output.extend_from_slice(message);
        }
    }

    fn reply(&mut self, key: usize, replies: &[u8]) {
        if let Some(connection) = self.connections.get_mut(key).filter(|_| !replies.is_empty()) {
            connection.send(replies);
        }
    }

    fn flush(&mut self, key: usize) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.flush();
        }
    }

    fn flush_dirty(&mut self) {
        for key in std::mem::take(&mut self.dirty) {
            self.flush(key);
        }
    }

    fn close(&mut self, key: usize) {
        if self.connections.try_remove(key).is_some() {
            for members in self.rooms.values_mut() {
                members.retain(|member| *member != key);
            }
        }
    }
}

/// Answers a packet of the msgpack parser.
fn packed(packet: &[u8], replies: &mut Vec<u8>) -> Option<()> {
    match contract::packed(packet)? {
        Packed::Join => {
            for packet in contract::joined_packed() {
                frame::write(replies, frame::BINARY, None, &[packet]);
            }
        }
        Packed::Echo { id, argument } => {
            let [head, middle] = contract::PACKED_ACK;
            frame::write(replies, frame::BINARY, None, &[head, id, middle, argument]);
        }
    }
    Some(())
}
