//! The server's clock, in the milliseconds that sessions count in, and dates for people.

use std::time::{Duration, SystemTime};

use enchufe_proto::engine::Millis;
use tokio::time::Instant;

/// Milliseconds since the server was built. It follows tokio's clock, so tests can pause it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(self) -> Millis {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn at(self, millis: Millis) -> Instant {
        self.origin + Duration::from_millis(millis)
    }
}

/// Later than any server runs: what is longer is for ever. Some arithmetic with times would fail there.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

/// The moment in so long, whatever an application takes for long.
pub(crate) fn after(time: Duration) -> Instant {
    Instant::now() + time.min(FOR_EVER)
}

/// A length of time as sessions count it, with room for sums.
pub(crate) fn millis(time: Duration) -> Millis {
    u64::try_from(time.min(FOR_EVER).as_millis()).unwrap_or(u64::MAX / 4)
}

/// A date as JavaScript prints it: `Sat Nov 21 2026 02:22:00 GMT+0000`.
pub(crate) fn http_date_local(time: SystemTime) -> String {
    let text = httpdate::fmt_http_date(time);
    let mut parts = text.split([' ', ',']).filter(|part| !part.is_empty());
    let mut next = || parts.next().unwrap_or_default();
    let (weekday, day, month, year, clock) = (next(), next(), next(), next(), next());
    format!("{weekday} {month} {day} {year} {clock} GMT+0000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn dates_read_as_in_javascript() {
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(http_date_local(time), "Sun Nov 06 1994 08:49:37 GMT+0000");
    }
}
