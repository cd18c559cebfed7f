//! How the handlers of events run beside each other: as they come, one after another, or so for events of one key.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, LazyLock};

use foldhash::quality::RandomState;

use super::lanes::Lane;
use crate::extract::{Context, OnFallback};
use crate::handler::guarded;
use crate::socket::Socket;

/// How the handlers of a namespace's events run beside each other. Default [`concurrent`](Self::concurrent).
///
/// Whatever it is, only events wait: answers to what the server has emitted, heartbeats and disconnections don't. What waits
/// counts against [`Limits::max_early_bytes`](crate::Limits::max_early_bytes) of its connection, which is not read any more when
/// more is waiting. A handler that panics, and with [`Namespace::cancel_on_disconnect`] one whose socket leaves, makes room for
/// the next. Events of a socket that has left are not handled any more.
///
/// [`Namespace::cancel_on_disconnect`]: crate::Namespace::cancel_on_disconnect
///
/// ```
/// use enchufe::{Execution, Namespace};
///
/// Namespace::new("/editor").execution(Execution::serial());
/// ```
#[derive(Clone, Default)]
pub struct Execution(Mode);

#[derive(Clone, Default)]
enum Mode {
    #[default]
    Concurrent,
    Serial,
    Keyed(Arc<KeyOf>),
}

type KeyOf = dyn Fn(&Context<'_, OnFallback>) -> Option<EventKey> + Send + Sync;

impl Execution {
    /// As they come: the handlers of a socket's events start in the order in which the events arrived, and one that has to
    /// wait goes on beside those of later events.
    #[must_use]
    pub const fn concurrent() -> Self {
        Self(Mode::Concurrent)
    }

    /// Strictly one after another for each socket: an event's handlers start when all those of the event before it have
    /// ended. Sockets don't wait for each other.
    #[must_use]
    pub const fn serial() -> Self {
        Self(Mode::Serial)
    }

    /// Strictly one after another for events with the same key, in the order of arrival, and beside each other otherwise.
    /// `key` makes it of the event as it came, its socket, and what is kept for that; where it is `None`, the event is handled
    /// as by [`concurrent`](Self::concurrent).
    ///
    /// Keys hold across the sockets of the namespace on this node: the events of a user who has three tabs open can go one
    /// after another. `key` is called for each event: it must be quick and must not block.
    ///
    /// ```
    /// use enchufe::{EventKey, Execution, Namespace};
    ///
    /// // Changes of one document one after another, whoever makes them; all else as it comes.
    /// Namespace::new("/documents").execution(Execution::keyed(|event| {
    ///     let document: u64 = event.args().deserialize().ok()?;
    ///     (event.event() == "change").then(|| EventKey::of(&document))
    /// }));
    /// ```
    pub fn keyed(key: impl Fn(&Context<'_, OnFallback>) -> Option<EventKey> + Send + Sync + 'static) -> Self {
        Self(Mode::Keyed(Arc::new(key)))
    }

    pub(super) const fn is_concurrent(&self) -> bool {
        matches!(self.0, Mode::Concurrent)
    }

    pub(super) const fn is_keyed(&self) -> bool {
        matches!(self.0, Mode::Keyed(_))
    }

    /// The lane in which an event's handlers run, to their end; `None` where they need none.
    pub(super) fn lane(&self, socket: &Socket, event: &Context<'_, OnFallback>) -> Option<Lane> {
        match &self.0 {
            Mode::Concurrent => None,
            Mode::Serial => Some(Lane::of(socket)),
            // One whose key can't be made is not to run beside any other.
            Mode::Keyed(key) => match guarded("Execution::keyed", || key(event)) {
                Some(key) => key.map(|key| Lane::Key(key.0)),
                None => Some(Lane::of(socket)),
            },
        }
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Mode::Concurrent => "Execution::concurrent",
            Mode::Serial => "Execution::serial",
            Mode::Keyed(_) => "Execution::keyed",
        })
    }
}

/// What events have in common that are handled one after another: see [`Execution::keyed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKey(u64);

/// Seeded at random, so that no client can find names that others have to wait for.
static HASH: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl EventKey {
    /// The key of this value. It is a hash: once in a long while two values share one, and their events wait for each other.
    pub fn of<T: Hash + ?Sized>(value: &T) -> Self {
        Self(HASH.hash_one(value))
    }
}
