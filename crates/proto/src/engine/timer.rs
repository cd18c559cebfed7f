//! The timer table of a session: every deadline it can have, and which comes next.

/// A point in time, in milliseconds since a moment that the shell chose. It never runs backwards.
pub type Millis = u64;

/// What a session can be waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Server: the next ping is due, or an awaited pong is late. Client: no ping came in time.
    Heartbeat,
    /// The probing transport must have finished.
    Upgrade,
    /// A poll that is pending during an upgrade is to be answered with a noop.
    Noop,
    /// The layer above must have accepted the peer (a namespace was joined).
    Join,
    /// A packet that was received in part must be complete.
    Partial,
    /// Opening or closing must have finished.
    Transition,
}

impl Timer {
    const COUNT: usize = 6;
    const ALL: [Self; Self::COUNT] =
        [Self::Heartbeat, Self::Upgrade, Self::Noop, Self::Join, Self::Partial, Self::Transition];
}

/// Where a timer is not set.
const UNSET: u32 = u32::MAX;

/// One deadline for each [`Timer`], in 32 bytes: every connection has them. A deadline that is 49 days later than the
/// earliest comes that soon.
#[derive(Debug, Clone)]
pub(super) struct Timers {
    /// From which the others are counted.
    base: Millis,
    after: [u32; Timer::COUNT],
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { base: 0, after: [UNSET; Timer::COUNT] }
    }

    pub(super) fn set(&mut self, timer: Timer, at: Millis) {
        if at < self.base || at - self.base >= Millis::from(UNSET) {
            self.count_from(self.next().map_or(at, |earliest| earliest.min(at)));
        }
        if let Some(slot) = self.after.get_mut(timer as usize) {
            *slot = after(self.base, at);
        }
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        if let Some(slot) = self.after.get_mut(timer as usize) {
            *slot = UNSET;
        }
    }

    /// Sets a timer later, if it is set.
    pub(super) fn postpone(&mut self, timer: Timer, at: Millis) {
        if self.is_set(timer) {
            self.set(timer, at);
        }
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::new();
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.after.get(timer as usize).is_some_and(|after| *after != UNSET)
    }

    /// Takes one timer that is due, in the order of the table, and when it was.
    pub(super) fn expire(&mut self, now: Millis) -> Option<(Timer, Millis)> {
        let at = |timer: Timer| {
            let after = self.after.get(timer as usize).copied().filter(|after| *after != UNSET)?;
            Some(self.base + Millis::from(after)).filter(|at| *at <= now)
        };
        let (timer, due) = Timer::ALL.into_iter().find_map(|timer| Some((timer, at(timer)?)))?;
        self.stop(timer);
        Some((timer, due))
    }

    /// The earliest deadline of all.
    pub(super) fn next(&self) -> Option<Millis> {
        let after = self.after.iter().copied().min().filter(|after| *after != UNSET)?;
        Some(self.base + Millis::from(after))
    }

    #[cold]
    fn count_from(&mut self, base: Millis) {
        for slot in self.after.iter_mut().filter(|after| **after != UNSET) {
            *slot = after(base, self.base + Millis::from(*slot));
        }
        self.base = base;
    }
}

/// How long after `base` that is.
fn after(base: Millis, at: Millis) -> u32 {
    u32::try_from(at.saturating_sub(base)).unwrap_or(UNSET).min(UNSET - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_is_next_and_each_expires_once() {
        let mut timers = Timers::new();
        assert_eq!(timers.next(), None);
        timers.set(Timer::Heartbeat, 30);
        timers.set(Timer::Join, 20);
        assert_eq!(timers.next(), Some(20));
        assert_eq!(timers.expire(19), None);
        assert_eq!(timers.expire(30), Some((Timer::Heartbeat, 30)));
        assert_eq!(timers.expire(30), Some((Timer::Join, 20)));
        assert_eq!(timers.expire(30), None);
        assert!(!timers.is_set(Timer::Join));
    }

    #[test]
    fn deadlines_of_a_server_that_runs_for_years_are_kept_to_the_millisecond() {
        const YEAR: Millis = 365 * 24 * 60 * 60 * 1000;
        let mut timers = Timers::new();
        for start in [0, 7, YEAR / 9, YEAR / 8, YEAR, 50 * YEAR, 49 * YEAR] {
            timers.set(Timer::Heartbeat, start + 25_000);
            timers.set(Timer::Noop, start);
            timers.set(Timer::Join, start + 45_000);
            assert_eq!(timers.next(), Some(start));
            assert_eq!(timers.expire(start + 1), Some((Timer::Noop, start)));
            assert_eq!(timers.expire(start + 24_999), None);
            assert_eq!(timers.expire(start + 25_000), Some((Timer::Heartbeat, start + 25_000)));
            timers.postpone(Timer::Join, start + 60_000);
            assert_eq!(timers.next(), Some(start + 60_000));
            timers.stop(Timer::Join);
        }
    }

    #[test]
    fn a_deadline_that_never_comes_hides_no_other() {
        let mut timers = Timers::new();
        timers.set(Timer::Heartbeat, Millis::MAX);
        timers.set(Timer::Join, 45_000);
        assert_eq!(timers.next(), Some(45_000));
        timers.stop(Timer::Join);
        assert!(timers.next().is_some_and(|at| at > 4_000_000_000));
    }

    #[test]
    fn the_table_stays_small() {
        assert!(size_of::<Timers>() <= 32);
    }
}
