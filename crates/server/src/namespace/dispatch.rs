//! Calling the handlers of a namespace for what a client sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use enchufe_proto::socket::{Args, DecodeError, Packet};

use crate::ack::Ack;
use crate::core::Task;
use crate::extract::{Context, Kind};
use crate::handler::{Begun, CallError};
use crate::namespace::incoming;
use crate::namespace::lanes::Lane;
use crate::namespace::{Granted, Turn, with_ack};
use crate::reason::DisconnectReason;
use crate::socket::{Early, Socket};

/// An event that came: it goes to its handlers, by way of its lane where it has one.
pub(crate) fn event(socket: &Socket, packet: &Packet<'_>, attachments: &[Bytes]) -> Result<(), DecodeError> {
    let Some(event) = packet.event(attachments)? else { return Ok(()) };
    if !socket.connected() {
        return Ok(());
    }
    let (name, args): (&str, &Args<'_>) = (&event.name, &event.args);
    let namespace = socket.namespace_core();
    let routes = &namespace.routes;
    if routes.is_straight() && routes.any.is_empty() && socket.own_routes().is_empty() {
        handlers(socket, name, args, packet.id, None);
        return Ok(());
    }
    let passes_middleware = !routes.incoming.is_empty() || socket.own_routes().had_middlewares();
    if routes.is_straight() && !passes_middleware {
        any(socket, name, args, None);
        handlers(socket, name, args, packet.id, None);
        return Ok(());
    }
    let cx = Context::any_event_of(socket, &namespace.states, name, args);
    let (lane, whole) = match routes.execution.lane(socket, &cx) {
        Some(lane) => (lane, true),
        // It needs its place among the socket's events until it has passed.
        None if passes_middleware => (Lane::of(socket), false),
        None => {
            any(socket, name, args, None);
            handlers(socket, name, args, packet.id, None);
            return Ok(());
        }
    };
    if let Some(turn) = namespace.make_lanes().enter(lane, whole, socket, packet, attachments) {
        in_turn(socket, packet, attachments, (name, args), turn);
    }
    Ok(())
}

/// An event whose turn has come.
pub(crate) fn granted(granted: Granted) {
    let socket = granted.socket().clone();
    let (early, turn) = granted.take();
    // It was decoded when it came. One that has left is past hearing.
    let Ok(packet) = early.packet(socket.core()) else { return };
    let Ok(Some(event)) = packet.event(&early.attachments) else { return };
    if socket.connected() {
        let (name, args): (&str, &Args<'_>) = (&event.name, &event.args);
        in_turn(&socket, &packet, &early.attachments, (name, args), turn);
    }
}

/// Handles an event in its lane.
fn in_turn(
    socket: &Socket,
    packet: &Packet<'_>,
    attachments: &[Bytes],
    (name, args): (&str, &Args<'_>),
    turn: Turn,
) {
    let turn = Arc::new(turn);
    let held = turn.whole.then_some(&turn);
    any(socket, name, args, held);
    if socket.namespace_core().routes.incoming.is_empty() && !socket.own_routes().had_middlewares() {
        return handlers(socket, name, args, packet.id, held);
    }
    let early = Early::new(packet, attachments);
    run(socket, Box::pin(incoming::through(socket.clone(), early, turn)), None);
}

/// The handlers of all events.
fn any(socket: &Socket, name: &str, args: &Args<'_>, held: Option<&Arc<Turn>>) {
    let namespace = socket.namespace_core();
    let own = socket.own_routes().any();
    for handler in namespace.routes.any.iter().chain(own.iter().map(|handler| &**handler)) {
        let call = handler.begin(&Context::any_event_of(socket, &namespace.states, name, args));
        start(socket, name, None, call, held);
    }
}

/// An event's own handlers, or else the fallback.
pub(super) fn handlers(
    socket: &Socket,
    name: &str,
    args: &Args<'_>,
    id: Option<u64>,
    held: Option<&Arc<Turn>>,
) {
    let namespace = socket.namespace_core();
    let (routes, states) = (&namespace.routes, &namespace.states);
    let shared = routes.events.get(name);
    if let Some(route) = shared
        && !socket.own_routes().has_events()
    {
        // The usual case, at a third of the other's steps.
        for (handler, ack) in route.with_ack(id) {
            let call = handler.begin(&Context::event_of(socket, states, name, args, ack));
            start(socket, name, ack, call, held);
        }
        return;
    }
    let own = socket.own_routes().event(name);
    for (handler, ack) in with_ack(shared, &own, id) {
        let call = handler.begin(&Context::event_of(socket, states, name, args, ack));
        start(socket, name, ack, call, held);
    }
    if shared.is_some() || !own.is_empty() {
        return;
    }
    if routes.fallback.is_empty() {
        tracing::debug!(event = name, namespace = namespace.name(), "an event without a handler");
        socket.core().stats.unhandled_events.fetch_add(1, Ordering::Relaxed);
    }
    for handler in &routes.fallback {
        let call = handler.begin(&Context::any_event_of(socket, states, name, args));
        start(socket, name, None, call, held);
    }
}

pub(super) fn start(
    socket: &Socket,
    event: &str,
    ack: Option<u64>,
    call: Result<Begun<impl Kind<Finished = ()>>, CallError>,
    held: Option<&Arc<Turn>>,
) {
    match call {
        Ok(Begun::Finished(())) => {}
        Ok(Begun::Waits(task)) => {
            socket.core().go_on(socket.connection(), task, held.cloned(), until(socket));
        }
        Err(CallError::Rejected(rejection)) => {
            socket.core().stats.rejected_events.fetch_add(1, Ordering::Relaxed);
            // The rejection quotes the client's data, which has no place in a log.
            tracing::debug!(event, namespace = socket.namespace_name(), "an event's arguments do not fit");
            let answer = Ack::new(socket, ack).send_error(rejection.message());
            if let Err(error) = answer {
                tracing::warn!(%error, "a rejection could not be answered");
            }
        }
        // It was logged where it happened.
        Err(CallError::Panicked) => {}
    }
}

/// Runs what an event has started, to its end or to that of its socket.
fn run(socket: &Socket, task: Task, held: Option<Arc<Turn>>) {
    socket.core().run_for(socket.connection(), task, held, until(socket));
}

/// The socket with which an event's handlers end, if they end with it.
fn until(socket: &Socket) -> Option<&Socket> {
    socket.namespace_core().routes.cancel_on_disconnect.then_some(socket)
}

/// The answer to something that the server emitted.
pub(crate) fn ack(socket: &Socket, packet: &Packet<'_>, attachments: &[Bytes]) -> Result<(), DecodeError> {
    let args = packet.ack(attachments)?;
    let Some(id) = packet.id else { return Ok(()) };
    if !socket.answered(id, &args) && !socket.namespace_core().answered(id, socket, &args) {
        tracing::debug!(id, "an answer that nobody waits for (any more)");
    }
    Ok(())
}

/// The handlers that run while a leaving socket is still in its rooms.
pub(crate) fn disconnecting(socket: &Socket) {
    leaving(socket, true);
}

/// The handlers that run when it has left.
pub(crate) fn disconnect(socket: &Socket) {
    leaving(socket, false);
}

fn leaving(socket: &Socket, still_in_rooms: bool) {
    // One that was never let in never left.
    let Some(reason) = socket.left_because() else { return socket.drop_own_routes() };
    let reason: DisconnectReason = reason;
    let namespace = socket.namespace_core();
    let own = socket.own_routes();
    let (shared, own) = if still_in_rooms {
        (&namespace.routes.disconnecting, own.take_disconnecting())
    } else {
        (&namespace.routes.disconnect, own.end())
    };
    for handler in shared.iter().chain(own.iter().map(|handler| &**handler)) {
        let call = handler.call(&Context::leaving(socket, &namespace.states, reason));
        match call {
            // It runs to its end: its socket has gone already.
            Ok(task) => socket.core().run(socket.connection(), task),
            Err(_) => tracing::warn!(namespace = namespace.name(), "a disconnect handler was not called"),
        }
    }
}
