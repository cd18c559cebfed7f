//! What a namespace is called, or how to know the names of several.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use regex::Regex;

use crate::extract::OnNamespace;
use crate::handler::{BoxHandler, guarded};

/// The name of a namespace, or how to know the names of several.
#[derive(Debug)]
pub(crate) enum Name {
    Exact(Box<str>),
    Dynamic(Dynamic),
}

/// How to know the names of several.
pub(crate) struct Dynamic {
    /// What the application calls all of them together.
    pub(crate) label: Box<str>,
    pub(crate) matcher: Matcher,
}

/// Which names are meant.
pub(crate) enum Matcher {
    Predicate(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    Regex(Regex),
    /// It takes its time, and depends on who asks.
    Asking(BoxHandler<OnNamespace>),
}

impl Dynamic {
    pub(crate) fn new(label: impl Into<Box<str>>, matcher: Matcher) -> Self {
        Self { label: label.into(), matcher }
    }

    /// Names of this form, with `*` for what is not empty and holds no `/`.
    pub(crate) fn pattern(pattern: &str) -> Result<Self, regex::Error> {
        let parts: Vec<_> = pattern.split('*').map(regex::escape).collect();
        Ok(Self::new(pattern, Matcher::Regex(whole(&parts.join("[^/]+"))?)))
    }

    pub(crate) fn regex(pattern: &str) -> Result<Self, regex::Error> {
        Ok(Self::new(pattern, Matcher::Regex(whole(pattern)?)))
    }

    /// Whether the application calls it so. A label that is a pattern may be given without its slash, as the pattern may.
    pub(crate) fn is_called(&self, label: &str) -> bool {
        *self.label == *label || *self.label == *rooted(label)
    }

    /// Whether this name is meant; `None` where it depends on who asks. A predicate that panics says no.
    pub(crate) fn matches(&self, name: &str) -> Option<bool> {
        match &self.matcher {
            Matcher::Predicate(accepts) => {
                Some(guarded("Namespace::matching", || accepts(name)).unwrap_or(false))
            }
            Matcher::Regex(regex) => Some(regex.is_match(name)),
            Matcher::Asking(_) => None,
        }
    }
}

/// What matches only whole names.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

/// The name with the slash that all begin with.
pub(crate) fn rooted(name: &str) -> Cow<'_, str> {
    if name.starts_with('/') { name.into() } else { format!("/{name}").into() }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact(name) => name,
            Self::Dynamic(dynamic) => &dynamic.label,
        })
    }
}

impl fmt::Debug for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dynamic").field(&self.label).finish()
    }
}
