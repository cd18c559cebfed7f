//! The extractors that are parts of the occasion itself and use up nothing.

use super::{Context, FromContext, Kind, Nothing, OnDisconnect, Rejection};
use crate::socket::{DisconnectReason, Handshake, Socket};

impl<K: Kind> FromContext<K> for Socket {
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
