use super::*;

#[test]
fn frames_leave_in_the_order_they_came() {
    let mut outbox = Outbox::default();
    outbox.push_all([Frame::text("4a"), Frame::text("4b")], 10_000).unwrap();
    outbox.push_unbounded(Frame::text("2"));
    let bodies: Vec<_> = std::iter::from_fn(|| outbox.pop()).map(|f| f.body().clone()).collect();
    assert_eq!(bodies, ["4a", "4b", "2"]);
    assert_eq!(outbox.bytes(), 0);
}

#[test]
fn a_packet_past_the_bound_is_refused_whole() {
    let mut outbox = Outbox::default();
    outbox.push_all([Frame::text("4a")], 100).unwrap();
    let before = outbox.bytes();
    assert_eq!(outbox.push_all([Frame::text("4b"), Frame::binary(vec![0; 100])], 100), Err(OutboxFull));
    assert_eq!((outbox.bytes(), outbox.len()), (before, 1));
}

#[test]
fn one_packet_larger_than_the_bound_passes_an_empty_outbox() {
    let mut outbox = Outbox::default();
    assert_eq!(outbox.push_all([Frame::binary(vec![0; 1000])], 100), Ok(()));
}

fn event(text: &'static str) -> Frame {
    Frame::text(text).ranked(Rank::Event)
}

fn bodies(outbox: &mut Outbox) -> Vec<String> {
    outbox.take_all().iter().map(|frame| String::from_utf8_lossy(frame.body()).into_owned()).collect()
}

#[test]
fn the_oldest_events_go_first_and_nothing_else_does() {
    let mut outbox = Outbox::new();
    let one = cost(&event("4a"));
    outbox.push_unbounded(Frame::text("40"));
    for text in ["4a", "4b", "4c"] {
        outbox.push_all([event(text)], 1000).unwrap();
    }
    outbox.push_unbounded(Frame::text("2"));
    let full = outbox.bytes();
    let queued = outbox.push_or_shed([event("4d")], full, Shed::Oldest);
    assert_eq!(queued, Ok(Queued { dropped: 1, replaced: false }));
    let queued = outbox.push_or_shed([event("4e"), event("4f")], full, Shed::Oldest);
    assert_eq!(queued, Ok(Queued { dropped: 2, replaced: false }));
    assert_eq!(outbox.bytes(), full);
    assert_eq!(outbox.push_or_shed([event("4g")], 2 * one, Shed::Oldest), Err(OutboxFull));
    assert_eq!(bodies(&mut outbox), ["40", "2"], "what is kept may still fill it");
}

#[test]
fn a_packet_goes_with_its_attachments() {
    let mut outbox = Outbox::new();
    let attachment = || Frame::binary(vec![7; 10]).ranked(Rank::Attachment);
    outbox.push_all([event("451-a"), attachment()], 1000).unwrap();
    outbox.push_all([event("4b")], 1000).unwrap();
    let full = outbox.bytes();
    assert_eq!(outbox.push_or_shed([event("4c")], full, Shed::Oldest).unwrap().dropped, 1);
    assert_eq!(bodies(&mut outbox), ["4b", "4c"]);
}

#[test]
fn only_volatile_packets_go_where_only_they_may() {
    let mut outbox = Outbox::new();
    outbox.push_all([event("4a")], 1000).unwrap();
    outbox.push_all([Frame::text("4v").ranked(Rank::Volatile)], 1000).unwrap();
    let full = outbox.bytes();
    assert_eq!(outbox.push_or_shed([event("4b")], full, Shed::Volatile).unwrap().dropped, 1);
    assert_eq!(outbox.push_or_shed([event("4c")], full, Shed::Volatile), Err(OutboxFull));
    assert_eq!(bodies(&mut outbox), ["4a", "4b"]);
}

#[test]
fn the_latest_of_a_key_takes_the_place_of_those_that_wait() {
    let mut outbox = Outbox::new();
    let mut push = |text, key| outbox.push_conflated([event(text)], 1000, Shed::Nothing, key).unwrap();
    assert!(!push("4x1", 1).replaced);
    assert!(!push("4y1", 2).replaced);
    assert!(push("4x2", 1).replaced);
    assert_eq!(outbox.pop().unwrap().body(), "4y1");
    let mut push = |text, key| outbox.push_conflated([event(text)], 1000, Shed::Nothing, key).unwrap();
    assert!(!push("4y2", 2).replaced, "the first has left");
    assert!(push("4x3", 1).replaced);
    assert!(push("4y3", 2).replaced);
    assert_eq!(bodies(&mut outbox), ["4x3", "4y3"]);
    assert_eq!(outbox.bytes(), 0);
}

#[test]
fn keys_that_are_used_once_take_no_lasting_memory() {
    let mut outbox = Outbox::new();
    outbox.push_all([event("4first")], 1000).unwrap();
    for key in 0..10_000 {
        outbox.push_conflated([event("4n")], 1000, Shed::Nothing, key).unwrap();
        outbox.pop().unwrap();
    }
    assert!(outbox.marks.as_ref().unwrap().keys() < 100);
    while outbox.pop().is_some() {}
    assert!(outbox.marks.is_none());
}

#[test]
fn what_is_given_up_anywhere_leaves_no_trace() {
    let mut outbox = Outbox::new();
    let keyed = || [Frame::text("4v").ranked(Rank::Volatile), Frame::binary("v").ranked(Rank::Attachment)];
    for n in 0..100 {
        outbox.push_conflated(keyed(), usize::MAX, Shed::Nothing, n % 10).unwrap();
        outbox.push_all([event("4b")], usize::MAX).unwrap();
    }
    // The last packets of ten keys, and a hundred events without a key.
    assert_eq!(outbox.len(), 10 * 2 + 100);
    let full = outbox.bytes();
    assert_eq!(outbox.push_or_shed([event("4c")], full, Shed::Volatile).unwrap().dropped, 1);
    assert_eq!(outbox.len(), 9 * 2 + 101);
    let left: Vec<_> = std::iter::from_fn(|| outbox.pop()).map(|frame| frame.body().clone()).collect();
    let count = |body: &str| left.iter().filter(|other| **other == body).count();
    assert_eq!((count("4v"), count("v"), count("4b"), count("4c")), (9, 9, 100, 1));
    assert_eq!((left.last().unwrap(), outbox.bytes()), (&bytes::Bytes::from("4c"), 0));
}

#[test]
fn keys_are_found_again_when_gaps_have_been_closed() {
    let mut outbox = Outbox::new();
    let mut push = |key: u64| {
        let text = Frame::text(format!("4{key}")).ranked(Rank::Event);
        outbox.push_conflated([text], usize::MAX, Shed::Nothing, key).unwrap().replaced
    };
    for key in 0..50 {
        assert!(!push(key));
    }
    for round in 0..20 {
        for key in (0..50).filter(|key| (key + round) % 3 > 0) {
            assert!(push(key), "{key} in round {round}");
        }
    }
    assert!(outbox.frames.len() < 100, "gaps are closed");
    let mut keys = bodies(&mut outbox);
    keys.sort();
    let mut expected: Vec<_> = (0..50).map(|key| format!("4{key}")).collect();
    expected.sort();
    assert_eq!(keys, expected);
}

/// What was looked at or moved for the packets that were pushed.
fn work(outbox: &Outbox) -> usize {
    outbox.marks.as_ref().map_or(0, |marks| marks.work)
}

#[test]
fn a_full_outbox_of_what_is_kept_is_looked_through_once() {
    const WAITING: usize = 10_000;
    let mut outbox = Outbox::new();
    for _ in 0..WAITING {
        outbox.push_unbounded(event("4a"));
    }
    let full = outbox.bytes();
    for _ in 0..WAITING {
        assert_eq!(outbox.push_or_shed([event("4b")], full, Shed::Volatile), Err(OutboxFull));
    }
    assert!(work(&outbox) <= WAITING, "{} steps", work(&outbox));
}

#[test]
fn volatile_packets_behind_many_others_are_given_up_in_a_few_steps_each() {
    const WAITING: usize = 10_000;
    let mut outbox = Outbox::new();
    for _ in 0..WAITING {
        outbox.push_unbounded(event("4a"));
    }
    let volatile = || Frame::text("4v").ranked(Rank::Volatile);
    outbox.push_unbounded(volatile());
    let full = outbox.bytes();
    for _ in 0..WAITING {
        assert_eq!(outbox.push_or_shed([volatile()], full, Shed::Volatile).unwrap().dropped, 1);
    }
    assert_eq!(outbox.len(), WAITING + 1);
    assert!(work(&outbox) <= 12 * WAITING, "{} steps", work(&outbox));
}

#[test]
fn replacing_takes_a_few_steps_however_many_keys_wait() {
    const KEYS: u64 = 10_000;
    let mut outbox = Outbox::new();
    for round in 0..3 {
        for key in 0..KEYS {
            let queued = outbox.push_conflated([event("4a")], usize::MAX, Shed::Nothing, key).unwrap();
            assert_eq!(queued.replaced, round > 0);
        }
    }
    assert_eq!(outbox.len(), 10_000);
    assert!(work(&outbox) <= 12 * 20_000, "{} steps", work(&outbox));
}
