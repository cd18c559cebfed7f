//! `Children`: all namespaces of one dynamic definition at once.

use std::hash::Hash;

use serde::Serialize;

use crate::error::EmitError;
use crate::operators::{Broadcast, Rooms};

/// The namespaces that one dynamic definition has brought into being, to reach the sockets of all of them: what a
/// parent namespace is in the official API. See [`Server::children`](crate::Server::children).
///
/// They are those that existed when it was made, each with its own rooms. An event is encoded once for each.
///
/// ```
/// # fn example(io: &enchufe::Server) -> Result<(), enchufe::EmitError> {
/// io.children("/tenant-*").except("muted").emit("maintenance", "in five minutes")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nobody is reached until `emit` or another of its verbs is called"]
pub struct Children(Vec<Broadcast>);

impl Children {
    pub(crate) fn new(children: Vec<Broadcast>) -> Self {
        Self(children)
    }

    /// Only sockets in one of these rooms (and of those named before).
    pub fn to(self, rooms: impl Rooms) -> Self {
        let rooms = rooms.into_names();
        self.map(|child| child.to(&*rooms))
    }

    /// The same as [`Children::to`].
    pub fn in_(self, rooms: impl Rooms) -> Self {
        self.to(rooms)
    }

    /// No socket in one of these rooms.
    pub fn except(self, rooms: impl Rooms) -> Self {
        let rooms = rooms.into_names();
        self.map(|child| child.except(&*rooms))
    }

    /// Only sockets of this node.
    pub fn local(self) -> Self {
        self.map(Broadcast::local)
    }

    /// Those who cannot take it at once do not get it.
    pub fn volatile(self) -> Self {
        self.map(Broadcast::volatile)
    }

    /// As [`Broadcast::conflate`].
    pub fn conflate(self, key: impl Hash) -> Self {
        self.map(|child| child.conflate(&key))
    }

    /// As [`Broadcast::compress`].
    pub fn compress(self, compress: bool) -> Self {
        self.map(|child| child.compress(compress))
    }

    /// Emits an event to all of them. Queued for every socket of this node before this returns.
    ///
    /// # Errors
    /// Where the arguments cannot be encoded, or the name is reserved; it was then emitted to nobody.
    pub fn emit<T: Serialize>(&self, event: &str, args: T) -> Result<(), EmitError> {
        self.0.iter().try_for_each(|child| child.emit(event, &args).map(drop))
    }

    /// Emits the event `message`.
    ///
    /// # Errors
    /// Where the arguments cannot be encoded.
    pub fn send<T: Serialize>(&self, args: T) -> Result<(), EmitError> {
        self.emit("message", args)
    }

    /// Each namespace by itself.
    pub fn iter(&self) -> impl Iterator<Item = &Broadcast> {
        self.0.iter()
    }

    /// How many namespaces there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn map(self, change: impl Fn(Broadcast) -> Broadcast) -> Self {
        Self(self.0.into_iter().map(change).collect())
    }
}

impl IntoIterator for Children {
    type Item = Broadcast;
    type IntoIter = std::vec::IntoIter<Broadcast>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
