//! The sockets of one connection: as a rule one, in the order in which they joined; found by name where they are many.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::socket::Socket;

/// The sockets themselves, to be told something.
pub(crate) type Sockets = SmallVec<[Socket; 1]>;

/// More than this are found through an index; so few are looked through as fast.
const FEW: usize = 8;

type Index = HashMap<Arc<str>, Socket, RandomState>;

#[derive(Default)]
pub(super) struct Joined {
    sockets: Sockets,
    more: Option<Box<More>>,
}

/// What most connections have nothing of.
#[derive(Default)]
struct More {
    /// By the names of their namespaces, where they are not few.
    index: Option<Index>,
    /// Namespaces that the server has disconnected: packets for them may still be on their way.
    left: Vec<Arc<str>>,
}

impl Joined {
    pub(super) fn add(&mut self, socket: Socket) {
        self.sockets.push(socket.clone());
        if self.sockets.len() <= FEW {
            return;
        }
        match &mut self.more.get_or_insert_default().index {
            Some(index) => {
                index.insert(name(&socket), socket);
            }
            none => {
                let all = self.sockets.iter().map(|socket| (name(socket), socket.clone()));
                *none = Some(all.collect());
            }
        }
    }

    pub(super) fn find(&self, namespace: &str) -> Option<&Socket> {
        match self.more.as_ref().and_then(|more| more.index.as_ref()) {
            Some(index) => index.get(namespace),
            None => self.sockets.iter().find(|socket| socket.namespace_name() == namespace),
        }
    }

    pub(super) fn remove(&mut self, socket: &Socket) {
        self.sockets.retain(|other| other != socket);
        let Some(more) = &mut self.more else { return };
        if self.sockets.len() <= FEW {
            more.index = None;
        } else if let Some(index) = &mut more.index
            && index.get(socket.namespace_name()) == Some(socket)
        {
            index.remove(socket.namespace_name());
        }
    }

    /// As [`Joined::remove`], by the server's will. Of so many namespaces it is remembered.
    pub(super) fn dismiss(&mut self, socket: &Socket, limit: usize) {
        self.remove(socket);
        if self.has_left(socket.namespace_name()) {
            return;
        }
        let left = &mut self.more.get_or_insert_default().left;
        if left.len() >= limit {
            // What was on its way for the one that left first has long come.
            left.remove(0);
        }
        left.push(name(socket));
    }

    /// Whether the server has disconnected it from this namespace.
    pub(super) fn has_left(&self, namespace: &str) -> bool {
        self.more.as_ref().is_some_and(|more| more.left.iter().any(|name| **name == *namespace))
    }

    pub(super) fn take(&mut self) -> Sockets {
        if let Some(more) = &mut self.more {
            more.index = None;
        }
        std::mem::take(&mut self.sockets)
    }

    pub(super) fn all(&self) -> &Sockets {
        &self.sockets
    }
}

fn name(socket: &Socket) -> Arc<str> {
    socket.namespace_core().shared_name()
}
