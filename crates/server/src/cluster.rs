//! Several servers as one: what is emitted to a room at one node reaches the sockets of all.
//!
//! A node is given to the server with [`ServerBuilder::cluster`](crate::ServerBuilder::cluster), as a [`Bus`]: what
//! carries messages to the other nodes. [`Hub`] connects servers of one process. A bus of your own implements the trait;
//! the [messages](Message) are those of the official `ClusterAdapter`, so it may speak to official nodes.
//!
//! # What holds
//!
//! What is done is done on this node before the call returns, and told to the others after that: the [`Emitted`](crate::Emitted)
//! that a call gives may be awaited for it. What one task emits reaches each node in order. Answers are waited for until
//! each node has given its own, or is known to be gone, or the time is up: then those that came are in the error.
//! `local()` keeps to this node.
//!
//! ```
//! use enchufe::cluster::Hub;
//! use enchufe::{Namespace, Server};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::new();
//! let node = |name: &str| {
//!     Server::builder().namespace(Namespace::new("/")).cluster(hub.join(name)).build()
//! };
//! let (a, b) = (node("a")?, node("b")?);
//! a.to("lobby").emit("news", "for the lobby of both")?;
//! let everywhere = a.in_("lobby").fetch_sockets().await?;
//! let here = a.in_("lobby").local().fetch_sockets().await?;
//! # let _ = (b, everywhere, here);
//! # Ok(()) }
//! ```

pub use enchufe_cluster::Selection;
pub use enchufe_cluster::bus::{
    Bus, BusError, Envelope, Hub, HubBus, Message, NodeId, Outgoing, Peers, PeersFuture, Published, Reach,
    Receiver, RequestId, SocketDetails,
};
