//! The options of the engine: where it answers, whom it lets in, and what the application has a say in when a request
//! comes. Names and defaults are the official server's.

use std::future::Future;
use std::sync::Arc;

use http::HeaderMap;

use super::{Server, ServerBuilder};
use crate::config::HTTP_COMPRESSION;
use crate::cookie::Cookie;
use crate::cors::Cors;
use crate::engine::{EngineObserver, EngineSocket, Message};
use crate::error::ConnectionError;
use crate::hooks;
use crate::http::RequestHead;

/// The connections below the sockets.
impl Server {
    /// All connections on this node, as they are now.
    #[must_use]
    pub fn engine_sockets(&self) -> Vec<EngineSocket> {
        self.0.registry.all().into_iter().map(EngineSocket).collect()
    }

    /// The connection with this session id, if it is on this node.
    #[must_use]
    pub fn engine_socket(&self, sid: &str) -> Option<EngineSocket> {
        self.0.registry.get(sid).map(EngineSocket)
    }
}

/// Options of the engine.
impl ServerBuilder {
    /// The path under which the server answers. Default `/socket.io`; a trailing slash is added, see
    /// [`add_trailing_slash`](Self::add_trailing_slash). Clients must use the same one: `io({ path: "/realtime" })`.
    ///
    /// Only this path and what is below it: `/socket.iox/` is the application's.
    pub fn path(mut self, path: &str) -> Self {
        let path = path.trim_matches('/');
        self.config.path = if path.is_empty() { String::new() } else { format!("/{path}") };
        self
    }

    /// Whether the path ends in a slash. Default yes. Without it the path itself is the server's too, for clients that
    /// say `addTrailingSlash: false`, and proxies that strip it; what is below it is the server's either way.
    pub const fn add_trailing_slash(mut self, add: bool) -> Self {
        self.config.trailing_slash = add;
        self
    }

    /// Decides whether a request may open a connection: over polling and over WebSocket, before anything else is done
    /// for it. It is not asked again for the requests that follow.
    ///
    /// A client that polls is answered 403 with `{"code":4,"message":…}`: the official client's `connect_error` says
    /// "xhr poll error", with the answer in `error.context.responseText`. A WebSocket's request is answered 400 with the
    /// message, which browsers show to nobody. Either tries again later.
    ///
    /// This is the place for what the HTTP request tells: addresses, cookies, headers. Who may enter a namespace, with
    /// what the client sends as `auth`, is for a [middleware](crate::Namespace::middleware) to decide. What must see
    /// all requests, or answer them itself, is tower's business: put its layers around [`Server::layer`].
    ///
    /// It has as long as [`connect_timeout`](Self::connect_timeout).
    ///
    /// ```
    /// use enchufe::{RequestHead, Server};
    ///
    /// let io = Server::builder()
    ///     .allow_request(async |request: RequestHead| match request.header("x-api-key") {
    ///         Some("secret") => Ok(()),
    ///         _ => Err("a key is needed"),
    ///     })
    ///     .build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    ///
    /// What the hook captures it clones into its future:
    ///
    /// ```
    /// # use std::collections::HashSet;
    /// # use std::net::IpAddr;
    /// # use std::sync::{Arc, RwLock};
    /// use enchufe::{RequestHead, Server};
    ///
    /// let banned: Arc<RwLock<HashSet<IpAddr>>> = Arc::default();
    /// let io = Server::builder().allow_request(move |request: RequestHead| {
    ///     let banned = banned.clone();
    ///     async move {
    ///         let address = request.address().map(|address| address.ip());
    ///         let known = banned.read().map_err(|_| "internal error")?;
    ///         if address.is_some_and(|address| known.contains(&address)) { Err("banned") } else { Ok(()) }
    ///     }
    /// });
    /// # let _ = io.build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    ///
    /// [`Server::layer`]: crate::Server::layer
    pub fn allow_request<F, Fut, E>(mut self, allow: F) -> Self
    where
        F: Fn(RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<String>,
    {
        self.config.hooks.allow_request = Some(hooks::ask(allow));
        self
    }

    /// Makes the ids of sessions, which are random otherwise. An id is a secret: whoever knows it can speak for its
    /// client. It has 16 to 128 characters of `A–Z a–z 0–9 - _ . ~`, and no two sessions of a cluster may have the
    /// same. Where it fails, or what it makes is no such id, or is another session's, the request is refused with
    /// [`BadRequest::IdGenerationError`](crate::BadRequest::IdGenerationError). It has as long as
    /// [`connect_timeout`](Self::connect_timeout).
    ///
    /// Clients of Socket.IO 2 make their public id of it; in `/` they can't be reached by it with `to` unless it has
    /// twenty characters, as the random ones do.
    ///
    /// ```
    /// use enchufe::{RequestHead, Server};
    ///
    /// # fn random() -> String { "0123456789abcdef".into() }
    /// // So that a load balancer can tell by the id which node it belongs to.
    /// let io = Server::builder()
    ///     .generate_id(async |_: RequestHead| Ok::<_, String>(format!("node-7.{}", random())))
    ///     .build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    pub fn generate_id<F, Fut, E>(mut self, generate: F) -> Self
    where
        F: Fn(RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<String>,
    {
        self.config.hooks.generate_id = Some(hooks::ask(generate));
        self
    }

    /// Adds headers to the answer that opens a connection: to the polling handshake, or to the 101 of a WebSocket. It
    /// must not block.
    ///
    /// ```
    /// use enchufe::Server;
    /// use http::{HeaderValue, header};
    ///
    /// let io = Server::builder()
    ///     .initial_headers(|headers, _| {
    ///         headers.append(header::SET_COOKIE, HeaderValue::from_static("seen=1; Path=/"));
    ///     })
    ///     .build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    pub fn initial_headers(
        mut self,
        edit: impl Fn(&mut HeaderMap, &RequestHead) + Send + Sync + 'static,
    ) -> Self {
        self.config.hooks.initial_headers = Some(Arc::new(edit));
        self
    }

    /// Adds headers to every answer of a connection that is no refusal: to polls, POSTs and upgrades, and after
    /// [`initial_headers`](Self::initial_headers) to the first one. It must not block. For a poll it is asked when the
    /// poll comes, not when it is answered.
    pub fn headers(mut self, edit: impl Fn(&mut HeaderMap, &RequestHead) + Send + Sync + 'static) -> Self {
        self.config.hooks.headers = Some(Arc::new(edit));
        self
    }

    /// Is told of every request that is refused with one of the official codes, and why: for logs and counters. (Those
    /// for which there is no room are answered 503, or 431 for a head that is too large.) It must not block.
    ///
    /// ```
    /// use enchufe::{ConnectionError, Server};
    ///
    /// let io = Server::builder()
    ///     .on_connection_error(|error, request| match error {
    ///         ConnectionError::UnknownSid { .. } => eprintln!("is the load balancer sticky?"),
    ///         error => eprintln!("{:?}: {} {error}", request.address(), error.code()),
    ///     })
    ///     .build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    pub fn on_connection_error(
        mut self,
        notice: impl Fn(&ConnectionError, &RequestHead) + Send + Sync + 'static,
    ) -> Self {
        self.config.hooks.connection_error = Some(Arc::new(notice));
        self
    }

    /// Watches the connections of the server: what opens, flows, upgrades and closes. See
    /// [`EngineObserver`](crate::engine::EngineObserver).
    pub fn observe(mut self, observer: impl EngineObserver) -> Self {
        self.config.hooks.observer = Some(Arc::new(observer));
        self
    }

    /// A message that every new connection is sent behind its handshake, in the same answer over polling. Default
    /// none. It is a message of Engine.IO: only for clients that speak no Socket.IO, or expect it.
    pub fn initial_packet(mut self, message: impl Into<Message>) -> Self {
        self.config.initial_packet = Some(message.into());
        self
    }

    /// Whether the answers to polls are compressed, with gzip or deflate, for clients that accept it. Default yes, from
    /// 1,024 bytes on, unless all packets of an answer were emitted with `compress(false)`. Large ones are compressed on
    /// the runtime's blocking threads. WebSockets are not concerned.
    pub const fn http_compression(mut self, compress: bool) -> Self {
        self.config.http_compression = if compress { Some(HTTP_COMPRESSION) } else { None };
        self
    }

    /// Compresses the answers to polls from so many bytes on.
    pub const fn http_compression_threshold(mut self, bytes: usize) -> Self {
        self.config.http_compression = Some(bytes);
        self
    }

    /// Lets pages of other origins use the server over HTTP. Default none. Its headers are on the client's files and
    /// on refusals too, and preflights are answered.
    pub fn cors(mut self, cors: Cors) -> Self {
        self.config.cors = Some(cors);
        self
    }

    /// As [`cors`](Self::cors), with rules that depend on the request; `None` for none. It must not block.
    ///
    /// ```
    /// use enchufe::{Cors, RequestHead, Server};
    ///
    /// let io = Server::builder()
    ///     .cors_with(|request: &RequestHead| request.header("x-internal").is_none().then(Cors::any))
    ///     .build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    pub fn cors_with(
        mut self,
        choose: impl Fn(&RequestHead) -> Option<Cors> + Send + Sync + 'static,
    ) -> Self {
        self.config.hooks.cors = Some(Arc::new(choose));
        self
    }

    /// Sends a cookie with the session's id at the polling handshake, for load balancers that keep a client on its
    /// node. Default none. A name alone stands for [`Cookie::new`]: `HttpOnly`, `SameSite=Lax`, for the whole host.
    pub fn cookie(mut self, cookie: impl Into<Cookie>) -> Self {
        self.config.cookie = Some(cookie.into());
        self
    }
}
