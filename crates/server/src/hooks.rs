//! What the application may have a say in when a request comes: the hooks of the engine.
//!
//! Promises: a hook that is not set costs a comparison. A hook that panics is logged, and counts as one that
//! refused (`allow_request`), failed (`generate_id`) or did nothing (the others): the driver and the other requests
//! go on. No lock is held while a hook runs.

use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::cors::Cors;
use crate::engine::EngineObserver;
use crate::error::ConnectionError;
use crate::handler::guarded;
use crate::http::{Answer, RequestHead};
use crate::id::SocketId;
use crate::server::Server;

/// The future of a hook.
type Asked<T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;
/// Lets a request in or not; makes an id.
type Ask<T> = Arc<dyn Fn(RequestHead) -> Asked<T> + Send + Sync>;
type EditHeaders = Arc<dyn Fn(&mut HeaderMap, &RequestHead) + Send + Sync>;
type ChooseCors = Arc<dyn Fn(&RequestHead) -> Option<Cors> + Send + Sync>;
type NewNamespace = Arc<dyn Fn(&Server, &str) + Send + Sync>;
type Notice = Arc<dyn Fn(&ConnectionError, &RequestHead) + Send + Sync>;

/// The address that a request is counted by.
pub(crate) type AddressOf = Arc<dyn Fn(&RequestHead) -> Option<IpAddr> + Send + Sync>;

/// What an answer must say for itself: a hook that changed it would only break the connection.
const FRAMING: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::SEC_WEBSOCKET_ACCEPT,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// All hooks of a server.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) allow_request: Option<Ask<()>>,
    pub(crate) generate_id: Option<Ask<String>>,
    pub(crate) initial_headers: Option<EditHeaders>,
    pub(crate) headers: Option<EditHeaders>,
    pub(crate) cors: Option<ChooseCors>,
    pub(crate) connection_error: Option<Notice>,
    pub(crate) observer: Option<Arc<dyn EngineObserver>>,
    pub(crate) address: Option<AddressOf>,
    pub(crate) new_namespace: Option<NewNamespace>,
}

/// A hook of the application in the form in which it is kept.
pub(crate) fn ask<T, E, F, Fut>(hook: F) -> Ask<T>
where
    F: Fn(RequestHead) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    E: Into<String>,
{
    Arc::new(move |head| {
        let asked = hook(head);
        Box::pin(async move { asked.await.map_err(Into::into) })
    })
}

impl Hooks {
    /// Whether the application lets a handshake in; the error is what the client is told.
    pub(crate) async fn allow(&self, head: &RequestHead) -> Result<(), String> {
        match &self.allow_request {
            Some(hook) => answer_of("allow_request", hook, head).await,
            None => Ok(()),
        }
    }

    /// The id of a new session.
    pub(crate) async fn session_id(&self, head: &RequestHead) -> Result<SocketId, String> {
        match &self.generate_id {
            Some(hook) => SocketId::made(&answer_of("generate_id", hook, head).await?),
            None => Ok(SocketId::random()),
        }
    }

    /// The address that a request's client has.
    pub(crate) fn address(&self, head: &RequestHead) -> Option<IpAddr> {
        match &self.address {
            Some(address_of) => guarded("address_of", || address_of(head)).flatten(),
            None => head.address().map(|address| address.ip()),
        }
    }

    /// Which cross-origin rules hold for a request, where they depend on it.
    pub(crate) fn cors(&self, head: &RequestHead) -> Option<Option<Cors>> {
        let choose = self.cors.as_ref()?;
        Some(guarded("cors_with", || choose(head)).flatten())
    }

    /// Whether any of them is shown the heads of requests.
    pub(crate) const fn see_heads(&self) -> bool {
        self.allow_request.is_some()
            || self.generate_id.is_some()
            || self.have_headers()
            || self.cors.is_some()
            || self.connection_error.is_some()
            || self.address.is_some()
    }

    /// Whether the application adds headers to answers.
    pub(crate) const fn have_headers(&self) -> bool {
        self.initial_headers.is_some() || self.headers.is_some()
    }

    /// Headers for the answer to a request of a session, or to one that opens one.
    pub(crate) fn headers_for(&self, head: &RequestHead, initial: bool) -> Additions {
        if !self.have_headers() {
            return Additions::default();
        }
        let initial_headers = self.initial_headers.as_ref().filter(|_| initial);
        let mut headers = HeaderMap::new();
        if let Some(edit) = initial_headers {
            guarded("initial_headers", || edit(&mut headers, head));
        }
        if let Some(edit) = &self.headers {
            guarded("headers", || edit(&mut headers, head));
        }
        Additions::from(headers)
    }

    /// Tells of a request that is refused.
    pub(crate) fn tell_refused(&self, error: &ConnectionError, head: &RequestHead) {
        if let Some(notice) = &self.connection_error {
            guarded("on_connection_error", || notice(error, head));
        }
    }
}

async fn answer_of<T>(name: &'static str, hook: &Ask<T>, head: &RequestHead) -> Result<T, String> {
    // Nothing of ours is shared with it but what it was given for itself.
    let asked = AssertUnwindSafe(async { hook(head.clone()).await }).catch_unwind();
    asked.await.unwrap_or_else(|_| {
        tracing::error!(hook = name, "hook panicked");
        Err("internal error".into())
    })
}

/// Headers that wait for their answer: in the space that they need, since a poll may wait for long.
#[derive(Default)]
pub(crate) struct Additions(Vec<(Option<HeaderName>, HeaderValue)>);

impl Additions {
    /// Adds one that stands beside others of its name.
    pub(crate) fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((Some(name), value));
    }

    /// The answer with them, whatever it is.
    pub(crate) fn on_any(self, mut answer: Answer) -> Answer {
        if !self.0.is_empty() {
            self.apply(answer.headers_mut());
        }
        answer
    }

    /// The answer with them, unless it is a refusal.
    pub(crate) fn on(self, answer: Answer) -> Answer {
        let status = answer.status();
        let serves = status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS;
        if serves { self.on_any(answer) } else { answer }
    }

    /// Puts them among an answer's headers: in the place of those of the same name, but for those of which there may be many.
    pub(crate) fn apply(self, answer: &mut HeaderMap) {
        let mut last = None;
        for (name, value) in self.0 {
            // A repeated name stands only before its first value.
            let repeated = name.is_none();
            last = name.or(last);
            let Some(name) = &last else { continue };
            if repeated || matches!(*name, header::SET_COOKIE | header::VARY) {
                answer.append(name, value);
            } else {
                answer.insert(name, value);
            }
        }
    }
}

impl From<HeaderMap> for Additions {
    fn from(mut headers: HeaderMap) -> Self {
        for name in &FRAMING {
            if headers.remove(name).is_some() {
                tracing::warn!(%name, "a hook may not set this header: left out");
            }
        }
        Self(headers.into_iter().collect())
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks")
            .field("allow_request", &self.allow_request.is_some())
            .field("generate_id", &self.generate_id.is_some())
            .field("initial_headers", &self.initial_headers.is_some())
            .field("headers", &self.headers.is_some())
            .field("connection_error", &self.connection_error.is_some())
            .field("observer", &self.observer.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_replace_but_for_those_of_which_there_are_many() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("a=1"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("b=2"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("7"));
        let mut answer = HeaderMap::new();
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.insert(header::SET_COOKIE, HeaderValue::from_static("io=x"));
        Additions::from(headers).apply(&mut answer);
        assert_eq!(answer[header::CACHE_CONTROL], "private");
        assert_eq!(answer.get_all(header::SET_COOKIE).iter().collect::<Vec<_>>(), ["io=x", "a=1", "b=2"]);
        assert!(!answer.contains_key(header::CONTENT_LENGTH), "the length is the body's");
    }
}
