//! The extractors that read an event: its arguments and its name.

use super::{Context, EventArgs, EventKind, FromContext, Nothing, OptionalFromContext, Rejection};
use enchufe_proto::socket::RawArgs;
use serde::de::DeserializeOwned;

/// The event's arguments, deserialised.
///
/// A tuple is several arguments, anything else is the first: `socket.emit("add", 1, 2)` is
/// `Data((a, b)): Data<(i64, i64)>`, and `socket.emit("move", {x: 1, y: 2})` is `Data(to): Data<Point>`.
/// Further arguments are ignored; one that is missing is `None` for a type that is an `Option`, and `()`
/// takes none at all. To serde, an array `[T; N]` is a tuple, so it is N arguments; a `Vec` is one. `Bytes`
/// anywhere in `T` is a binary attachment.
///
/// Arguments that don't fit reject the event: the handler is not called, and an ack is answered with
/// `{error: message}`. [`Option<Data<T>>`](OptionalFromContext) is `None` for an event without arguments, and
/// `Result<Data<T>, Rejection>` lets the handler see why they don't fit.
///
/// ```
/// use enchufe::{Data, Namespace, Socket};
///
/// Namespace::new("/")
///     .on("add", async |Data((a, b)): Data<(i64, i64)>| a + b)
///     .on("rename", async |socket: Socket, Data(name): Data<String>| {
///         // …
///     });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<K: EventKind, T: DeserializeOwned> FromContext<K> for Data<T> {
    type Uses = EventArgs;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        match cx.args().deserialize() {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(Rejection::new(format!("invalid arguments: {error}"))),
        }
    }
}

/// `None` for an event without arguments; arguments that don't fit are still rejected.
impl<K: EventKind, T: DeserializeOwned> OptionalFromContext<K> for Data<T> {
    fn optional_from_context(cx: &Context<'_, K>) -> Result<Option<Self>, Rejection> {
        if cx.args().is_empty() { Ok(None) } else { Self::from_context(cx).map(Some) }
    }
}

impl<K: EventKind> FromContext<K> for RawArgs {
    type Uses = EventArgs;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        Ok(cx.args().to_raw())
    }
}

/// The event's name, for handlers that are registered for several events or for all.
///
/// ```
/// use enchufe::{Event, Namespace, Socket};
///
/// Namespace::new("/").on_fallback(async |Event(name): Event| println!("nobody handles {name}"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event(pub String);

impl<K: EventKind> FromContext<K> for Event {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        Ok(Self(cx.event().to_owned()))
    }
}
