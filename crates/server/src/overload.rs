//! What is done when clients take less than they are sent: for each connection a policy, for the server a budget.
//!
//! What waits is counted when a driver has flushed: what transports take at once never counts. Whoever holds most is
//! closed first. Promises: without a budget nothing is added up beyond what each flush knows; nothing reliable is
//! given up without being counted.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use enchufe_proto::engine::{CloseReason, Shed};
use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::core::Core;

/// What is done with a client for which [`Limits::max_outbox_bytes`](crate::Limits::max_outbox_bytes) wait.
///
/// Whatever the policy, answers, events that ask for one ([`emit_with_ack`]) and what the protocols themselves send are
/// never given up; where they alone pass the bound the client is closed. What is given up is counted ([`Stats::dropped_packets`]), logged, and told to
/// [`EngineObserver::on_dropped`].
///
/// [`emit_with_ack`]: crate::Socket::emit_with_ack
/// [`Stats::dropped_packets`]: crate::Stats::dropped_packets
/// [`EngineObserver::on_dropped`]: crate::engine::EngineObserver::on_dropped
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OutboxPolicy {
    /// It is disconnected with `slow consumer`. It will reconnect.
    #[default]
    Close,
    /// Volatile emits wait for it as long as there is room, instead of being lost as soon as anything waits; where
    /// there is none the oldest of them are given up. Where other packets alone pass the bound it is closed.
    DropVolatile,
    /// Its oldest events that ask for no answer are given up, volatile ones or not, each with all its attachments.
    DropOldest,
}

impl OutboxPolicy {
    pub(crate) const fn shed(self) -> Shed {
        match self {
            Self::Close => Shed::Nothing,
            Self::DropVolatile => Shed::Volatile,
            Self::DropOldest => Shed::Oldest,
        }
    }
}

/// What waits for all connections together.
#[derive(Default)]
pub(crate) struct Backlog {
    bytes: AtomicUsize,
    /// One driver is shedding.
    shedding: Mutex<()>,
}

/// Seeded at random, so that no client can find keys that displace others'.
static HASH: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// The number of a packet's key in its namespace, be it emitted to one socket or to many.
pub(crate) fn conflation_key(namespace: &str, key: impl Hash) -> u64 {
    HASH.hash_one((namespace, key))
}

impl Backlog {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// So much waited for a connection, and now this.
    pub(crate) fn changed(&self, before: usize, now: usize) {
        if now > before {
            self.bytes.fetch_add(now - before, Ordering::Relaxed);
        } else if now < before {
            self.bytes.fetch_sub(before - now, Ordering::Relaxed);
        }
    }
}

/// Whether more waits than there is room for.
pub(crate) fn is_over_budget(core: &Core) -> bool {
    core.backlog.bytes() > core.config.limits.max_total_outbox_bytes
}

/// Closes those for whom most waits, until an eighth of the budget is free.
#[cold]
pub(crate) fn shed(core: &Arc<Core>) {
    let Some(_one_at_a_time) = core.backlog.shedding.try_lock() else { return };
    let budget = core.config.limits.max_total_outbox_bytes;
    let mut waiting: Vec<_> = core
        .registry
        .all()
        .into_iter()
        .map(|connection| (connection.waiting_bytes(), connection))
        .filter(|(bytes, _)| *bytes > 0)
        .collect();
    let mut total: usize = waiting.iter().map(|(bytes, _)| bytes).sum();
    if total <= budget {
        // Those that were closed a moment ago are not counted off yet.
        return;
    }
    waiting.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let mut count = 0;
    for (bytes, connection) in waiting {
        if total <= budget - budget / 8 {
            break;
        }
        connection.abort(CloseReason::Overloaded);
        total -= bytes;
        count += 1;
    }
    tracing::warn!(
        closed = count,
        budget,
        "clients did not take what they were sent: the worst were closed (see `max_total_outbox_bytes`)"
    );
}
