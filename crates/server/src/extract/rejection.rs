//! Why a handler was not called.

use std::borrow::Cow;
use std::fmt;

/// Why an extractor could not make itself: the handler is not called, and the message goes to the client
/// where it waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    message: Cow<'static, str>,
}

impl Rejection {
    /// A rejection with this message, which the client may read: it must hold no internals.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into() }
    }

    /// What the client is told.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Rejection {}
