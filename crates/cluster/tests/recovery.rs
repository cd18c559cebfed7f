//! The log and the sessions of one namespace: what comes back, and what must not.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use enchufe_cluster::recovery::{
    Bounds, Found, KeptPacket, KeptSession, MemorySessions, MemoryStore, Pid, Progress, Quota, Restored,
    SessionStore, StoreFuture, StoredSession,
};
use enchufe_cluster::{RoomName, Selection};
use enchufe_proto::socket::RawArgs;

type Store = MemoryStore<String, ()>;

const BOUNDS: Bounds = Bounds { session_millis: 1_000, packet_millis: 2_000, max_packets: 100 };

fn store_with(bounds: Bounds, max_bytes: usize, max_sessions: usize) -> (Store, Arc<Quota>) {
    let quota = Arc::new(Quota::new(max_bytes, max_sessions));
    (MemoryStore::new(bounds, quota.clone(), 5), quota)
}

fn store() -> Store {
    store_with(BOUNDS, 1 << 20, 100).0
}

fn pid(number: u8) -> Pid {
    Pid::new([number; 15])
}

fn selection(rooms: &[&str]) -> Selection {
    rooms.iter().fold(Selection::new(), |selection, room| selection.to(*room))
}

/// Emits; gives the offset.
fn emit(store: &mut Store, now: u64, to: &Selection, name: &str) -> String {
    let mut offset = String::new();
    store.append(now, to, false, name.len(), |at| {
        offset = at.to_string();
        name.to_owned()
    });
    offset
}

fn leave(store: &mut Store, now: u64, number: u8, progress: Progress, rooms: &[&str]) {
    let rooms: Vec<RoomName> = rooms.iter().map(|room| (*room).into()).collect();
    let left = store.end();
    store.leave(now, &pid(number), left, KeptSession { id: "me".into(), rooms, progress, data: () });
}

fn restore(store: &mut Store, now: u64, number: u8, offset: Option<&str>) -> Option<Vec<String>> {
    let restored: Option<Restored<_, _>> = store.restore(now, &pid(number), offset, 1 << 20, String::len);
    restored.map(|restored| restored.missed.into_iter().map(|(_, name)| name).collect())
}

#[test]
fn what_was_missed_comes_in_order_and_once() {
    let mut store = store();
    store.enter(pid(1), 7);
    let progress = Progress::beginning(store.end());
    let seen = emit(&mut store, 0, &selection(&[]), "seen");
    leave(&mut store, 10, 1, progress, &["me", "lobby"]);
    for (rooms, name) in
        [(&[][..], "a"), (&["lobby"], "b"), (&["other"], "no"), (&["me"], "c"), (&["lobby", "me"], "d")]
    {
        emit(&mut store, 20, &selection(rooms), name);
    }
    emit(&mut store, 30, &selection(&[]).except("lobby"), "not for the lobby");
    assert_eq!(store.find(40, &pid(1)), Some(Found::Away));
    assert_eq!(restore(&mut store, 40, 1, Some(&seen)).unwrap(), ["a", "b", "c", "d"]);
    assert_eq!(restore(&mut store, 40, 1, Some(&seen)), None, "only once");
}

#[test]
fn a_direct_packet_is_for_its_socket_whatever_its_rooms() {
    let mut store = store();
    store.enter(pid(1), 7);
    let progress = Progress::beginning(0);
    leave(&mut store, 0, 1, progress, &[]);
    store.append(1, &selection(&["me"]), true, 1, |_| "direct".into());
    store.append(1, &selection(&["you"]), true, 1, |_| "to another".into());
    emit(&mut store, 1, &selection(&["me"]), "to the room that it has left");
    assert_eq!(restore(&mut store, 2, 1, None).unwrap(), ["direct"]);
}

#[test]
fn nothing_comes_from_before_the_session() {
    let mut store = store();
    store.enter(pid(2), 8);
    let early = emit(&mut store, 0, &selection(&[]), "before");
    store.enter(pid(1), 7);
    let progress = Progress::beginning(store.end());
    leave(&mut store, 0, 1, progress, &["me"]);
    emit(&mut store, 1, &selection(&[]), "after");
    assert_eq!(restore(&mut store, 2, 1, Some(&early)).unwrap(), ["after"]);
}

#[test]
fn a_session_expires_and_its_packets_after_it() {
    let mut store = store();
    store.enter(pid(1), 7);
    leave(&mut store, 0, 1, Progress::beginning(0), &["me"]);
    emit(&mut store, 500, &selection(&[]), "kept");
    assert!(store.is_awaiting(1_000));
    assert_eq!(store.find(1_001, &pid(1)), None);
    assert!(!store.is_awaiting(1_001));
    assert_eq!(store.packets(), 0, "nobody can ask for them");
}

#[test]
fn what_may_be_missing_is_not_restored() {
    let (mut store, _) = store_with(Bounds { max_packets: 2, ..BOUNDS }, 1 << 20, 100);
    for number in [1, 2] {
        store.enter(pid(number), 7);
    }
    leave(&mut store, 0, 1, Progress::beginning(0), &["me"]);
    for name in ["a", "b"] {
        emit(&mut store, 1, &selection(&["other"]), name);
    }
    leave(&mut store, 1, 2, Progress::beginning(0), &["me"]);
    emit(&mut store, 1, &selection(&[]), "c");
    assert_eq!(store.packets(), 2);
    assert_eq!(restore(&mut store, 2, 1, None), None, "one of those since it left is gone");
    assert_eq!(restore(&mut store, 2, 2, None).unwrap(), ["c"], "the lost one was not for it");
}

#[test]
fn too_much_to_send_at_once_is_not_restored() {
    let mut store = store();
    store.enter(pid(1), 7);
    leave(&mut store, 0, 1, Progress::beginning(0), &["me"]);
    for _ in 0..3 {
        emit(&mut store, 1, &selection(&[]), "ten bytes.");
    }
    assert!(store.restore(2, &pid(1), None, 29, String::len).is_none());
}

#[test]
fn the_quota_holds_for_all_stores_together() {
    let quota = Arc::new(Quota::new(10_000, 3));
    let mut stores: Vec<Store> =
        (0..4).map(|random| MemoryStore::new(BOUNDS, quota.clone(), random)).collect();
    for store in &mut stores {
        for number in 0..10 {
            store.enter(pid(number), 7);
            leave(store, 0, number, Progress::beginning(0), &["me", "lobby"]);
            emit(store, 0, &selection(&[]), &"x".repeat(1_000));
            assert!(quota.sessions() <= 3 && quota.bytes() <= 10_000, "{quota:?}");
        }
    }
    assert!(quota.sessions() == 3);
    drop(stores);
    assert_eq!((quota.sessions(), quota.bytes()), (0, 0));
}

#[test]
fn a_busy_namespace_leaves_something_to_a_quiet_one() {
    let quota = Arc::new(Quota::new(160_000, 32));
    let mut busy: Store = MemoryStore::new(BOUNDS, quota.clone(), 1);
    let mut quiet: Store = MemoryStore::new(BOUNDS, quota.clone(), 2);
    quiet.enter(pid(200), 7);
    let mut number = 0;
    let mut work = |rounds| {
        for _ in 0..rounds {
            number = (number + 1) % 100;
            busy.enter(pid(number), 7);
            leave(&mut busy, 0, number, Progress::beginning(0), &["me"]);
            emit(&mut busy, 0, &selection(&[]), &"x".repeat(1_000));
        }
    };
    work(500);
    let seen = emit(&mut quiet, 1, &selection(&[]), "seen");
    work(500);
    leave(&mut quiet, 1, 200, Progress::beginning(0), &["me"]);
    work(500);
    emit(&mut quiet, 1, &selection(&[]), "missed");
    work(500);
    assert_eq!(restore(&mut quiet, 2, 200, Some(&seen)).unwrap(), ["missed"]);
    assert!(quota.bytes() <= 160_000 && quota.sessions() <= 32, "{quota:?}");
}

#[test]
fn coming_and_going_leaves_nothing_behind() {
    let (mut store, quota) = store_with(BOUNDS, 1 << 20, 100);
    let mut last = None;
    for now in 0..5_000 {
        store.enter(pid(1), 7);
        let progress = Progress::beginning(store.end());
        leave(&mut store, now / 10, 1, progress, &["me"]);
        let offset = emit(&mut store, now / 10, &selection(&[]), "tick");
        assert_eq!(restore(&mut store, now / 10, 1, last.as_deref()).unwrap(), ["tick"]);
        last = Some(offset);
    }
    assert_eq!(quota.sessions(), 0);
    store.enter(pid(1), 7);
    store.end_session(&pid(1));
    assert_eq!(quota.bytes(), 0);
}

#[test]
fn without_sessions_nothing_is_kept() {
    let mut store = store();
    let first = emit(&mut store, 0, &selection(&[]), "a");
    let second = emit(&mut store, 0, &selection(&[]), "b");
    assert_ne!(first, second);
    assert_eq!((store.packets(), store.end(), store.gone()), (0, 2, 2));
}

/// What a future that never waits gives.
fn now<T>(future: StoreFuture<'_, T>) -> T {
    let mut future = future;
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.expect("a store in memory does not fail"),
        Poll::Pending => panic!("a store in memory does not wait"),
    }
}

#[test]
fn a_session_goes_from_node_to_node() {
    let quota = Arc::new(Quota::new(1 << 20, 100));
    let store: Arc<dyn SessionStore> = Arc::new(MemorySessions::new(BOUNDS, quota, 5, || 0));
    let emit = |selection: Selection, direct, event: &str| {
        let event = RawArgs::new(&(event, 1)).unwrap();
        now(store.append(KeptPacket { selection, direct, event }))
    };
    let began = now(store.begin(pid(1)));
    let seen = emit(Selection::new(), false, "seen");
    let last = emit(Selection::new().to("me"), true, "handed out, not seen");
    let left = emit(Selection::new().to("elsewhere"), false, "not for it");
    let session = StoredSession {
        id: "me".into(),
        rooms: vec!["me".into(), "lobby".into()],
        data: r#"{"name":"x"}"#.into(),
        began,
        last,
        left,
    };
    now(store.persist(pid(1), session.clone()));
    let missed = emit(Selection::new().to("lobby"), false, "missed");
    assert!(now(store.restore(pid(2), Some(seen.clone()))).is_none());
    let restored = now(store.restore(pid(1), Some(seen.clone()))).unwrap();
    assert_eq!((&*restored.session.data, restored.session.rooms.len()), (r#"{"name":"x"}"#, 2));
    let events: Vec<_> = restored.missed.iter().map(|(_, packet)| packet.event.json()).collect();
    assert_eq!(events, [r#""handed out, not seen",1"#, r#""missed",1"#]);
    assert_eq!(restored.missed[1].0, missed);
    assert!(now(store.restore(pid(1), Some(seen.clone()))).is_none(), "one gets it");
    // It goes on, and ends for good.
    now(store.persist(pid(1), StoredSession { began: seen, ..session }));
    now(store.end(pid(1)));
    assert!(now(store.restore(pid(1), None)).is_none());
}
