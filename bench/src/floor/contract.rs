//! The testbed's `app` contract, recognised by the first bytes of a packet, and only in the exact
//! form in which the load generator writes it.

/// What a packet asks for; slices are copied as they are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action<'a> {
    /// A heartbeat's answer, or the end of a session, which its transport shows as well.
    Nothing,
    /// CONNECT to the main namespace.
    Join,
    /// `echo` with an ack; `arguments` reach to the closing bracket.
    Echo { id: &'a [u8], arguments: &'a [u8] },
    /// `echo` with one attachment, which comes next.
    EchoBinary { id: &'a [u8], arguments: &'a [u8] },
    /// `broadcast` with an ack.
    Broadcast { id: &'a [u8], arguments: &'a [u8] },
    /// `join` of one room, with an ack.
    EnterRoom { id: &'a [u8], room: &'a [u8] },
    /// `room` without an ack.
    Room { room: &'a [u8], arguments: &'a [u8] },
}

/// Recognises an Engine.IO packet; `None` for what the load generator never sends.
pub(super) fn action(packet: &[u8]) -> Option<Action<'_>> {
    match packet {
        b"1" | b"3" => return Some(Action::Nothing),
        b"40" => return Some(Action::Join),
        _ => {}
    }
    if let Some(rest) = packet.strip_prefix(b"42") {
        let (id, event) = split_id(rest)?;
        if let Some(arguments) = event.strip_prefix(b"[\"echo\",") {
            return Some(Action::Echo { id, arguments });
        }
        if let Some(rest) = event.strip_prefix(b"[\"room\",\"") {
            let quote = memchr::memchr(b'"', rest)?;
            return Some(Action::Room { room: rest.get(..quote)?, arguments: rest.get(quote + 2..)? });
        }
        if let Some(arguments) = event.strip_prefix(b"[\"broadcast\",") {
            return Some(Action::Broadcast { id, arguments });
        }
        let room = event.strip_prefix(b"[\"join\",\"")?.strip_suffix(b"\"]")?;
        return Some(Action::EnterRoom { id, room });
    }
    let (id, event) = split_id(packet.strip_prefix(b"451-")?)?;
    Some(Action::EchoBinary { id, arguments: event.strip_prefix(b"[\"echo\",")? })
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
pub(super) fn joined(id: usize) -> [String; 2] {
    [format!("40{{\"sid\":\"s{id}\"}}"), format!("42[\"welcome\",{{\"id\":\"s{id}\",\"recovered\":false}}]")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generators_packets_are_recognised() {
        assert_eq!(action(b"427[\"echo\",1]"), Some(Action::Echo { id: b"7", arguments: b"1]" }));
        assert_eq!(action(b"42[\"room\",\"a\",1]"), Some(Action::Room { room: b"a", arguments: b"1]" }));
        assert_eq!(action(b"420[\"join\",\"a\"]"), Some(Action::EnterRoom { id: b"0", room: b"a" }));
        assert_eq!(action(b"421[\"broadcast\",1]"), Some(Action::Broadcast { id: b"1", arguments: b"1]" }));
        assert_eq!(action(b"451-2[\"echo\",{}]"), Some(Action::EchoBinary { id: b"2", arguments: b"{}]" }));
        assert_eq!(action(b"42[\"other\"]"), None);
        assert_eq!(action(b""), None);
    }
}
