//! A socket wherever it is in the cluster: what was known of it when it was fetched, and the means to act on it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use enchufe_cluster::RoomName;
use enchufe_cluster::bus::SocketDetails;
use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::RawValue;

use super::answers::BroadcastAckStream;
use super::{Broadcast, Rooms};
use crate::error::EmitError;
use crate::handshake::Handshake;
use crate::id::SocketId;
use crate::namespace::NamespaceCore;
use crate::socket::{AckError, Emitted, Socket};

/// A socket that may be at another node, from [`Broadcast::fetch_sockets`].
///
/// Its rooms and data are those of the moment at which it was fetched. What is done with it is done by its id: where the
/// client has left meanwhile, nothing happens. It serialises as the official details: `{id, handshake, rooms, data}`.
#[derive(Clone)]
pub struct RemoteSocket {
    id: SocketId,
    namespace: Arc<NamespaceCore>,
    handshake: Handshake,
    rooms: Vec<RoomName>,
    data: Box<str>,
    /// It itself, if it is at this node.
    local: Option<Socket>,
}

impl RemoteSocket {
    pub(super) fn here(namespace: &Arc<NamespaceCore>, socket: Socket, rooms: Vec<RoomName>) -> Self {
        Self {
            id: socket.id(),
            namespace: namespace.clone(),
            handshake: socket.handshake().clone(),
            rooms,
            data: socket.data().json().into(),
            local: Some(socket),
        }
    }

    /// What another node has told. `None`, and logged, where its id is none that can be spoken of here.
    pub(super) fn elsewhere(namespace: &Arc<NamespaceCore>, details: SocketDetails) -> Option<Self> {
        let Some(id) = SocketId::parse(&details.id) else {
            tracing::warn!(id = &*details.id, "another node has a socket whose id is none");
            return None;
        };
        let handshake = Handshake::from_json(&details.handshake).unwrap_or_else(|error| {
            tracing::warn!(%error, "another node has told a handshake that is none");
            Handshake::unknown()
        });
        let (namespace, SocketDetails { rooms, data, .. }) = (namespace.clone(), details);
        Some(Self { id, namespace, handshake, rooms, data, local: None })
    }

    // ---- who it is -------------------------------------------------------------------------------

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SocketId {
        &self.id
    }

    /// What the client said of itself when it connected. Of a socket at another node, the port of the address is 0.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// The rooms that it was in, its own included.
    pub fn rooms(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rooms.iter().map(|room| &**room)
    }

    /// Whether it was in a room.
    #[must_use]
    pub fn is_in(&self, room: &str) -> bool {
        self.rooms.iter().any(|name| **name == *room)
    }

    /// What was kept for it with [`SocketData::set`](crate::SocketData::set); `None` where that is not a `T`.
    #[must_use]
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.data).ok()
    }

    /// The JSON text of what was kept for it; `{}` where there was nothing.
    #[must_use]
    pub fn data_json(&self) -> &str {
        &self.data
    }

    /// The socket itself, where it is at this node.
    #[must_use]
    pub fn as_local(&self) -> Option<&Socket> {
        self.local.as_ref()
    }

    // ---- acting on it ----------------------------------------------------------------------------

    /// The broadcast that reaches it alone, with all that broadcasts can.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(self.namespace.clone()).to(&self.id)
    }

    /// Emits an event to it.
    ///
    /// # Errors
    /// Where the arguments cannot be encoded, or the name is reserved.
    pub fn emit<T: Serialize>(&self, event: &str, args: T) -> Result<Emitted, EmitError> {
        self.broadcast().emit(event, args)
    }

    /// Emits an event to it and waits for its answer, 5 s by default: of the answer, the first argument. The event is on its
    /// way when this returns.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// As [`Socket::emit_with_ack`]; where the socket has left it is [`AckError::Disconnected`].
    pub fn emit_with_ack<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> RemoteAckFuture<R> {
        RemoteAckFuture::new(self.broadcast().ask(event, &args, false))
    }

    /// How long the answer to the next emit may take.
    pub fn timeout(&self, timeout: Duration) -> RemoteEmitter<'_> {
        RemoteEmitter { socket: self, timeout }
    }

    /// Has it join rooms.
    pub fn join(&self, rooms: impl Rooms) -> Emitted {
        self.broadcast().sockets_join(rooms)
    }

    /// Has it leave rooms.
    pub fn leave(&self, rooms: impl Rooms) -> Emitted {
        self.broadcast().sockets_leave(rooms)
    }

    /// Disconnects it; see [`Socket::disconnect`].
    pub fn disconnect(&self, close: bool) -> Emitted {
        self.broadcast().disconnect_sockets(close)
    }
}

/// An emit to one socket, wherever it is, whose answer may take a certain time.
#[derive(Debug, Clone, Copy)]
#[must_use = "nothing is emitted until `emit_with_ack` is called"]
pub struct RemoteEmitter<'a> {
    socket: &'a RemoteSocket,
    timeout: Duration,
}

impl RemoteEmitter<'_> {
    /// As [`RemoteSocket::emit`].
    ///
    /// # Errors
    /// As [`RemoteSocket::emit`].
    pub fn emit<T: Serialize>(&self, event: &str, args: T) -> Result<Emitted, EmitError> {
        self.socket.emit(event, args)
    }

    /// As [`RemoteSocket::emit_with_ack`].
    ///
    /// # Errors
    /// As [`RemoteSocket::emit_with_ack`].
    pub fn emit_with_ack<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> RemoteAckFuture<R> {
        RemoteAckFuture::new(self.socket.broadcast().timeout(self.timeout).ask(event, &args, false))
    }
}

/// The answer to an emit to one socket, wherever it is. The event is on its way, whether this is awaited or not.
///
/// Cancel safe: dropping it gives up the wait.
#[must_use = "the event has been sent; await the answer, or use `emit` if there is none"]
pub struct RemoteAckFuture<R>(Result<BroadcastAckStream<R>, Option<EmitError>>);

impl<R> RemoteAckFuture<R> {
    fn new(asked: Result<BroadcastAckStream<R>, EmitError>) -> Self {
        Self(asked.map_err(Some))
    }
}

impl<R: DeserializeOwned> Future for RemoteAckFuture<R> {
    type Output = Result<R, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answers = match &mut self.0 {
            Ok(answers) => answers,
            Err(error) => {
                // Polled again after its end, it has nothing more to say.
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
            }
        };
        Poll::Ready(match ready!(Pin::new(&mut *answers).poll_next(cx)) {
            Some(answer) => answer.value,
            None if answers.unanswered().is_empty() => Err(AckError::Disconnected),
            None => Err(AckError::Timeout),
        })
    }
}

impl<R> fmt::Debug for RemoteAckFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteAckFuture").finish_non_exhaustive()
    }
}

/// What other nodes are told of a socket.
pub(super) fn details_of(socket: &Socket, rooms: Vec<RoomName>) -> SocketDetails {
    let handshake = serde_json::to_string(socket.handshake()).unwrap_or_else(|error| {
        // Texts, numbers, and an auth that was JSON.
        tracing::error!(%error, "a handshake could not be written");
        "{}".into()
    });
    SocketDetails {
        id: socket.id_ref().as_str().into(),
        handshake: handshake.into(),
        rooms,
        data: socket.data().json().into(),
    }
}

impl Serialize for RemoteSocket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("RemoteSocket", 4)?;
        out.serialize_field("id", &self.id)?;
        out.serialize_field("handshake", &self.handshake)?;
        out.serialize_field("rooms", &self.rooms().collect::<Vec<_>>())?;
        out.serialize_field("data", &serde_json::from_str::<&RawValue>(&self.data).ok())?;
        out.end()
    }
}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket")
            .field("id", &self.id)
            .field("namespace", &self.namespace.name())
            .field("local", &self.local.is_some())
            .finish_non_exhaustive()
    }
}
