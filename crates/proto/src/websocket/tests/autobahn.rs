//! What the Autobahn test suite checks, section by section, as far as frames go.
//!
//! Every row is decoded whole, byte by byte, in several steps, and by the spare buffer, for both roles.

use super::*;
use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};

/// The opcode, FIN and payload of each frame.
type Frames<'a> = &'a [(Opcode, bool, &'a [u8])];

fn run(frames: Frames<'_>) -> (Vec<Message<'static>>, Option<Error>) {
    let [server, client] = ROLES.map(|role| {
        let bytes: Vec<u8> =
            frames.iter().flat_map(|(opcode, fin, payload)| frame(role, *opcode, *fin, payload)).collect();
        decode(role, &bytes)
    });
    assert_eq!(server, client, "both roles see the same");
    (server.messages, server.error)
}

/// 1.1, 1.2, 9.1, 9.2: messages of all lengths around the borders of the header's forms.
#[test]
fn messages_of_every_length_arrive() {
    for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 1 << 20] {
        let payload = vec![b'*'; len];
        assert_eq!(run(&[(Text, true, &payload)]), (vec![text(str::from_utf8(&payload).unwrap())], None));
        let payload = vec![0xfe; len];
        assert_eq!(run(&[(Binary, true, &payload)]), (vec![binary(&payload)], None));
    }
}

/// 9.3 to 9.6: a large message in fragments of every size.
#[test]
fn large_messages_arrive_in_fragments_of_every_size() {
    let payload: Vec<u8> = (0..1 << 18).map(|i: u32| b'a' + (i % 26) as u8).collect();
    for size in [64, 1 << 10, 1 << 14, 1 << 17, 1 << 18] {
        let count = payload.len() / size;
        let frames: Vec<_> = payload
            .chunks(size)
            .enumerate()
            .map(|(i, chunk)| (if i == 0 { Text } else { Continuation }, i + 1 == count, chunk))
            .collect();
        assert_eq!(run(&frames), (vec![text(str::from_utf8(&payload).unwrap())], None));
    }
}

/// 2: pings and pongs.
#[test]
fn control_frames_carry_up_to_125_bytes() {
    assert_eq!(run(&[(Ping, true, b"")]), (vec![ping(b"")], None));
    assert_eq!(run(&[(Ping, true, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")]).0.len(), 1);
    assert_eq!(run(&[(Ping, true, &[0xfe; 125])]), (vec![ping(&[0xfe; 125])], None));
    // 2.7, 2.8: pongs nobody asked for.
    assert_eq!(run(&[(Pong, true, b""), (Pong, true, b"x")]), (vec![pong(b""), pong(b"x")], None));
    // 2.10, 2.11: many pings.
    let ten: Vec<_> = (0..10).map(|_| (Ping, true, &b"payload"[..])).collect();
    assert_eq!(run(&ten), (vec![ping(b"payload"); 10], None));
}

/// 5.1 to 5.5, 5.19, 5.20: fragments, with pings between them.
#[test]
fn control_frames_come_between_fragments() {
    assert_eq!(run(&[(Ping, false, b"a"), (Continuation, true, b"b")]).1, Some(Error::ControlFragmented));
    assert_eq!(run(&[(Pong, false, b"a"), (Continuation, true, b"b")]).1, Some(Error::ControlFragmented));
    assert_eq!(run(&[(Text, false, b"a"), (Continuation, true, b"b")]), (vec![text("ab")], None));
    assert_eq!(
        run(&[
            (Text, false, b"1"),
            (Continuation, false, b"2"),
            (Ping, true, b"pongme 1"),
            (Continuation, false, b"3"),
            (Continuation, false, b"4"),
            (Ping, true, b"pongme 2"),
            (Continuation, true, b"5"),
        ]),
        (vec![ping(b"pongme 1"), ping(b"pongme 2"), text("12345")], None)
    );
}

/// 5.9 to 5.18: continuations of nothing, and messages within messages.
#[test]
fn fragments_come_in_order() {
    let nothing = Some(Error::UnexpectedContinuation);
    let within = Some(Error::ExpectedContinuation);
    let rows: [(Frames<'_>, Vec<Message<'_>>, Option<Error>); 8] = [
        (&[(Continuation, true, b"a"), (Text, true, b"b")], vec![], nothing),
        (&[(Continuation, false, b"a"), (Text, true, b"b")], vec![], nothing),
        (&[(Text, true, b"a"), (Continuation, true, b"")], vec![text("a")], nothing),
        (
            &[(Text, false, b"a"), (Continuation, true, b"b"), (Continuation, false, b"c")],
            vec![text("ab")],
            nothing,
        ),
        (&[(Text, false, b"a"), (Text, true, b"b")], vec![], within),
        (&[(Text, false, b"a"), (Binary, false, b"b")], vec![], within),
        (&[(Binary, false, b"a"), (Ping, true, b""), (Text, true, b"b")], vec![ping(b"")], within),
        (&[(Text, false, b""), (Text, true, b"")], vec![], within),
    ];
    for (frames, messages, error) in rows {
        assert_eq!(run(frames), (messages, error), "{frames:?}");
    }
}

/// 6.1: fragments without content.
#[test]
fn empty_fragments_make_an_empty_message() {
    assert_eq!(run(&[(Text, true, b"")]), (vec![text("")], None));
    assert_eq!(
        run(&[(Text, false, b""), (Continuation, false, b""), (Continuation, true, b"")]),
        (vec![text("")], None)
    );
    assert_eq!(
        run(&[(Text, false, b""), (Continuation, false, b"middle"), (Continuation, true, b"")]),
        (vec![text("middle")], None)
    );
}

/// 6.2: valid text, cut anywhere, also within characters.
#[test]
fn text_may_be_cut_within_characters() {
    let whole = "Hello-µ@ßöäüàá-UTF-8!!𝄞\u{10ffff}\u{feff}\u{0}";
    for cut in 0..=whole.len() {
        let (front, back) = whole.as_bytes().split_at(cut);
        assert_eq!(run(&[(Text, false, front), (Continuation, true, back)]), (vec![text(whole)], None));
    }
    let bytes: Vec<_> = whole.as_bytes().chunks(1).map(|byte| (Continuation, false, byte)).collect();
    let frames = [&[(Text, false, &b""[..])], &*bytes, &[(Continuation, true, b"")]].concat();
    assert_eq!(run(&frames), (vec![text(whole)], None));
}

/// 6.3 to 6.23: text that is not UTF-8.
#[test]
fn text_that_is_not_utf8_is_refused() {
    let rows: [&[u8]; 24] = [
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64",
        b"\x80",
        b"\xbf",
        b"\x80\xbf\x80",
        b"\xc0\x20",
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9d\x84",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xfe\xfe\xff\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xed\xa0\x80",
        b"\xed\xad\xbf\xed\xb0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf0\x8f\xbf\xbf",
    ];
    for bytes in rows {
        assert_eq!(run(&[(Text, true, bytes)]), (vec![], Some(Error::InvalidUtf8)), "{bytes:02x?}");
        assert_eq!(run(&[(Binary, true, bytes)]), (vec![binary(bytes)], None));
        for cut in 0..=bytes.len() {
            let (front, back) = bytes.split_at(cut);
            let decoded = run(&[(Text, false, front), (Continuation, true, back)]);
            assert_eq!(decoded, (vec![], Some(Error::InvalidUtf8)), "{bytes:02x?} cut at {cut}");
        }
    }
}

/// 6.4: not at the end of the message, but with the first byte that can't be right.
#[test]
fn text_is_refused_with_the_first_byte_that_is_wrong() {
    for (good, bad) in [
        (&b"\xce\xba\xe1\xbd\xb9\xf4"[..], b"\x90"),
        (b"\xce\xba\xed", b"\xa0"),
        (b"", b"\xff"),
        (b"a\xe0", b"\x9f"),
        (b"\xf0\x9d\x84", b"a"),
    ] {
        for role in ROLES {
            // A fragment that ends with the good part, and a frame of which no more has come.
            for whole_fragment in [true, false] {
                let len = if whole_fragment { good.len() } else { 100 };
                let mut bytes = header(Text, false, false, len, None).to_vec();
                bytes.extend(good);
                let mut rest = if whole_fragment { vec![0x00, 50] } else { vec![] };
                rest.extend(bad);
                if role == Role::Server {
                    // Masked with zeros.
                    bytes[1] |= 0x80;
                    bytes.splice(2..2, [0; 4]);
                    if whole_fragment {
                        rest[1] |= 0x80;
                        rest.splice(2..2, [0; 4]);
                    }
                }
                let limits = Limits::default();
                let decoded = decode_with(role, &limits, [bytes.as_slice()]);
                assert_eq!((decoded.error, decoded.idle), (None, false), "{good:02x?}");
                let decoded = decode_with(role, &limits, [bytes.as_slice(), &rest]);
                assert_eq!(decoded.error, Some(Error::InvalidUtf8), "{good:02x?} {bad:02x?}");
            }
        }
    }
}

/// 7: close frames (the codes are in the rules).
#[test]
fn close_frames_are_checked() {
    assert_eq!(run(&[(Close, true, b"")]), (vec![Message::Close(None)], None));
    assert_eq!(run(&[(Close, true, b"\x03")]), (vec![], Some(Error::InvalidClosePayload)));
    let reason = [&1000u16.to_be_bytes(), "ñ".repeat(61).as_bytes(), b"!"].concat();
    assert_eq!(reason.len(), 125);
    assert!(matches!(&run(&[(Close, true, &reason)]).0[..], [Message::Close(Some(close))]
        if close.code.get() == 1000 && close.reason.len() == 123));
    assert_eq!(run(&[(Close, true, b"\x03\xe8\xce\xba\xed\xa0\x80")]), (vec![], Some(Error::InvalidUtf8)));
    assert_eq!(run(&[(Close, true, b"\x03\xe8\xce")]), (vec![], Some(Error::InvalidUtf8)));
    // 7.1.4 to 7.1.6: what follows a close is nobody's.
    assert_eq!(
        run(&[(Text, false, b"a"), (Close, true, b""), (Ping, true, b""), (Continuation, true, b"b")]),
        (vec![Message::Close(None)], None)
    );
}
