//! The head of a request, as the hooks of a server see it.

use std::borrow::Cow;
use std::net::SocketAddr;

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Uri};

use super::query::{self, Asked};
use super::{HoldBack, Listened, PeerAddr};

/// The head of an HTTP request: what the hooks of a server are shown, such as
/// [`ServerBuilder::allow_request`](crate::ServerBuilder::allow_request).
///
/// What middleware of tower has put among the request's extensions is there too: a user who was recognised by his
/// cookie, say.
///
/// ```
/// use enchufe::{RequestHead, Server};
///
/// #[derive(Clone)]
/// struct User(String);
///
/// let io = Server::builder().allow_request(async |request: RequestHead| match request.extension::<User>() {
///     Some(_) => Ok(()),
///     None => Err("log in first"),
/// });
/// # let _ = io.build()?;
/// # Ok::<_, enchufe::BuildError>(())
/// ```
#[derive(Clone)]
pub struct RequestHead {
    parts: Parts,
    caller: Caller,
}

/// What the HTTP server knows of who asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    pub(crate) address: Option<SocketAddr>,
    /// The request came to a listener of ours, whose connections are counted.
    pub(crate) listened: bool,
    /// Has the listener's stream hold back an answer.
    pub(crate) hold_back: Option<HoldBack>,
}

impl Caller {
    /// What was put among a request's extensions.
    pub(crate) fn told_by(extensions: &Extensions) -> Self {
        Self {
            address: extensions.get::<PeerAddr>().map(|peer| peer.0),
            listened: extensions.get::<Listened>().is_some(),
            hold_back: None,
        }
    }
}

impl RequestHead {
    pub(crate) const fn new(parts: Parts, caller: Caller) -> Self {
        Self { parts, caller }
    }

    /// The parameters of Engine.IO.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked::of(self.parts.uri.query().unwrap_or_default())
    }

    /// Has the answer leave with what is sent next, where that can be done.
    pub(crate) fn hold_back(&self) {
        if let Some(hold_back) = &self.caller.hold_back {
            hold_back.begin();
        }
    }

    /// Whether its HTTP connection is one of those that are counted.
    pub(crate) const fn is_listened(&self) -> bool {
        self.caller.listened
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The path and query, and whatever else the request's first line had.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// One header, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// One query parameter, decoded: the first of its name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        query::get(self.parts.uri.query().unwrap_or_default(), name)
    }

    /// The map of headers, when nothing else is looked at any more.
    pub(crate) fn into_headers(self) -> HeaderMap {
        self.parts.headers
    }

    /// What the HTTP server and middleware have added.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }

    /// One of them, by its type.
    #[must_use]
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.parts.extensions.get()
    }

    /// The address of the peer, or of the last proxy; `None` where the host server does not tell it: see
    /// [`PeerAddr`].
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.caller.address
    }

    /// Whether the request opens a connection; others belong to one that is open.
    #[must_use]
    pub fn is_handshake(&self) -> bool {
        self.query("sid").is_none()
    }
}

impl std::fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The query may hold a session's secret, and headers hold cookies.
        f.debug_struct("RequestHead").field("method", self.method()).finish_non_exhaustive()
    }
}
