//! Who is connected, and which rooms they have entered; kept in memory, because it ends with the program.

use std::collections::{BTreeSet, HashMap, HashSet};

use enchufe::SocketId;
use parking_lot::Mutex;

use super::limits::MAX_TABS;
use crate::visit::Person;

/// Everybody who is connected, or was a moment ago.
#[derive(Default)]
pub(crate) struct Here {
    people: Mutex<HashMap<String, Somebody>>,
}

struct Somebody {
    person: Person,
    tabs: HashSet<SocketId>,
    rooms: BTreeSet<i64>,
    /// Counts departures, so that only the timer of the last one lets them go.
    departures: u64,
}

/// What a new tab means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Nobody knew them.
    First,
    /// They are here already, or have only just gone.
    Again,
    /// They have as many tabs as one may have.
    TooMany,
}

impl Here {
    /// Whether one more tab of somebody would be let in.
    pub(super) fn has_place(&self, key: &str) -> bool {
        self.people.lock().get(key).is_none_or(|somebody| somebody.tabs.len() < MAX_TABS)
    }

    /// A tab of somebody who, as far as is stored, has entered `rooms`.
    pub(super) fn arrive(
        &self,
        person: &Person,
        tab: SocketId,
        rooms: impl IntoIterator<Item = i64>,
    ) -> Arrival {
        let mut people = self.people.lock();
        let mut arrival = Arrival::Again;
        let somebody = people.entry(person.key.clone()).or_insert_with(|| {
            arrival = Arrival::First;
            Somebody { person: person.clone(), tabs: HashSet::new(), rooms: BTreeSet::new(), departures: 0 }
        });
        if somebody.tabs.len() >= MAX_TABS {
            return Arrival::TooMany;
        }
        somebody.tabs.insert(tab);
        somebody.rooms.extend(rooms);
        arrival
    }

    /// A tab has gone. If it was the last one, gives the number of this departure.
    pub(super) fn depart(&self, key: &str, tab: SocketId) -> Option<u64> {
        let mut people = self.people.lock();
        let somebody = people.get_mut(key)?;
        let was_there = somebody.tabs.remove(&tab);
        if !was_there || !somebody.tabs.is_empty() {
            return None;
        }
        somebody.departures += 1;
        Some(somebody.departures)
    }

    /// Some time after a departure: if they have not come back, they are gone from the rooms that are returned.
    pub(super) fn let_go(&self, key: &str, departure: u64) -> Option<(Person, BTreeSet<i64>)> {
        let mut people = self.people.lock();
        let somebody = people.get(key)?;
        if !somebody.tabs.is_empty() || somebody.departures != departure {
            return None;
        }
        people.remove(key).map(|somebody| (somebody.person, somebody.rooms))
    }

    /// They enter a room. True if they were not in it.
    pub(super) fn enter(&self, key: &str, room: i64) -> bool {
        self.people.lock().get_mut(key).is_some_and(|somebody| somebody.rooms.insert(room))
    }

    /// They leave a room. True if they were in it.
    pub(super) fn leave(&self, key: &str, room: i64) -> bool {
        self.people.lock().get_mut(key).is_some_and(|somebody| somebody.rooms.remove(&room))
    }

    pub(super) fn is_in(&self, key: &str, room: i64) -> bool {
        self.people.lock().get(key).is_some_and(|somebody| somebody.rooms.contains(&room))
    }

    pub(super) fn rooms_of(&self, key: &str) -> BTreeSet<i64> {
        self.people.lock().get(key).map(|somebody| somebody.rooms.clone()).unwrap_or_default()
    }

    /// Those of `keys` who are connected.
    pub(super) fn online<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> HashSet<&'a str> {
        let people = self.people.lock();
        keys.into_iter().filter(|key| people.contains_key(*key)).collect()
    }

    /// The guests in a room, by name; at most `limit`.
    pub(super) fn guests_in(&self, room: i64, limit: usize) -> Vec<Person> {
        let people = self.people.lock();
        let inside = people.values().filter(|one| one.person.guest && one.rooms.contains(&room));
        let mut guests: Vec<Person> = inside.take(limit).map(|one| one.person.clone()).collect();
        guests.sort_by(|a, b| a.name.cmp(&b.name));
        guests
    }

    pub(super) fn set_avatar(&self, key: &str, avatar: &str) {
        if let Some(somebody) = self.people.lock().get_mut(key) {
            avatar.clone_into(&mut somebody.person.avatar);
        }
    }
}
