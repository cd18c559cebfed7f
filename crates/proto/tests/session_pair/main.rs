//! A server's and a client's session against each other: whatever the delays, and whatever fails before the
//! switch of an upgrade, no message is lost, doubled or out of order, and no end is left behind.

mod world;

use proptest::prelude::*;

/// What may stand in a script; other bytes are times.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![4 => b'a'..b'm', 1 => prop::sample::select(b"ppqrstu".as_slice()), 8 => 0..100u8, 1 => any::<u8>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn two_sessions_keep_their_promises_under_any_schedule(
        setup in 0..4u8,
        script in prop::collection::vec(byte(), 0..200),
    ) {
        world::run(&[&[setup], &*script].concat());
    }

    #[test]
    fn no_message_is_lost_while_nothing_but_probes_fails(
        script in prop::collection::vec(prop_oneof![b'a'..b'm', Just(b'p'), 0..97u8], 0..300),
    ) {
        world::run(&[&[0], &*script].concat());
    }
}

#[test]
fn a_quiet_session_lives_and_is_upgraded() {
    for setup in 0..4 {
        world::run(&[setup]);
    }
}

#[test]
fn a_session_that_is_closed_closes_at_the_other_end() {
    for setup in 0..4 {
        for end in b"rstqu" {
            for before in [0, 30, 200] {
                let script = [setup, before, b'a', b'g', before, *end];
                world::run(&script);
            }
        }
    }
}
