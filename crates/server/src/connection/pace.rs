//! How fast a client may send: a token bucket, filled lazily, and how long it goes unread.
//!
//! A bucket is one number, the time at which it will be full again (the "generic cell rate algorithm" of ATM): each
//! message moves it on by its cost, and a client whose bucket is full too far in the future is not read until it is not.
//! What it has sent meanwhile waits in the kernel, which holds it back. A client that is still too fast after
//! [`Limits::flood_timeout`](crate::Limits::flood_timeout) is closed.
//!
//! Everything counts that a client can have the server decode: what it is, and whether the session still wants it, is
//! seen later. A client that is not read because its handlers are not done is no flooder, and may catch up afterwards.
//!
//! Promises: no timer of its own, no memory where no rate is set, two additions a message where one is.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use enchufe_proto::engine::{CloseReason, Millis};

use super::Connection;
use crate::config::Limits;
use crate::stats;

/// The rates of a server, in microseconds of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rates {
    /// What one message costs.
    message: u64,
    /// Bytes that cost a second.
    bytes_per_second: u64,
    /// How far ahead of the clock a bucket may be.
    burst: u64,
}

impl Rates {
    pub(crate) fn of(limits: &Limits) -> Option<Self> {
        let (events, bytes) = (limits.max_events_per_second, limits.max_bytes_per_second);
        if events == usize::MAX && bytes == usize::MAX {
            return None;
        }
        let message = 1_000_000 / (events as u64).max(1);
        let burst = u64::try_from(limits.rate_burst.as_micros()).unwrap_or(u64::MAX / 4);
        Some(Self { message, bytes_per_second: (bytes as u64).max(1), burst: burst.max(message) })
    }

    fn cost_of(&self, bytes: usize) -> u64 {
        (bytes as u64).saturating_mul(1_000_000) / self.bytes_per_second
    }
}

/// The buckets of one connection. Only its driver writes to them.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    messages: AtomicU64,
    bytes: AtomicU64,
    /// Since when the client has been too fast without a pause; 0 where it is not. See [`coarse`].
    throttled_since: AtomicU32,
    /// Since when it goes unread because of what waits here; 0 where it does not. See [`coarse`].
    choked_since: AtomicU32,
    /// For how long it went unread so since it was last read to the end. What it could have sent in that time it may have
    /// sent, and it comes all at once.
    allowed: AtomicU64,
}

impl Pace {
    /// Counts messages and bytes.
    fn charge(&self, rates: &Rates, messages: u64, bytes: usize, now: Millis) {
        let floor = (now * 1000).saturating_sub(self.allowed.load(Ordering::Relaxed));
        let costs = [(&self.messages, rates.message * messages), (&self.bytes, rates.cost_of(bytes))];
        for (bucket, cost) in costs {
            let full = bucket.load(Ordering::Relaxed).max(floor).saturating_add(cost);
            bucket.store(full, Ordering::Relaxed);
        }
    }

    /// The client is not read, which is no fault of its own.
    fn choke(&self, now: Millis) {
        if self.choked_since.load(Ordering::Relaxed) == 0 {
            self.choked_since.store(coarse(now), Ordering::Relaxed);
        }
    }

    /// It is read again. The time between was none in which it could show that it is slower now: it is added to that
    /// which it has.
    fn unchoke(&self, now: Millis) {
        let choked = self.choked_since.load(Ordering::Relaxed);
        let Some(since) = begun(choked) else { return };
        self.choked_since.store(0, Ordering::Relaxed);
        self.allowed.fetch_add(now.saturating_sub(since) * 1000, Ordering::Relaxed);
        let throttled = self.throttled_since.load(Ordering::Relaxed);
        if throttled != 0 {
            let later = throttled.saturating_add(coarse(now).saturating_sub(choked));
            self.throttled_since.store(later, Ordering::Relaxed);
        }
    }

    /// Everything that it had sent has been read.
    fn end_unread(&self) {
        self.throttled_since.store(0, Ordering::Relaxed);
        self.allowed.store(0, Ordering::Relaxed);
    }

    /// From when on it may send again.
    fn due(&self, rates: &Rates) -> Millis {
        let full = self.messages.load(Ordering::Relaxed).max(self.bytes.load(Ordering::Relaxed));
        full.saturating_sub(rates.burst).div_ceil(1000)
    }
}

impl Connection {
    /// Counts what has come against the client's rates, whatever becomes of it: so many bytes, and whether a message is
    /// complete with them that is no attachment.
    #[inline]
    pub(super) fn charge(&self, bytes: usize, message: bool, now: Millis) {
        if let (Some(pace), Some(rates)) = (&self.pace, &self.core.rates) {
            pace.charge(rates, u64::from(message), bytes, now);
        }
    }

    /// Until when the client is not read because it was too fast, if it is.
    pub(super) fn throttled_until(&self, now: Millis) -> Option<Millis> {
        let (pace, rates) = (self.pace.as_ref()?, self.core.rates.as_ref()?);
        Some(pace.due(rates)).filter(|due| *due > now)
    }

    /// Whether the client is not read for now, for either reason. One that floods for too long is closed.
    pub(super) fn is_paused(&self, now: Millis) -> bool {
        if self.is_choked() {
            if self.begin_unread(now) {
                stats::add(&self.core.stats.stalled, 1);
            }
            if let Some(pace) = &self.pace {
                pace.choke(now);
            }
            return true;
        }
        let (Some(pace), Some(rates)) = (&self.pace, &self.core.rates) else { return false };
        pace.unchoke(now);
        if pace.due(rates) <= now {
            return false;
        }
        let since = &pace.throttled_since;
        if since.load(Ordering::Relaxed) == 0 {
            since.store(coarse(now), Ordering::Relaxed);
            stats::add(&self.core.stats.throttled, 1);
        }
        if has_passed(since.load(Ordering::Relaxed), self.core.config.limits.flood_timeout, now) {
            self.abort(CloseReason::RateLimited);
        }
        true
    }

    /// When its driver has to look at it although nothing comes: it may be read again, or events have waited too long.
    #[inline]
    pub(super) fn looked_at(&self, now: Millis) -> Option<Millis> {
        let since = self.early_since.load(Ordering::Relaxed);
        if since == 0 && self.pace.is_none() {
            return None;
        }
        let waits = self.early_bytes.load(Ordering::Relaxed) > 0;
        if since != 0 && !waits {
            self.early_since.store(0, Ordering::Relaxed);
        }
        let early = passes_at(since, self.core.config.limits.early_timeout).filter(|_| waits);
        self.throttled_until(now).into_iter().chain(early).min()
    }

    // ---- events that wait for connect handlers ---------------------------------------------------

    /// Whether there is room for an event of so many bytes that has to wait for a connect handler, since when others of
    /// its socket do. Only the connection's driver calls it, which alone says since when some may have waited: whoever
    /// lets them go says only that they are fewer.
    pub(crate) fn keep_early(&self, bytes: usize, since: u32) -> bool {
        if self.early_since.load(Ordering::Relaxed) == 0 {
            self.early_since.store(since, Ordering::Relaxed);
        }
        let before = self.early_bytes.fetch_add(bytes, Ordering::Relaxed);
        before + bytes <= self.core.config.limits.max_early_bytes
    }

    /// Some of them wait no more.
    pub(crate) fn forget_early(&self, bytes: usize) {
        self.early_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether some may have waited for too long.
    pub(super) fn may_be_overdue(&self, now: Millis) -> bool {
        has_passed(self.early_since.load(Ordering::Relaxed), self.core.config.limits.early_timeout, now)
    }

    /// Since when the first of those has waited that are still to wait; 0 where there are none.
    pub(super) fn early_since(&self, since: u32) {
        self.early_since.store(since, Ordering::Relaxed);
    }

    // ---- going unread ----------------------------------------------------------------------------

    /// Everything that had come has been read.
    pub(super) fn end_unread(&self) {
        if self.unread_since.load(Ordering::Relaxed) != 0 {
            self.unread_since.store(0, Ordering::Relaxed);
        }
        if let Some(pace) = &self.pace {
            pace.end_unread();
        }
    }

    /// It is not read for what waits here. `true` where it had been read to the end before.
    fn begin_unread(&self, now: Millis) -> bool {
        let first = self.unread_since.load(Ordering::Relaxed) == 0;
        if first {
            self.unread_since.store(coarse(now), Ordering::Relaxed);
        }
        first
    }

    /// Whether it is not read just now, and a pong may lie in what has come: not for longer than a client is to be kept
    /// from being read for what waits here. One that is too fast has a time of its own for that.
    pub(super) fn is_unread(&self, now: Millis) -> bool {
        if self.was_choked() {
            let patience = self.core.config.limits.stall_timeout;
            return !has_passed(self.unread_since.load(Ordering::Relaxed), patience, now);
        }
        self.pace.as_ref().is_some_and(|pace| pace.throttled_since.load(Ordering::Relaxed) != 0)
    }
}

/// A time in as few bytes as it needs: sixteenths of a second since the server's start, never 0.
pub(crate) fn coarse(now: Millis) -> u32 {
    u32::try_from(now / COARSE + 1).unwrap_or(u32::MAX)
}

/// When so much time has passed since a coarse one, which 0 never is.
pub(super) fn passes_at(since: u32, time: Duration) -> Option<Millis> {
    Some(begun(since)?.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
}

/// The time that a coarse one stands for.
fn begun(since: u32) -> Option<Millis> {
    Some(u64::from(since).checked_sub(1)? * COARSE)
}

pub(crate) fn has_passed(since: u32, time: Duration, now: Millis) -> bool {
    passes_at(since, time).is_some_and(|at| at <= now)
}

const COARSE: Millis = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(events: usize, bytes: usize) -> Rates {
        let burst = Duration::from_secs(2);
        let limits = Limits {
            max_events_per_second: events,
            max_bytes_per_second: bytes,
            rate_burst: burst,
            ..Limits::default()
        };
        Rates::of(&limits).expect("a rate")
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let (rates, pace) = (rates(10, usize::MAX), Pace::default());
        for _ in 0..20 {
            pace.charge(&rates, 1, 100, 5_000);
        }
        assert!(pace.due(&rates) <= 5_000);
        pace.charge(&rates, 1, 100, 5_000);
        assert_eq!(pace.due(&rates), 5_100);
        pace.charge(&rates, 1, 100, 5_100);
        assert_eq!(pace.due(&rates), 5_200);
    }

    #[test]
    fn bytes_have_a_rate_of_their_own() {
        let (rates, pace) = (rates(usize::MAX, 1_000), Pace::default());
        pace.charge(&rates, 1, 2_000, 0);
        assert_eq!(pace.due(&rates), 0);
        pace.charge(&rates, 1, 500, 0);
        assert_eq!(pace.due(&rates), 500);
    }

    #[test]
    fn who_was_not_read_may_catch_up_and_nothing_more() {
        let (rates, pace) = (rates(10, usize::MAX), Pace::default());
        pace.charge(&rates, 20, 0, 64_000);
        // Twice, with a moment between them.
        for (from, until) in [(64_000, 74_048), (74_112, 84_032)] {
            pace.choke(from);
            pace.unchoke(until);
        }
        pace.charge(&rates, 200, 0, 84_032);
        assert!(pace.due(&rates) <= 84_032);
        pace.charge(&rates, 2, 0, 84_032);
        assert!(pace.due(&rates) > 84_032);
        // It was read to the end, and is silent for long: what is left then is a burst.
        pace.end_unread();
        pace.charge(&rates, 21, 0, 200_000);
        assert_eq!(pace.due(&rates), 200_100);
    }

    #[test]
    fn no_rate_takes_no_memory() {
        assert_eq!(Rates::of(&Limits::default()), None);
    }

    #[test]
    fn a_coarse_time_is_never_none_and_never_late() {
        assert_ne!(coarse(0), 0);
        assert!(!has_passed(0, Duration::ZERO, 1_000_000));
        assert!(has_passed(coarse(10_000), Duration::from_secs(1), 11_000));
        assert!(!has_passed(coarse(10_000), Duration::from_secs(1), 10_900));
    }
}
