//! Reaching many sockets at once: whom, and how.

mod answers;
mod rooms;

use std::sync::Arc;
use std::time::Duration;

use enchufe_cluster::Selection;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::answers::{Answers, BroadcastAckFuture};
pub use self::rooms::Rooms;

pub(crate) use self::answers::BroadcastAnswers;

use crate::error::EmitError;
use crate::frames;
use crate::namespace::NamespaceCore;
use crate::socket::{Emitted, Socket};

/// A selection of a namespace's sockets, and how to reach them. Each method gives a new one.
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
    volatile: bool,
    compress: bool,
    timeout: Option<Duration>,
}

impl Broadcast {
    pub(crate) fn new(namespace: Arc<NamespaceCore>) -> Self {
        Self { namespace, selection: Selection::new(), volatile: false, compress: true, timeout: None }
    }

    /// Only sockets in one of these rooms (and of those named before): a room's name, a socket's id, or several.
    pub fn to(mut self, rooms: impl Rooms) -> Self {
        self.selection.rooms.extend(rooms.into_names());
        self
    }

    /// The same as [`Broadcast::to`].
    pub fn in_(self, rooms: impl Rooms) -> Self {
        self.to(rooms)
    }

    /// No socket in one of these rooms.
    pub fn except(mut self, rooms: impl Rooms) -> Self {
        self.selection.except.extend(rooms.into_names());
        self
    }

    /// Only sockets of this node, which today are all of them: clusters come later.
    pub fn local(self) -> Self {
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

    /// How long the answers to [`Broadcast::emit_with_ack`] may take. Default 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Emits an event to all of them; its arguments are encoded once.
    ///
    /// Queued for every socket of this node before this returns.
    ///
    /// # Errors
    /// Where the arguments cannot be encoded, or the name is reserved.
    pub fn emit<T: Serialize>(&self, event: &str, args: T) -> Result<Emitted, EmitError> {
        if !self.volatile
            && let Some(recovery) = self.namespace.recovery()
        {
            let wire = self.namespace.wire();
            let packet = frames::recoverable_event(wire, recovery.placeholder(), event, &args)?;
            let packet = packet.compressible(self.compress);
            self.namespace.broadcast_recoverable(recovery, &self.selection, packet);
            return Ok(Emitted::locally());
        }
        let frames = frames::event(self.namespace.wire(), None, event, &args)?;
        let frames = frames::compressible(frames, self.compress);
        self.namespace.broadcast(&self.selection, &frames, self.volatile);
        Ok(Emitted::locally())
    }

    /// Emits the event `message`.
    ///
    /// # Errors
    /// Where the arguments cannot be encoded.
    pub fn send<T: Serialize>(&self, args: T) -> Result<Emitted, EmitError> {
        self.emit("message", args)
    }

    /// Emits an event to all of them, and collects what each answers until everybody has answered or left, or the
    /// time is up. The event is queued before this returns.
    ///
    /// ```
    /// # use enchufe::{EmitError, Server};
    /// async fn in_favour(io: &Server) -> Result<usize, EmitError> {
    ///     let answers = io.of("/").to("council").emit_with_ack::<bool>("in favour?", "a bridge").await?;
    ///     Ok(answers.into_values().filter(|yes| *yes).count())
    /// }
    /// ```
    ///
    /// The future's error is an emit that failed; answers that are missing or don't fit are in [`Answers`].
    pub fn emit_with_ack<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> BroadcastAckFuture<R> {
        BroadcastAckFuture::start(&self.namespace, &self.selection, self.timeout, self.compress, event, &args)
    }

    /// The sockets themselves, as they are now: those of this node that have been let in.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.namespace.selected(&self.selection)
    }

    /// Has all of them join these rooms.
    pub fn sockets_join(&self, rooms: impl Rooms) {
        let rooms = rooms.into_names();
        self.sockets().iter().for_each(|socket| self.namespace.join(socket, &rooms));
    }

    /// Has all of them leave these rooms.
    pub fn sockets_leave(&self, rooms: impl Rooms) {
        let rooms = rooms.into_names();
        self.sockets().iter().for_each(|socket| self.namespace.leave(socket, &rooms));
    }

    /// Disconnects all of them; see [`Socket::disconnect`].
    pub fn disconnect_sockets(&self, close: bool) {
        self.sockets().iter().for_each(|socket| socket.disconnect(close));
    }

    /// The number of rooms of the whole namespace on this node, the sockets' own included.
    #[must_use]
    pub fn room_count(&self) -> usize {
        self.namespace.room_count()
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
