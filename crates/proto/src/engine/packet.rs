//! One Engine.IO packet in its text form: a digit for the kind, then its data.

use thiserror::Error;

/// The kinds of Engine.IO packets, with their digit on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The handshake, from the server.
    Open = b'0',
    /// The sender leaves.
    Close = b'1',
    /// A heartbeat's question, from the server; `probe` while upgrading, from the client.
    Ping = b'2',
    /// The answer to a ping, with the same data.
    Pong = b'3',
    /// A message of the layer above.
    Message = b'4',
    /// The client leaves its old transport for the probed one.
    Upgrade = b'5',
    /// Nothing; it ends a pending poll.
    Noop = b'6',
}

impl Kind {
    /// The kind that a digit stands for.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            b'0' => Self::Open,
            b'1' => Self::Close,
            b'2' => Self::Ping,
            b'3' => Self::Pong,
            b'4' => Self::Message,
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            _ => return None,
        })
    }
}

/// A text packet, borrowed from the received bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// What follows the digit.
    pub data: &'a str,
}

/// Why a text is not an Engine.IO packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PacketError {
    /// There was not even a kind.
    #[error("empty packet")]
    Empty,
    /// The first character is not a known kind.
    #[error("unknown packet type")]
    UnknownKind,
}

impl<'a> Packet<'a> {
    /// Splits a text into kind and data.
    ///
    /// # Errors
    /// [`PacketError`] when the text is empty or starts with an unknown kind.
    #[inline]
    pub fn decode(text: &'a str) -> Result<Self, PacketError> {
        let first = *text.as_bytes().first().ok_or(PacketError::Empty)?;
        let kind = Kind::from_byte(first).ok_or(PacketError::UnknownKind)?;
        // The first byte is ASCII, so the rest starts on a character boundary.
        Ok(Self { kind, data: text.get(1..).unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_a_digit_and_its_data() {
        let kinds =
            [Kind::Open, Kind::Close, Kind::Ping, Kind::Pong, Kind::Message, Kind::Upgrade, Kind::Noop];
        for (digit, kind) in ('0'..).zip(kinds) {
            let text = format!("{digit}é");
            assert_eq!(Packet::decode(&text), Ok(Packet { kind, data: "é" }));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(Packet::decode(""), Err(PacketError::Empty));
        for text in ["7", "a", " 4", "é", "\u{0}"] {
            assert_eq!(Packet::decode(text), Err(PacketError::UnknownKind), "{text:?}");
        }
    }
}
