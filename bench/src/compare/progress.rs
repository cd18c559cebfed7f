//! How far a comparison is, and how long it will still take, on standard error.

use std::time::{Duration, Instant};

/// Seconds that runs should take, and did take.
#[derive(Debug)]
pub(super) struct Progress {
    begun: Instant,
    /// Estimated seconds of all runs.
    total: f64,
    /// Estimated seconds of those that are done.
    done: f64,
}

impl Progress {
    pub(super) fn new(total: f64) -> Self {
        Self { begun: Instant::now(), total, done: 0.0 }
    }

    /// Notes that runs of so many estimated seconds are over, and says so.
    pub(super) fn advance(&mut self, estimated: f64, line: &str) {
        self.done += estimated;
        let spent = self.begun.elapsed();
        let percent = (100.0 * self.done / self.total.max(self.done)).floor();
        eprintln!("[{percent:3} %, {}{}] {line}", clock(spent), left(spent, self.done, self.total));
    }

    /// How long it took.
    pub(super) fn elapsed(&self) -> String {
        clock(self.begun.elapsed())
    }
}

/// The estimate is corrected by how wrong it was so far, once there is enough of that.
fn left(spent: Duration, done: f64, total: f64) -> String {
    if done < 0.02 * total || done >= total {
        return String::new();
    }
    let seconds = spent.as_secs_f64() * (total - done) / done;
    format!(", {} left", clock(Duration::from_secs_f64(seconds)))
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_what_was_spent() {
        let spent = Duration::from_secs(30);
        assert_eq!(left(spent, 10.0, 100.0), ", 4:30 left");
        assert_eq!(left(spent, 0.1, 100.0), "");
        assert_eq!(left(spent, 100.0, 100.0), "");
    }
}
