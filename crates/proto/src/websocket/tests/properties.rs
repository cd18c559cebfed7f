//! Properties that hold for every input: what was encoded is decoded, and the cuts don't matter.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::websocket::encode_frame;

/// A message and the places where its sender cuts it.
#[derive(Debug, Clone)]
enum Sent {
    Text(String, Vec<usize>),
    Binary(Vec<u8>, Vec<usize>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

impl Sent {
    fn message(&self) -> Message<'static> {
        match self {
            Self::Text(sent, _) => text(sent),
            Self::Binary(data, _) => binary(data),
            Self::Ping(data) => ping(data),
            Self::Pong(data) => pong(data),
        }
    }

    fn encode(&self, out: &mut Vec<u8>, role: Role, key: [u8; 4]) {
        let mask = (role == Role::Server).then_some(key);
        let (opcode, data, cuts) = match self {
            Self::Text(text, cuts) => (Opcode::Text, text.as_bytes(), cuts),
            Self::Binary(data, cuts) => (Opcode::Binary, &data[..], cuts),
            Self::Ping(data) => return encode_frame(out, Opcode::Ping, data, mask),
            Self::Pong(data) => return encode_frame(out, Opcode::Pong, data, mask),
        };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (data.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(data.len());
        let last = cuts.len() - 1;
        let mut start = 0;
        for (i, end) in cuts.into_iter().enumerate() {
            let opcode = if i == 0 { opcode } else { Opcode::Continuation };
            let payload = &data[start..end];
            out.extend_from_slice(&header(opcode, i == last, false, payload.len(), mask));
            let at = out.len();
            out.extend_from_slice(payload);
            if let Some(key) = mask {
                apply_mask(&mut out[at..], key, 0);
            }
            if i != last && end % 3 == 0 {
                encode_frame(out, Opcode::Pong, b"between", mask);
            }
            start = end;
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let cuts = || vec(any::<usize>(), 0..4);
    prop_oneof![
        (any::<String>(), cuts()).prop_map(|(text, cuts)| Sent::Text(text, cuts)),
        (vec(any::<u8>(), 0..300), cuts()).prop_map(|(data, cuts)| Sent::Binary(data, cuts)),
        (any::<u8>(), 0..100_000usize, cuts())
            .prop_map(|(byte, len, cuts)| Sent::Binary(vec![byte; len], cuts)),
        vec(any::<u8>(), 0..126).prop_map(Sent::Ping),
        vec(any::<u8>(), 0..126).prop_map(Sent::Pong),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Server), Just(Role::Client)]
}

/// Cuts `bytes` at the places given, each modulo its length.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.sort_unstable();
    places.push(bytes.len());
    let mut start = 0;
    places
        .into_iter()
        .map(|end| {
            let chunk = &bytes[start..end];
            start = end;
            chunk
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_encoded_is_decoded(
        messages in vec(sent(), 1..5),
        role in role(),
        key in any::<[u8; 4]>(),
        places in vec(any::<usize>(), 0..30),
        step in 1..50_000usize,
    ) {
        let mut bytes = Vec::new();
        for message in &messages {
            message.encode(&mut bytes, role, key);
        }
        let limits = Limits::default();
        let decoded = decode_with(role, &limits, cut(&bytes, &places));
        let without_between: Vec<_> =
            decoded.messages.iter().filter(|message| **message != pong(b"between")).cloned().collect();
        let expected: Vec<_> = messages.iter().map(Sent::message).collect();
        prop_assert_eq!(without_between, expected);
        prop_assert!(decoded.error.is_none() && decoded.idle);
        prop_assert_eq!(decode_spare(role, &limits, &bytes, step), decoded);
    }

    #[test]
    fn the_cuts_do_not_matter_whatever_comes(
        mut bytes in vec(any::<u8>(), 0..200),
        places in vec(any::<usize>(), 0..30),
        role in role(),
        max_message in 0..200usize,
    ) {
        // Often enough something that looks like a frame.
        if let Some(first) = bytes.first_mut() { *first &= 0x8f; }
        if let Some(second) = bytes.get_mut(1) {
            *second = if role == Role::Server { *second | 0x80 } else { *second & 0x7f };
        }
        let limits = Limits { max_message, max_fragments: 3 };
        let whole = decode_with(role, &limits, [bytes.as_slice()]);
        prop_assert_eq!(&decode_with(role, &limits, cut(&bytes, &places)), &whole);
        prop_assert_eq!(&decode_with(role, &limits, bytes.chunks(1)), &whole);
    }

    #[test]
    fn a_broken_stream_breaks_alike_in_any_cuts(
        messages in vec(sent(), 1..4),
        role in role(),
        places in vec(any::<usize>(), 0..10),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        step in 1..50_000usize,
    ) {
        let mut bytes = Vec::new();
        for message in &messages {
            message.encode(&mut bytes, role, KEY);
        }
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let limits = Limits::default();
        let whole = decode_with(role, &limits, [bytes.as_slice()]);
        prop_assert_eq!(&decode_with(role, &limits, cut(&bytes, &places)), &whole);
        prop_assert_eq!(&decode_spare(role, &limits, &bytes, step), &whole);
    }

    #[test]
    fn masking_twice_is_nothing(data in vec(any::<u8>(), 0..200), key in any::<[u8; 4]>(), cut in any::<usize>()) {
        let mut masked = data.clone();
        let at = cut % (data.len() + 1);
        let (front, back) = masked.split_at_mut(at);
        apply_mask(front, key, 0);
        apply_mask(back, key, at);
        let mut whole = data.clone();
        apply_mask(&mut whole, key, 0);
        prop_assert_eq!(&masked, &whole);
        apply_mask(&mut masked, key, 0);
        prop_assert_eq!(masked, data);
    }
}
