//! What all parts of a running server share.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

use enchufe_proto::engine::SessionConfig;
use enchufe_proto::{socket as packets, websocket};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::connection::Connection;
use crate::connection::driver::DriverHandle;
use crate::connection::drivers::Drivers;
use crate::connection::pace::Rates;
use crate::engine::EngineHandler;
use crate::namespace::{Namespaces, Turn};
use crate::operators::Cluster;
use crate::origin::OriginCheck;
use crate::overload::Backlog;
use crate::places::Places;
use crate::registry::Registry;
use crate::socket::Socket;
use crate::stats::Counters;
use crate::time::Clock;

/// A handler's future.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The layer above Engine.IO.
pub(crate) enum Layer {
    SocketIo,
    Engine(Arc<dyn EngineHandler>),
}

pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) session: SessionConfig,
    pub(crate) packet_limits: packets::Limits,
    pub(crate) websocket_limits: websocket::Limits,
    pub(crate) origin_check: OriginCheck,
    pub(crate) layer: Layer,
    pub(crate) clock: Clock,
    pub(crate) registry: Registry,
    pub(crate) namespaces: Namespaces,
    pub(crate) stats: Counters,
    pub(crate) places: Places,
    pub(crate) backlog: Arc<Backlog>,
    /// How fast a client may send; `None` where as fast as it can.
    pub(crate) rates: Option<Rates>,
    /// Handlers that go on beside their driver.
    pub(crate) tasks: TaskTracker,
    /// No new connections from now on.
    pub(crate) draining: CancellationToken,
    /// Everything is over: listeners end.
    pub(crate) stopped: CancellationToken,
    /// Its place among other nodes, where there are any.
    pub(crate) cluster: OnceLock<Arc<Cluster>>,
    pub(crate) drivers: Arc<Drivers>,
}

impl Core {
    pub(crate) fn new(
        config: Config,
        layer: Layer,
        origin_check: OriginCheck,
        namespaces: Namespaces,
    ) -> Arc<Self> {
        Arc::new(Self {
            session: config.session(),
            packet_limits: config.packet_limits(),
            websocket_limits: config.websocket_limits(),
            rates: Rates::of(&config.limits),
            config,
            origin_check,
            layer,
            clock: Clock::start(),
            registry: Registry::default(),
            namespaces,
            stats: Counters::default(),
            places: Places::default(),
            backlog: Arc::default(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            stopped: CancellationToken::new(),
            cluster: OnceLock::new(),
            drivers: Arc::default(),
        })
    }

    /// A driver for a new connection, of the runtime that it came in.
    pub(crate) fn driver(&self) -> Option<Arc<DriverHandle>> {
        self.drivers.choose(self.clock, &self.backlog)
    }

    /// HTTP connections of our own listeners that serve no request of a session.
    pub(crate) fn idle_http_connections(&self) -> usize {
        let open = self.stats.http_connections.load(Ordering::Relaxed);
        open.saturating_sub(self.stats.session_requests.load(Ordering::Relaxed))
    }

    /// Runs something that may start handlers that are no connection's, from a thread that need not belong to a runtime; see
    /// [`Drivers::runtime`].
    pub(crate) fn within_runtime(&self, run: impl FnOnce()) {
        let runtime = self.drivers.runtime();
        let _entered = runtime.as_ref().map(Handle::enter);
        run();
    }

    /// Polls a handler's future once here; where it is not done it goes on as a task of its own.
    pub(crate) fn run(&self, connection: &Arc<Connection>, task: Task) {
        self.run_for(connection, task, None, None);
    }

    /// As [`Core::run`]: it holds this turn to its end, and it ends with this socket.
    pub(crate) fn run_for(
        &self,
        connection: &Arc<Connection>,
        mut task: Task,
        held: Option<Arc<Turn>>,
        until: Option<&Socket>,
    ) {
        // The first poll of the spawned task puts a real waker in place.
        let mut cx = Context::from_waker(Waker::noop());
        if task.as_mut().poll(&mut cx).is_pending() {
            self.go_on(connection, task, held, until);
        }
    }

    /// As [`Core::run_for`], for what was polled once.
    pub(crate) fn go_on(
        &self,
        connection: &Arc<Connection>,
        task: Task,
        held: Option<Arc<Turn>>,
        until: Option<&Socket>,
    ) {
        let running = (Running::new(connection.clone()), held);
        if let Some(socket) = until {
            let left = socket.own_routes().left();
            self.tasks.spawn(async move {
                left.run_until_cancelled_owned(task).await;
                drop(running);
            });
        } else {
            self.tasks.spawn(async move {
                task.await;
                drop(running);
            });
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.drivers.stop();
    }
}

/// Counts a handler among those in flight for as long as it lives.
struct Running(Arc<Connection>);

impl Running {
    fn new(connection: Arc<Connection>) -> Self {
        connection.handler_started();
        Self(connection)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.handler_ended();
    }
}
