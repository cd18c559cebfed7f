//! What the decoder accepts and refuses.

use enchufe_proto::socket::json::MAX_DEPTH;
use enchufe_proto::socket::{DecodeError, Kind, Limits, Packet, RESERVED_EVENTS, is_reserved};

fn decode(text: &str) -> Result<Packet<'_>, DecodeError> {
    Packet::decode(text, &Limits::default())
}

#[track_caller]
fn accepts(text: &str, kind: Kind, attachments: usize, nsp: &str, id: Option<u64>, data: &str) {
    let packet = decode(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let fields = (packet.kind, packet.attachments, packet.nsp, packet.id, packet.data);
    assert_eq!(fields, (kind, attachments, nsp, id, data), "{text}");
}

#[track_caller]
fn refuses(text: &str, error: DecodeError) {
    assert_eq!(decode(text).map(|packet| packet.data), Err(error), "{text}");
}

/// What the official decoder was seen to do, where it does not come from JavaScript's number conversion.
#[test]
fn the_official_decoders_table() {
    accepts("2", Kind::Event, 0, "/", None, "");
    accepts("0/admin", Kind::Connect, 0, "/admin", None, "");
    accepts("0/admin?x=1,{\"a\":1}", Kind::Connect, 0, "/admin?x=1", None, "{\"a\":1}");
    accepts("1/admin", Kind::Disconnect, 0, "/admin", None, "");
    refuses("1{}", DecodeError::InvalidPayload);
    refuses("1\"\"", DecodeError::InvalidPayload);
    accepts("2[1]", Kind::Event, 0, "/", None, "[1]");
    refuses("2[]", DecodeError::InvalidPayload);
    refuses("2[null]", DecodeError::InvalidPayload);
    refuses("2{}", DecodeError::InvalidPayload);
    refuses("2[\"connect\"]", DecodeError::InvalidPayload);
    accepts("2[\"message\"]", Kind::Event, 0, "/", None, "[\"message\"]");
    accepts("212[\"a\"]", Kind::Event, 0, "/", Some(12), "[\"a\"]");
    accepts("212345678901234567890[\"a\"]", Kind::Event, 0, "/", Some(12_345_678_901_234_567_890), "[\"a\"]");
    accepts("2/a,12[\"a\"]", Kind::Event, 0, "/a", Some(12), "[\"a\"]");
    accepts("2/a", Kind::Event, 0, "/a", None, "");
    accepts("3[]", Kind::Ack, 0, "/", None, "[]");
    accepts("31", Kind::Ack, 0, "/", Some(1), "");
    accepts("4\"x\"", Kind::ConnectError, 0, "/", None, "\"x\"");
    accepts("4{}", Kind::ConnectError, 0, "/", None, "{}");
    refuses("4[]", DecodeError::InvalidPayload);
    refuses("0[]", DecodeError::InvalidPayload);
    refuses("0null", DecodeError::InvalidPayload);
    refuses("50-[\"a\"]", DecodeError::IllegalAttachments);
    refuses("511-[\"a\"]", DecodeError::TooManyAttachments);
    refuses("5-[\"a\"]", DecodeError::IllegalAttachments);
    refuses("51[\"a\"]", DecodeError::IllegalAttachments);
    refuses("51.5-[\"a\"]", DecodeError::IllegalAttachments);
    refuses("7", DecodeError::UnknownType(Some(7)));
    refuses("a", DecodeError::UnknownType(None));
    accepts("2[\"a\"] ", Kind::Event, 0, "/", None, "[\"a\"]");
    refuses("2[\"a\"]x", DecodeError::InvalidPayload);
}

/// Where the official decoder lets something pass by accident.
#[test]
fn stricter_than_number_conversion() {
    refuses("", DecodeError::Empty);
    refuses("2 [\"a\"]", DecodeError::InvalidPayload);
    refuses("2\n[\"a\"]", DecodeError::InvalidPayload);
    refuses("0 {}", DecodeError::InvalidPayload);
    refuses("5 1-[\"a\"]", DecodeError::IllegalAttachments);
    refuses("51e0-[\"a\"]", DecodeError::IllegalAttachments);
    refuses("501-[\"a\"]", DecodeError::IllegalAttachments);
    refuses("5-1-[\"a\"]", DecodeError::IllegalAttachments);
    refuses("5+1-[\"a\"]", DecodeError::IllegalAttachments);
    refuses("51", DecodeError::IllegalAttachments);
    refuses("599999999999999999999999-[\"a\"]", DecodeError::TooManyAttachments);
    refuses("218446744073709551616[\"a\"]", DecodeError::AckIdOutOfRange);
    refuses("é", DecodeError::UnknownType(None));
    accepts("218446744073709551615[\"a\"]", Kind::Event, 0, "/", Some(u64::MAX), "[\"a\"]");
}

#[test]
fn error_texts_are_those_that_logs_are_searched_for() {
    for (text, message) in [
        ("7", "unknown packet type 7"),
        ("a", "unknown packet type NaN"),
        ("50-[\"a\"]", "Illegal attachments"),
        ("511-[\"a\"]", "too many attachments"),
        ("2{}", "invalid payload"),
    ] {
        assert_eq!(decode(text).expect_err(text).to_string(), message);
    }
}

#[test]
fn namespace_ends_at_the_first_comma_or_the_end() {
    accepts("2/,[\"a\"]", Kind::Event, 0, "/", None, "[\"a\"]");
    accepts("2/a/b?c=d&e=/f,7[\"a\"]", Kind::Event, 0, "/a/b?c=d&e=/f", Some(7), "[\"a\"]");
    accepts("2/a[\"x\"]", Kind::Event, 0, "/a[\"x\"]", None, "");
    accepts("51-/ä€,[\"x\"]", Kind::Event, 1, "/ä€", None, "[\"x\"]");
}

#[test]
fn binary_packets() {
    accepts(
        "51-[\"a\",{\"_placeholder\":true,\"num\":0}]",
        Kind::Event,
        1,
        "/",
        None,
        "[\"a\",{\"_placeholder\":true,\"num\":0}]",
    );
    accepts("610-/x,3[]", Kind::Ack, 10, "/x", Some(3), "[]");
    accepts("51-", Kind::Event, 1, "/", None, "");
    accepts("61-5", Kind::Ack, 1, "/", Some(5), "");
}

#[test]
fn reserved_names_are_refused_however_they_are_written() {
    for name in RESERVED_EVENTS {
        assert!(is_reserved(name));
        refuses(&format!("2[\"{name}\"]"), DecodeError::InvalidPayload);
        refuses(&format!("51-[\"{name}\",1]"), DecodeError::InvalidPayload);
    }
    refuses("2[\"conn\\u0065ct\"]", DecodeError::InvalidPayload);
    refuses("2[ \"connect\" ]", DecodeError::InvalidPayload);
    assert!(!is_reserved("Connect"));
    assert!(decode("2[\"error\"]").is_ok());
    assert!(decode("3[\"connect\"]").is_ok());
}

#[test]
fn event_names_are_strings_or_numbers() {
    for name in ["null", "true", "{}", "[]", "[\"a\"]", "{\"toString\":\"foo\"}"] {
        refuses(&format!("2[{name}]"), DecodeError::InvalidPayload);
    }
    for (json, name) in [
        ("\"a\"", "a"),
        ("\"\"", ""),
        ("\"a\\nb\\u00e9\"", "a\nbé"),
        ("\"\\ud83d\\ude00\"", "😀"),
        ("1", "1"),
        ("-1", "-1"),
        ("0", "0"),
        ("-0", "0"),
        ("1.0", "1"),
        ("1.5", "1.5"),
        ("1e2", "100"),
        ("12345678901234567890", "12345678901234567000"),
    ] {
        let text = format!("2[{json}]");
        let packet = decode(&text).expect(json);
        assert_eq!(packet.event(&[]).expect(json).expect(json).name, name, "{json}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| format!("2[\"a\",{}1{}]", "[".repeat(levels), "]".repeat(levels));
    assert!(decode(&nested(MAX_DEPTH - 1)).is_ok());
    refuses(&nested(MAX_DEPTH), DecodeError::TooDeep);
    refuses(&nested(100_000), DecodeError::TooDeep);
    let limits = Limits { max_depth: 3, ..Limits::default() };
    assert!(Packet::decode(&nested(2), &limits).is_ok());
    assert_eq!(Packet::decode(&nested(3), &limits).map(|_| ()), Err(DecodeError::TooDeep));
    let limits = Limits { max_depth: usize::MAX, ..Limits::default() };
    assert_eq!(Packet::decode(&nested(MAX_DEPTH), &limits).map(|_| ()), Err(DecodeError::TooDeep));
    let objects = format!("0{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    refuses(&objects, DecodeError::TooDeep);
}

#[test]
fn attachment_count_is_bounded() {
    assert!(decode("510-[\"a\"]").is_ok());
    let limits = Limits { max_attachments: 100, ..Limits::default() };
    assert!(Packet::decode("5100-[\"a\"]", &limits).is_ok());
    assert_eq!(Packet::decode("5101-[\"a\"]", &limits).map(|_| ()), Err(DecodeError::TooManyAttachments));
}

#[test]
fn an_event_without_payload_has_no_name() {
    let packet = decode("25").expect("valid");
    assert!(packet.event(&[]).expect("no placeholders").is_none());
    let packet = decode("35").expect("valid");
    assert!(packet.ack(&[]).expect("no placeholders").is_empty());
}
