//! The route table of a namespace: built once, shared by all its sockets, never changed.

use super::execution::Execution;
use crate::extract::{OnConnect, OnDisconnect, OnError, OnEvent, OnFallback, OnIncoming, OnMiddleware};
use crate::handler::{Answers, BoxHandler};
use crate::operators::{Cluster, RoomHook, ServerSideHandler};
use crate::parser::Parser;
use crate::recovery::Plan;
use crate::state::Requirements;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// What all sockets of a namespace share: its parser, and all its handlers. Those of one kind are called in the order they were registered in.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// How packets are written. It is set when the server is built.
    pub(crate) parser: Option<Parser>,
    /// Whether and how clients are recovered; set when the server is built.
    pub(crate) recovery: Option<Arc<Plan>>,
    /// How the handlers of events run beside each other.
    pub(crate) execution: Execution,
    /// Handlers end with their socket.
    pub(crate) cancel_on_disconnect: bool,
    /// The nodes that it shares its events with. It is set when the server is built.
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// Called one after the other, until one refuses.
    pub(crate) middlewares: Vec<BoxHandler<OnMiddleware>>,
    pub(crate) connect: Vec<BoxHandler<OnConnect>>,
    /// For every event, before its own handlers.
    pub(crate) any: Vec<BoxHandler<OnFallback>>,
    /// For every event before it reaches its handlers, one after the other, until one refuses.
    pub(crate) incoming: Vec<BoxHandler<OnIncoming>>,
    /// For every event that was refused.
    pub(crate) error: Vec<BoxHandler<OnError>>,
    /// By the name of the event.
    pub(crate) events: HashMap<Box<str>, EventRoute, RandomState>,
    /// For events that have no handler of their own.
    pub(crate) fallback: Vec<BoxHandler<OnFallback>>,
    /// For every event that is emitted, once for each socket that it goes to.
    pub(crate) outgoing: Vec<BoxHandler<OnFallback>>,
    pub(crate) disconnecting: Vec<BoxHandler<OnDisconnect>>,
    pub(crate) disconnect: Vec<BoxHandler<OnDisconnect>>,
    /// For what happens to rooms.
    pub(crate) room_hooks: Vec<RoomHook>,
    /// For events of other nodes, by their name.
    pub(crate) server_side: HashMap<Box<str>, Vec<ServerSideHandler>, RandomState>,
}

impl Routes {
    /// Whether events go straight to their handlers, as far as this namespace is concerned.
    pub(crate) fn is_straight(&self) -> bool {
        self.execution.is_concurrent() && self.incoming.is_empty()
    }

    /// The state that the handlers take.
    pub(crate) fn requirements(&self) -> Requirements {
        let mut needs = Requirements::default();
        self.middlewares.iter().for_each(|handler| handler.requirements(&mut needs));
        self.connect.iter().for_each(|handler| handler.requirements(&mut needs));
        self.any.iter().for_each(|handler| handler.requirements(&mut needs));
        self.events
            .values()
            .flat_map(EventRoute::handlers)
            .for_each(|handler| handler.requirements(&mut needs));
        self.fallback.iter().for_each(|handler| handler.requirements(&mut needs));
        self.incoming.iter().for_each(|handler| handler.requirements(&mut needs));
        self.error.iter().for_each(|handler| handler.requirements(&mut needs));
        self.outgoing.iter().for_each(|handler| handler.requirements(&mut needs));
        self.disconnecting.iter().for_each(|handler| handler.requirements(&mut needs));
        self.disconnect.iter().for_each(|handler| handler.requirements(&mut needs));
        needs
    }
}

/// The handlers of one event, one of which answers.
#[derive(Debug, Default)]
pub(crate) struct EventRoute {
    handlers: Vec<BoxHandler<OnEvent>>,
    answering: usize,
}

impl EventRoute {
    pub(crate) fn push(&mut self, handler: BoxHandler<OnEvent>) {
        // The first that has something to say answers; where none has, the first of all says that it has
        // finished.
        if handler.answers() > self.answers() {
            self.answering = self.handlers.len();
        }
        self.handlers.push(handler);
    }

    /// How the one of them that answers does.
    pub(crate) fn answers(&self) -> Answers {
        self.handlers.get(self.answering).map_or(Answers::No, BoxHandler::answers)
    }

    /// The handlers in the order they were registered in, each with the ack that it is to be called with:
    /// `ack` for the one that answers.
    pub(crate) fn with_ack(
        &self,
        ack: Option<u64>,
    ) -> impl Iterator<Item = (&BoxHandler<OnEvent>, Option<u64>)> {
        let handlers = self.handlers.iter().enumerate();
        handlers.map(move |(i, handler)| (handler, ack.filter(|_| i == self.answering)))
    }

    /// The handlers in the order they were registered in.
    pub(crate) fn handlers(&self) -> impl Iterator<Item = &BoxHandler<OnEvent>> {
        self.handlers.iter()
    }
}
