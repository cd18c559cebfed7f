//! The sockets of a namespace on this node and the rooms that they are in: what stands under its lock.

use enchufe_cluster::{RoomName, Rooms as RoomIndex, Selection};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use slab::Slab;
use smallvec::SmallVec;
use std::hash::BuildHasher;
use std::hint::black_box;

use crate::id::{IdText, SocketId};
use crate::operators::RoomEvents;
use crate::socket::Socket;

/// Members of which the processor fetches at once what a delivery needs.
const TOUCHED: usize = 16;

/// What lies behind one pointer is fetched for all of them, and then what lies behind the next.
fn touch(sockets: &[&Socket]) {
    black_box(sockets.iter().fold(0, |touched, socket| touched ^ socket.touch()));
    black_box(sockets.iter().fold(0, |touched, socket| touched ^ socket.connection().touch()));
}

#[derive(Default)]
pub(super) struct Members {
    pub(super) sockets: Slab<Socket>,
    /// The keys of all, hashed by their ids.
    by_id: HashTable<u32>,
    hasher: RandomState,
    pub(super) rooms: RoomIndex,
}

impl Members {
    /// The socket whose id this is.
    pub(super) fn key_of(&self, name: &str) -> Option<u32> {
        if !SocketId::may_be(name) {
            return None;
        }
        let is_it = |key: &u32| self.sockets.get(*key as usize).is_some_and(|s| s.id_ref().as_str() == name);
        self.by_id.find(self.hash(name), is_it).copied()
    }

    fn hash(&self, id: &str) -> u64 {
        self.hasher.hash_one(IdText::new(id))
    }

    pub(super) fn select(&self, selection: &Selection, mut each: impl FnMut(&Socket)) {
        let own = |name: &str| self.key_of(name);
        let everybody = self.sockets.iter().filter_map(|(key, _)| u32::try_from(key).ok());
        let mut next: SmallVec<[&Socket; TOUCHED]> = SmallVec::new();
        self.rooms.select(selection, everybody, own, |key| {
            if let Some(socket) = self.sockets.get(key as usize) {
                next.push(socket);
                if next.len() == TOUCHED {
                    touch(&next);
                    next.drain(..).for_each(&mut each);
                }
            }
        });
        touch(&next);
        next.into_iter().for_each(each);
    }

    /// Gives a new socket its key.
    pub(super) fn admit(&mut self, id: SocketId, make: impl FnOnce(u32) -> Socket) -> Socket {
        let entry = self.sockets.vacant_entry();
        // A process does not hold four thousand million sockets.
        let key = u32::try_from(entry.key()).unwrap_or(u32::MAX);
        let socket = entry.insert(make(key)).clone();
        let hash = self.hash(id.as_str());
        let (sockets, hasher) = (&self.sockets, &self.hasher);
        let id_of = |key: &u32| sockets.get(*key as usize).map_or("", |socket| socket.id_ref().as_str());
        match self.by_id.entry(
            hash,
            |other| id_of(other) == id.as_str(),
            |other| hasher.hash_one(IdText::new(id_of(other))),
        ) {
            // One whose id another has takes its place.
            Entry::Occupied(mut place) => *place.get_mut() = key,
            Entry::Vacant(place) => {
                place.insert(key);
            }
        }
        socket
    }

    /// Takes a socket's id out, unless another has it by now.
    pub(super) fn forget_id(&mut self, socket: &Socket) {
        let hash = self.hash(socket.id_ref().as_str());
        if let Ok(place) = self.by_id.find_entry(hash, |key| *key == socket.key()) {
            place.remove();
        }
    }

    /// Everybody selected who has been let in.
    pub(super) fn selected(&self, selection: &Selection) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.select(selection, |socket| {
            if socket.connected() {
                sockets.push(socket.clone());
            }
        });
        sockets
    }

    pub(super) fn rooms_of(&self, socket: &Socket) -> Vec<RoomName> {
        let own = self.rooms.in_own(socket.key()).then(|| socket.id_ref().as_str().into());
        own.into_iter().chain(self.rooms.rooms_of(socket.key()).cloned()).collect()
    }

    /// How many rooms there are, those included that sockets are in by their ids.
    pub(super) fn room_count(&self) -> usize {
        let shared = |room: &&RoomName| self.key_of(room).is_some_and(|own| self.rooms.in_own(own));
        let own = self.sockets.len().saturating_sub(self.rooms.left_own_count());
        self.rooms.room_count() + own - self.rooms.room_names().filter(shared).count()
    }

    /// `false` where it would be in too many.
    pub(super) fn join_up_to_limit(
        &mut self,
        events: Option<&RoomEvents>,
        socket: &Socket,
        rooms: &[RoomName],
    ) -> bool {
        let limit = socket.core().config.limits.max_rooms;
        for room in rooms {
            let costs_nothing =
                || **room == *socket.id_ref().as_str() || self.rooms.contains(socket.key(), room);
            if self.rooms.joined_count(socket.key()) >= limit && !costs_nothing() {
                return false;
            }
            self.join(events, socket, room);
        }
        true
    }

    pub(super) fn join(&mut self, events: Option<&RoomEvents>, socket: &Socket, room: &RoomName) {
        let (id, key) = (socket.id_ref(), socket.key());
        if **room == *id.as_str() {
            self.rooms.join_own(key);
            // Before it is let in nobody has been told of it.
            if let Some(events) = events.filter(|_| socket.connected()) {
                let others = self.rooms.len(room) > 0;
                events.note(|notes| notes.joined_own(id, key, others));
            }
            return;
        }
        let joined = self.rooms.join(key, room);
        if let Some(events) = events {
            let own = self.key_of(room);
            events.note(|notes| notes.joined(id, room, joined, own));
        }
    }

    pub(super) fn leave(&mut self, events: Option<&RoomEvents>, socket: &Socket, rooms: &[RoomName]) {
        let (id, key) = (socket.id_ref(), socket.key());
        for room in rooms {
            if **room == *id.as_str() {
                self.rooms.leave_own(key);
                if let Some(events) = events {
                    let others = self.rooms.len(room) > 0;
                    events.note(|notes| notes.left_own(id, key, others));
                }
                continue;
            }
            let left = self.rooms.leave(key, room);
            if let Some(events) = events {
                let own = self.key_of(room);
                events.note(|notes| notes.left(id, room, left, own));
            }
        }
    }

    /// A socket that goes leaves all rooms: its own first, then the others in the order in which it joined them.
    pub(super) fn leave_all(&mut self, events: Option<&RoomEvents>, socket: &Socket) {
        let (id, key) = (socket.id_ref(), socket.key());
        let left = self.rooms.leave_all(key);
        let Some(events) = events else { return };
        let others = self.rooms.len(id.as_str()) > 0;
        events.note(|notes| {
            notes.left_own(id, key, others);
            for room in left {
                let own = self.key_of(&room.name);
                notes.left_with_all(id, room, own);
            }
        });
    }

    /// Whether a socket is a member. Its key alone does not say so: it is given again.
    pub(super) fn has(&self, socket: &Socket) -> bool {
        self.sockets.get(socket.key() as usize) == Some(socket)
    }
}
