//! How much one person may do, over all their tabs.

use std::time::Duration;

use crate::throttle::{Limiter, Wait};

/// Tabs and devices of one person at once.
pub(super) const MAX_TABS: usize = 20;

/// Allowances by person key.
pub(super) struct PersonLimits {
    messages: Limiter<String>,
    pictures: Limiter<String>,
    rooms: Limiter<String>,
    questions: Limiter<String>,
    typing: Limiter<String>,
}

impl Default for PersonLimits {
    fn default() -> Self {
        Self {
            // Faster than anybody types, slower than a flood.
            messages: Limiter::new(15, Duration::from_millis(500)),
            pictures: Limiter::new(6, Duration::from_secs(4)),
            rooms: Limiter::new(5, Duration::from_secs(60)),
            // Entering, leaving, paging, reading: a page that reconnects asks for each of its rooms.
            questions: Limiter::new(100, Duration::from_millis(100)),
            typing: Limiter::new(10, Duration::from_secs(1)),
        }
    }
}

impl PersonLimits {
    pub(super) fn message(&self, person: &str) -> Result<(), Wait> {
        self.messages.take(person.to_owned())
    }

    pub(super) fn picture(&self, person: &str) -> Result<(), Wait> {
        self.pictures.take(person.to_owned())
    }

    pub(super) fn room(&self, person: &str) -> Result<(), Wait> {
        self.rooms.take(person.to_owned())
    }

    pub(super) fn question(&self, person: &str) -> Result<(), Wait> {
        self.questions.take(person.to_owned())
    }

    pub(super) fn typing(&self, person: &str) -> Result<(), Wait> {
        self.typing.take(person.to_owned())
    }
}
