//! The rooms index: socket ↔ room.
//!
//! It is made for a million sockets and for broadcasts: sockets and rooms are integers inside, names are looked
//! up once per call and stored once, a room's members lie in ascending order. It is a plain data structure: the
//! caller locks it, and gives each socket its key.
//!
//! A socket is implicitly in the room named by its own id. That is not stored; where it matters, a function of
//! the caller resolves a name to the socket with that id. Others can be in a room of that name as well, and the
//! socket can leave it.

mod members;
mod select;
mod selection;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use roaring::RoaringBitmap;
use slab::Slab;
use smallvec::SmallVec;

use members::Members;
pub use selection::Selection;

/// A socket of the namespace: a small integer from the caller, free to be used again after
/// [`leave_all`](Rooms::leave_all). The index takes memory up to the largest key in use.
pub type SocketKey = u32;

/// The name of a room; cloning it shares it.
pub type RoomName = Arc<str>;

/// A room: its place in the slab.
type RoomId = u32;

/// Which socket is in which room.
///
/// ```
/// use enchufe_cluster::{Rooms, Selection};
///
/// let mut rooms = Rooms::new();
/// assert!(rooms.join(1, "lobby").created);
/// assert!(!rooms.join(2, "lobby").created);
/// rooms.join(2, "muted");
///
/// let selection = Selection::new().to("lobby").except("muted");
/// let mut found = Vec::new();
/// rooms.select(&selection, 0..3, |_id| None, |key| found.push(key));
/// assert_eq!(found, [1]);
/// ```
#[derive(Default)]
pub struct Rooms {
    rooms: Slab<Room>,
    /// Room by name: its id, hashed by the name in the slab.
    by_name: HashTable<RoomId>,
    /// The rooms of each socket, by key, in the order in which it joined them.
    joined: Vec<SmallVec<[RoomId; 4]>>,
    /// Sockets that have left the room named by their own id.
    without_own: RoaringBitmap,
    hasher: RandomState,
}

#[derive(Debug)]
struct Room {
    name: RoomName,
    members: Members,
}

/// What [`Rooms::join`] has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The room had no member before.
    pub created: bool,
    /// The socket was not in it before.
    pub joined: bool,
}

/// What [`Rooms::leave`] has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The socket was in the room.
    pub left: bool,
    /// It was the last one, and the room is gone.
    pub deleted: bool,
}

/// A room that [`Rooms::leave_all`] took a socket out of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftRoom {
    /// Its name.
    pub name: RoomName,
    /// The socket was its last member, and the room is gone.
    pub deleted: bool,
}

impl Rooms {
    /// Without any room.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a socket into a room, which comes into being with its first member.
    pub fn join(&mut self, key: SocketKey, room: &str) -> Joined {
        let (id, created) = match self.id(room) {
            Some(id) => (id, false),
            None => (self.create(room), true),
        };
        let joined = self.rooms.get_mut(id as usize).is_some_and(|room| room.members.insert(key));
        if joined {
            let index = key as usize;
            if index >= self.joined.len() {
                self.joined.resize_with(index + 1, SmallVec::new);
            }
            if let Some(joined) = self.joined.get_mut(index) {
                joined.push(id);
            }
        }
        Joined { created, joined }
    }

    /// Takes a socket out of a room, which goes with its last member.
    pub fn leave(&mut self, key: SocketKey, room: &str) -> Left {
        const NOTHING: Left = Left { left: false, deleted: false };
        let Some(id) = self.id(room) else { return NOTHING };
        let Some(joined) = self.joined.get_mut(key as usize) else { return NOTHING };
        let Some(position) = joined.iter().position(|&joined| joined == id) else { return NOTHING };
        joined.remove(position);
        Left { left: true, deleted: self.remove_member(id, key).is_some_and(|room| room.deleted) }
    }

    /// Takes a socket out of all its rooms, in the order in which it joined them, and forgets it: its key may be
    /// given to another one, which is in its own room again.
    pub fn leave_all(&mut self, key: SocketKey) -> Vec<LeftRoom> {
        self.without_own.remove(key);
        let joined = self.joined.get_mut(key as usize).map(std::mem::take).unwrap_or_default();
        joined.into_iter().filter_map(|id| self.remove_member(id, key)).collect()
    }

    /// Takes a socket out of the room named by its own id; `false` if it had left it before.
    pub fn leave_own(&mut self, key: SocketKey) -> bool {
        self.without_own.insert(key)
    }

    /// Puts a socket back into the room named by its own id; `false` if it had not left it.
    pub fn join_own(&mut self, key: SocketKey) -> bool {
        self.without_own.remove(key)
    }

    /// Whether a socket is in the room named by its own id, as it is unless it has left.
    pub fn in_own(&self, key: SocketKey) -> bool {
        !self.without_own.contains(key)
    }

    /// How many sockets have left the room named by their own id.
    pub fn left_own_count(&self) -> usize {
        // 2^32 at most, and as many sockets are there.
        usize::try_from(self.without_own.len()).unwrap_or(usize::MAX)
    }

    /// The rooms that a socket has joined, in the order in which it did; without the one named by its own id.
    pub fn rooms_of(&self, key: SocketKey) -> impl Iterator<Item = &RoomName> {
        let ids = self.joined.get(key as usize).into_iter().flatten();
        ids.filter_map(|&id| self.rooms.get(id as usize)).map(|room| &room.name)
    }

    /// How many rooms a socket has joined; without the one named by its own id.
    pub fn joined_count(&self, key: SocketKey) -> usize {
        self.joined.get(key as usize).map_or(0, SmallVec::len)
    }

    /// Whether a socket has joined a room.
    pub fn contains(&self, key: SocketKey, room: &str) -> bool {
        self.members(room).is_some_and(|members| members.contains(key))
    }

    /// How many sockets have joined a room.
    pub fn len(&self, room: &str) -> usize {
        self.members(room).map_or(0, Members::len)
    }

    /// Whether nobody has joined any room.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// The keys of the sockets that have joined a room, ascending.
    pub fn members_of(&self, room: &str) -> impl Iterator<Item = SocketKey> {
        self.members(room).into_iter().flat_map(Members::iter)
    }

    /// The names of all rooms that somebody has joined, in no particular order.
    pub fn room_names(&self) -> impl Iterator<Item = &RoomName> {
        self.rooms.iter().map(|(_, room)| &room.name)
    }

    /// How many rooms somebody has joined.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    fn members(&self, room: &str) -> Option<&Members> {
        Some(&self.rooms.get(self.id(room)? as usize)?.members)
    }

    fn id(&self, room: &str) -> Option<RoomId> {
        let hash = self.hasher.hash_one(room);
        self.by_name.find(hash, |&id| is_named(&self.rooms, id, room)).copied()
    }

    fn create(&mut self, name: &str) -> RoomId {
        let id = self.rooms.insert(Room { name: name.into(), members: Members::default() });
        let id = RoomId::try_from(id).expect("four thousand million rooms don't fit into memory");
        let Self { rooms, hasher, .. } = self;
        self.by_name.insert_unique(hasher.hash_one(name), id, |&id| {
            rooms.get(id as usize).map_or(0, |room| hasher.hash_one(&*room.name))
        });
        id
    }

    /// Takes `key` out of a room's members, and the room away if it was the last one. `None` if it was no member.
    fn remove_member(&mut self, id: RoomId, key: SocketKey) -> Option<LeftRoom> {
        let room = self.rooms.get_mut(id as usize)?;
        if !room.members.remove(key) {
            return None;
        }
        let name = room.name.clone();
        let deleted = room.members.is_empty();
        if deleted {
            let hash = self.hasher.hash_one(&*name);
            if let Ok(entry) = self.by_name.find_entry(hash, |&other| other == id) {
                entry.remove();
            }
            self.rooms.remove(id as usize);
        }
        Some(LeftRoom { name, deleted })
    }
}

fn is_named(rooms: &Slab<Room>, id: RoomId, name: &str) -> bool {
    rooms.get(id as usize).is_some_and(|room| *room.name == *name)
}

/// The sizes only: names of rooms can be private, and there can be many.
impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms").field("rooms", &self.rooms.len()).finish_non_exhaustive()
    }
}
