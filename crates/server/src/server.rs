//! The server and how it is built.

mod cluster;
mod engine_options;
mod namespaces;
mod overload_options;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::{TcpListener, ToSocketAddrs};
use tower_service::Service;

use crate::config::{Config, Limits, TransportKind};
use crate::core::{Core, Layer};
use crate::engine::EngineHandler;
use crate::error::BuildError;
use crate::extract::{Context, FromContext, Nothing, Rejection, SocketKind};
use crate::id::SocketId;
use crate::namespace::{Namespace, Namespaces, rooted};
use crate::operators::{Broadcast, Cluster};
use crate::origin::OriginCheck;
use crate::recovery::Plan;
use crate::service::{NotFound, SocketIoLayer, SocketIoService};
use crate::socket::Socket;
use crate::state::States;
use crate::{listen, shutdown};

/// A Socket.IO server. Cheap to clone; all clones are the same server.
///
/// It needs a tokio runtime with I/O and time enabled, and uses as many of its workers as there are. Nothing runs
/// before the first connection comes.
///
/// ```no_run
/// use enchufe::{Data, Namespace, Server, Socket};
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let chat = Namespace::new("/")
///         .on("chat message", async |socket: Socket, Data(text): Data<String>| {
///             socket.broadcast().emit("chat message", text)
///         });
///     Server::builder().namespace(chat).build()?.listen("127.0.0.1:3000").await?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Server(Arc<Core>);

impl Server {
    /// A server with the default options and no namespace yet.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            config: Config::default(),
            namespaces: Vec::new(),
            states: States::default(),
            engine: None,
            origin_check: OriginCheck::Off,
            cluster: None,
        }
    }

    /// Listens on an address and serves until [`Server::close`]; other paths than the server's are answered 404.
    ///
    /// With [`ServerBuilder::reuse_port`] it has a listener for each worker of the runtime.
    ///
    /// Cancel safe: dropped, it accepts nobody any more; connections that are open go on.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub async fn listen(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        let listeners = listen::bind(&self.0, address).await?;
        listen::serve_all(&self.0, listeners).await
    }

    /// As [`Server::listen`], on a listener of your own: one bound to port 0, say, or inherited.
    ///
    /// # Errors
    /// None at present; a failure to accept one connection is logged and survived.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        self.serve_with(listener, NotFound).await
    }

    /// As [`Server::serve`], with an application behind it that answers all other paths: an axum `Router`, for
    /// example.
    ///
    /// ```no_run
    /// use axum::{Router, routing::get};
    ///
    /// # async fn example(io: enchufe::Server) -> std::io::Result<()> {
    /// let app = Router::new().route("/", get(async || "hello"));
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    /// io.serve_with(listener, app).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub async fn serve_with<S, B>(&self, listener: TcpListener, app: S) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Into<Bytes> + Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        listen::serve(self.0.clone(), listener, app).await
    }

    /// A tower layer that puts the server in front of an application: see [`SocketIoLayer`].
    ///
    /// What serves the application must allow upgrades, as `axum::serve` does, or there are no WebSockets.
    #[must_use]
    pub fn layer(&self) -> SocketIoLayer {
        SocketIoLayer(self.0.clone())
    }

    /// The server as a tower service, alone: other paths are answered 404. For hyper, wrap it in
    /// `hyper_util::service::TowerToHyperService` and serve it `with_upgrades`.
    #[must_use]
    pub fn service(&self) -> SocketIoService<NotFound> {
        SocketIoService::new(self.0.clone(), NotFound)
    }

    pub(crate) const fn core(&self) -> &Arc<Core> {
        &self.0
    }

    /// Everybody in a namespace, to emit to them from anywhere.
    ///
    /// ```
    /// # fn example(io: &enchufe::Server) -> Result<(), enchufe::EmitError> {
    /// io.of("/chat").to("lobby").emit("news", "the door is open")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Where no such namespace was defined, and no pattern allows it: a mistake in the program. Use
    /// [`Server::namespace`] for names that come from elsewhere.
    pub fn of(&self, namespace: &str) -> Broadcast {
        let name = rooted(namespace);
        match self.0.namespaces.find_at_once(&name) {
            Some(made) => Broadcast::new(Self::announce(&self.0, made)),
            None => panic!("no namespace {name} was defined; there are {:?}", self.0.namespaces.names()),
        }
    }

    /// Everybody in a namespace, if there is one of this name already.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<Broadcast> {
        self.0.namespaces.get(&rooted(name)).map(Broadcast::new)
    }

    /// The names of the namespaces that exist, the dynamic ones that clients have asked for included.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Arc<str>> {
        self.0.namespaces.names()
    }

    /// The socket with this id in a namespace, if it is on this node.
    #[must_use]
    pub fn socket(&self, namespace: &str, id: &SocketId) -> Option<Socket> {
        self.0.namespaces.get(&rooted(namespace))?.socket(id)
    }

    /// The number of connections on this node, whatever they have joined.
    #[must_use]
    #[doc(alias = "clients_count")]
    pub fn connections(&self) -> usize {
        self.0.registry.len()
    }

    /// As [`Server::close`], with the disconnections spread evenly over `window`, so that not all clients come to the
    /// other servers at once. During it those that have not had their turn go on as before; handshakes are answered
    /// 503. What [`Server::close`] does follows, within the shutdown time-out of its own.
    ///
    /// Each client sees its transport close and reconnects; nothing that was emitted before is lost to it.
    ///
    /// ```no_run
    /// # async fn example(io: enchufe::Server) {
    /// io.drain(std::time::Duration::from_secs(30)).await;
    /// # }
    /// ```
    ///
    /// Dropped before its end, it stops disconnecting; the server takes no connections all the same.
    pub async fn drain(&self, window: Duration) {
        shutdown::drain(&self.0, window).await;
        shutdown::close(&self.0, self.0.config.shutdown_timeout).await;
    }

    /// Closes in good order: no new connection, every socket disconnected with `server shutting down`, what
    /// was emitted delivered (clients that poll have 2 s at most to fetch it), handlers finished, all within the
    /// shutdown time-out, which begins after the [drain window](ServerBuilder::drain_window) if one is set. Clients will try to reconnect. Listeners end.
    ///
    /// A second call waits for the end as the first does. Dropped before its end, it leaves the server without new
    /// connections, with those that are open closing, and with its listeners open: call it again.
    pub async fn close(&self) {
        self.drain(self.0.config.drain_window).await;
    }
}

/// Handlers may take the server itself.
impl<K: SocketKind> FromContext<K> for Server {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        Ok(Self(cx.socket().connection().core.clone()))
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("path", &self.0.config.path)
            .field("namespaces", &self.0.namespaces.names())
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// The options of a [`Server`].
///
/// ```
/// use enchufe::{Cors, Limits, Namespace, Server};
/// use std::time::Duration;
///
/// let io = Server::builder()
///     .namespace(Namespace::new("/"))
///     .path("/realtime")
///     .ping_interval(Duration::from_secs(20))
///     .limits(Limits { max_connections: 20_000, ..Limits::default() })
///     .check_origin(["https://app.example.com"])
///     .cors(Cors::origins(["https://app.example.com"]))
///     .build()?;
/// # Ok::<_, enchufe::BuildError>(())
/// ```
#[must_use = "a builder builds nothing until `build` is called"]
pub struct ServerBuilder {
    pub(crate) config: Config,
    namespaces: Vec<Namespace>,
    states: States,
    engine: Option<Arc<dyn EngineHandler>>,
    origin_check: OriginCheck,
    cluster: Option<Arc<Cluster>>,
}

impl ServerBuilder {
    /// Adds a namespace. Clients that ask for one that was not added are told "Invalid namespace".
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespaces.push(namespace);
        self
    }

    /// Gives a value to the handlers: each takes a clone with the extractor [`State`](crate::State). One of each type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, state: T) -> Self {
        self.states.insert(state);
        self
    }

    /// Speaks Engine.IO alone; see [`engine`](crate::engine).
    pub fn engine(mut self, handler: impl EngineHandler) -> Self {
        self.engine = Some(Arc::new(handler));
        self
    }

    /// Whether the browser client is served under the path. Default yes.
    pub const fn serve_client(mut self, serve: bool) -> Self {
        self.config.serve_client = serve;
        self
    }

    /// The transports that clients may use. Default polling and WebSocket. A client that asks for another is answered
    /// 400.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.config.transports = transports.into_iter().collect();
        self
    }

    /// Whether a session over polling may upgrade. Default yes.
    pub const fn allow_upgrades(mut self, allow: bool) -> Self {
        self.config.allow_upgrades = allow;
        self
    }

    /// How long after a pong the next ping goes out. Default 25 s; with the ping time-out 24 days at most. The first comes
    /// at random in the second half of this time where it is 5 s or more, so that clients that came together are not pinged
    /// together.
    pub const fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// How long a pong may take; after that the client is disconnected with `ping timeout`. Default 20 s. Clients give
    /// up a server that has been silent for this and the ping interval together.
    pub const fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.config.ping_timeout = timeout;
        self
    }

    /// How long an upgrade may take; after that the client goes on with polling. Default 10 s.
    pub const fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.config.upgrade_timeout = timeout;
        self
    }

    /// How long a connection may stay without having joined a namespace. Default 45 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How long [`Server::close`] may take. Default 8 s. Half of it, and 2 s at most, is for clients to fetch what was
    /// emitted to them; the rest is for handlers to finish. With zero nothing is waited for.
    pub const fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.config.shutdown_timeout = timeout;
        self
    }

    /// Bytes of one POST or WebSocket message: a shorthand for [`Limits::max_payload_bytes`] that changes no other
    /// limit. Default 1,000,000.
    pub const fn max_http_buffer_size(mut self, bytes: usize) -> Self {
        self.config.limits.max_payload_bytes = bytes;
        self
    }

    /// Whether [`Server::listen`] opens a listener for each worker of the runtime on its address (`SO_REUSEPORT`), among
    /// which the kernel spreads new connections. Default no: one listener, from which one worker at a time accepts.
    ///
    /// It is for servers to which many thousands connect in a second, after a restart say, and for those that give each
    /// core a runtime of its own, with a call of `listen` in each: every connection is driven in the runtime that it came
    /// in. In one runtime of many workers messages cost the same either way. With it an address that another process of the same user listens on in this manner is not "in
    /// use": both get connections, which is how a new version takes over from an old one, and how a forgotten one
    /// goes unnoticed. On systems without it (Windows, Solaris) there is one listener all the same.
    pub const fn reuse_port(mut self, reuse: bool) -> Self {
        self.config.reuse_port = reuse;
        self
    }

    /// Replaces all limits, [`max_http_buffer_size`](Self::max_http_buffer_size) included.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Lets only pages of the server's own host, or of these other origins, open connections, over WebSocket
    /// too. Default off: CORS keeps pages of other origins from reading what is polled, but not from opening a
    /// WebSocket or from loading a script (JSONP), with the cookies of whoever looks at the page. A server that trusts
    /// cookies needs this. Scripts are then answered only where the request says which page loads them.
    pub fn check_origin<S: Into<String>>(mut self, others: impl IntoIterator<Item = S>) -> Self {
        self.origin_check = OriginCheck::SameHostOr(others.into_iter().map(Into::into).collect());
        self
    }

    /// Builds the server. Nothing runs yet.
    ///
    /// # Errors
    /// Where handlers take state that was not given, a namespace is defined twice, or a handler is for an
    /// event whose name is reserved, or an option can't be used: mistakes in the program, which [`BuildError`] explains.
    pub fn build(self) -> Result<Server, BuildError> {
        self.config.check()?;
        let states = Arc::new(self.states);
        let recovery = Plan::of(&self.config);
        let definitions = self
            .namespaces
            .into_iter()
            .map(|namespace| {
                let namespace = namespace.parser_or(self.config.parser).recovered_by(recovery.clone());
                namespace.in_cluster(self.cluster.as_ref()).define(&states)
            })
            .collect::<Result<_, _>>()?;
        let cleanup = self.config.cleanup_empty_child_namespaces;
        let (namespaces, made) = Namespaces::new(definitions, states, cleanup, recovery)?;
        let layer = self.engine.map_or(Layer::SocketIo, Layer::Engine);
        let server = Server(Core::new(self.config, layer, self.origin_check, namespaces));
        cluster::attach(&server.0, self.cluster);
        for made in made {
            Server::announce(&server.0, made);
        }
        Ok(server)
    }
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
