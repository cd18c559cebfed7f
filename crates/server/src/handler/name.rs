//! What a handler is called in the log.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

/// The name a handler was registered under. Every running handler holds it, so it is cheap to clone; and as
/// handlers of one event run on all workers at once, a name that the program was compiled with is not even
/// counted.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum HandlerName {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Deref for HandlerName {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Static(name) => name,
            Self::Shared(name) => name,
        }
    }
}

impl From<Cow<'static, str>> for HandlerName {
    fn from(name: Cow<'static, str>) -> Self {
        match name {
            Cow::Borrowed(name) => Self::Static(name),
            Cow::Owned(name) => Self::Shared(name.into()),
        }
    }
}

impl From<&'static str> for HandlerName {
    fn from(name: &'static str) -> Self {
        Self::Static(name)
    }
}
