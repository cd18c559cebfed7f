//! Clients that speak Engine.IO themselves: over the tower service without a port, over a stream in memory,
//! over real TCP. They know nothing of Socket.IO's rules, so that tests can break them.

mod client;
mod http;
mod log;
mod random;
pub(crate) mod recovery;
mod ws;

use std::sync::Arc;
use std::time::Duration;

use enchufe::{Namespace, Server, ServerBuilder};

pub(crate) use client::{Client, Via};
pub(crate) use http::{Answer, Http, Polling, sid_of};
pub(crate) use log::{Log, wait_until};
pub(crate) use random::Random;
pub(crate) use ws::{Received, Ws, frame};

/// What a test waits for something that must come. With paused time this is no time at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);

/// A server with this namespace and the default options.
pub(crate) fn serve(namespace: Namespace) -> Server {
    serve_with(namespace, |builder| builder)
}

/// A server with this namespace and the options that `change` sets.
pub(crate) fn serve_with(
    namespace: Namespace,
    change: impl FnOnce(ServerBuilder) -> ServerBuilder,
) -> Server {
    change(Server::builder().namespace(namespace)).build().expect("a server")
}

/// Waits until nothing but `probe` holds what it points to.
pub(crate) async fn only_here<T: ?Sized>(probe: &Arc<T>) {
    wait_until("everything that was captured is dropped", || Arc::strong_count(probe) == 1).await;
}
