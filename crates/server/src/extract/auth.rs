//! What the client said about itself when it connected.

use super::{Context, FromContext, Kind, Nothing, OptionalFromContext, Rejection};
use serde::de::DeserializeOwned;

/// The client's `auth`, deserialised: what was given to the client as `auth` and sent with its CONNECT.
///
/// A client that sends none has the empty object `{}`, so a `T` whose fields all have defaults is always
/// made. In a middleware, an auth that doesn't fit refuses the socket.
///
/// ```
/// use enchufe::{Auth, Namespace, Refusal};
///
/// #[derive(serde::Deserialize)]
/// struct Token { token: String }
///
/// Namespace::new("/protected").middleware(async |Auth(auth): Auth<Token>| {
///     if auth.token == "secret" { Ok(()) } else { Err(Refusal::new("unauthorized")) }
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Auth<T>(pub T);

impl<K: Kind, T: DeserializeOwned> FromContext<K> for Auth<T> {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        match cx.handshake().auth() {
            Ok(auth) => Ok(Self(auth)),
            Err(error) => Err(Rejection::new(format!("invalid auth: {error}"))),
        }
    }
}

/// `None` where the auth doesn't fit.
impl<K: Kind, T: DeserializeOwned> OptionalFromContext<K> for Auth<T> {
    fn optional_from_context(cx: &Context<'_, K>) -> Result<Option<Self>, Rejection> {
        Ok(Self::from_context(cx).ok())
    }
}
