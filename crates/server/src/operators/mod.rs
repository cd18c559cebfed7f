//! Reaching many sockets at once: whom, and how.

mod answers;
mod beside;
mod collecting;
mod fetch;
mod inbox;
mod remote;
mod requests;
mod room_events;
mod rooms;
mod server_side;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use enchufe_cluster::Selection;
use enchufe_cluster::bus::{Message, Outgoing, Reach};
use enchufe_proto::socket::RawArgs;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::answers::{
    Answer, Answers, BroadcastAckError, BroadcastAckFuture, BroadcastAckStream, PartialAnswers, Unanswered,
};
pub use self::fetch::Incomplete;
pub use self::remote::{RemoteAckFuture, RemoteEmitter, RemoteSocket};
pub use self::room_events::RoomEvent;
pub use self::rooms::Rooms;
pub use self::server_side::{NodeAnswer, ServerSideAckError, ServerSideAckFuture, ServerSideEvent};

pub(crate) use self::collecting::BroadcastAnswers;
pub(crate) use self::inbox::Inbox;
pub(crate) use self::requests::Cluster;
pub(crate) use self::room_events::{RoomEvents, RoomHook};
pub(crate) use self::server_side::{ServerSideHandler, is_reserved_for_servers};

use crate::error::EmitError;
use crate::frames;
use crate::namespace::NamespaceCore;
use crate::overload::conflation_key;
use crate::socket::{Emitted, Socket};

/// A selection of a namespace's sockets, and how to reach them. Each method gives a new one.
///
/// In a [cluster](crate::cluster) it reaches the sockets of all nodes, unless it is [`local`](Self::local). What it does
/// is done on this node when the method returns; the [`Emitted`] that it gives may be awaited for the others.
///
/// ```
/// # fn example(io: &enchufe::Server) -> Result<(), enchufe::EmitError> {
/// io.of("/").to(["lobby", "garden"]).except("muted").emit("news", "the door is open")?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "nobody is reached until `emit` or another of its verbs is called"]
pub struct Broadcast {
    namespace: Arc<NamespaceCore>,
    selection: Selection,
    local: bool,
    volatile: bool,
    compress: bool,
    timeout: Option<Duration>,
    /// The number of its key.
    key: Option<u64>,
}

impl Broadcast {
    pub(crate) fn new(namespace: Arc<NamespaceCore>) -> Self {
        let selection = Selection::new();
        Self { namespace, selection, local: false, volatile: false, compress: true, timeout: None, key: None }
    }

    /// What another node has asked this one to reach: its own sockets.
    fn here(namespace: Arc<NamespaceCore>, reach: Reach) -> Self {
        Self {
            namespace,
            local: true,
            volatile: reach.volatile,
            compress: reach.compress,
            timeout: reach.timeout,
            key: reach.key,
            selection: reach.selection,
        }
    }

    /// The name of the namespace.
    #[must_use]
    pub fn namespace_name(&self) -> &str {
        self.namespace.name()
    }

    // ---- whom, and how ---------------------------------------------------------------------------

    /// Only sockets in one of these rooms (and of those named before): a room's name, a socket's id, or several.
    ///
    /// **No room at all narrows nothing down**, as in the official server: `to` with an empty list is everybody, unless
    /// rooms were named before. Look whether a list that is made at run time is empty.
    pub fn to(mut self, rooms: impl Rooms) -> Self {
        rooms.into_names().add_to(&mut self.selection.rooms);
        self
    }

    /// The same as [`Broadcast::to`].
    pub fn in_(self, rooms: impl Rooms) -> Self {
        self.to(rooms)
    }

    /// No socket in one of these rooms.
    pub fn except(mut self, rooms: impl Rooms) -> Self {
        rooms.into_names().add_to(&mut self.selection.except);
        self
    }

    /// Only sockets of this node.
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Those who cannot take it at once do not get it. Has no effect on [`Broadcast::emit_with_ack`].
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Whether the next emits may be compressed on their way; default yes. `false` is for what is dense already, such as
    /// images. See [`ServerBuilder::http_compression`](crate::ServerBuilder::http_compression).
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// The next emits take the place of earlier ones with the same key that a client has not been sent yet: for what only
    /// matters in its latest state, such as positions and prices. A client that reads too slowly then gets fewer of them, and
    /// none that is out of date. See [`Socket::conflate`], which shares its keys. Without effect together with
    /// [`volatile`](Self::volatile), or for emits whose answers are waited for.
    ///
    /// ```
    /// # fn example(io: &enchufe::Server) -> Result<(), enchufe::EmitError> {
    /// io.to("traders").conflate(("price", "ACME")).emit("price", ("ACME", 12.5))?;
    /// # Ok(()) }
    /// ```
    pub fn conflate(mut self, key: impl Hash) -> Self {
        self.key = Some(conflation_key(self.namespace.name(), key));
        self
    }

    /// How long answers may take: those to [`Broadcast::emit_with_ack`], and in a cluster those of the other nodes to
    /// [`Broadcast::fetch_sockets`] and [`Broadcast::server_side_emit_with_ack`]. Default 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    // ---- emitting --------------------------------------------------------------------------------

    /// Emits an event to all of them; its arguments are encoded once.
    ///
    /// Queued for every socket of this node before this returns.
    ///
    /// # Errors
    /// Where the arguments cannot be encoded, or the name is reserved.
    pub fn emit<T: Serialize>(&self, event: &str, args: T) -> Result<Emitted, EmitError> {
        let Some(cluster) = self.cluster() else {
            self.emit_here(event, &args)?;
            return Ok(Emitted::locally());
        };
        let args = RawArgs::new(&args)?;
        self.emit_here(event, &args)?;
        let packet = Outgoing { event: event.into(), args };
        let message = Message::Broadcast { packet, reach: self.reach(), request: None };
        Ok(cluster.publish(&self.namespace, message))
    }

    /// Queues an event for those of this node.
    fn emit_here<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        let wire = self.namespace.wire();
        if !self.volatile
            && let Some(recovery) = self.namespace.recovery()
        {
            let packet = frames::recoverable_event(wire, recovery.placeholder(), event, args)?;
            let packet = packet.compressible(self.compress);
            self.namespace.broadcast_recoverable(recovery, &self.selection, packet, self.key);
            return Ok(());
        }
        let frames = frames::compressible(frames::event(wire, None, event, args)?, self.compress);
        match self.key.filter(|_| !self.volatile) {
            Some(key) => self.namespace.broadcast_latest(&self.selection, &frames, key),
            None => drop(self.namespace.broadcast(&self.selection, &frames, self.volatile)),
        }
        Ok(())
    }

    /// Emits the event `message`.
    ///
    /// # Errors
    /// Where the arguments cannot be encoded.
    pub fn send<T: Serialize>(&self, args: T) -> Result<Emitted, EmitError> {
        self.emit("message", args)
    }

    /// Emits an event to all of them, and collects what each answers until everybody has answered or left, or the
    /// time is up. The event is queued before this returns. Of each answer the first argument counts, as in the official
    /// server.
    ///
    /// ```
    /// # use enchufe::{BroadcastAckError, Server};
    /// async fn in_favour(io: &Server) -> usize {
    ///     let answers = match io.of("/").to("council").emit_with_ack::<bool>("in favour?", "a bridge").await {
    ///         Ok(answers) => answers.answers,
    ///         // Somebody has not answered in time: those who have.
    ///         Err(error) => error.into_answers(),
    ///     };
    ///     answers.into_iter().filter(|answer| matches!(answer.value, Ok(true))).count()
    /// }
    /// ```
    ///
    /// The future's error is an emit that failed, or the [answers](PartialAnswers) that came in time. To see answers as
    /// they come, use [`Broadcast::emit_with_ack_stream`].
    pub fn emit_with_ack<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> BroadcastAckFuture<R> {
        BroadcastAckFuture::new(self.ask(event, &args, true))
    }

    /// As [`Broadcast::emit_with_ack`], with each answer as it comes. The stream ends when everybody has answered or left,
    /// or the time is up; what it holds until it is read is bounded.
    ///
    /// ```
    /// # use enchufe::{EmitError, Server};
    /// use futures_util::StreamExt;
    ///
    /// async fn first_free(io: &Server) -> Result<Option<enchufe::SocketId>, EmitError> {
    ///     let mut answers = io.of("/").to("drivers").emit_with_ack_stream::<bool>("free?", ())?;
    ///     while let Some(answer) = answers.next().await {
    ///         if matches!(answer.value, Ok(true)) {
    ///             return Ok(answer.from);
    ///         }
    ///     }
    ///     Ok(None)
    /// }
    /// ```
    ///
    /// # Errors
    /// Where the arguments cannot be encoded, or the name is reserved.
    pub fn emit_with_ack_stream<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> Result<BroadcastAckStream<R>, EmitError> {
        self.ask(event, &args, false)
    }

    // ---- the sockets -----------------------------------------------------------------------------

    /// The sockets of this node that have been let in, as they are now.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.namespace.selected(&self.selection)
    }

    /// Has all of them join these rooms. Those of this node have joined when this returns, all in one step: nobody sees
    /// some of them in and others not.
    ///
    /// A socket that would be in more than [`Limits::max_rooms`](crate::Limits::max_rooms) does not join, which is logged.
    pub fn sockets_join(&self, rooms: impl Rooms) -> Emitted {
        let rooms = rooms.into_names();
        self.namespace.join_selected(&self.selection, &rooms);
        self.tell_others(|reach| Message::SocketsJoin { reach, rooms: rooms.to_vec() })
    }

    /// Has all of them leave these rooms, in the manner of [`Broadcast::sockets_join`].
    pub fn sockets_leave(&self, rooms: impl Rooms) -> Emitted {
        let rooms = rooms.into_names();
        self.namespace.leave_selected(&self.selection, &rooms);
        self.tell_others(|reach| Message::SocketsLeave { reach, rooms: rooms.to_vec() })
    }

    /// Disconnects all of them; see [`Socket::disconnect`].
    pub fn disconnect_sockets(&self, close: bool) -> Emitted {
        self.sockets().iter().for_each(|socket| socket.disconnect(close));
        self.tell_others(|reach| Message::DisconnectSockets { reach, close })
    }

    /// The number of rooms of the whole namespace on this node, the sockets' own included.
    #[must_use]
    pub fn room_count(&self) -> usize {
        self.namespace.room_count()
    }

    // ---- other nodes -----------------------------------------------------------------------------

    /// The cluster, where there is one and it is meant.
    fn cluster(&self) -> Option<&Arc<Cluster>> {
        if self.local { None } else { self.namespace.routes.cluster.as_ref() }
    }

    /// What other nodes are told of whom it is for.
    fn reach(&self) -> Reach {
        let mut reach = Reach::new(self.selection.clone());
        reach.volatile = self.volatile;
        reach.compress = self.compress;
        reach.timeout = self.timeout;
        reach.key = self.key;
        reach
    }

    fn tell_others(&self, message: impl FnOnce(Reach) -> Message) -> Emitted {
        match self.cluster() {
            Some(cluster) => cluster.publish(&self.namespace, message(self.reach())),
            None => Emitted::locally(),
        }
    }
}

impl std::fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broadcast")
            .field("namespace", &self.namespace.name())
            .field("selection", &self.selection)
            .finish_non_exhaustive()
    }
}
