//! Handlers that one socket has for itself: `socket.on(…)`, as in JavaScript.

use super::own_routes::HandlerId;
use crate::extract::{OnDisconnect, OnError, OnEvent, OnFallback, OnIncoming};
use crate::handler::{BoxHandler, Handler};
use crate::socket::Socket;
use crate::state::Requirements;
use enchufe_proto::socket::is_reserved;
use std::borrow::Cow;

/// # Handlers of one socket
///
/// Handlers are best registered once, on the [`Namespace`](crate::Namespace); these are for what differs from
/// socket to socket. They cost memory for each socket, and are dropped when it has left; one that is registered
/// after that is never called. Register them in a connect handler, so that no first event is missed.
///
/// Each registration gives a [`HandlerId`], by which [`off_handler`](Socket::off_handler) takes that one handler
/// back. An event is handled by those that are registered when its handlers are started; one that runs when it is
/// taken back runs to its end.
impl Socket {
    /// Calls `handler` for each event of this name that this socket receives, after the namespace's own; see
    /// [`Namespace::on`](crate::Namespace::on).
    ///
    /// ```
    /// use enchufe::{Namespace, Socket};
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// Namespace::new("/").on_connect(async |socket: Socket| {
    ///     let clicks = AtomicU32::new(0); // of this socket
    ///     socket.on("click", move || {
    ///         let clicks = clicks.fetch_add(1, Ordering::Relaxed) + 1;
    ///         async move { clicks }
    ///     });
    /// });
    /// ```
    ///
    /// # Panics
    /// If the name is reserved, so that no client can send the event, and if the handler takes a
    /// [`State`](crate::State) that the server was not given. In a connect handler this ends the handler.
    #[track_caller]
    pub fn on<H, A, M>(&self, event: impl Into<Cow<'static, str>>, handler: H) -> HandlerId
    where
        H: Handler<OnEvent, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.listen(event.into(), false, handler)
    }

    /// As [`on`](Self::on), for the next event of this name only: the handler is taken back before it is called.
    /// An event whose arguments don't fit it is that event too.
    ///
    /// ```
    /// use enchufe::{Data, Namespace, Socket};
    ///
    /// Namespace::new("/").on_connect(async |socket: Socket| {
    ///     socket.once("introduce", async |socket: Socket, Data(name): Data<String>| {
    ///         socket.data().insert(name);
    ///     });
    /// });
    /// ```
    ///
    /// # Panics
    /// As [`on`](Self::on).
    #[track_caller]
    pub fn once<H, A, M>(&self, event: impl Into<Cow<'static, str>>, handler: H) -> HandlerId
    where
        H: Handler<OnEvent, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        self.listen(event.into(), true, handler)
    }

    #[track_caller]
    fn listen<H, A, M>(&self, event: Cow<'static, str>, once: bool, handler: H) -> HandlerId
    where
        H: Handler<OnEvent, A, M>,
    {
        assert!(!is_reserved(&event), "no client can send {event:?}, the name is reserved");
        let key = event.as_ref().into();
        let handler = self.checked(handler.erase(event.into()).0, BoxHandler::requirements);
        self.own_routes().add_event(key, once, handler)
    }

    /// Takes back the handlers that [`on`](Self::on) and [`once`](Self::once) added for this event.
    pub fn off(&self, event: &str) {
        self.own_routes().remove_event(event);
    }

    /// Takes back one handler of this socket, of whatever kind; `false` where it is not there any more. The id must
    /// be one that this socket gave.
    ///
    /// ```
    /// use enchufe::{Namespace, Socket};
    ///
    /// Namespace::new("/").on_connect(async |socket: Socket| {
    ///     let tick = socket.on("tick", async || println!("tick"));
    ///     socket.once("quiet", move |socket: Socket| async move {
    ///         socket.off_handler(tick);
    ///     });
    /// });
    /// ```
    pub fn off_handler(&self, id: HandlerId) -> bool {
        self.own_routes().remove(id)
    }

    /// Takes back all handlers of this socket's events, whatever their name. Catch-alls, middleware and those for its
    /// end stay.
    pub fn off_all(&self) {
        self.own_routes().remove_events();
    }

    /// How many handlers this socket has for the event, those of its namespace not counted.
    #[must_use]
    pub fn handler_count(&self, event: &str) -> usize {
        self.own_routes().count(event)
    }

    /// Calls `handler` for every event that this socket receives, after the
    /// [namespace's](crate::Namespace::on_any), and before the event's own handlers. It never answers.
    ///
    /// # Panics
    /// If the handler takes a [`State`](crate::State) that the server was not given.
    #[track_caller]
    pub fn on_any<H, A, M>(&self, handler: H) -> HandlerId
    where
        H: Handler<OnFallback, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = self.checked(handler.erase("on_any".into()).0, BoxHandler::requirements);
        self.own_routes().add_any(handler, false)
    }

    /// As [`on_any`](Self::on_any), before those that this socket has already.
    ///
    /// # Panics
    /// As [`on_any`](Self::on_any).
    #[track_caller]
    pub fn prepend_any<H, A, M>(&self, handler: H) -> HandlerId
    where
        H: Handler<OnFallback, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = self.checked(handler.erase("on_any".into()).0, BoxHandler::requirements);
        self.own_routes().add_any(handler, true)
    }

    /// Takes back all that [`on_any`](Self::on_any) and [`prepend_any`](Self::prepend_any) added.
    pub fn off_any(&self) {
        self.own_routes().remove_any();
    }

    /// Calls `handler` for every event that is emitted to this socket, after the
    /// [namespace's](crate::Namespace::on_any_outgoing), which says more.
    ///
    /// ```
    /// use enchufe::{Event, Namespace, RawArgs, Socket};
    ///
    /// Namespace::new("/").on_connect(async |socket: Socket| {
    ///     socket.on_any_outgoing(async |socket: Socket, Event(name): Event, args: RawArgs| {
    ///         println!("{} is told {name} with {} arguments", socket.id(), args.len());
    ///     });
    /// });
    /// ```
    ///
    /// # Panics
    /// If the handler takes a [`State`](crate::State) that the server was not given.
    #[track_caller]
    pub fn on_any_outgoing<H, A, M>(&self, handler: H) -> HandlerId
    where
        H: Handler<OnFallback, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = self.checked(handler.erase("on_any_outgoing".into()).0, BoxHandler::requirements);
        self.namespace_core().watch_outgoing();
        self.own_routes().add_outgoing(handler, false)
    }

    /// As [`on_any_outgoing`](Self::on_any_outgoing), before those that this socket has already.
    ///
    /// # Panics
    /// As [`on_any_outgoing`](Self::on_any_outgoing).
    #[track_caller]
    pub fn prepend_any_outgoing<H, A, M>(&self, handler: H) -> HandlerId
    where
        H: Handler<OnFallback, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = self.checked(handler.erase("on_any_outgoing".into()).0, BoxHandler::requirements);
        self.namespace_core().watch_outgoing();
        self.own_routes().add_outgoing(handler, true)
    }

    /// Takes back all that [`on_any_outgoing`](Self::on_any_outgoing) and
    /// [`prepend_any_outgoing`](Self::prepend_any_outgoing) added.
    pub fn off_any_outgoing(&self) {
        self.own_routes().remove_outgoing();
    }

    /// Has every event that this socket receives pass `handler` before it reaches its handlers, after the middlewares
    /// of its [namespace](crate::Namespace::event_middleware), which says more: `socket.use` of the official API.
    ///
    /// # Panics
    /// If the handler takes a [`State`](crate::State) that the server was not given.
    #[track_caller]
    pub fn event_middleware<H, A, M>(&self, handler: H) -> HandlerId
    where
        H: Handler<OnIncoming, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = self.checked(handler.erase("event_middleware".into()).0, BoxHandler::requirements);
        self.own_routes().add_middleware(handler)
    }

    /// Calls `handler` for each event of this socket that a middleware refused; see
    /// [`Namespace::on_error`](crate::Namespace::on_error).
    ///
    /// # Panics
    /// If the handler takes a [`State`](crate::State) that the server was not given.
    #[track_caller]
    pub fn on_error<H, A, M>(&self, handler: H) -> HandlerId
    where
        H: Handler<OnError, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = self.checked(handler.erase("on_error".into()).0, BoxHandler::requirements);
        self.own_routes().add_error(handler)
    }

    /// Calls `handler` when this socket leaves, while it is still in its rooms; see
    /// [`Namespace::on_disconnecting`](crate::Namespace::on_disconnecting).
    ///
    /// # Panics
    /// If the handler takes a [`State`](crate::State) that the server was not given.
    #[track_caller]
    pub fn on_disconnecting<H, A, M>(&self, handler: H) -> HandlerId
    where
        H: Handler<OnDisconnect, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = self.checked(handler.erase("on_disconnecting".into()).0, BoxHandler::requirements);
        self.own_routes().add_disconnecting(handler)
    }

    /// Calls `handler` when this socket has left; see
    /// [`Namespace::on_disconnect`](crate::Namespace::on_disconnect).
    ///
    /// # Panics
    /// If the handler takes a [`State`](crate::State) that the server was not given.
    #[track_caller]
    pub fn on_disconnect<H, A, M>(&self, handler: H) -> HandlerId
    where
        H: Handler<OnDisconnect, A, M>, // clone captures: move |…| { let x = x.clone(); async move { … } }
    {
        let handler = self.checked(handler.erase("on_disconnect".into()).0, BoxHandler::requirements);
        self.own_routes().add_disconnect(handler)
    }

    /// The handler, whose state there is.
    #[track_caller]
    fn checked<T>(&self, handler: T, note: impl FnOnce(&T, &mut Requirements)) -> T {
        let mut needs = Requirements::default();
        note(&handler, &mut needs);
        if let Some(missing) = self.states().missing(&needs) {
            panic!("a handler takes State<{missing}>, but the server was given none: add .state(…)");
        }
        handler
    }
}
