//! From a [`Selection`] to sockets.
//!
//! One room without exceptions, by far the most frequent, is a walk over its members. Otherwise small rooms are
//! merged into one sorted list, and large ones are asked or united as the bitmaps that they are.

use std::borrow::Cow;

use roaring::{MultiOps, RoaringBitmap};
use smallvec::SmallVec;

use super::members::Members;
use super::{RoomName, Rooms, Selection, SocketKey};

impl Rooms {
    /// Calls `f` with each selected socket, once, however many of the rooms it is in.
    ///
    /// `everybody` are the keys of all sockets, each once; it is used only where no room is named. `own` gives
    /// the socket whose id a name is, if there is one. The order is unspecified, but mostly ascending.
    pub fn select(
        &self,
        selection: &Selection,
        everybody: impl IntoIterator<Item = SocketKey>,
        own: impl Fn(&str) -> Option<SocketKey>,
        mut f: impl FnMut(SocketKey),
    ) {
        if selection.rooms.is_empty() {
            let except = self.union(&selection.except, own);
            return if except.is_empty() {
                everybody.into_iter().for_each(f)
            } else {
                everybody.into_iter().filter(|&key| !except.contains(key)).for_each(f)
            };
        }
        if selection.except.is_empty()
            && let [room] = &*selection.rooms
        {
            let members = self.members(room);
            if let Some(key) = self.own_member(room, &own)
                && !members.is_some_and(|members| members.contains(key))
            {
                f(key);
            }
            match members {
                Some(Members::Few(keys)) => keys.iter().copied().for_each(f),
                Some(Members::Many(keys)) => keys.iter().for_each(f),
                None => {}
            }
            return;
        }
        let except = self.union(&selection.except, &own);
        let selected = self.union(&selection.rooms, own);
        if except.is_empty() {
            selected.for_each(f);
        } else {
            selected.for_each(|key| {
                if !except.contains(key) {
                    f(key);
                }
            });
        }
    }

    /// The socket that is in `room` because that is its id.
    fn own_member(&self, room: &str, own: impl Fn(&str) -> Option<SocketKey>) -> Option<SocketKey> {
        own(room).filter(|&key| self.in_own(key))
    }

    fn union(&self, rooms: &[RoomName], own: impl Fn(&str) -> Option<SocketKey>) -> Union<'_> {
        let mut few = SmallVec::new();
        let mut many = SmallVec::<[&RoaringBitmap; 4]>::new();
        for room in rooms {
            few.extend(self.own_member(room, &own));
            match self.members(room) {
                Some(Members::Few(keys)) => few.extend_from_slice(keys),
                Some(Members::Many(keys)) => many.push(&**keys),
                None => {}
            }
        }
        few.sort_unstable();
        few.dedup();
        let many = match &*many {
            [] => None,
            [keys] => Some(Cow::Borrowed(*keys)),
            several => Some(Cow::Owned(several.iter().copied().union())),
        };
        Union { few, many }
    }
}

/// The members of several rooms.
struct Union<'a> {
    /// Those of the small rooms, ascending.
    few: SmallVec<[SocketKey; 32]>,
    /// Those of the large rooms; the others may be among them as well.
    many: Option<Cow<'a, RoaringBitmap>>,
}

impl Union<'_> {
    fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_none()
    }

    fn contains(&self, key: SocketKey) -> bool {
        self.few.binary_search(&key).is_ok() || self.many.as_ref().is_some_and(|keys| keys.contains(key))
    }

    fn for_each(&self, mut f: impl FnMut(SocketKey)) {
        match &self.many {
            None => self.few.iter().copied().for_each(f),
            Some(many) => {
                many.iter().for_each(&mut f);
                self.few.iter().copied().filter(|&key| !many.contains(key)).for_each(f);
            }
        }
    }
}
