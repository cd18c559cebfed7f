//! What one thread of the floor has for the clients of another.

use std::sync::{Arc, Mutex};

use mio::{Poll, Token, Waker};

use super::connection::State;
use crate::error::{Error, Result};

/// A message as it goes on the wire, and whom it is for.
#[derive(Debug)]
pub(super) enum Letter {
    Everybody(State, Arc<[u8]>),
    Room { room: Box<[u8]>, message: Arc<[u8]> },
}

/// The letters for one thread.
#[derive(Debug)]
pub(super) struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    waker: Waker,
}

impl Mailbox {
    /// One whose letters wake `poll` with `token`.
    pub(super) fn new(poll: &Poll, token: Token) -> Result<Self> {
        let waker = Waker::new(poll.registry(), token).map_err(Error::io("opening a waker"))?;
        Ok(Self { letters: Mutex::default(), waker })
    }

    /// Wakes only for the first letter: the others are found with it.
    pub(super) fn put(&self, letter: Letter) {
        let mut letters = self.letters.lock().expect("no thread panics while it holds the lock");
        letters.push(letter);
        if letters.len() == 1 {
            self.waker.wake().expect("an eventfd takes a one");
        }
    }

    pub(super) fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.letters.lock().expect("no thread panics while it holds the lock"))
    }
}
