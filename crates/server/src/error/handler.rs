//! A handler that failed: what the log gets, and what the client may know of it.

use crate::error::Refusal;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// What a handler returns as its error: any error becomes one with `?`.
///
/// The client that waits for an answer gets `{error: "internal error"}` and the log gets the error itself,
/// with the event's name. Only a message given to [`new`](Self::new) is meant for the client. It is not
/// itself a [`std::error::Error`], as otherwise `?` could not make it of all others.
///
/// ```
/// use enchufe::{Data, HandlerError, Namespace};
///
/// Namespace::new("/").on("half", async |Data(text): Data<String>| -> Result<i64, HandlerError> {
///     let number: i64 = text.parse()?;                        // the client gets "internal error"
///     if number % 2 != 0 {
///         return Err(HandlerError::new("the number is odd")); // the client gets this
///     }
///     Ok(number / 2)
/// });
/// ```
pub struct HandlerError {
    told: Option<Refusal>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl HandlerError {
    /// What a client is told of an error that was not made for it.
    pub(crate) const INTERNAL: &str = "internal error";

    /// An error with this message for the client: it must hold no internals.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { told: Some(Refusal::new(message)), source: None }
    }

    /// Adds the error that is behind this one, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the client is told.
    pub fn message(&self) -> &str {
        self.told.as_ref().map_or(Self::INTERNAL, Refusal::message)
    }

    /// The error that is behind this one and that the client is not told.
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// Writes the error to the log: what was not meant for the client is a fault of the server.
    pub(crate) fn log(&self, handler: &str) {
        match &self.source {
            Some(source) => tracing::error!(handler, error = %Chain(&**source), "handler failed"),
            None => tracing::debug!(handler, error = self.message(), "handler answered with an error"),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(source: E) -> Self {
        Self { told: None, source: Some(Box::new(source)) }
    }
}

/// A middleware may give up with `?` on either.
impl From<Refusal> for HandlerError {
    fn from(refusal: Refusal) -> Self {
        Self { told: Some(refusal), source: None }
    }
}

/// A middleware that fails lets nobody in, and the client is told no more than [`HandlerError::message`].
impl From<HandlerError> for Refusal {
    fn from(error: HandlerError) -> Self {
        error.told.unwrap_or_else(Self::internal)
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerError")
            .field("message", &self.message())
            .field("source", &self.source)
            .finish()
    }
}

/// An error and what caused it, in one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}
