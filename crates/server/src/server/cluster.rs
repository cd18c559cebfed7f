//! A server as a node of a cluster, and the main namespace's shortcuts.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use enchufe_cluster::bus::{Bus, NodeId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Server, ServerBuilder};
use crate::core::Core;
use crate::error::EmitError;
use crate::operators::{
    Broadcast, BroadcastAckFuture, Cluster, Inbox, Incomplete, RemoteSocket, Rooms, ServerSideAckFuture,
};
use crate::socket::Emitted;

impl ServerBuilder {
    /// Makes the server a node of a cluster, whose nodes `bus` connects: emits to rooms and everybody, and what else goes
    /// over a [`Broadcast`], then reach the sockets of all nodes. See [`cluster`](crate::cluster).
    ///
    /// ```
    /// use enchufe::cluster::Hub;
    /// use enchufe::{Namespace, Server};
    ///
    /// let hub = Hub::new();
    /// let a = Server::builder().namespace(Namespace::new("/")).cluster(hub.join("a")).build()?;
    /// let b = Server::builder().namespace(Namespace::new("/")).cluster(hub.join("b")).build()?;
    /// a.emit("news", "for the clients of both").expect("it can be encoded");
    /// # Ok::<(), enchufe::BuildError>(())
    /// ```
    pub fn cluster(mut self, bus: impl Bus) -> Self {
        self.cluster = Some(Cluster::new(Arc::new(bus)));
        self
    }
}

/// Begins to hear the other nodes.
pub(super) fn attach(core: &Arc<Core>, cluster: Option<Arc<Cluster>>) {
    if let Some(cluster) = cluster {
        cluster.bus().attach(Arc::new(Inbox::new(core, &cluster)));
        // It is set here alone.
        let _ = core.cluster.set(cluster);
    }
}

impl Server {
    /// The name of this node in its cluster; `None` where there is none.
    #[must_use]
    pub fn node_id(&self) -> Option<&NodeId> {
        self.0.cluster.get().map(|cluster| cluster.bus().node())
    }
}

/// The main namespace, `/`: each is short for the same on `of("/")`, and panics where `/` was not defined.
impl Server {
    fn main(&self) -> Broadcast {
        self.of("/")
    }

    /// As [`Broadcast::emit`] to everybody in `/`.
    ///
    /// # Errors
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize>(&self, event: &str, args: T) -> Result<Emitted, EmitError> {
        self.main().emit(event, args)
    }

    /// As [`Broadcast::send`] to everybody in `/`.
    ///
    /// # Errors
    /// As [`Broadcast::send`].
    pub fn send<T: Serialize>(&self, args: T) -> Result<Emitted, EmitError> {
        self.main().send(args)
    }

    /// As [`Broadcast::emit_with_ack`] to everybody in `/`.
    pub fn emit_with_ack<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> BroadcastAckFuture<R> {
        self.main().emit_with_ack(event, args)
    }

    /// As [`Broadcast::to`] in `/`.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.main().to(rooms)
    }

    /// The same as [`Server::to`].
    pub fn in_(&self, rooms: impl Rooms) -> Broadcast {
        self.main().in_(rooms)
    }

    /// As [`Broadcast::except`] in `/`.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.main().except(rooms)
    }

    /// As [`Broadcast::local`] in `/`.
    pub fn local(&self) -> Broadcast {
        self.main().local()
    }

    /// As [`Broadcast::volatile`] in `/`.
    pub fn volatile(&self) -> Broadcast {
        self.main().volatile()
    }

    /// As [`Broadcast::compress`] in `/`.
    pub fn compress(&self, compress: bool) -> Broadcast {
        self.main().compress(compress)
    }

    /// As [`Broadcast::conflate`] in `/`.
    pub fn conflate(&self, key: impl Hash) -> Broadcast {
        self.main().conflate(key)
    }

    /// As [`Broadcast::timeout`] in `/`.
    pub fn timeout(&self, timeout: Duration) -> Broadcast {
        self.main().timeout(timeout)
    }

    /// As [`Broadcast::fetch_sockets`] in `/`.
    ///
    /// # Errors
    /// As [`Broadcast::fetch_sockets`].
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, Incomplete<RemoteSocket>> {
        self.main().fetch_sockets().await
    }

    /// As [`Broadcast::sockets_join`] in `/`.
    pub fn sockets_join(&self, rooms: impl Rooms) -> Emitted {
        self.main().sockets_join(rooms)
    }

    /// As [`Broadcast::sockets_leave`] in `/`.
    pub fn sockets_leave(&self, rooms: impl Rooms) -> Emitted {
        self.main().sockets_leave(rooms)
    }

    /// As [`Broadcast::disconnect_sockets`] in `/`.
    pub fn disconnect_sockets(&self, close: bool) -> Emitted {
        self.main().disconnect_sockets(close)
    }

    /// As [`Broadcast::server_side_emit`] in `/`.
    ///
    /// # Errors
    /// As [`Broadcast::server_side_emit`].
    pub fn server_side_emit<T: Serialize>(&self, event: &str, args: T) -> Result<Emitted, EmitError> {
        self.main().server_side_emit(event, args)
    }

    /// As [`Broadcast::server_side_emit_with_ack`] in `/`.
    pub fn server_side_emit_with_ack<R: DeserializeOwned + fmt::Debug + 'static>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> ServerSideAckFuture<R> {
        self.main().server_side_emit_with_ack(event, args)
    }
}
