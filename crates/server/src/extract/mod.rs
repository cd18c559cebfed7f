//! What handlers take: each argument of a handler is an *extractor*, a type that knows how to make itself
//! from the event (or connection, or disconnection) that the handler is called for.
//!
//! Every argument is owned, so that the handler's future can be `Send + 'static`. Extraction happens in the
//! order of the arguments, synchronously, before the handler's body starts; the first one that fails ends it
//! and the handler is not called. The event's arguments are deserialised straight from the received bytes.

mod all;
mod auth;
mod context;
mod data;
mod kind;
mod optional;
mod parts;
mod rejection;
#[cfg(test)]
mod tests;
mod uses;

pub use all::Extractors;
pub use auth::Auth;
pub use context::Context;
pub use data::{Data, Event};
pub use kind::{
    EventKind, Kind, OnConnect, OnDisconnect, OnError, OnEvent, OnFallback, OnIncoming, OnMiddleware,
    OnNamespace, SocketKind,
};
pub use optional::OptionalFromContext;
pub use parts::NamespaceName;
pub use rejection::Rejection;
pub use uses::{ArgsAndAck, EventAck, EventArgs, Nothing, Plus, Uses};

pub(crate) use kind::AfterPanic;

use crate::state::Requirements;

/// A type that handlers can take as an argument: an extractor.
///
/// `K` is the occasion on which a handler is called: [`OnEvent`], [`OnFallback`], [`OnIncoming`], [`OnError`],
/// [`OnMiddleware`], [`OnConnect`], [`OnDisconnect`] or [`OnNamespace`]. An extractor that works everywhere is
/// implemented for every `K`; one that needs the socket for every `K: SocketKind`, and one that reads the event's
/// arguments for every `K: EventKind`.
///
/// | extractor | where | what |
/// | --- | --- | --- |
/// | [`Socket`](crate::Socket) | everywhere but in `matching_async` | the socket itself |
/// | [`Handshake`](crate::Handshake) | everywhere | the request that opened the connection, and the client's auth |
/// | [`Auth<T>`] | everywhere | the client's auth, deserialised |
/// | [`State<T>`](crate::State) | everywhere | what was given to the server with `state(…)` |
/// | [`Data<T>`] | wherever there is an event | the event's arguments, deserialised |
/// | [`RawArgs`](crate::RawArgs) | wherever there is an event | the event's arguments, checked but not parsed |
/// | [`Event`] | wherever there is an event | the event's name |
/// | [`Ack`](crate::Ack) | events | the means to answer the event, now or later |
/// | [`DisconnectReason`](crate::DisconnectReason) | disconnecting, disconnect | why the socket left |
/// | [`Refusal`](crate::Refusal) | `on_error` | why an event was refused |
/// | [`NamespaceName`] | `matching_async` | the name that a client asks for |
/// | `Option<X>` | as `X` | `None` where there is nothing to extract ([`OptionalFromContext`]) |
/// | `Result<X, Rejection>` | as `X` | the rejection instead of the value, for handlers that want to see it |
///
/// # Your own
///
/// ```
/// use enchufe::extract::{Context, FromContext, Kind, Nothing, Rejection};
///
/// /// The language the client asked for.
/// struct Language(String);
///
/// #[derive(serde::Deserialize)]
/// struct Preferences { lang: String }
///
/// impl<K: Kind> FromContext<K> for Language {
///     type Uses = Nothing;
///
///     fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
///         let enchufe::Auth(preferences) = enchufe::Auth::<Preferences>::from_context(cx)?;
///         Ok(Self(preferences.lang))
///     }
/// }
///
/// enchufe::Namespace::new("/").on("greet", async |Language(lang): Language| match lang.as_str() {
///     "es" => "hola",
///     _ => "hello",
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be taken as an argument by a handler here (`{K}`)",
    label = "a handler with this argument can't be registered here",
    note = "take the event's arguments as `Data<T>`, what you gave to the server as `State<T>`, and the rest as \
            `Socket`, `Handshake`, `Auth<T>`, `Event`, `RawArgs` or `Ack`",
    note = "`Data`, `RawArgs` and `Event` exist for events, `Ack` for events with a handler of their own, \
            `DisconnectReason` for `on_disconnecting` and `on_disconnect`, `Refusal` for `on_error`",
    note = "implement `FromContext` to make your own type an extractor"
)]
pub trait FromContext<K: Kind>: Sized {
    /// What it takes of the things that exist once an event: [`Nothing`], [`EventArgs`] (the arguments),
    /// [`EventAck`] or [`ArgsAndAck`]. Two arguments of one handler that use the same are a compile error.
    type Uses: Uses;

    /// Makes the value.
    ///
    /// # Errors
    /// A [`Rejection`] ends this handler before it starts; an event's ack is answered with
    /// `{error: message}`, a middleware's socket is refused with the message.
    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection>;

    /// Notes the state that [`from_context`](Self::from_context) will look for, so that a server that lacks
    /// it fails when it is built. An extractor that contains another calls this function of the other.
    fn requirements(needs: &mut Requirements) {
        let _ = needs;
    }
}
