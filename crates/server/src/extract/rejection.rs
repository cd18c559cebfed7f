//! Why a handler was not called.

use std::borrow::Cow;
use std::fmt;

/// Why an extractor could not make itself: the handler is not called, and the message goes to the client
/// where it waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    message: Cow<'static, str>,
}

/// Bytes that a message may have. What serde says of a value that doesn't fit quotes the value, which may be as
/// large as a message of the transport; it need not go back to the client whole.
const MAX_MESSAGE: usize = 256;

impl Rejection {
    /// A rejection with this message, which the client may read: it must hold no internals. One of more than
    /// 256 bytes is cut and ends in `…`.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        let mut message = message.into();
        if message.len() > MAX_MESSAGE {
            let text = message.to_mut();
            text.truncate(text.floor_char_boundary(MAX_MESSAGE - '…'.len_utf8()));
            text.push('…');
            text.shrink_to_fit();
        }
        Self { message }
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
