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
    /// By the names of their namespaces, where they are not few.
    index: Option<Box<Index>>,
}

impl Joined {
    pub(super) fn add(&mut self, socket: Socket) {
        self.sockets.push(socket.clone());
        match &mut self.index {
            Some(index) => {
                index.insert(name(&socket), socket);
            }
            None if self.sockets.len() > FEW => {
                let all = self.sockets.iter().map(|socket| (name(socket), socket.clone()));
                self.index = Some(Box::new(all.collect()));
            }
            None => {}
        }
    }

    pub(super) fn find(&self, namespace: &str) -> Option<&Socket> {
        match &self.index {
            Some(index) => index.get(namespace),
            None => self.sockets.iter().find(|socket| socket.namespace_name() == namespace),
        }
    }

    pub(super) fn remove(&mut self, socket: &Socket) {
        self.sockets.retain(|other| other != socket);
        if self.sockets.len() <= FEW {
            self.index = None;
        } else if let Some(index) = &mut self.index
            && index.get(socket.namespace_name()) == Some(socket)
        {
            index.remove(socket.namespace_name());
        }
    }

    pub(super) fn take(&mut self) -> Sockets {
        std::mem::take(self).sockets
    }

    pub(super) fn all(&self) -> &Sockets {
        &self.sockets
    }
}

fn name(socket: &Socket) -> Arc<str> {
    socket.namespace_core().shared_name()
}
