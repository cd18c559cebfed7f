//! The orderly end of a server: nobody new, everybody told, what was promised delivered, all in bounded time.

use std::sync::Arc;
use std::time::Duration;

use enchufe_proto::engine::CloseReason;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::connection::{Connection, mux};
use crate::core::Core;
use crate::reason::DisconnectReason;
use crate::time::{FOR_EVER, after};

/// How long clients that poll have to come and fetch what was emitted to them, and WebSockets to take it. At most half of
/// all the time, so that some is left for what the end of the others starts.
const LAST_FETCH: Duration = Duration::from_secs(2);
/// How often it is looked whether everybody has gone.
const LOOK: Duration = Duration::from_millis(10);

/// Sends everybody away, one after the other at even distances, the last of them a distance before the window's end.
///
/// Those who were disconnected have as long as a closing session has to fetch the rest.
pub(crate) async fn drain(core: &Arc<Core>, window: Duration) {
    core.draining.cancel();
    if window.is_zero() {
        return;
    }
    let window = window.min(FOR_EVER);
    let begun = Instant::now();
    let connections = core.registry.all();
    let distance = window.div_f64((connections.len() as f64).max(1.0));
    for (turn, connection) in connections.into_iter().enumerate() {
        // Those that have left by themselves leave a gap, so that the others keep their times.
        sleep_until(begun + distance.mul_f64(turn as f64)).await;
        dismiss(&connection);
    }
    while core.registry.len() > 0 && begun.elapsed() < window {
        sleep(LOOK).await;
    }
}

fn dismiss(connection: &Connection) {
    for socket in connection.take_sockets() {
        // No DISCONNECT: clients are to reconnect, to another node or when this one is back.
        if socket.begin_disconnect(DisconnectReason::ServerShuttingDown) {
            mux::hand_over_disconnected(&socket);
        }
    }
    connection.close(CloseReason::ServerShuttingDown);
}

/// Closes a server; done when every connection is and every handler has ended, or the time-out has passed.
pub(crate) async fn close(core: &Arc<Core>, limit: Duration) {
    let deadline = after(limit);
    core.draining.cancel();
    for connection in core.registry.all() {
        dismiss(&connection);
    }
    let fetched = after(LAST_FETCH.min(limit / 2));
    while core.registry.len() > 0 && Instant::now() < fetched {
        sleep(LOOK).await;
    }
    for connection in core.registry.all() {
        connection.abort(CloseReason::ServerShuttingDown);
    }
    // Their drivers take notice, and the last handlers start.
    while core.registry.len() > 0 && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    core.tasks.close();
    if timeout_at(deadline, core.tasks.wait()).await.is_err() {
        tracing::warn!(
            running = core.tasks.len(),
            "handlers are still running when the shutdown's time is up"
        );
    }
    core.namespaces.all().iter().for_each(|namespace| namespace.forget_sessions());
    // The others have been told all that there was to tell.
    if let Some(cluster) = core.cluster.get() {
        cluster.bus().close();
    }
    core.stopped.cancel();
}
