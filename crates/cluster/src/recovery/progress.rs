//! How far a session has come: what was handed to its connection.

use super::Position;
use super::offset::Seen;

/// What was handed to the connection of a session, as positions of its namespace's log.
///
/// Four numbers are enough to tell whether something that a client has not seen is gone from the log: what was handed
/// out falls into a run that is still kept whole, and what came before it, of which the last is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The client has seen this much for certain.
    begin: Position,
    /// The last that was handed out before the run.
    before: Position,
    /// The first of the run: when it was handed out, or a later one of the run was, it was kept.
    first: Position,
    /// The last that was handed out.
    last: Position,
}

impl Progress {
    /// A session that begins behind this position.
    #[must_use]
    pub const fn beginning(at: Position) -> Self {
        Self { begin: at, before: at, first: at, last: at }
    }

    /// A session that began behind one position and was handed something up to another. How much of that is one run is not
    /// known: a client that has not seen the last of it is resumed only where all of it is kept.
    pub(super) const fn between(began: Position, last: Position) -> Self {
        Self { begin: began, before: last, first: last, last }
    }

    /// What its client has seen for certain.
    #[must_use]
    pub const fn seen(&self) -> Position {
        self.begin
    }

    /// A packet was handed to the session's connection, when everything up to `gone` had left the log.
    pub const fn hand_out(&mut self, position: Position, gone: Position) {
        if self.first <= gone {
            (self.before, self.first) = (self.last, position);
        }
        self.last = position;
    }

    /// Behind which position a client that has seen so much goes on, or `None` where nobody can say what it has missed.
    ///
    /// `left` is the last position when the session lost its connection, `gone` the last that the log has lost, `end`
    /// the last that it has given out.
    pub(super) fn resume(
        &self,
        seen: Seen,
        left: Position,
        gone: Position,
        end: Position,
    ) -> Option<Position> {
        let seen = match seen {
            Seen::UpTo(position) if position > end => return None,
            Seen::UpTo(position) => position.max(self.begin),
            Seen::Nothing | Seen::OtherLog => self.begin,
            Seen::Unknown if self.last == self.begin => self.begin,
            Seen::Unknown => return None,
        };
        // What is gone was handed out, or is not for this session; what came after it had left, nobody knows.
        let whole = gone <= seen
            || (gone <= left && (self.last <= seen || (self.before <= seen && self.first > gone)));
        whole.then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(handed_out: &[(Position, Position)]) -> Progress {
        let mut progress = Progress::beginning(10);
        for &(position, gone) in handed_out {
            progress.hand_out(position, gone);
        }
        progress
    }

    #[test]
    fn nothing_handed_out_yet() {
        let progress = with(&[]);
        for seen in [Seen::Nothing, Seen::OtherLog, Seen::Unknown, Seen::UpTo(3), Seen::UpTo(10)] {
            // However much of the log is gone, as long as it was there when the session lost its connection.
            assert_eq!(progress.resume(seen, 500, 500, 900), Some(10));
            assert_eq!(progress.resume(seen, 500, 501, 900), None, "something may have been for it");
        }
    }

    #[test]
    fn an_old_offset_is_good_where_nothing_was_handed_out_since() {
        let progress = with(&[(11, 0), (20, 15)]);
        assert_eq!(progress.resume(Seen::UpTo(20), 500, 499, 900), Some(20));
        assert_eq!(progress.resume(Seen::UpTo(11), 500, 499, 900), None, "20 was not seen and is gone");
    }

    #[test]
    fn a_quiet_client_may_miss_the_last_run_that_is_kept() {
        // 11 was long gone when 100, 101 and 102 came.
        let progress = with(&[(11, 0), (100, 50), (101, 50), (102, 60)]);
        for (seen, gone, expected) in [
            (11, 99, Some(11)),
            (11, 100, None),
            (100, 100, Some(100)),
            (100, 101, None),
            (101, 101, Some(101)),
            (102, 400, Some(102)),
            // It says that it has not even seen 11.
            (10, 99, None),
        ] {
            assert_eq!(progress.resume(Seen::UpTo(seen), 500, gone, 900), expected, "{seen} {gone}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let progress = with(&[(11, 0)]);
        assert_eq!(progress.resume(Seen::UpTo(901), 500, 0, 900), None);
        assert_eq!(progress.resume(Seen::Unknown, 500, 0, 900), None);
        assert_eq!(progress.resume(Seen::Nothing, 500, 0, 900), Some(10));
        assert_eq!(progress.resume(Seen::OtherLog, 500, 0, 900), Some(10));
    }
}
