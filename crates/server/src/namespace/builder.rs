//! `Namespace`: what the application registers, before the server is built.

use super::execution::Execution;
use super::name::{Dynamic, Matcher, Name, rooted};
use super::routes::Routes;
use crate::error::BuildError;
use crate::extract::{
    OnConnect, OnDisconnect, OnError, OnEvent, OnFallback, OnIncoming, OnMiddleware, OnNamespace,
};
use crate::handler::Handler;
use crate::operators::is_reserved_for_servers;
use crate::state::States;
use enchufe_proto::socket::is_reserved;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A namespace: its name, and the handlers that all its sockets share.
///
/// Handlers are registered once, so that they cost a connected socket nothing. A handler is an async
/// function whose arguments are [extractors](crate::extract::FromContext); handlers of one kind are called in the
/// order they are registered in.
///
/// ```
/// use enchufe::{Ack, Data, DisconnectReason, Handshake, Namespace, Refusal, Socket};
///
/// let chat = Namespace::new("/chat")
///     .middleware(async |handshake: Handshake| {
///         if allowed(&handshake) { Ok(()) } else { Err(Refusal::new("unauthorized")) }
///     })
///     .on_connect(async |socket: Socket| { /* … */ })
///     .on("add", async |Data((a, b)): Data<(i64, i64)>| a + b)
///     .on_disconnect(async |socket: Socket, reason: DisconnectReason| println!("left: {reason}"));
/// # fn allowed(_: &Handshake) -> bool { true }
/// ```
#[must_use = "a namespace is added to a server with `Server::builder().namespace(…)`"]
pub struct Namespace {
    name: Name,
    pub(crate) routes: Routes,
    /// What is wrong with it.
    fault: Option<Fault>,
}

/// What is wrong with a registration, told when the server is built.
enum Fault {
    Reserved(String),
    Pattern(regex::Error),
}

impl Namespace {
    /// The namespace of this name. A name that doesn't begin with `/` gets one; `/` is the main namespace.
    pub fn new(name: impl Into<String>) -> Self {
        Self::named(Name::Exact(rooted(&name.into()).into()))
    }

    /// Namespaces that come into being when a client asks for a name that `accepts` and that no
    /// [`new`](Self::new) namespace has. Each name is a namespace of its own, with its own sockets and rooms,
    /// and all share these handlers. The name always begins with `/`.
    ///
    /// `accepts` is called for each client, with what the client sent: it must be quick and must not block.
    /// It decides how many namespaces clients can create; who may enter is for a
    /// [`middleware`](Self::middleware) to say.
    ///
    /// ```
    /// use enchufe::Namespace;
    ///
    /// Namespace::matching(|name| {
    ///     name.strip_prefix("/tenant-").is_some_and(|id| id.parse::<u32>().is_ok())
    /// });
    /// ```
    pub fn matching(accepts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::dynamic(Dynamic::new("(matching)", Matcher::Predicate(Arc::new(accepts))))
    }

    /// As [`matching`](Self::matching), for the names of a pattern, in which each `*` stands for one or more characters
    /// that are no `/`: `/tenant-*`, `/*/chat`. All else stands for itself.
    ///
    /// ```
    /// use enchufe::Namespace;
    ///
    /// Namespace::pattern("/tenant-*"); // "/tenant-7", and neither "/tenant-" nor "/tenant-7/chat"
    /// ```
    pub fn pattern(pattern: impl Into<String>) -> Self {
        let pattern = rooted(&pattern.into()).into_owned();
        Self::made(Dynamic::pattern(&pattern), pattern)
    }

    /// As [`matching`](Self::matching), for names that a regular expression matches, in the syntax of the crate
    /// [`regex`](https://docs.rs/regex/latest/regex/#syntax).
    ///
    /// **The whole name has to match**, as if the expression stood between `^` and `$`. (In the official server
    /// `of(/tenant/)` also accepts "/tenant-7/admin": write `.*` where that is meant.) Names begin with `/`. `\d` is a
    /// digit of any script: write `[0-9]`. Matching takes time that grows no faster than the name, whatever clients send.
    ///
    /// The server isn't built if the expression is none.
    ///
    /// ```
    /// use enchufe::Namespace;
    ///
    /// Namespace::regex("/tenant-[0-9]{1,6}"); // of(/^\/tenant-[0-9]{1,6}$/)
    /// ```
    pub fn regex(expression: impl Into<String>) -> Self {
        let expression = expression.into();
        Self::made(Dynamic::regex(&expression), expression)
    }

    /// As [`matching`](Self::matching), with a predicate that may take its time, look at who asks, and refuse in its own
    /// words: it is an async function of extractors, which are [`NamespaceName`](crate::NamespaceName),
    /// [`Handshake`](crate::Handshake), [`Auth`](crate::Auth) and [`State`](crate::State). There is no socket yet.
    ///
    /// It returns `bool`, or a `Result` of it whose `Err` the client is told as its `connect_error`:
    /// see [`IntoAdmission`](crate::handler::IntoAdmission). Definitions are tried in the order in which they were added;
    /// `false` leaves the name to the next one. The client waits meanwhile, bounded by the server's `connect_timeout`.
    ///
    /// It is asked for each client that wants a name which does not exist, so it may be asked several times for one name;
    /// there is still only one namespace. Where the namespace exists nobody is asked any more: who may *enter* is for a
    /// [`middleware`](Self::middleware) to say.
    ///
    /// [`Server::of`](crate::Server::of) brings no such namespace into being, for there is nobody who asks.
    ///
    /// ```
    /// use enchufe::{Auth, Namespace, NamespaceName, Refusal, State};
    ///
    /// #[derive(Clone)]
    /// struct Tenants; // a database, say
    /// # impl Tenants { async fn exists(&self, _: &str) -> bool { true } }
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Credentials { token: String }
    ///
    /// Namespace::matching_async(
    ///     async |NamespaceName(name): NamespaceName, Auth(auth): Auth<Credentials>, State(tenants): State<Tenants>| {
    ///         if auth.token.is_empty() {
    ///             return Err(Refusal::new("unauthorized"));
    ///         }
    ///         Ok(tenants.exists(&name).await)
    ///     },
    /// )
    /// .label("tenants");
    /// ```
    pub fn matching_async<H, A, M>(predicate: H) -> Self
    where
        H: Handler<OnNamespace, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let predicate = predicate.erase("matching_async".into()).0;
        Self::dynamic(Dynamic::new("(matching)", Matcher::Asking(predicate)))
    }

    /// What all the namespaces of a dynamic definition are called together, in
    /// [`Server::children`](crate::Server::children) and [`Server::remove_namespace`](crate::Server::remove_namespace).
    /// Default the pattern or expression, and `(matching)` where there is none. Without effect on a namespace with a
    /// name of its own.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        if let Name::Dynamic(dynamic) = &mut self.name {
            dynamic.label = label.into().into();
        }
        self
    }

    fn dynamic(dynamic: Dynamic) -> Self {
        Self::named(Name::Dynamic(dynamic))
    }

    fn made(dynamic: Result<Dynamic, regex::Error>, label: String) -> Self {
        match dynamic {
            Ok(dynamic) => Self::dynamic(dynamic),
            // Its name is for the error alone.
            Err(error) => {
                Self { fault: Some(Fault::Pattern(error)), ..Self::named(Name::Exact(label.into())) }
            }
        }
    }

    fn named(name: Name) -> Self {
        Self { name, routes: Routes::default(), fault: None }
    }

    /// Calls `handler` for each client that asks to enter, before it is let in.
    ///
    /// Middlewares run one after the other; the first `Err` refuses the client with a `connect_error` and
    /// ends it. The socket exists by then: a middleware may set its data, join rooms and emit, and what it
    /// joined is left again if the client is refused. A middleware that panics refuses.
    pub fn middleware<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnMiddleware, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.middlewares.push(handler.erase("middleware".into()).0);
        self
    }

    /// Calls `handler` for each socket that was let in.
    ///
    /// It is polled once before the client can know that it is in, and its emits are queued behind that news.
    /// Events of the socket wait until it has finished.
    pub fn on_connect<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnConnect, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.connect.push(handler.erase("on_connect".into()).0);
        self
    }

    /// Calls `handler` for each event of this name.
    ///
    /// What it returns answers the event, where its sender asked for an answer:
    /// see [`IntoAnswer`](crate::handler::IntoAnswer); [`Ack`](crate::Ack) answers in another way or at
    /// another time. Of several handlers of one event, all are called, and the first registered that returns
    /// a value or takes the `Ack` answers; where all return `()`, the first does.
    ///
    /// Events of one socket start their handlers in the order of arrival. A handler that has to wait goes on
    /// beside those of later events.
    ///
    /// The server isn't built if the name is reserved: `connect`, `connect_error`, `disconnect`,
    /// `disconnecting`, `newListener` and `removeListener` are never sent by a client.
    pub fn on<H, A, M>(mut self, event: impl Into<Cow<'static, str>>, handler: H) -> Self
    where
        H: Handler<OnEvent, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let event = event.into();
        if self.fault.is_none() && is_reserved(&event) {
            self.fault = Some(Fault::Reserved(event.clone().into_owned()));
        }
        let handlers = self.routes.events.entry(event.as_ref().into()).or_default();
        handlers.push(handler.erase(event.into()).0);
        self
    }

    /// Calls `handler` for every event, before the event's own handlers. It never answers.
    pub fn on_any<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnFallback, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.any.push(handler.erase("on_any".into()).0);
        self
    }

    /// As [`on_any`](Self::on_any), before those that are registered already.
    pub fn prepend_any<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnFallback, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.any.insert(0, handler.erase("on_any".into()).0);
        self
    }

    /// Calls `handler` for every event that is emitted, once for each socket that it goes to, be it emitted to the
    /// socket itself, to a room or to everybody. It is called when the event has been queued, and can't change it.
    ///
    /// A volatile event is shown even if a client that was busy did not get it, and so is one that a client will be
    /// late to read. Answers to events are not shown. What such a handler emits itself is shown to none of them. With
    /// [connection state recovery](crate::ServerBuilder::connection_state_recovery) the last argument is the offset.
    ///
    /// Without such handlers this costs nothing; with one, an event that goes to a thousand sockets calls it a
    /// thousand times.
    ///
    /// ```
    /// use enchufe::{Event, Namespace, RawArgs, Socket};
    ///
    /// Namespace::new("/").on_any_outgoing(async |socket: Socket, Event(name): Event, args: RawArgs| {
    ///     println!("{} is told {name} with {} arguments", socket.id(), args.len());
    /// });
    /// ```
    pub fn on_any_outgoing<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnFallback, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.outgoing.push(handler.erase("on_any_outgoing".into()).0);
        self
    }

    /// As [`on_any_outgoing`](Self::on_any_outgoing), before those that are registered already.
    pub fn prepend_any_outgoing<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnFallback, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.outgoing.insert(0, handler.erase("on_any_outgoing".into()).0);
        self
    }

    /// Has every event pass `handler` before it reaches its handlers, and after those of [`on_any`](Self::on_any) have
    /// seen it: `socket.use` of the official API, for all sockets.
    ///
    /// It may let the event go on, change it, or end it: see [`IntoEventVerdict`](crate::handler::IntoEventVerdict) and
    /// [`EventVerdict`](crate::EventVerdict). Several run one after another, in the order in which they were registered, those of a
    /// socket after those of its namespace; the first `Err` ends it. An `Err` answers who waits for an answer with
    /// `{error: message}`, and [`on_error`](Self::on_error) is told. One that panics, or whose arguments the event does not
    /// fit, refuses: to see all events take [`RawArgs`](crate::RawArgs), or a `Result<Data<T>, Rejection>`.
    ///
    /// It may take its time: later events of the socket wait for it, so that their order stays, within
    /// [`Limits::max_early_bytes`](crate::Limits::max_early_bytes). With [`Execution::keyed`] events wait for those of their
    /// own key, whoever sent them, and pass beside others. Where there is none, events go straight to their handlers.
    ///
    /// ```
    /// use enchufe::{Event, Namespace, Refusal, Socket};
    ///
    /// #[derive(Clone)]
    /// struct Admin;
    ///
    /// Namespace::new("/").event_middleware(async |socket: Socket, Event(event): Event| {
    ///     if event.starts_with("admin:") && socket.data().local::<Admin>().is_none() {
    ///         return Err(Refusal::new("forbidden"));
    ///     }
    ///     Ok(())
    /// });
    /// ```
    pub fn event_middleware<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnIncoming, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.incoming.push(handler.erase("event_middleware".into()).0);
        self
    }

    /// Calls `handler` for each event that an [event middleware](Self::event_middleware) refused. It takes the
    /// [`Refusal`](crate::Refusal), and what there is of the event.
    ///
    /// ```
    /// use enchufe::{Event, Namespace, Refusal};
    ///
    /// Namespace::new("/").on_error(async |Event(event): Event, refusal: Refusal| println!("{event}: {refusal}"));
    /// ```
    pub fn on_error<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnError, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.error.push(handler.erase("on_error".into()).0);
        self
    }

    /// How the handlers of events run beside each other. Default [`Execution::concurrent`].
    pub fn execution(mut self, execution: Execution) -> Self {
        self.routes.execution = execution;
        self
    }

    /// Ends the handlers that are still running when their socket has left, those of events and of the connection: they stop where
    /// they wait, and what they hold is dropped. Default no: they run to their end. Those of the disconnection always do.
    ///
    /// ```
    /// use enchufe::{Namespace, Socket};
    /// use std::time::Duration;
    ///
    /// Namespace::new("/clock").cancel_on_disconnect().on_connect(async |socket: Socket| {
    ///     loop {
    ///         tokio::time::sleep(Duration::from_secs(1)).await;
    ///         if let Err(error) = socket.emit("tick", ()) {
    ///             tracing::error!(%error, "no tick");
    ///         }
    ///     }
    /// });
    /// ```
    pub const fn cancel_on_disconnect(mut self) -> Self {
        self.routes.cancel_on_disconnect = true;
        self
    }

    /// Calls `handler` for every event that has no handler of its own. It never answers.
    pub fn on_fallback<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnFallback, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.fallback.push(handler.erase("on_fallback".into()).0);
        self
    }

    /// Calls `handler` for each socket that leaves, while it is still in its rooms.
    pub fn on_disconnecting<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnDisconnect, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.disconnecting.push(handler.erase("on_disconnecting".into()).0);
        self
    }

    /// Calls `handler` for each socket that has left.
    pub fn on_disconnect<H, A, M>(mut self, handler: H) -> Self
    where
        H: Handler<OnDisconnect, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.routes.disconnect.push(handler.erase("on_disconnect".into()).0);
        self
    }

    /// Ends the registration, and checks what it can't do without.
    pub(crate) fn define(self, states: &States) -> Result<Definition, BuildError> {
        let namespace = self.name.to_string();
        match self.fault {
            Some(Fault::Reserved(event)) => return Err(BuildError::ReservedEvent { namespace, event }),
            Some(Fault::Pattern(error)) => {
                return Err(BuildError::InvalidPattern { pattern: namespace, error: error.to_string() });
            }
            None => {}
        }
        let mut needs = self.routes.requirements();
        if let Name::Dynamic(Dynamic { matcher: Matcher::Asking(predicate), .. }) = &self.name {
            predicate.requirements(&mut needs);
        }
        if let Some(type_name) = states.missing(&needs) {
            return Err(BuildError::MissingState { namespace, type_name });
        }
        if let Some(event) = self.routes.server_side.keys().find(|event| is_reserved_for_servers(event)) {
            return Err(BuildError::ReservedEvent { namespace, event: event.to_string() });
        }
        Ok(Definition { name: self.name, routes: Arc::new(self.routes) })
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).field("routes", &self.routes).finish()
    }
}

/// A namespace as the server holds it.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: Name,
    pub(crate) routes: Arc<Routes>,
}
