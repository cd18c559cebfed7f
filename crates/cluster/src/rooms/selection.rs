//! To whom something goes, by names.

use smallvec::SmallVec;

use super::RoomName;

/// The sockets in any of some rooms, or all, but for those in any of some others.
///
/// Rooms are named, so that a selection means the same on every node. A socket's id names it alone, as the room
/// that it is in by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// In any of these; everybody if there are none.
    pub rooms: SmallVec<[RoomName; 1]>,
    /// In none of these.
    pub except: SmallVec<[RoomName; 1]>,
}

impl Selection {
    /// Everybody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those in `room` too; the first call narrows everybody down to one room. Naming a room again changes nothing.
    #[must_use]
    pub fn to(mut self, room: impl Into<RoomName>) -> Self {
        add(&mut self.rooms, room.into());
        self
    }

    /// Not those in `room`.
    #[must_use]
    pub fn except(mut self, room: impl Into<RoomName>) -> Self {
        add(&mut self.except, room.into());
        self
    }

    /// Whether it is all sockets.
    pub fn is_everybody(&self) -> bool {
        self.rooms.is_empty() && self.except.is_empty()
    }
}

fn add(rooms: &mut SmallVec<[RoomName; 1]>, room: RoomName) {
    if !rooms.contains(&room) {
        rooms.push(room);
    }
}
