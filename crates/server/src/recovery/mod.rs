//! Connection state recovery: clients that lost their connection for a while find their socket as it was, and are sent
//! what they missed. (The official documentation: "Connection state recovery".)
//!
//! What is kept and when it is enough is [`enchufe_cluster::recovery`]'s; here is how it meets sockets. `namespace` takes
//! the locks: all that is appended to a namespace's log is handed to connections under the lock of the log, so that
//! both see it in the same order; [`request`] reads what a client comes back with; [`session`] is what a socket has of it.

mod request;
mod session;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use enchufe_cluster::recovery::{Bounds, MemoryStore, Offset, Quota};
use parking_lot::{Mutex, MutexGuard};

pub(crate) use self::request::Presented;
pub(crate) use self::session::{Kept, Resume, SocketSession};

use crate::config::Config;
use crate::frames::Frames;
use crate::namespace::Namespace;
use crate::server::ServerBuilder;
use crate::time::{Clock, millis};

/// How long clients may be away and still find their socket as it was; see
/// [`ServerBuilder::connection_state_recovery`].
///
/// ```
/// use enchufe::Recovery;
/// use std::time::Duration;
///
/// let recovery = Recovery { max_disconnection_duration: Duration::from_secs(30), ..Recovery::default() };
/// ```
#[derive(Debug, Clone)]
pub struct Recovery {
    /// How long a client may be without a connection. Default 2 min, as in the official server. Events are kept for this
    /// long, and so much longer as it may take until the loss of a connection is noticed.
    pub max_disconnection_duration: Duration,
    /// Whether a client that is recovered is let in without running the middlewares again. Default yes, as in the official
    /// server. Say no where a middleware looks at what may have changed meanwhile: a token that was revoked.
    pub skip_middlewares: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { max_disconnection_duration: Duration::from_secs(120), skip_middlewares: true }
    }
}

/// # Connection state recovery
impl ServerBuilder {
    /// Lets clients that lost their connection for a while go on as if nothing had happened: the socket has its id, its
    /// rooms and its data again, and the client is sent the events that it missed, each once and in order. Default off; then
    /// it costs nothing.
    ///
    /// Official clients from 4.6 on take part by themselves. [`Socket::recovered`](crate::Socket::recovered) tells the two
    /// kinds of connections apart; the connect handlers run for both, as do the disconnect handlers when the connection is
    /// lost.
    ///
    /// ```
    /// use enchufe::{Namespace, Recovery, Server, Socket};
    ///
    /// let io = Server::builder()
    ///     .connection_state_recovery(Recovery::default())
    ///     .namespace(Namespace::new("/").on_connect(async |socket: Socket| {
    ///         if !socket.recovered() {
    ///             // New, or away for too long: rooms and data are to be set up.
    ///             socket.join("lobby");
    ///         }
    ///     }))
    ///     .build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    ///
    /// # What is recovered
    /// - A socket that either side has disconnected on purpose is not, nor one whose client sent what is no packet.
    /// - Events that ask for an answer and volatile ones are not sent again. All others carry their offset as one more
    ///   argument, a string, which clients see: JavaScript handlers get it after the arguments that they know, and so do
    ///   [`on_any_outgoing`](crate::Namespace::on_any_outgoing) handlers.
    /// - A client that comes back is sent what went to the rooms that it was in when it was disconnected, as by the official
    ///   server. Who leaves a room and loses the connection at once may so miss an event that went there just before.
    /// - Where something that the client has missed may be gone, or where it has missed more than half of
    ///   [`Limits::max_outbox_bytes`](crate::Limits::max_outbox_bytes), it is not recovered but starts anew, and is told so.
    ///   Nothing is ever left out silently.
    /// - Clients take the last argument of every event for its offset if it is a string. One that got a volatile event that
    ///   ends in a string last, and others before it, is not recovered.
    ///
    /// Sessions and events are kept in this process's memory, within
    /// [`Limits::max_recovery_bytes`](crate::Limits::max_recovery_bytes),
    /// [`max_recovery_packets`](crate::Limits::max_recovery_packets) and
    /// [`max_recovery_sessions`](crate::Limits::max_recovery_sessions).
    pub const fn connection_state_recovery(mut self, recovery: Recovery) -> Self {
        self.config.recovery = Some(recovery);
        self
    }
}

impl Namespace {
    pub(crate) fn recovered_by(mut self, plan: Option<Arc<Plan>>) -> Self {
        self.routes.recovery = plan;
        self
    }
}

/// What all namespaces of a server with recovery share.
pub(crate) struct Plan {
    bounds: Bounds,
    quota: Arc<Quota>,
    skip_middlewares: bool,
    clock: Clock,
    /// Those of all namespaces; some may be gone.
    stores: Mutex<Vec<Weak<Mutex<Store>>>>,
    /// When they were looked through last.
    tidied: AtomicU64,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

/// Milliseconds between two looks through all stores, of which there may be as many as namespaces.
const TIDIED_EVERY: u64 = 1_000;

impl Plan {
    /// `None` where recovery is off.
    pub(crate) fn of(config: &Config) -> Option<Arc<Self>> {
        let recovery = config.recovery.as_ref()?;
        let limits = &config.limits;
        // What a client has not got it lacks the pong for: its connection ends before the second time-out, which it has
        // when it sends but does not answer.
        let noticed = config.ping_interval.saturating_add(config.ping_timeout.saturating_mul(2));
        let bounds = Bounds {
            session_millis: millis(recovery.max_disconnection_duration),
            packet_millis: millis(recovery.max_disconnection_duration.saturating_add(noticed)),
            max_packets: limits.max_recovery_packets,
        };
        let quota = Arc::new(Quota::new(limits.max_recovery_bytes, limits.max_recovery_sessions));
        Some(Arc::new(Self {
            bounds,
            quota,
            skip_middlewares: recovery.skip_middlewares,
            clock: Clock::start(),
            stores: Mutex::default(),
            tidied: AtomicU64::new(0),
        }))
    }

    /// Forgets what is too old in the stores of all namespaces, where much is held: a store does so by itself only when
    /// something comes to it, and what a quiet one holds the others lack. To be called without a lock: what is
    /// dropped may be the application's.
    pub(crate) fn tidy(&self) {
        if !self.quota.is_half_full() {
            return;
        }
        let (now, last) = (self.clock.now(), self.tidied.load(Ordering::Relaxed));
        if now < last + TIDIED_EVERY
            || self.tidied.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let stores: Vec<_> = self.stores.lock().iter().filter_map(Weak::upgrade).collect();
        for store in stores {
            let mut store = store.lock();
            store.forget_old(now);
            let forgotten = store.take_forgotten();
            drop(store);
            drop(forgotten);
        }
    }

    fn register(&self, store: &Arc<Mutex<Store>>) {
        let mut stores = self.stores.lock();
        if stores.len() == stores.capacity() {
            stores.retain(|store| store.strong_count() > 0);
        }
        stores.push(Arc::downgrade(store));
    }
}

/// The log and the sessions of one namespace.
pub(crate) type Store = MemoryStore<Frames, Kept>;

/// Recovery in one namespace.
pub(crate) struct NamespaceRecovery {
    plan: Arc<Plan>,
    placeholder: Offset,
    store: Arc<Mutex<Store>>,
}

impl NamespaceRecovery {
    pub(crate) fn new(plan: &Arc<Plan>) -> Self {
        let store = Store::new(plan.bounds, plan.quota.clone(), rand::random());
        let placeholder = store.placeholder();
        let store = Arc::new(Mutex::new(store));
        plan.register(&store);
        Self { plan: plan.clone(), placeholder, store }
    }

    /// As [`Plan::tidy`].
    pub(crate) fn tidy(&self) {
        self.plan.tidy();
    }

    pub(crate) fn skips_middlewares(&self) -> bool {
        self.plan.skip_middlewares
    }

    /// What stands for the offset of a packet until it is known.
    pub(crate) const fn placeholder(&self) -> Offset {
        self.placeholder
    }

    pub(crate) fn now(&self) -> u64 {
        self.plan.clock.now()
    }

    /// Lock order: a namespace's members, then this, then a connection.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock()
    }
}
