//! The testbed's `app` contract, recognised by the first bytes of a packet, and only in the exact
//! form in which the load generator writes it.

/// What a packet asks for; slices are copied as they are. A namespace is given with its comma, the main one is empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action<'a> {
    /// A heartbeat's answer, or the end of a session, which its transport shows as well.
    Nothing,
    /// CONNECT.
    Join { namespace: &'a [u8] },
    /// `echo` with an ack; `arguments` reach to the closing bracket.
    Echo { namespace: &'a [u8], id: &'a [u8], arguments: &'a [u8] },
    /// `echo` with one attachment, which comes next.
    EchoBinary { id: &'a [u8], arguments: &'a [u8] },
    /// `broadcast` with an ack.
    Broadcast { namespace: &'a [u8], id: &'a [u8], arguments: &'a [u8] },
    /// `join` of one room, with an ack.
    EnterRoom { id: &'a [u8], room: &'a [u8] },
    /// `room` without an ack.
    Room { room: &'a [u8], arguments: &'a [u8] },
}

/// Recognises an Engine.IO packet; `None` for what the load generator never sends.
pub(super) fn action(packet: &[u8]) -> Option<Action<'_>> {
    match packet {
        b"1" | b"3" => return Some(Action::Nothing),
        b"40" => return Some(Action::Join { namespace: b"" }),
        _ => {}
    }
    if let Some(namespace) = packet.strip_prefix(b"40") {
        return namespace.ends_with(b",").then_some(Action::Join { namespace });
    }
    if let Some(rest) = packet.strip_prefix(b"42") {
        let (namespace, rest) = split_namespace(rest)?;
        let (id, event) = split_id(rest)?;
        if let Some(arguments) = event.strip_prefix(b"[\"echo\",") {
            return Some(Action::Echo { namespace, id, arguments });
        }
        if let Some(rest) = event.strip_prefix(b"[\"room\",\"") {
            let quote = memchr::memchr(b'"', rest)?;
            return Some(Action::Room { room: rest.get(..quote)?, arguments: rest.get(quote + 2..)? });
        }
        if let Some(arguments) = event.strip_prefix(b"[\"broadcast\",") {
            return Some(Action::Broadcast { namespace, id, arguments });
        }
        let room = event.strip_prefix(b"[\"join\",\"")?.strip_suffix(b"\"]")?;
        return Some(Action::EnterRoom { id, room });
    }
    let (id, event) = split_id(packet.strip_prefix(b"451-")?)?;
    Some(Action::EchoBinary { id, arguments: event.strip_prefix(b"[\"echo\",")? })
}

/// What a packet of the msgpack parser asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packed<'a> {
    Join,
    /// `echo` with an ack: the encoded number, and one encoded argument.
    Echo {
        id: &'a [u8],
        argument: &'a [u8],
    },
}

/// Recognises a msgpack packet in the generator's form.
pub(super) fn packed(packet: &[u8]) -> Option<Packed<'_>> {
    if packet == b"\x82\xa4type\x00\xa3nsp\xa1/" {
        return Some(Packed::Join);
    }
    let (id, rest) = packet.strip_prefix(b"\x84\xa4type\x02\xa3nsp\xa1/\xa2id")?.split_at_checked(5)?;
    Some(Packed::Echo { id, argument: rest.strip_prefix(b"\xa4data\x92\xa4echo")? })
}

/// Before the number and behind it, in the answer to a packed echo; the argument follows.
pub(super) const PACKED_ACK: [&[u8]; 2] = [b"\x84\xa4type\x03\xa3nsp\xa1/\xa2id", b"\xa4data\x91"];

/// The answer to a packed CONNECT and the `welcome` event.
pub(super) fn joined_packed() -> [&'static [u8]; 2] {
    [
        b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa3sid\xa1s",
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa7welcome\x81\xa2id\xa1s",
    ]
}

/// A namespace with its comma, empty for the main one, and what follows.
fn split_namespace(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    if !rest.starts_with(b"/") {
        return Some((b"", rest));
    }
    rest.split_at_checked(memchr::memchr(b',', rest)? + 1)
}

fn split_id(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    rest.split_at_checked(rest.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// The open packet.
pub(super) fn opened(id: u64) -> String {
    format!(
        "0{{\"sid\":\"{id}\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}}"
    )
}

/// The answer to CONNECT and the `welcome` event.
pub(super) fn joined(id: usize, namespace: &[u8]) -> [Vec<u8>; 2] {
    let connect = format!("{{\"sid\":\"s{id}\"}}");
    let welcome = format!("[\"welcome\",{{\"id\":\"s{id}\",\"recovered\":false}}]");
    [[b"40", namespace, connect.as_bytes()].concat(), [b"42", namespace, welcome.as_bytes()].concat()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generators_packets_are_recognised() {
        let echo = |namespace| Some(Action::Echo { namespace, id: b"7", arguments: b"1]" });
        assert_eq!(action(b"427[\"echo\",1]"), echo(b""));
        assert_eq!(action(b"42/tenant-5,7[\"echo\",1]"), echo(b"/tenant-5,"));
        assert_eq!(action(b"40/chat,"), Some(Action::Join { namespace: b"/chat," }));
        assert_eq!(action(b"40/chat"), None);
        assert_eq!(action(b"42[\"room\",\"a\",1]"), Some(Action::Room { room: b"a", arguments: b"1]" }));
        assert_eq!(action(b"420[\"join\",\"a\"]"), Some(Action::EnterRoom { id: b"0", room: b"a" }));
        assert_eq!(
            action(b"421[\"broadcast\",1]"),
            Some(Action::Broadcast { namespace: b"", id: b"1", arguments: b"1]" })
        );
        assert_eq!(action(b"451-2[\"echo\",{}]"), Some(Action::EchoBinary { id: b"2", arguments: b"{}]" }));
        assert_eq!(action(b"42[\"other\"]"), None);
        assert_eq!(action(b""), None);
    }

    #[test]
    fn a_packed_echo_is_its_number_and_its_argument() {
        let packet = b"\x84\xa4type\x02\xa3nsp\xa1/\xa2id\xce\x00\x00\x00\x07\xa4data\x92\xa4echo\xa1x";
        let (id, argument) = (&b"\xce\x00\x00\x00\x07"[..], &b"\xa1x"[..]);
        assert_eq!(packed(packet), Some(Packed::Echo { id, argument }));
        assert_eq!(packed(b"\x82\xa4type\x00\xa3nsp\xa1/"), Some(Packed::Join));
        assert_eq!(packed(b"\x80"), None);
    }
}
