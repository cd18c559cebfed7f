//! One table row for each rule about frames.

use super::*;
use crate::websocket::{CloseCode, CloseFrame, close_frame, encode_frame, handshake};

/// The examples of RFC 6455 §5.7, and who receives them.
#[test]
fn the_examples_of_the_specification_are_decoded() {
    let mut long = vec![0x82, 0x7e, 0x01, 0x00];
    long.extend([7; 256]);
    let mut longer = vec![0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];
    longer.extend([7; 65_536]);
    let rows: [(Role, &[u8], Vec<Message<'_>>); 7] = [
        (Role::Client, b"\x81\x05Hello", vec![text("Hello")]),
        (Role::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", vec![text("Hello")]),
        (Role::Client, b"\x01\x03Hel\x80\x02lo", vec![text("Hello")]),
        (Role::Client, b"\x89\x05Hello", vec![ping(b"Hello")]),
        (Role::Server, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", vec![pong(b"Hello")]),
        (Role::Client, &long, vec![binary(&[7; 256])]),
        (Role::Client, &longer, vec![binary(&[7; 65_536])]),
    ];
    for (role, bytes, messages) in rows {
        assert_eq!(decode(role, bytes), Decoded { messages, error: None, idle: true });
    }
}

#[test]
fn a_broken_header_is_refused() {
    let rows: [(Role, &[u8], Error); 22] = [
        (Role::Client, &[0xc1, 0x00], Error::ReservedBits),
        (Role::Client, &[0xa1, 0x00], Error::ReservedBits),
        (Role::Client, &[0x91, 0x00], Error::ReservedBits),
        (Role::Server, &[0xf1, 0x80], Error::ReservedBits),
        (Role::Client, &[0xc9, 0x00], Error::ReservedBits),
        (Role::Client, &[0x83, 0x00], Error::ReservedOpcode(3)),
        (Role::Client, &[0x87, 0x00], Error::ReservedOpcode(7)),
        (Role::Client, &[0x8b, 0x00], Error::ReservedOpcode(11)),
        (Role::Client, &[0x8f, 0x00], Error::ReservedOpcode(15)),
        (Role::Server, &[0x81, 0x00], Error::NotMasked),
        (Role::Server, &[0x89, 0x00], Error::NotMasked),
        (Role::Client, &[0x81, 0x80], Error::Masked),
        (Role::Client, &[0x88, 0x80], Error::Masked),
        (Role::Client, &[0x09, 0x00], Error::ControlFragmented),
        (Role::Client, &[0x08, 0x00], Error::ControlFragmented),
        (Role::Client, &[0x89, 126], Error::ControlTooLong),
        (Role::Client, &[0x8a, 127], Error::ControlTooLong),
        (Role::Client, &[0x82, 126, 0, 125], Error::LengthNotMinimal),
        (Role::Client, &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Error::LengthNotMinimal),
        (Role::Client, &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], Error::LengthOverflow),
        (Role::Client, &[0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Error::LengthOverflow),
        (Role::Client, &[0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Error::MessageTooBig),
    ];
    for (role, bytes, error) in rows {
        let expected = Decoded { messages: vec![], error: Some(error), idle: true };
        assert_eq!(decode(role, bytes), expected, "{bytes:02x?}");
        // What comes before it has been handed out, what comes after it has not.
        let around = [frame(role, Opcode::Text, true, b"a"), bytes.to_vec(), vec![0; 20]].concat();
        let expected = Decoded { messages: vec![text("a")], error: Some(error), idle: true };
        assert_eq!(decode(role, &around), expected, "{bytes:02x?}");
    }
}

#[test]
fn two_bytes_are_enough_to_refuse_what_they_show() {
    let mut decoder = Decoder::new(Role::Server);
    let mut bytes = [0x82, 126];
    assert_eq!(decoder.decode(&mut bytes.as_mut_slice(), &Limits::default()), Err(Error::NotMasked));
}

#[test]
fn a_message_is_refused_by_its_header_if_it_is_too_big() {
    let limits = Limits { max_message: 10, ..Limits::default() };
    let too_big = Some(Error::MessageTooBig);
    for role in ROLES {
        let frame = |opcode, fin, len| frame(role, opcode, fin, &vec![b'x'; len]);
        let decode = |bytes: Vec<u8>| {
            let whole = decode_with(role, &limits, [bytes.as_slice()]);
            assert_eq!(decode_with(role, &limits, bytes.chunks(1)), whole);
            (whole.messages.len(), whole.error)
        };
        assert_eq!(decode(frame(Opcode::Text, true, 10)), (1, None));
        assert_eq!(decode(header(Opcode::Text, true, false, 11, mask_towards(role)).to_vec()), (0, too_big));
        let first = frame(Opcode::Binary, false, 6);
        assert_eq!(decode([first.clone(), frame(Opcode::Continuation, true, 4)].concat()), (1, None));
        let second = header(Opcode::Continuation, true, false, 5, mask_towards(role));
        assert_eq!(decode([first.as_slice(), &second].concat()), (0, too_big));
        // A control frame has a limit of its own.
        assert_eq!(decode(frame(Opcode::Ping, true, 125)), (1, None));
    }
    assert_eq!(Error::MessageTooBig.close_code(), CloseCode::TOO_BIG);
}

#[test]
fn a_message_may_have_so_many_fragments_and_no_more() {
    let limits = Limits { max_fragments: 3, ..Limits::default() };
    for role in ROLES {
        let mut bytes = frame(role, Opcode::Text, false, b"a");
        bytes.extend(frame(role, Opcode::Continuation, false, b""));
        let with_last = [bytes.clone(), frame(role, Opcode::Continuation, true, b"b")].concat();
        let twice = [with_last.clone(), with_last].concat();
        let decoded = decode_with(role, &limits, [twice.as_slice()]);
        assert_eq!((decoded.messages, decoded.error), (vec![text("ab"), text("ab")], None));
        bytes.extend(frame(role, Opcode::Continuation, false, b""));
        bytes.extend(frame(role, Opcode::Ping, true, b"pings are not counted"));
        bytes.extend(frame(role, Opcode::Continuation, false, b""));
        let decoded = decode_with(role, &limits, [bytes.as_slice()]);
        assert_eq!(decoded.messages.len(), 1);
        assert_eq!(decoded.error, Some(Error::TooManyFragments));
    }
}

#[test]
fn close_codes_are_held_to_the_registry() {
    let valid =
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
    let invalid = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
    for role in ROLES {
        for code in valid {
            let payload = [u16::to_be_bytes(code).as_slice(), b"bye"].concat();
            let close = CloseFrame { code: CloseCode::new(code).unwrap(), reason: "bye".into() };
            assert_eq!(close.code.get(), code);
            assert_eq!(
                decode(role, &frame(role, Opcode::Close, true, &payload)).messages,
                [Message::Close(Some(close))]
            );
        }
        for code in invalid {
            let decoded = decode(role, &frame(role, Opcode::Close, true, &u16::to_be_bytes(code)));
            assert_eq!(decoded.error, Some(Error::InvalidCloseCode(code)));
            assert_eq!(CloseCode::new(code), None);
        }
    }
}

#[test]
fn after_a_close_frame_everything_is_ignored() {
    for role in ROLES {
        let mut bytes = frame(role, Opcode::Text, false, b"never finished");
        bytes.extend(frame(role, Opcode::Close, true, b""));
        bytes.extend(frame(role, Opcode::Continuation, true, b"!"));
        bytes.extend([0xff; 40]);
        let expected = Decoded { messages: vec![Message::Close(None)], error: None, idle: true };
        assert_eq!(decode(role, &bytes), expected);
    }
}

#[test]
fn a_whole_message_is_borrowed_and_a_split_one_owned() {
    use crate::data::{Binary, Text};
    for role in ROLES {
        let bytes = frame(role, Opcode::Text, true, b"hello");
        let limits = Limits::default();
        let mut decoder = Decoder::new(role);
        let mut whole = bytes.clone();
        let decoded = decoder.decode(&mut whole.as_mut_slice(), &limits).unwrap();
        assert!(matches!(decoded, Some(Message::Text(Text::Borrowed("hello")))));
        let (front, back) = bytes.split_at(bytes.len() - 1);
        let (mut front, mut back) = (front.to_vec(), back.to_vec());
        assert_eq!(decoder.decode(&mut front.as_mut_slice(), &limits), Ok(None));
        assert!(!decoder.is_idle());
        let decoded = decoder.decode(&mut back.as_mut_slice(), &limits).unwrap();
        assert!(matches!(decoded, Some(Message::Text(Text::Owned(text))) if text == "hello"));
        let mut bytes = frame(role, Opcode::Ping, true, b"p");
        let decoded = decoder.decode(&mut bytes.as_mut_slice(), &limits).unwrap();
        assert!(matches!(decoded, Some(Message::Ping(Binary::Borrowed(b"p")))));
    }
}

#[test]
fn headers_are_as_short_as_can_be() {
    for (len, unmasked) in [
        (0, &[0x82, 0][..]),
        (125, &[0x82, 125]),
        (126, &[0x82, 126, 0, 126]),
        (65_535, &[0x82, 126, 255, 255]),
        (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        assert_eq!(*header(Opcode::Binary, true, false, len, None), *unmasked);
        let mut masked = unmasked.to_vec();
        masked[1] |= 0x80;
        masked.extend(KEY);
        assert_eq!(*header(Opcode::Binary, true, false, len, Some(KEY)), *masked);
    }
    assert_eq!(*header(Opcode::Text, false, true, 1, None), [0x41, 1]);
    assert_eq!(*header(Opcode::Continuation, true, false, 1, None), [0x80, 1]);
}

#[test]
fn a_close_frame_keeps_within_125_bytes_and_whole_characters() {
    for (reason, kept) in [
        ("", 0),
        ("bye", 3),
        (&"x".repeat(123), 123),
        (&"x".repeat(124), 123),
        (&"ñ".repeat(62), 122),
        (&"🦀".repeat(40), 120),
    ] {
        for role in ROLES {
            let mut out = Vec::new();
            close_frame(&mut out, CloseCode::GOING_AWAY, reason, mask_towards(role));
            let expected = CloseFrame { code: CloseCode::GOING_AWAY, reason: reason[..kept].into() };
            assert_eq!(decode(role, &out).messages, [Message::Close(Some(expected))]);
        }
    }
}

#[test]
fn frames_are_appended() {
    let mut out = b"before".to_vec();
    encode_frame(&mut out, Opcode::Text, b"Hello", Some(KEY));
    encode_frame(&mut out, Opcode::Pong, b"", None);
    assert_eq!(out, b"before\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x8a\x00");
}

#[test]
fn errors_say_how_to_close() {
    for (error, code) in [
        (Error::ReservedBits, 1002),
        (Error::NotMasked, 1002),
        (Error::InvalidCloseCode(1005), 1002),
        (Error::InvalidClosePayload, 1002),
        (Error::InvalidUtf8, 1007),
        (Error::TooManyFragments, 1008),
        (Error::MessageTooBig, 1009),
    ] {
        assert_eq!(error.close_code().get(), code);
    }
}

#[test]
fn the_key_of_the_specification_is_accepted() {
    assert_eq!(handshake::accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
