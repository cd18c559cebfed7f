//! A client that is not let into a namespace.

use crate::error::HandlerError;
use crate::extract::Rejection;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// Why a middleware doesn't let a client in: the client's `connect_error`, with a message and optional data.
///
/// ```
/// use enchufe::Refusal;
///
/// let refusal = Refusal::new("unauthorized").with_data(serde_json::json!({"code": 401}));
/// assert_eq!(refusal.message(), "unauthorized");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    message: Cow<'static, str>,
    data: Option<Value>,
}

impl Refusal {
    /// A refusal with this message, which the client reads as `error.message`: it must hold no internals.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds what the client reads as `error.data`. A value that JSON can't hold (a map whose keys are no
    /// strings, say) is logged and left out.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        match serde_json::to_value(data) {
            Ok(data) => self.data = Some(data),
            Err(error) => tracing::warn!(%error, "the data of a refusal can't be encoded and is left out"),
        }
        self
    }

    /// What the client is told.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What goes beside the message.
    pub fn data(&self) -> Option<&Value> {
        self.data.as_ref()
    }

    /// For failures whose reason is nothing to the client.
    pub(crate) fn internal() -> Self {
        Self::new(HandlerError::INTERNAL)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The client's auth doesn't fit, for example.
impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.message().to_owned())
    }
}
