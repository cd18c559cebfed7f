//! What a peer can make a decoder hold.

use super::*;
use bytes::BufMut;

const GIB: usize = 1 << 30;

fn capacity(decoder: &mut Decoder) -> usize {
    decoder.spare().map_or(0, |spare| spare.get_ref().capacity())
}

#[test]
fn an_idle_decoder_is_32_bytes_small() {
    assert!(size_of::<Decoder>() <= 32, "{}", size_of::<Decoder>());
    assert!(size_of::<Message<'_>>() <= 48, "{}", size_of::<Message<'_>>());
    assert!(Decoder::new(Role::Server).is_idle());
}

#[test]
fn an_announced_gibibyte_is_not_allocated() {
    let limits = Limits { max_message: 2 * GIB, ..Limits::default() };
    for role in ROLES {
        let mut decoder = Decoder::new(role);
        let mut bytes = header(Opcode::Binary, true, false, GIB, mask_towards(role)).to_vec();
        bytes.push(0);
        assert_eq!(decoder.decode(&mut bytes.as_mut_slice(), &limits), Ok(None));
        assert!(capacity(&mut decoder) <= 16 << 10);
    }
}

#[test]
fn a_buffer_is_never_much_larger_than_what_has_arrived() {
    let limits = Limits { max_message: 2 * GIB, ..Limits::default() };
    let mut decoder = Decoder::new(Role::Client);
    let mut bytes = header(Opcode::Binary, true, false, GIB, None).to_vec();
    assert_eq!(decoder.decode(&mut bytes.as_mut_slice(), &limits), Ok(None));
    let mut arrived = 0;
    let mut growths = 0;
    let mut before = 0;
    while arrived < 8 << 20 {
        let mut spare = decoder.spare().unwrap();
        assert!(spare.remaining_mut() >= 4 << 10, "a read is worth its while");
        let step = spare.remaining_mut().min(1460);
        spare.put_bytes(0, step);
        arrived += step;
        assert_eq!(decoder.filled(&limits), Ok(None));
        let now = capacity(&mut decoder);
        assert!(now <= (2 * arrived).max(8 << 10) + (8 << 10), "{now} bytes for {arrived}");
        growths += usize::from(now != before);
        before = now;
    }
    assert!(growths < 20, "it grows by doubling: {growths}");
}

#[test]
fn a_buffer_of_a_message_below_16_kib_fits_exactly() {
    let limits = Limits::default();
    let mut bytes = frame(Role::Client, Opcode::Binary, true, &[1; 10_000]);
    let mut decoder = Decoder::new(Role::Client);
    let (front, back) = bytes.split_at_mut(5);
    assert_eq!(decoder.decode(&mut &mut *front, &limits), Ok(None));
    assert!(decoder.spare().is_none(), "too little is missing to read it apart");
    let Ok(Some(Message::Binary(data))) = decoder.decode(&mut &mut *back, &limits) else {
        panic!("a message")
    };
    let data = data.into_bytes().try_into_mut().unwrap();
    assert_eq!((data.len(), data.capacity()), (10_000, 10_000));
}

#[test]
fn the_spare_buffer_never_takes_more_than_its_frame() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(Role::Client);
    assert!(decoder.spare().is_none());
    assert_eq!(decoder.filled(&limits), Ok(None));
    let mut bytes = header(Opcode::Binary, false, false, 20_000, None).to_vec();
    assert_eq!(decoder.decode(&mut bytes.as_mut_slice(), &limits), Ok(None));
    assert_eq!(decoder.filled(&limits), Ok(None), "nothing was put in");
    // Even who goes behind the limit can't smuggle in what is not the frame's.
    decoder.spare().unwrap().get_mut().put_bytes(7, 30_000);
    assert_eq!(decoder.filled(&limits), Ok(None));
    assert!(decoder.spare().is_none());
    let mut bytes = frame(Role::Client, Opcode::Continuation, true, b"!");
    let Ok(Some(Message::Binary(data))) = decoder.decode(&mut bytes.as_mut_slice(), &limits) else {
        panic!("a message")
    };
    assert_eq!(data.len(), 20_001);
    assert!(decoder.is_idle());
}

#[test]
fn a_buffer_that_was_emptied_behind_the_limit_does_no_harm() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(Role::Client);
    let mut bytes = header(Opcode::Text, true, false, 40_000, None).to_vec();
    bytes.extend([b'x'; 20_000]);
    assert_eq!(decoder.decode(&mut bytes.as_mut_slice(), &limits), Ok(None));
    decoder.spare().unwrap().get_mut().clear();
    assert_eq!(decoder.filled(&limits), Ok(None));
    let mut rest = vec![b'y'; 20_000];
    let message = decoder.decode(&mut rest.as_mut_slice(), &limits).unwrap();
    assert!(matches!(message, Some(Message::Text(text)) if text.len() == 20_000));
}

#[test]
fn empty_fragments_hold_no_memory() {
    let limits = Limits { max_fragments: u32::MAX, ..Limits::default() };
    let mut decoder = Decoder::new(Role::Client);
    let mut bytes = frame(Role::Client, Opcode::Binary, false, b"");
    bytes.extend(frame(Role::Client, Opcode::Continuation, false, b"").repeat(100_000));
    bytes.extend(header(Opcode::Continuation, true, false, 50_000, None).iter());
    assert_eq!(decoder.decode(&mut bytes.as_mut_slice(), &limits), Ok(None));
    assert!(capacity(&mut decoder) <= 16 << 10);
}
