//! What a server counts: what its limits have done, how connections ended, what waits at the moment.
//!
//! Promises: counters only ever go up, from the server's start; gauges say how it is now. Counting is one relaxed
//! addition where something unusual happens; ordinary packets are not counted. Names are stable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use enchufe_proto::engine::{CloseReason, Millis};

use crate::core::Core;
use crate::reason::DisconnectReason;
use crate::server::Server;

/// How often the same complaint is logged at most.
const LOG_INTERVAL: Millis = 1_000;

/// The counters of a running server.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) opened: AtomicU64,
    closed: [AtomicU64; CloseReason::ALL.len()],
    pub(crate) rejected_events: AtomicU64,
    pub(crate) unhandled_events: AtomicU64,
    pub(crate) refused_events: AtomicU64,
    pub(crate) refused_handshakes: AtomicU64,
    pub(crate) refused_for_room: AtomicU64,
    pub(crate) refused_addresses: AtomicU64,
    pub(crate) refused_http: AtomicU64,
    pub(crate) protocol_errors: AtomicU64,
    pub(crate) oversized: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) stalled: AtomicU64,
    pub(crate) late_connect_handlers: AtomicU64,
    pub(crate) refused_rooms: AtomicU64,
    pub(crate) refused_acks: AtomicU64,
    pub(crate) dropped_packets: AtomicU64,
    pub(crate) dropped_volatile: AtomicU64,
    pub(crate) conflated_packets: AtomicU64,
    /// Streams that are read to their end after their connection was closed for what its peer did.
    pub(crate) lingering: AtomicUsize,
    /// HTTP connections of listeners of our own.
    pub(crate) http_connections: AtomicUsize,
    /// Requests of sessions that are being served on them: polls that wait, mostly.
    pub(crate) session_requests: AtomicUsize,
    /// What is logged now and then only.
    pub(crate) complaints: Complaints,
}

impl Counters {
    pub(crate) fn count_close(&self, reason: CloseReason) {
        if let Some(counter) = self.closed.get(reason as usize) {
            add(counter, 1);
        }
    }

    fn closed_by(&self, reason: CloseReason) -> u64 {
        self.closed.get(reason as usize).map_or(0, get)
    }
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// When each kind of complaint was logged last, so that a storm of peers is no storm of lines.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    pub(crate) closed: Complaint,
    pub(crate) dropped: Complaint,
    pub(crate) refused: Complaint,
    pub(crate) http: Complaint,
    pub(crate) early: Complaint,
}

/// One kind of them.
#[derive(Debug, Default)]
pub(crate) struct Complaint {
    next: AtomicU64,
    unsaid: AtomicU64,
}

impl Complaint {
    /// How many were left out since the last that was logged, where it is time for one.
    pub(crate) fn due(&self, now: Millis) -> Option<u64> {
        let next = self.next.load(Ordering::Relaxed);
        let mine = now >= next
            && self
                .next
                .compare_exchange(next, now + LOG_INTERVAL, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if mine {
            return Some(self.unsaid.swap(0, Ordering::Relaxed));
        }
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Counts something for as long as it lives.
pub(crate) struct Gauge<F: Fn(&Counters) -> &AtomicUsize>(Arc<Core>, F);

impl<F: Fn(&Counters) -> &AtomicUsize> Gauge<F> {
    pub(crate) fn new(core: &Arc<Core>, which: F) -> Self {
        which(&core.stats).fetch_add(1, Ordering::Relaxed);
        Self(core.clone(), which)
    }
}

impl<F: Fn(&Counters) -> &AtomicUsize> Drop for Gauge<F> {
    fn drop(&mut self) {
        (self.1)(&self.0.stats).fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a server is, and what has happened to it since it was built: see [`Server::stats`].
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Gauge: connections that are open, whatever they have joined.
    pub connections: u64,
    /// Gauge: connections that are open, and handshakes that are being answered: what
    /// [`Limits::max_connections`](crate::Limits::max_connections) bounds.
    pub places_taken: u64,
    /// Gauge: HTTP connections of [`Server::listen`] that carry no WebSocket: polls, other requests, and idle ones.
    pub http_connections: u64,
    /// Gauge: namespaces that exist, the dynamic ones included.
    pub namespaces: u64,
    /// Gauge: handlers that have not finished.
    pub running_handlers: u64,
    /// Gauge: bytes that clients' transports have not taken yet. What all recipients of a broadcast share counts for
    /// each of them.
    pub outbox_bytes: u64,
    /// Gauge: WebSockets that are read to their end because they were closed for what their peer did.
    pub lingering: u64,
    /// Connections that were opened.
    pub opened: u64,
    /// Connections that have ended, by why they did.
    pub closed: Closed,
    /// Handshakes that were refused, for whatever reason.
    pub refused_handshakes: u64,
    /// Those of them for which [`Limits::max_connections`](crate::Limits::max_connections) left no room.
    pub refused_for_room: u64,
    /// Those of them for which
    /// [`Limits::max_connections_per_address`](crate::Limits::max_connections_per_address) left no room.
    pub refused_addresses: u64,
    /// TCP connections that were closed at once: see
    /// [`Limits::max_idle_http_connections`](crate::Limits::max_idle_http_connections).
    pub refused_http: u64,
    /// Packets that broke the rules of Socket.IO; each ended its connection.
    pub protocol_errors: u64,
    /// Messages and bodies past [`Limits::max_payload_bytes`](crate::Limits::max_payload_bytes).
    pub oversized: u64,
    /// How often a connection was not read for a while because it sent faster than it may.
    pub throttled: u64,
    /// How often a connection was not read for a while because too many of its handlers were running.
    pub stalled: u64,
    /// How often a connect handler took longer than [`Limits::early_timeout`](crate::Limits::early_timeout) with
    /// events waiting for it.
    pub late_connect_handlers: u64,
    /// Rooms that were not joined because of [`Limits::max_rooms`](crate::Limits::max_rooms).
    pub refused_rooms: u64,
    /// Emits that failed because of [`Limits::max_pending_acks`](crate::Limits::max_pending_acks).
    pub refused_acks: u64,
    /// Packets that were given up under [`OutboxPolicy::DropOldest`](crate::OutboxPolicy::DropOldest) or
    /// [`DropVolatile`](crate::OutboxPolicy::DropVolatile).
    pub dropped_packets: u64,
    /// Volatile packets that were not queued because their client could not take them.
    pub dropped_volatile: u64,
    /// Packets that a newer one of the same key took the place of: see [`Socket::conflate`](crate::Socket::conflate).
    pub conflated_packets: u64,
    /// Events whose arguments did not fit their handler.
    pub rejected_events: u64,
    /// Events that a middleware of their socket or namespace refused.
    pub refused_events: u64,
    /// Events for which there was no handler.
    pub unhandled_events: u64,
}

/// Connections that have ended, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closed([u64; CloseReason::ALL.len()]);

impl Closed {
    /// How many ended for this reason. A socket that merely left its namespace ended no connection.
    #[must_use]
    pub fn by(&self, reason: DisconnectReason) -> u64 {
        self.iter().find_map(|(other, count)| (other == reason).then_some(count)).unwrap_or(0)
    }

    /// How many ended in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// All reasons with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (DisconnectReason, u64)> {
        CloseReason::ALL.into_iter().map(DisconnectReason::from).zip(self.0)
    }
}

/// A map whose keys are the reasons' texts.
impl serde::Serialize for Closed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Server {
    /// What is open, what waits, and what the limits have done so far, each number read on its own.
    ///
    /// ```
    /// use enchufe::{DisconnectReason, Namespace, Server};
    ///
    /// let io = Server::builder().namespace(Namespace::new("/")).build()?;
    /// let stats = io.stats();
    /// assert_eq!((stats.connections, stats.closed.by(DisconnectReason::SlowConsumer)), (0, 0));
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        let core = self.core();
        let counters = &core.stats;
        let gauge = |gauge: &AtomicUsize| gauge.load(Ordering::Relaxed) as u64;
        Stats {
            connections: core.registry.len() as u64,
            places_taken: core.places.taken() as u64,
            http_connections: gauge(&counters.http_connections),
            namespaces: core.namespaces.names().len() as u64,
            running_handlers: core.tasks.len() as u64,
            outbox_bytes: core.backlog.bytes() as u64,
            lingering: gauge(&counters.lingering),
            opened: get(&counters.opened),
            closed: Closed(CloseReason::ALL.map(|reason| counters.closed_by(reason))),
            refused_handshakes: get(&counters.refused_handshakes),
            refused_for_room: get(&counters.refused_for_room),
            refused_addresses: get(&counters.refused_addresses),
            refused_http: get(&counters.refused_http),
            protocol_errors: get(&counters.protocol_errors),
            oversized: get(&counters.oversized),
            throttled: get(&counters.throttled),
            stalled: get(&counters.stalled),
            late_connect_handlers: get(&counters.late_connect_handlers),
            refused_rooms: get(&counters.refused_rooms),
            refused_acks: get(&counters.refused_acks),
            dropped_packets: get(&counters.dropped_packets),
            dropped_volatile: get(&counters.dropped_volatile),
            conflated_packets: get(&counters.conflated_packets),
            rejected_events: get(&counters.rejected_events),
            refused_events: get(&counters.refused_events),
            unhandled_events: get(&counters.unhandled_events),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_reason_is_its_place() {
        for (number, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }

    #[test]
    fn a_complaint_is_made_once_a_second_and_says_how_many_were_left_out() {
        let complaint = Complaint::default();
        assert_eq!(complaint.due(0), Some(0));
        assert_eq!((complaint.due(10), complaint.due(999)), (None, None));
        assert_eq!(complaint.due(1_000), Some(2));
    }
}
