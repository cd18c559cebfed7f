//! Ids: 120 random bits in the twenty characters that every Socket.IO tool expects.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The public id of a socket: twenty characters of `A–Z a–z 0–9 - _`, random, and new for each socket.
///
/// It may be shown to other clients; nobody can do anything with it but name the socket. Secret ids of sessions, which
/// have the same form, never leave the server but to their own client.
///
/// ```
/// use enchufe::SocketId;
///
/// assert!(SocketId::parse("not an id").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId([u8; 20]);

impl SocketId {
    /// A new one, from the thread's cryptographic generator.
    pub(crate) fn random() -> Self {
        let bytes: [u8; 15] = rand::random();
        let mut text = [b'A'; 20];
        // Fifteen bytes are exactly twenty characters.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
        Self(text)
    }

    /// Reads an id, if the text can be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 20] = text.as_bytes().try_into().ok()?;
        let valid = bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        valid.then_some(Self(bytes))
    }

    /// The twenty characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII ever gets in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<str> for SocketId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl serde::Serialize for SocketId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_twenty_characters_and_differ() {
        let (a, b) = (SocketId::random(), SocketId::random());
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 20);
        assert_eq!(SocketId::parse(a.as_str()), Some(a));
    }

    #[test]
    fn what_cannot_be_an_id_is_none() {
        for text in ["", "short", "exactly-20-chars-!!!", "aaaaaaaaaaaaaaaaaaaaa", "ééééééééé€"] {
            assert_eq!(SocketId::parse(text), None, "{text}");
        }
    }
}
