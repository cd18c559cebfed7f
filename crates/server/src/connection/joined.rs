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
    /// The one that has joined for the longest; there is none where there are no others either.
    first: Option<Socket>,
    more: Option<Box<More>>,
}

/// What most connections have nothing of.
#[derive(Default)]
struct More {
    /// All but the first.
    others: Vec<Socket>,
    /// By the names of their namespaces, where they are not few.
    index: Option<Index>,
    /// Namespaces that the server has disconnected: packets for them may still be on their way.
    left: Vec<Arc<str>>,
}

impl Joined {
    pub(super) fn add(&mut self, socket: Socket) {
        let Some(first) = &self.first else {
            self.first = Some(socket);
            return;
        };
        let More { others, index, .. } = &mut **self.more.get_or_insert_default();
        others.push(socket.clone());
        if others.len() < FEW {
            return;
        }
        match index {
            Some(index) => {
                index.insert(name(&socket), socket);
            }
            none => {
                let all = std::iter::once(first).chain(&*others);
                *none = Some(all.map(|socket| (name(socket), socket.clone())).collect());
            }
        }
    }

    pub(super) fn find(&self, namespace: &str) -> Option<&Socket> {
        match self.more.as_ref().and_then(|more| more.index.as_ref()) {
            Some(index) => index.get(namespace),
            None => self.iter().find(|socket| socket.namespace_name() == namespace),
        }
    }

    pub(super) fn remove(&mut self, socket: &Socket) {
        let is_first = self.first.as_ref() == Some(socket);
        let Some(more) = &mut self.more else {
            if is_first {
                self.first = None;
            }
            return;
        };
        if is_first {
            self.first = (!more.others.is_empty()).then(|| more.others.remove(0));
        } else {
            more.others.retain(|other| other != socket);
        }
        if more.others.len() < FEW {
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
        let mut all: Sockets = self.first.take().into_iter().collect();
        if let Some(more) = &mut self.more {
            more.index = None;
            all.extend(std::mem::take(&mut more.others));
        }
        all
    }

    pub(super) fn all(&self) -> Sockets {
        self.iter().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.as_ref().map_or(0, |more| more.others.len())
    }

    fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.first.iter().chain(self.more.iter().flat_map(|more| &more.others))
    }
}

fn name(socket: &Socket) -> Arc<str> {
    socket.namespace_core().shared_name()
}
