//! The rooms index: its rules by name, and against a model that is obviously right.

use std::collections::{BTreeMap, BTreeSet};

use enchufe_cluster::{Joined, Left, LeftRoom, RoomName, Rooms, Selection, SocketKey};
use proptest::prelude::*;

const NOBODY: fn(&str) -> Option<SocketKey> = |_| None;

fn select(
    rooms: &Rooms,
    selection: &Selection,
    sockets: u32,
    own: fn(&str) -> Option<SocketKey>,
) -> Vec<u32> {
    let mut found = Vec::new();
    rooms.select(selection, 0..sockets, own, |key| found.push(key));
    found.sort_unstable();
    found
}

#[test]
fn a_room_lives_from_its_first_member_to_its_last() {
    let mut rooms = Rooms::new();
    assert_eq!(rooms.join(1, "a"), Joined { created: true, joined: true });
    assert_eq!(rooms.join(2, "a"), Joined { created: false, joined: true });
    assert_eq!(rooms.join(2, "a"), Joined { created: false, joined: false });
    assert_eq!((rooms.len("a"), rooms.room_count(), rooms.is_empty()), (2, 1, false));
    assert_eq!(rooms.leave(3, "a"), Left { left: false, deleted: false });
    assert_eq!(rooms.leave(1, "b"), Left { left: false, deleted: false });
    assert_eq!(rooms.leave(1, "a"), Left { left: true, deleted: false });
    assert_eq!(rooms.leave(1, "a"), Left { left: false, deleted: false });
    assert_eq!(rooms.leave(2, "a"), Left { left: true, deleted: true });
    assert_eq!((rooms.len("a"), rooms.room_count(), rooms.is_empty()), (0, 0, true));
    assert_eq!(rooms.join(1, "a"), Joined { created: true, joined: true });
}

#[test]
fn rooms_are_listed_and_left_in_the_order_of_joining() {
    let mut rooms = Rooms::new();
    for room in ["c", "a", "d", "b", "", "ñ"] {
        rooms.join(7, room);
    }
    rooms.join(8, "a");
    rooms.leave(7, "d");
    let names: Vec<&str> = rooms.rooms_of(7).map(|name| &**name).collect();
    assert_eq!(names, ["c", "a", "b", "", "ñ"]);
    assert_eq!(rooms.joined_count(7), 5);
    assert!(rooms.contains(7, "ñ") && !rooms.contains(7, "d") && !rooms.contains(8, "c"));
    let left: Vec<_> =
        rooms.leave_all(7).into_iter().map(|LeftRoom { name, deleted }| (name, deleted)).collect();
    let left: Vec<_> = left.iter().map(|(name, deleted)| (&**name, *deleted)).collect();
    assert_eq!(left, [("c", true), ("a", false), ("b", true), ("", true), ("ñ", true)]);
    assert_eq!(rooms.rooms_of(7).count() + rooms.joined_count(7), 0);
    assert_eq!(rooms.leave_all(7), []);
    assert_eq!(rooms.leave_all(1_000_000), []);
    assert_eq!(rooms.room_names().map(|name| &**name).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn each_socket_is_selected_once() {
    let mut rooms = Rooms::new();
    for key in 0..10 {
        rooms.join(key, "all");
    }
    for key in [2, 4, 6] {
        rooms.join(key, "even");
    }
    rooms.join(6, "muted");
    let to = |names: &[&str]| names.iter().fold(Selection::new(), |selection, &name| selection.to(name));
    assert_eq!(select(&rooms, &to(&["even"]), 20, NOBODY), [2, 4, 6]);
    assert_eq!(select(&rooms, &to(&["even", "all", "even"]), 20, NOBODY), (0..10).collect::<Vec<_>>());
    assert_eq!(select(&rooms, &to(&["even", "nobody"]).except("muted"), 20, NOBODY), [2, 4]);
    assert_eq!(select(&rooms, &to(&["nobody"]), 20, NOBODY), [0; 0]);
    assert_eq!(select(&rooms, &to(&["even"]).except("all"), 20, NOBODY), [0; 0]);
    assert_eq!(select(&rooms, &Selection::new(), 3, NOBODY), [0, 1, 2]);
    assert_eq!(select(&rooms, &Selection::new().except("even").except("muted"), 5, NOBODY), [0, 1, 3]);
    assert!(Selection::new().is_everybody() && !to(&["a"]).is_everybody());
    assert_eq!(to(&["a", "a"]).except("b").except("b"), to(&["a"]).except("b"));
}

/// Socket 3 has the id "id-3".
fn own(name: &str) -> Option<SocketKey> {
    name.strip_prefix("id-")?.parse().ok()
}

#[test]
fn a_socket_is_in_the_room_named_by_its_id() {
    let mut rooms = Rooms::new();
    let to_3 = Selection::new().to("id-3");
    assert_eq!(select(&rooms, &to_3, 5, own), [3]);
    assert_eq!(select(&rooms, &Selection::new().except("id-3"), 5, own), [0, 1, 2, 4]);
    assert!(rooms.is_empty());
    // Somebody else may be in the same room, and the socket itself may have joined it explicitly.
    rooms.join(4, "id-3");
    assert_eq!(select(&rooms, &to_3, 5, own), [3, 4]);
    assert_eq!(select(&rooms, &to_3.clone().to("id-4").to("id-1"), 5, own), [1, 3, 4]);
    assert_eq!(select(&rooms, &Selection::new().except("id-3"), 5, own), [0, 1, 2]);
    rooms.join(3, "id-3");
    assert_eq!(select(&rooms, &to_3, 5, own), [3, 4]);
    rooms.leave(3, "id-3");
    assert!(rooms.in_own(3));
    assert!(rooms.leave_own(3) && !rooms.leave_own(3) && !rooms.in_own(3));
    assert_eq!(select(&rooms, &to_3, 5, own), [4]);
    assert_eq!(select(&rooms, &Selection::new().except("id-3"), 5, own), [0, 1, 2, 3]);
    assert!(rooms.join_own(3) && !rooms.join_own(3));
    assert_eq!(select(&rooms, &to_3, 5, own), [3, 4]);
    // The next socket with the same key starts anew.
    rooms.leave_own(3);
    rooms.leave_all(3);
    assert!(rooms.in_own(3));
}

#[test]
fn large_rooms_are_as_small_ones() {
    let mut rooms = Rooms::new();
    for key in 0..100_000 {
        rooms.join(key, "all");
        if key % 3 == 0 {
            rooms.join(key, "third");
        }
    }
    for key in [5, 6, 200_000] {
        rooms.join(key, "few");
    }
    let count = |selection: &Selection| select(&rooms, selection, 0, NOBODY).len();
    assert_eq!(count(&Selection::new().to("all")), 100_000);
    assert_eq!(count(&Selection::new().to("third").to("few")), 33_334 + 2);
    assert_eq!(count(&Selection::new().to("third").to("few").to("all")), 100_001);
    assert_eq!(count(&Selection::new().to("all").except("third")), 66_666);
    assert_eq!(count(&Selection::new().to("all").except("third").except("few")), 66_665);
    let members: Vec<_> = rooms.members_of("third").collect();
    assert!(members.is_sorted() && members.len() == rooms.len("third"));
    for key in 0..100_000 {
        rooms.leave_all(key);
    }
    assert_eq!(rooms.room_count(), 1);
    assert_eq!(rooms.members_of("few").collect::<Vec<_>>(), [200_000]);
}

/// Sets of names and keys, and nothing clever.
#[derive(Default)]
struct Model {
    rooms: BTreeMap<String, BTreeSet<SocketKey>>,
    joined: BTreeMap<SocketKey, Vec<String>>,
    without_own: BTreeSet<SocketKey>,
}

impl Model {
    fn join(&mut self, key: SocketKey, room: &str) -> Joined {
        let created = !self.rooms.contains_key(room);
        let joined = self.rooms.entry(room.to_owned()).or_default().insert(key);
        if joined {
            self.joined.entry(key).or_default().push(room.to_owned());
        }
        Joined { created, joined }
    }

    fn leave(&mut self, key: SocketKey, room: &str) -> Left {
        let left = self.rooms.get_mut(room).is_some_and(|members| members.remove(&key));
        let deleted = left && self.rooms.get(room).is_some_and(BTreeSet::is_empty);
        if deleted {
            self.rooms.remove(room);
        }
        if left && let Some(joined) = self.joined.get_mut(&key) {
            joined.retain(|name| name != room);
        }
        Left { left, deleted }
    }

    fn leave_all(&mut self, key: SocketKey) -> Vec<LeftRoom> {
        self.without_own.remove(&key);
        let joined = self.joined.remove(&key).unwrap_or_default();
        joined
            .into_iter()
            .map(|name| {
                let deleted = self.leave(key, &name).deleted;
                LeftRoom { name: name.into(), deleted }
            })
            .collect()
    }

    fn is_in(&self, key: SocketKey, room: &str) -> bool {
        let own = own(room) == Some(key) && !self.without_own.contains(&key);
        own || self.rooms.get(room).is_some_and(|members| members.contains(&key))
    }

    fn select(&self, selection: &Selection) -> Vec<SocketKey> {
        let any = |key, rooms: &[RoomName]| rooms.iter().any(|room| self.is_in(key, room));
        (0..SOCKETS)
            .filter(|&key| selection.rooms.is_empty() || any(key, &selection.rooms))
            .filter(|&key| !any(key, &selection.except))
            .collect()
    }
}

/// Enough that a room can become large.
const SOCKETS: u32 = 400;

#[derive(Debug, Clone)]
enum Step {
    Join(SocketKey, String),
    JoinMany(std::ops::Range<SocketKey>, String),
    Leave(SocketKey, String),
    LeaveMany(std::ops::Range<SocketKey>, String),
    LeaveAll(SocketKey),
    LeaveOwn(SocketKey),
    JoinOwn(SocketKey),
    Select(Selection),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || prop_oneof![0..8u32, 0..SOCKETS];
    let room = || prop_oneof!["[a-e]", "id-[0-7]"];
    let range = || (0..SOCKETS, 0..300u32).prop_map(|(start, len)| start..(start + len).min(SOCKETS));
    let rooms = || prop::collection::vec(room(), 0..4);
    let selection = (rooms(), rooms()).prop_map(|(rooms, except)| {
        let selection = rooms.into_iter().fold(Selection::new(), Selection::to);
        except.into_iter().fold(selection, Selection::except)
    });
    prop_oneof![
        4 => (key(), room()).prop_map(|(key, room)| Step::Join(key, room)),
        1 => (range(), room()).prop_map(|(keys, room)| Step::JoinMany(keys, room)),
        2 => (key(), room()).prop_map(|(key, room)| Step::Leave(key, room)),
        1 => (range(), room()).prop_map(|(keys, room)| Step::LeaveMany(keys, room)),
        1 => key().prop_map(Step::LeaveAll),
        1 => key().prop_map(Step::LeaveOwn),
        1 => key().prop_map(Step::JoinOwn),
        3 => selection.prop_map(Step::Select),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn agrees_with_the_model(steps in prop::collection::vec(step(), 0..60)) {
        let (mut rooms, mut model) = (Rooms::new(), Model::default());
        for step in steps {
            match &step {
                Step::Join(key, room) => prop_assert_eq!(rooms.join(*key, room), model.join(*key, room)),
                Step::JoinMany(keys, room) => for key in keys.clone() {
                    prop_assert_eq!(rooms.join(key, room), model.join(key, room));
                },
                Step::Leave(key, room) => prop_assert_eq!(rooms.leave(*key, room), model.leave(*key, room)),
                Step::LeaveMany(keys, room) => for key in keys.clone() {
                    prop_assert_eq!(rooms.leave(key, room), model.leave(key, room));
                },
                Step::LeaveAll(key) => prop_assert_eq!(rooms.leave_all(*key), model.leave_all(*key)),
                Step::LeaveOwn(key) => prop_assert_eq!(rooms.leave_own(*key), model.without_own.insert(*key)),
                Step::JoinOwn(key) => prop_assert_eq!(rooms.join_own(*key), model.without_own.remove(key)),
                Step::Select(selection) => {
                    prop_assert_eq!(select(&rooms, selection, SOCKETS, own), model.select(selection));
                }
            }
        }
        prop_assert_eq!(rooms.room_count(), model.rooms.len());
        let names: BTreeSet<_> = rooms.room_names().map(|name| name.to_string()).collect();
        prop_assert_eq!(names, model.rooms.keys().cloned().collect());
        for (room, members) in &model.rooms {
            prop_assert_eq!(rooms.len(room), members.len());
            prop_assert!(rooms.members_of(room).eq(members.iter().copied()));
        }
        for key in 0..SOCKETS {
            let joined = model.joined.get(&key).cloned().unwrap_or_default();
            prop_assert_eq!(rooms.joined_count(key), joined.len());
            prop_assert!(rooms.rooms_of(key).map(|name| &**name).eq(joined.iter().map(|name| &**name)));
            prop_assert_eq!(rooms.in_own(key), !model.without_own.contains(&key));
        }
    }
}
