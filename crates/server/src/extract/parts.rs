//! The extractors that are parts of the occasion itself and use up nothing.

use super::{Context, FromContext, Kind, Nothing, OnDisconnect, OnError, OnNamespace, Rejection, SocketKind};
use crate::error::Refusal;
use crate::socket::{DisconnectReason, Handshake, Socket};

impl<K: SocketKind> FromContext<K> for Socket {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        Ok(cx.socket().clone())
    }
}

impl<K: Kind> FromContext<K> for Handshake {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        Ok(cx.handshake().clone())
    }
}

impl FromContext<OnDisconnect> for DisconnectReason {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, OnDisconnect>) -> Result<Self, Rejection> {
        Ok(cx.reason())
    }
}

/// Why an event was refused.
impl FromContext<OnError> for Refusal {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, OnError>) -> Result<Self, Rejection> {
        Ok(cx.refusal().clone())
    }
}

/// The name of the namespace that a client asks for, for
/// [`Namespace::matching_async`](crate::Namespace::matching_async). It begins with `/`. Elsewhere there is
/// [`Socket::namespace_name`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamespaceName(pub String);

impl FromContext<OnNamespace> for NamespaceName {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, OnNamespace>) -> Result<Self, Rejection> {
        Ok(Self(cx.namespace_name().to_owned()))
    }
}
