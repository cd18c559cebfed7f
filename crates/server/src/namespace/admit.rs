//! How a client enters a namespace: the middlewares, the reply, the connect handlers.

use std::future::{Future, poll_fn};
use std::task::Poll;

use crate::error::Refusal;
use crate::extract::Context;
use crate::handler::CallError;
use crate::socket::Socket;

/// Lets a socket in or refuses it.
///
/// The reply to CONNECT is queued before the connect handlers are called, so that what they emit stands
/// behind it, and is held back until they have been polled once. Events that arrive before they have
/// finished wait at the socket's gate; this opens it at its end.
pub(crate) async fn admit(socket: Socket) {
    if !socket.skips_middlewares()
        && let Err(refusal) = run_middlewares(&socket).await
    {
        return socket.refuse(&refusal);
    }
    let connection = socket.connection().clone();
    connection.hold();
    if !socket.accept() {
        // It was disconnected while the middlewares ran.
        return connection.release();
    }
    let mut handlers = Box::pin(run_connect_handlers(socket.clone()));
    let first = poll_fn(|cx| Poll::Ready(handlers.as_mut().poll(cx))).await;
    connection.release();
    if first.is_pending() {
        if socket.namespace_core().routes.cancel_on_disconnect {
            socket.own_routes().left().run_until_cancelled_owned(handlers).await;
        } else {
            handlers.await;
        }
    }
    socket.open_gate();
}

async fn run_middlewares(socket: &Socket) -> Result<(), Refusal> {
    let namespace = socket.namespace_core().clone();
    for middleware in &namespace.routes.middlewares {
        let started = middleware.call(&Context::entering(socket, &namespace.states));
        match started {
            Ok(future) => future.await?,
            Err(CallError::Rejected(rejection)) => return Err(rejection.into()),
            Err(CallError::Panicked) => return Err(Refusal::internal()),
        }
    }
    Ok(())
}

async fn run_connect_handlers(socket: Socket) {
    let namespace = socket.namespace_core().clone();
    for handler in &namespace.routes.connect {
        let started = handler.call(&Context::connected(&socket, &namespace.states));
        match started {
            Ok(future) => future.await,
            Err(CallError::Rejected(_)) => {
                tracing::warn!(
                    namespace = namespace.name(),
                    "a connect handler was not called: an argument does not fit"
                );
            }
            // It was logged where it happened.
            Err(CallError::Panicked) => {}
        }
    }
}
