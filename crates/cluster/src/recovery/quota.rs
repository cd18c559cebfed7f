//! What all stores of a server may hold together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What all stores of a server may hold together: clients choose how many namespaces there are.
///
/// An eighth of it is for those that hold little, so that a busy namespace leaves something to the quiet ones.
#[derive(Debug)]
pub struct Quota {
    max_bytes: usize,
    max_sessions: usize,
    bytes: AtomicUsize,
    sessions: AtomicUsize,
}

impl Quota {
    /// So many bytes, of packets and of sessions, and so many sessions without a connection.
    #[must_use]
    pub const fn new(max_bytes: usize, max_sessions: usize) -> Self {
        Self { max_bytes, max_sessions, bytes: AtomicUsize::new(0), sessions: AtomicUsize::new(0) }
    }

    /// The bytes that are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The sessions that are held.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    /// Whether so much is held that it is worth looking for what is too old in stores to which nothing comes.
    #[must_use]
    pub fn is_half_full(&self) -> bool {
        self.bytes() > self.max_bytes / 2 || self.sessions() > self.max_sessions / 2
    }

    pub(super) fn take_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_bytes(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn take_session(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn give_session(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a store that holds so many bytes and sessions has to give something up.
    pub(super) fn is_over_for(&self, bytes: usize, sessions: usize) -> bool {
        self.has_too_many_bytes_for(bytes)
            || self.sessions() > left_to_one_that_holds(sessions, self.max_sessions)
    }

    /// Whether a store that holds so many bytes has to give some up.
    pub(super) fn has_too_many_bytes_for(&self, bytes: usize) -> bool {
        self.bytes() > left_to_one_that_holds(bytes, self.max_bytes)
    }
}

/// How far all stores may go together where it is one that holds so much that goes on.
const fn left_to_one_that_holds(own: usize, max: usize) -> usize {
    if own > max / 16 { max - max / 8 } else { max }
}
