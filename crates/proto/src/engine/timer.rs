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

/// One deadline for each [`Timer`]; `Millis::MAX` where it is not set.
#[derive(Debug, Clone)]
pub(super) struct Timers([Millis; Timer::COUNT]);

impl Timers {
    pub(super) const fn new() -> Self {
        Self([Millis::MAX; Timer::COUNT])
    }

    pub(super) fn set(&mut self, timer: Timer, at: Millis) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = at;
        }
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.set(timer, Millis::MAX);
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
        self.0.get(timer as usize).is_some_and(|at| *at != Millis::MAX)
    }

    /// The earliest deadline of all.
    pub(super) fn next(&self) -> Option<Millis> {
        self.0.iter().copied().min().filter(|at| *at != Millis::MAX)
    }

    /// Takes one timer that is due, in the order of the table, and when it was.
    pub(super) fn expire(&mut self, now: Millis) -> Option<(Timer, Millis)> {
        let at = |timer: Timer| self.0.get(timer as usize).copied().filter(|at| *at <= now);
        let (timer, due) = Timer::ALL.into_iter().find_map(|timer| Some((timer, at(timer)?)))?;
        self.stop(timer);
        Some((timer, due))
    }
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
}
