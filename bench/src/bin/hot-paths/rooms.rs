//! The rooms index: whom a broadcast goes to, and what joining and leaving cost.
//!
//! The index seeds its hashes at random, so these counts move a little between runs. Each loop goes
//! through several indexes and many rooms, so that the luck of the seeds evens out.

use std::hint::black_box;

use enchufe_cluster::{Rooms, Selection, SocketKey};

use super::HotPath;

pub(super) const PATHS: &[HotPath] = &[
    HotPath { name: "rooms/select-room-of-10", iterations: 4_800, run: select_room_of_10 },
    HotPath { name: "rooms/select-room-of-1000", iterations: 100, run: select_room_of_1000 },
    HotPath { name: "rooms/select-3-rooms-but-1", iterations: 1_600, run: select_three_but_one },
    HotPath { name: "rooms/select-everybody-but-1-room", iterations: 100, run: select_everybody_but },
    HotPath { name: "rooms/join-and-leave", iterations: 6_400, run: join_and_leave },
];

const SOCKETS: SocketKey = 1000;
const ROOMS: u32 = 100;
/// Indexes, each with its own seed.
const INDEXES: usize = 64;

fn name(room: u32) -> String {
    format!("room-{room}")
}

/// Each with 100 rooms of 10, and `all` with everybody.
fn indexes() -> Vec<Rooms> {
    let index = |_| {
        let mut rooms = Rooms::new();
        for key in 0..SOCKETS {
            rooms.join(key, &name(key % ROOMS));
            rooms.join(key, "all");
        }
        rooms
    };
    (0..INDEXES).map(index).collect()
}

/// Each of `selections` in turn; `expected` sockets each time.
fn select(count: u64, selections: &[Selection], expected: u32) {
    let indexes = indexes();
    for ((selection, rooms), _) in selections.iter().cycle().zip(indexes.iter().cycle()).zip(0..count) {
        let mut found = 0;
        rooms.select(
            black_box(selection),
            0..SOCKETS,
            |_| None,
            |key| {
                black_box(key);
                found += 1;
            },
        );
        assert_eq!(found, expected);
    }
}

fn selections(make: impl Fn(u32) -> Selection) -> Vec<Selection> {
    (0..ROOMS).map(make).collect()
}

fn select_room_of_10(count: u64) {
    select(count, &selections(|room| Selection::new().to(name(room))), 10);
}

fn select_room_of_1000(count: u64) {
    select(count, &[Selection::new().to("all")], SOCKETS);
}

fn select_three_but_one(count: u64) {
    let make = |room| {
        let next = |step| name((room + step) % ROOMS);
        Selection::new().to(next(0)).to(next(1)).to(next(2)).except(next(1))
    };
    select(count, &selections(make), 20);
}

fn select_everybody_but(count: u64) {
    select(count, &selections(|room| Selection::new().except(name(room))), SOCKETS - 10);
}

fn join_and_leave(count: u64) {
    let mut indexes = indexes();
    let names: Vec<String> = (0..ROOMS).map(name).collect();
    for turn in 0..count {
        let (Some(rooms), Some(room)) =
            (indexes.get_mut(turn as usize % INDEXES), names.get(turn as usize / INDEXES % names.len()))
        else {
            return;
        };
        let key = turn as SocketKey * 7 % SOCKETS;
        black_box(rooms.join(key, black_box(room)));
        black_box(rooms.leave(key, black_box(room)));
    }
}
