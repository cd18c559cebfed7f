//! Handlers that see what is emitted: `on_any_outgoing`, of a namespace and of a socket.
//!
//! They are shown each event once for each socket that it is queued for, whether it was emitted to the socket itself
//! or to many, after it was queued and with no lock held. Where nobody looks, an emit reads two flags.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use crate::core::Task;
use crate::extract::Context;
use crate::frames::{self, Frames};
use crate::handler::CallError;
use crate::socket::Socket;

impl Socket {
    /// Whether anybody wants to see what is emitted to this socket.
    pub(crate) fn is_watched(&self) -> bool {
        (!self.namespace_core().routes.outgoing.is_empty() || self.own_routes().has_outgoing())
            && !Showing::now()
    }

    /// Shows what was queued for this socket to those who want to see it.
    pub(crate) fn show_outgoing(&self, frames: &Frames) {
        frames::with_event(frames, |name, args| {
            let namespace = self.namespace_core();
            let own = self.own_routes().outgoing();
            let own = own.iter().map(|handler| &**handler);
            for handler in namespace.routes.outgoing.iter().chain(own) {
                let showing = Showing::begin();
                let call = handler.call(&Context::any_event_of(self, &namespace.states, name, args));
                drop(showing);
                match call {
                    Ok(task) => {
                        let task = Box::pin(Unseen(task));
                        // Whoever emits need not be in a runtime.
                        let connection = self.connection();
                        connection.within_runtime(|| self.core().run(connection, task));
                    }
                    Err(CallError::Rejected(_)) => {
                        tracing::debug!(event = name, "what is emitted does not fit a handler that looks on");
                    }
                    // It was logged where it happened.
                    Err(CallError::Panicked) => {}
                }
            }
        });
    }
}

/// A handler that looks on. What it emits itself is shown to none of them: it would look on for ever.
struct Unseen(Task);

impl Future for Unseen {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let _showing = Showing::begin();
        self.0.as_mut().poll(cx)
    }
}

thread_local! {
    static SHOWING: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, a handler that looks on is at work on this thread.
struct Showing {
    before: bool,
}

impl Showing {
    fn begin() -> Self {
        Self { before: SHOWING.replace(true) }
    }

    fn now() -> bool {
        SHOWING.get()
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        SHOWING.set(self.before);
    }
}
