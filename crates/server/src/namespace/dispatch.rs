//! Calling the handlers of a namespace for what a client sent.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use enchufe_proto::socket::{Args, DecodeError, Packet};

use crate::ack::Ack;
use crate::extract::Context;
use crate::handler::CallError;
use crate::namespace::with_ack;
use crate::reason::DisconnectReason;
use crate::socket::Socket;

/// An event: the handlers of all events, then its own, or else the fallback.
pub(crate) fn event(socket: &Socket, packet: &Packet<'_>, attachments: &[Bytes]) -> Result<(), DecodeError> {
    let Some(event) = packet.event(attachments)? else { return Ok(()) };
    if !socket.connected() {
        return Ok(());
    }
    let (name, args): (&str, &Args<'_>) = (&event.name, &event.args);
    let namespace = socket.namespace_core();
    let (routes, states) = (&namespace.routes, &namespace.states);
    let core = socket.core();
    let own_any = socket.own_routes().any();
    let own_any = own_any.iter().map(|handler| &**handler);
    for handler in routes.any.iter().chain(own_any) {
        let call = handler.call(&Context::any_event_of(socket, states, name, args));
        start(socket, name, None, call);
    }
    let own = socket.own_routes().event(name);
    let shared = routes.events.get(name);
    for (handler, ack) in with_ack(shared, &own, packet.id) {
        let call = handler.call(&Context::event_of(socket, states, name, args, ack));
        start(socket, name, ack, call);
    }
    if shared.is_some() || !own.is_empty() {
        return Ok(());
    }
    if routes.fallback.is_empty() {
        tracing::debug!(event = name, namespace = namespace.name(), "an event without a handler");
        core.stats.unhandled_events.fetch_add(1, Ordering::Relaxed);
    }
    for handler in &routes.fallback {
        let call = handler.call(&Context::any_event_of(socket, states, name, args));
        start(socket, name, None, call);
    }
    Ok(())
}

fn start(socket: &Socket, event: &str, ack: Option<u64>, call: Result<crate::core::Task, CallError>) {
    match call {
        Ok(task) => socket.core().run(socket.connection(), task),
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
        start(socket, "disconnect", None, call);
    }
}
