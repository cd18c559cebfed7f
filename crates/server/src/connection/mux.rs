//! From messages to namespaces: which socket of the connection a packet is for, and what breaks the rules.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use bytestring::ByteString;
use enchufe_proto::data::Binary;
use enchufe_proto::engine::{CloseReason, Millis, Packet as EnginePacket, Path, Revision};
use enchufe_proto::socket::{Assembler, DecodeError, Kind, Packet, msgpack};

use super::{Connection, Mail, Sockets};
use crate::core::Layer;
use crate::engine::observer::observe;
use crate::engine::{EngineHandler, EngineSocket, Message};
use crate::error::Refusal;
use crate::frames::Wire;
use crate::handler::guarded;
use crate::namespace::{Found, INVALID_NAMESPACE, Made, NamespaceCore, Question, admit, dispatch};
use crate::old_clients;
use crate::parser::Parser;
use crate::reason::DisconnectReason;
use crate::server::Server;
use crate::socket::{Early, Gate, Overdue, Socket};
use crate::stats;

/// A new connection.
pub(super) fn opened(connection: &Arc<Connection>) {
    observe(connection, |observer, socket| observer.on_open(socket));
    if let Layer::Engine(handler) = &connection.core.layer {
        // There is no namespace to join.
        connection.joined();
        guarded("EngineHandler::on_open", || handler.on_open(&EngineSocket(connection.clone())));
    } else if connection.revision() == Revision::Three {
        enter_main(connection);
    }
}

/// A text message.
pub(super) fn text(connection: &Arc<Connection>, assembler: &mut Assembler, text: &str, now: Millis) {
    if let Layer::Engine(handler) = &connection.core.layer {
        return engine_message(connection, &**handler, Message::Text(ByteString::from(text)));
    }
    if assembler.is_waiting() {
        return violation(connection, CloseReason::ForcedClose, "a text packet among attachments");
    }
    decoded(connection, assembler, text, Packet::decode(text, &connection.core.packet_limits), now);
}

/// Whether a text message is a packet of Socket.IO and nothing else, in the form in which most are.
#[inline]
pub(super) fn takes_packets(connection: &Connection, assembler: &Assembler) -> bool {
    connection.revision() == Revision::Four
        && !assembler.is_waiting()
        && matches!(connection.core.layer, Layer::SocketIo)
}

/// As [`text`], for a message that the session has not seen yet: as a rule it wants it. So it is decoded before the lock is
/// taken, and its session and its socket are asked under the same one. `last` is the socket of the message before, of what
/// was read together: as long as nothing has happened to it and to its connection, what is for it needs no lock at all.
pub(super) fn packet(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    path: Path,
    message: EnginePacket<'_>,
    now: Millis,
    last: &mut Option<Socket>,
) {
    let text = message.data;
    let packet = Packet::decode(text, &connection.core.packet_limits);
    if let (Ok(packet), Some(socket)) = (&packet, &*last)
        && is_plain(packet)
        && is_same(packet.nsp, socket.namespace_name())
        && socket.connected()
        && path == Path::Main
        && connection.is_undisturbed()
    {
        return handle_for(Some(socket), connection, Parser::Json, packet, &[]);
    }
    let mut inner = connection.inner.lock();
    if inner.session.handle_packet(now, path, message, &connection.core.session).is_none() {
        return;
    }
    match packet {
        Ok(packet) if is_plain(&packet) => {
            let found = inner.sockets.find(packet.nsp);
            if found != last.as_ref() {
                let found = found.cloned();
                drop(inner);
                // It may be the last that holds the other, whose destructors are the application's.
                *last = found;
            } else {
                drop(inner);
            }
            handle_for(last.as_ref(), connection, Parser::Json, &packet, &[]);
        }
        packet => {
            drop(inner);
            decoded(connection, assembler, text, packet, now);
        }
    }
}

/// Whether a packet is whole, and for a socket that is there.
#[inline]
fn is_plain(packet: &Packet<'_>) -> bool {
    packet.kind != Kind::Connect && packet.attachments == 0
}

/// Whether these are the same namespace. Most are `/`, and nothing else is a single byte: all begin with that one.
#[inline]
fn is_same(named: &str, namespace: &str) -> bool {
    named.len() == namespace.len() && (named.len() == 1 || named == namespace)
}

/// What a text message was decoded to.
fn decoded(
    connection: &Arc<Connection>,
    assembler: &mut Assembler,
    text: &str,
    packet: Result<Packet<'_>, DecodeError>,
    now: Millis,
) {
    match packet {
        Ok(packet) if packet.attachments > 0 => {
            let header = ByteString::from(text);
            assembler.expect(header, packet.attachments);
            connection.inner.lock().session.set_partial(now, true, &connection.core.session);
        }
        Ok(packet) => handle(connection, Parser::Json, &packet, &[]),
        Err(error) => undecodable(connection, &error),
    }
}

/// A binary message.
pub(super) fn binary(connection: &Arc<Connection>, assembler: &mut Assembler, data: Binary<'_>, now: Millis) {
    if let Layer::Engine(handler) = &connection.core.layer {
        return engine_message(connection, &**handler, Message::Binary(data.into_bytes()));
    }
    if connection.core.namespaces.speak_msgpack() && !assembler.is_waiting() {
        return match msgpack::decode(&data, &connection.core.packet_limits) {
            Ok(decoded) => {
                handle(connection, Parser::Msgpack, &decoded.packet(), decoded.attachments());
            }
            Err(error) => undecodable(connection, &error),
        };
    }
    let complete = match assembler.push(data.into_bytes(), &connection.core.packet_limits) {
        Ok(Some(complete)) => complete,
        Ok(None) => return,
        Err(error) => return undecodable(connection, &error),
    };
    connection.inner.lock().session.set_partial(now, false, &connection.core.session);
    match Packet::decode(&complete.header, &connection.core.packet_limits) {
        Ok(packet) => handle(connection, Parser::Json, &packet, &complete.attachments),
        Err(error) => undecodable(connection, &error),
    }
}

/// Gives a message to a server without Socket.IO. Its panic is its own: the driver has other connections.
fn engine_message(connection: &Arc<Connection>, handler: &dyn EngineHandler, message: Message) {
    guarded("EngineHandler::on_message", || handler.on_message(&EngineSocket(connection.clone()), message));
}

/// `parser` is the one that has read the packet.
fn handle(connection: &Arc<Connection>, parser: Parser, packet: &Packet<'_>, attachments: &[Bytes]) {
    if connection.revision() == Revision::Three {
        return handle_old(connection, parser, packet, attachments);
    }
    if packet.kind == Kind::Connect {
        let auth = (!packet.data.is_empty()).then(|| Arc::from(packet.data));
        return connect(connection, Wire { namespace: packet.nsp, parser }, auth);
    }
    handle_joined(connection, parser, packet, attachments);
}

/// As [`handle`], for a client whose namespaces have their auth in a query.
fn handle_old(connection: &Arc<Connection>, parser: Parser, packet: &Packet<'_>, attachments: &[Bytes]) {
    let (namespace, query) = old_clients::split_query(packet.nsp);
    if packet.kind == Kind::Connect {
        return connect(connection, Wire { namespace, parser }, old_clients::auth(query));
    }
    let mut packet = *packet;
    packet.nsp = namespace;
    handle_joined(connection, parser, &packet, attachments);
}

/// A packet that is for a namespace's socket.
fn handle_joined(connection: &Arc<Connection>, parser: Parser, packet: &Packet<'_>, attachments: &[Bytes]) {
    let socket = connection.socket(packet.nsp);
    handle_for(socket.as_ref(), connection, parser, packet, attachments);
}

/// As [`handle_joined`], where the connection's socket was found, or is known not to be.
#[inline]
fn handle_for(
    socket: Option<&Socket>,
    connection: &Arc<Connection>,
    parser: Parser,
    packet: &Packet<'_>,
    attachments: &[Bytes],
) {
    let Some(socket) = socket else {
        // What was on its way when the server disconnected the socket is not the client's fault.
        if packet.kind == Kind::ConnectError || !connection.has_left(packet.nsp) {
            violation(
                connection,
                CloseReason::ForcedServerClose,
                "a packet for a namespace that was not joined",
            );
        }
        return;
    };
    if socket.wire().parser != parser {
        return violation(connection, CloseReason::ForcedClose, "a packet of another parser");
    }
    match packet.kind {
        Kind::Event => match socket.gate(packet, attachments) {
            Gate::Open if connection.must_park() => connection.park(socket, packet, attachments),
            Gate::Open => check(connection, dispatch::event(socket, packet, attachments)),
            Gate::Waiting => {}
            Gate::Full => {
                tracing::warn!(
                    namespace = socket.namespace_name(),
                    "too many events wait for a connect handler or middleware: closed \
                     (let it finish sooner, spawn its slow part, or raise `max_early_bytes`)"
                );
                violation(connection, CloseReason::ForcedServerClose, "too many early events");
            }
        },
        Kind::Ack => check(connection, dispatch::ack(socket, packet, attachments)),
        Kind::Disconnect => {
            if socket.begin_disconnect(DisconnectReason::ClientNamespaceDisconnect) {
                connection.remove_socket(socket);
                disconnected(socket);
            }
        }
        Kind::ConnectError => {
            violation(connection, CloseReason::ForcedServerClose, "a CONNECT_ERROR from a client");
        }
        Kind::Connect => {}
    }
}

/// A client of revision 3 is in `/` without asking. Where there is none it is told nothing: it would take a refusal of
/// `/` for one of each namespace that it asks for.
fn enter_main(connection: &Arc<Connection>) {
    let parser = match connection.core.namespaces.find("/") {
        Found::Namespace(made) => Server::announce(&connection.core, made).wire().parser,
        Found::Ask(_) => connection.core.config.parser,
        Found::Nobody => {
            return tracing::debug!("a client of revision 3 came, and there is no namespace `/`");
        }
    };
    connect(connection, Wire { namespace: "/", parser }, None);
}

/// `wire` is what is asked for: a namespace, with the parser that has read the packet.
fn connect(connection: &Arc<Connection>, wire: Wire<'_>, auth: Option<Arc<str>>) {
    if connection.socket(wire.namespace).is_some() {
        return violation(connection, CloseReason::ForcedServerClose, "a second CONNECT for a namespace");
    }
    let joined = connection.socket_count() + connection.questions();
    if joined >= connection.core.config.limits.max_namespaces {
        return refuse(connection, wire, "too many namespaces");
    }
    match connection.core.namespaces.find(wire.namespace) {
        Found::Namespace(made) => {
            let namespace = Server::announce(&connection.core, made);
            enter(connection, wire, &namespace, auth);
        }
        Found::Ask(parents) => {
            let connection = connection.clone();
            let question =
                Question { connection, name: wire.namespace.into(), parser: wire.parser, auth, parents };
            Question::begin(question);
        }
        Found::Nobody => refuse(connection, wire, INVALID_NAMESPACE),
    }
}

/// It was decided that a namespace exists: the client that asked for it goes in. It may have asked twice.
pub(super) fn enter_decided(question: &Question, namespace: &Arc<NamespaceCore>) {
    let connection = &question.connection;
    if connection.socket(namespace.name()).is_some() {
        return violation(connection, CloseReason::ForcedServerClose, "a second CONNECT for a namespace");
    }
    enter(connection, question.wire(), namespace, question.auth.clone());
}

fn enter(
    connection: &Arc<Connection>,
    wire: Wire<'_>,
    namespace: &Arc<NamespaceCore>,
    auth: Option<Arc<str>>,
) {
    let spoken = namespace.wire().parser;
    if spoken != wire.parser {
        let message = format!("this namespace uses the {} parser", spoken.name());
        return connection.refuse(wire, &Refusal::new(message));
    }
    let socket = Socket::enter(connection, namespace, auth);
    connection.add_socket(socket.clone());
    if connection.core.namespaces.entered(namespace) {
        // It was let go while the client was on its way.
        let made = Made { namespace: namespace.clone(), new: true };
        Server::announce(&connection.core, made);
    }
    if namespace.is_closed() {
        socket.turn_out();
        // Who removed the namespace may have turned it out before it was among the connection's.
        return connection.dismiss_socket(&socket);
    }
    connection.core.run(connection, Box::pin(admit::admit(socket)));
}

fn refuse(connection: &Connection, wire: Wire<'_>, message: &'static str) {
    connection.refuse(wire, &Refusal::new(message));
}

/// A connect handler has finished: the events that waited for it are handled, in order. `false` where as many
/// handlers are running as may be, and the others wait for one to end.
pub(super) fn admitted(socket: &Socket) -> bool {
    while !socket.connection().is_saturated() {
        let Some(early) = socket.next_early() else { return true };
        late_event(socket, &early);
    }
    false
}

/// Handles an event that had to wait.
pub(super) fn late_event(socket: &Socket, early: &Early) {
    match early.packet(socket.core()) {
        Ok(packet) => check(socket.connection(), dispatch::event(socket, &packet, &early.attachments)),
        Err(error) => undecodable(socket.connection(), &error),
    }
}

/// Some events may have waited for connect handlers for as long as they may: those are handled beside them from now on.
pub(super) fn overdue(connection: &Arc<Connection>, now: Millis) {
    let mut first = 0;
    connection.early_since(first);
    for socket in connection.sockets() {
        let waited = match socket.overdue(now) {
            Overdue::Nothing => continue,
            Overdue::Since(since) => {
                first = if first == 0 { since } else { first.min(since) };
                continue;
            }
            Overdue::Opened => {
                "a connect handler has not finished: events that waited for it are handled now"
            }
            Overdue::Entering => "a middleware has not finished, and events wait for it: closed",
        };
        let counters = &connection.core.stats;
        stats::add(&counters.late_connect_handlers, 1);
        if let Some(others) = counters.complaints.early.due(now) {
            tracing::warn!(
                namespace = socket.namespace_name(),
                others,
                limit = ?connection.core.config.limits.early_timeout,
                cure = "let it return, and spawn what goes on for long; or raise `early_timeout`",
                "{waited}"
            );
        }
        if !socket.connected() {
            return violation(connection, CloseReason::ForcedServerClose, "events that waited too long");
        }
    }
    connection.early_since(first);
}

/// A socket was disconnected: its handlers run, and it leaves its namespace between them.
pub(super) fn disconnected(socket: &Socket) {
    dispatch::disconnecting(socket);
    socket.leave_namespace();
    dispatch::disconnect(socket);
}

/// As [`disconnected`], from anywhere.
pub(crate) fn hand_over_disconnected(socket: &Socket) {
    let mail = Mail::Disconnected(socket.clone());
    if socket.connection().post_mail(mail).is_err() {
        // The connection is over already, and its driver has forgotten it.
        socket.connection().within_runtime(|| disconnected(socket));
    }
}

/// Another connection takes up this socket's session: it leaves at once, and with its connection, of which the server has
/// not noticed yet that the client has given it up.
pub(crate) fn supersede(socket: &Socket) {
    if socket.begin_disconnect(DisconnectReason::TransportClose) {
        let connection = socket.connection();
        connection.remove_socket(socket);
        connection.abort(CloseReason::TransportClose);
        connection.within_runtime(|| disconnected(socket));
    } else {
        // It is leaving already: its handlers are called by whoever noticed.
        socket.leave_namespace();
    }
}

/// The connection is over.
pub(super) fn closed(connection: &Arc<Connection>, sockets: Sockets, reason: DisconnectReason) {
    if let Layer::Engine(handler) = &connection.core.layer {
        guarded("EngineHandler::on_close", || handler.on_close(&EngineSocket(connection.clone()), reason));
    }
    all_leave(sockets, reason);
    observe(connection, |observer, socket| observer.on_close(socket, reason));
}

/// All of these leave, each whatever becomes of the others.
fn all_leave(sockets: Sockets, reason: DisconnectReason) {
    for socket in sockets {
        guarded("the end of a socket", move || {
            if socket.begin_disconnect(reason) {
                disconnected(&socket);
            }
        });
    }
}

fn check(connection: &Arc<Connection>, decoded: Result<(), DecodeError>) {
    if let Err(error) = decoded {
        undecodable(connection, &error);
    }
}

fn undecodable(connection: &Arc<Connection>, error: &DecodeError) {
    tracing::debug!(%error, "invalid Socket.IO packet");
    violation(connection, CloseReason::ForcedClose, "an invalid packet");
}

/// The client broke the rules: its sockets are told, and the connection closes.
fn violation(connection: &Arc<Connection>, reason: CloseReason, what: &str) {
    tracing::debug!(what, "a client broke the rules of Socket.IO: closed");
    connection.core.stats.protocol_errors.fetch_add(1, Ordering::Relaxed);
    all_leave(connection.take_sockets(), reason.into());
    connection.close(reason);
}
