//! Event middleware: what an event passes before it reaches its handlers.
//!
//! Promises: the middlewares see a socket's events one at a time and in order, however long one takes: later events
//! wait in the socket's lane. Where the application gives events keys, that holds for those of one key. One that fails or panics keeps its event from the handlers.

use std::sync::atomic::Ordering;

use enchufe_proto::socket::Args;

use super::dispatch;
use super::lanes::Turn;
use crate::ack::Ack;
use crate::error::Refusal;
use crate::extract::Context;
use crate::handler::{CallError, Verdict};
use crate::socket::{Early, Socket};
use std::sync::Arc;

/// Has an event pass the middlewares, and starts its handlers.
pub(super) async fn through(socket: Socket, mut event: Early, turn: Arc<Turn>) {
    let namespace = socket.namespace_core().clone();
    let own = socket.own_routes().middlewares();
    let mut middlewares = namespace.routes.incoming.iter().chain(own.iter().map(|handler| &**handler));
    loop {
        let changed = {
            let packet = match event.packet(socket.core()) {
                Ok(packet) => packet,
                // As it came it was decoded; it was changed into what is nested too deep.
                Err(error) => return tracing::error!(%error, "a changed event can't be read"),
            };
            let Ok(Some(decoded)) = packet.event(&event.attachments) else { return };
            let (name, args): (&str, &Args<'_>) = (&decoded.name, &decoded.args);
            let mut changed = None;
            for middleware in middlewares.by_ref() {
                let called = middleware.call(&Context::incoming(&socket, &namespace.states, name, args));
                let verdict = match called {
                    Ok(running) => running.await,
                    Err(CallError::Rejected(rejection)) => Err(rejection.into()),
                    Err(CallError::Panicked) => Err(Refusal::internal()),
                };
                match verdict.map(|verdict| verdict.0) {
                    Ok(Verdict::Pass) => {}
                    Ok(Verdict::Ignore) => return,
                    Ok(Verdict::Replace { event, args }) => {
                        let event = event.unwrap_or_else(|| name.into());
                        changed = Some(Early::event(socket.wire().namespace, packet.id, &event, &args));
                        break;
                    }
                    Err(refusal) => return refused(&socket, name, args, packet.id, &refusal),
                }
            }
            if changed.is_none() && socket.connected() {
                dispatch::handlers(&socket, name, args, packet.id, turn.whole.then_some(&turn));
            }
            changed
        };
        match changed {
            None => return,
            Some(Ok(changed)) => event = changed,
            Some(Err(error)) => return tracing::error!(%error, "a changed event can't be encoded"),
        }
    }
}

/// An event goes no further: who waits for its answer learns why, and so does the application.
fn refused(socket: &Socket, event: &str, args: &Args<'_>, id: Option<u64>, refusal: &Refusal) {
    let namespace = socket.namespace_core();
    socket.core().stats.refused_events.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(event, namespace = namespace.name(), "an event was refused");
    if let Err(error) = Ack::new(socket, id).send_refusal(refusal) {
        tracing::warn!(%error, "a refusal could not be answered");
    }
    let own = socket.own_routes().errors();
    for handler in namespace.routes.error.iter().chain(own.iter().map(|handler| &**handler)) {
        let call = handler.begin(&Context::refused(socket, &namespace.states, event, args, refusal));
        dispatch::start(socket, event, None, call, None);
    }
}
