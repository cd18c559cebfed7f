//! What a namespace does for others than clients: for events of other nodes, and for what happens to its rooms.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use super::Namespace;
use crate::handler::IntoAnswer;
use crate::operators::{Broadcast, Cluster, RoomEvent, RoomHook, ServerSideEvent, ServerSideHandler};

impl Namespace {
    /// Calls `handler` for each event of this name that another node of the cluster emits with
    /// [`Broadcast::server_side_emit`]. What it returns answers, where the node asks for it, as for
    /// [`on`](Self::on); of several handlers of one event, the first registered that returns a value does.
    ///
    /// Clients can't send such events. There is no socket: the handler takes a [`ServerSideEvent`]. Handlers begin one after
    /// another, in the order in which the events came, whatever their namespaces; one that has to wait goes on beside the next.
    ///
    /// ```
    /// use enchufe::{HandlerError, Namespace, ServerSideEvent};
    ///
    /// Namespace::new("/")
    ///     .on_server_side("load?", async |_: ServerSideEvent| 0.7)
    ///     .on_server_side("close room", async |event: ServerSideEvent| -> Result<(), HandlerError> {
    ///         let room: String = event.data()?;
    ///         event.namespace().local().to(room).sockets_leave("open");
    ///         Ok(())
    ///     });
    /// ```
    ///
    /// The server isn't built if the name is `connect`, `connection` or `new_namespace`.
    pub fn on_server_side<H, F, M>(mut self, event: impl Into<Cow<'static, str>>, handler: H) -> Self
    where
        H: Fn(ServerSideEvent) -> F + Send + Sync + 'static,
        F: Future<Output: IntoAnswer<M>> + Send + 'static,
    {
        let event = event.into();
        let handlers = self.routes.server_side.entry(event.as_ref().into()).or_default();
        handlers.push(ServerSideHandler::new(event.into(), handler));
        self
    }

    /// Calls `hook` for each room of the namespace that comes into being or goes, and for each socket that joins or leaves
    /// one, with everybody in the namespace beside it. It is told of this node's sockets alone.
    ///
    /// Occasions and order are those of the official adapter's `create-room`, `join-room`, `leave-room` and
    /// `delete-room`: a room is created before its first socket joins it, and deleted after its last has left. A
    /// socket's own room, named by its id, is one of them: it joins that when it is let in, and leaves it first when it
    /// goes.
    ///
    /// Events of one namespace are told one at a time and in the order of the changes, with no lock held. As a rule that is
    /// done when `join` or `leave` returns; but while another thread is telling, or the hook itself changes something, it
    /// is left to whoever is at it. So the hook must be quick, as others wait, and must not block: past 100,000 events that
    /// wait the newest are lost, which is logged. A hook that panics loses that event.
    ///
    /// ```
    /// use enchufe::{Namespace, RoomEvent};
    ///
    /// Namespace::new("/").on_room_event(|everybody, event| match event {
    ///     RoomEvent::Create { room } => println!("{room} is open"),
    ///     RoomEvent::Join { room, socket } => {
    ///         let _ = everybody.to(&**room).except(socket).emit("joined", socket);
    ///     }
    ///     _ => {}
    /// });
    /// ```
    ///
    /// Without hooks it costs nothing.
    pub fn on_room_event(mut self, hook: impl Fn(Broadcast, &RoomEvent) + Send + Sync + 'static) -> Self {
        self.routes.room_hooks.push(RoomHook::new(hook));
        self
    }

    /// The nodes that it shares its events with.
    pub(crate) fn in_cluster(mut self, cluster: Option<&Arc<Cluster>>) -> Self {
        self.routes.cluster = cluster.cloned();
        self
    }
}
