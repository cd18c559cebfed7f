//! Ids: 120 random bits in the twenty characters that every Socket.IO tool expects.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The characters of an id.
const LENGTH: usize = 20;
/// Those of a session's id that the application makes. The lower bound, because such an id is a secret; the upper,
/// because it stands in every request of the session.
const MADE_LENGTH: RangeInclusive<usize> = 16..=128;
/// What stands between the namespace and the session in the ids of old clients.
const MARK: char = '#';

/// The public id of a socket: twenty characters of `A–Z a–z 0–9 - _`, random, and new for each socket.
///
/// It may be shown to other clients; nobody can do anything with it but name the socket. Secret ids of sessions, which
/// have the same form, never leave the server but to their own client.
///
/// Clients of Socket.IO 2 are the exception, where a server admits them: they make up their id themselves, of their
/// namespace and their session: `/chat#` and the session's id, or in `/` that alone. See
/// [`ServerBuilder::allow_eio3`](crate::ServerBuilder::allow_eio3).
///
/// As large as three words, and cheap to clone: only the ids of old clients in other namespaces than `/` are shared by
/// reference count.
///
/// ```
/// use enchufe::SocketId;
///
/// assert!(SocketId::parse("not an id").is_none());
/// assert!(SocketId::parse("/chat#AAAAAAAAAAAAAAAAAAAA").is_some());
/// ```
#[derive(Clone)]
pub struct SocketId(Form);

#[derive(Clone)]
enum Form {
    Short([u8; LENGTH]),
    /// A namespace, the mark and a session's id; or a session's id that the application made.
    Long(Arc<str>),
}

impl SocketId {
    /// A new one, from the thread's cryptographic generator.
    pub(crate) fn random() -> Self {
        let bytes: [u8; 15] = rand::random();
        let mut text = [b'A'; LENGTH];
        // Fifteen bytes are exactly twenty characters.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
        Self(Form::Short(text))
    }

    /// The id that a client of Socket.IO 2 gives itself in a namespace.
    pub(crate) fn of_old_client(namespace: &str, session: &Self) -> Self {
        if namespace == "/" {
            return session.clone();
        }
        Self(Form::Long(format!("{namespace}{MARK}{session}").into()))
    }

    /// A session's id that the application has made; the error says why it cannot be one.
    pub(crate) fn made(text: &str) -> Result<Self, String> {
        if let Some(short) = short(text) {
            return Ok(Self(Form::Short(short)));
        }
        if !MADE_LENGTH.contains(&text.len()) {
            let (least, most) = (MADE_LENGTH.start(), MADE_LENGTH.end());
            return Err(format!("an id has {least} to {most} characters, not {}", text.len()));
        }
        // They stand in queries and cookies as they are.
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
        if !text.bytes().all(fits) {
            return Err("an id consists of A–Z a–z 0–9 - _ . ~".into());
        }
        Ok(Self(Form::Long(text.into())))
    }

    /// Reads an id, if the text can be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(short) = short(text) {
            return Some(Self(Form::Short(short)));
        }
        match text.rsplit_once(MARK) {
            Some((namespace, session)) => (namespace.starts_with('/') && Self::made(session).is_ok())
                .then(|| Self(Form::Long(text.into()))),
            None => Self::made(text).ok(),
        }
    }

    /// Whether a text looks enough like an id to be worth looking up.
    pub(crate) fn may_be(text: &str) -> bool {
        MADE_LENGTH.contains(&text.len()) || text.starts_with('/')
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Only ASCII ever gets in.
            Form::Short(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            Form::Long(text) => text,
        }
    }

    /// Whether this is its text.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.as_bytes() == text.as_bytes()
    }

    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Short(bytes) => bytes,
            Form::Long(text) => text.as_bytes(),
        }
    }
}

fn short(text: &str) -> Option<[u8; LENGTH]> {
    let bytes: [u8; LENGTH] = text.as_bytes().try_into().ok()?;
    bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')).then_some(bytes)
}

impl PartialEq for SocketId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SocketId {}

impl PartialOrd for SocketId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SocketId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for SocketId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        IdText::of(self).hash(state);
    }
}

/// The text of an id, to look one up by: it has the id's hash.
pub(crate) struct IdText<'a>(&'a [u8]);

impl<'a> IdText<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    fn of(id: &'a SocketId) -> Self {
        Self(id.as_bytes())
    }
}

impl Hash for IdText<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0);
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
    use std::hash::BuildHasher;

    use hashbrown::HashMap;

    use super::*;

    #[test]
    fn ids_are_twenty_characters_and_differ() {
        let (a, b) = (SocketId::random(), SocketId::random());
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 20);
        assert_eq!(SocketId::parse(a.as_str()), Some(a));
    }

    #[test]
    fn an_old_client_is_named_by_its_namespace_and_session() {
        let session = SocketId::random();
        assert_eq!(SocketId::of_old_client("/", &session), session);
        let id = SocketId::of_old_client("/ch#at", &session);
        assert_eq!(id.to_string(), format!("/ch#at#{session}"));
        assert_eq!(SocketId::parse(id.as_str()), Some(id));
    }

    #[test]
    fn both_forms_hash_as_their_text() {
        let short = SocketId::random();
        let long = SocketId::of_old_client("/chat", &short);
        let map: HashMap<_, _> = [(short.clone(), 1), (long.clone(), 2)].into_iter().collect();
        for (id, value) in [(&short, 1), (&long, 2)] {
            assert!(SocketId::may_be(id.as_str()));
            assert_eq!(map.get(id), Some(&value));
            let hasher = map.hasher();
            assert_eq!(hasher.hash_one(IdText::new(id.as_str())), hasher.hash_one(id));
        }
    }

    #[test]
    fn what_cannot_be_an_id_is_none() {
        for text in [
            "",
            "short",
            "exactly-20-chars-!!!",
            "aaaaaaaaaaaaaaa",
            "ééééééééé€",
            "/chat",
            "/chat#short",
            "chat#aaaaaaaaaaaaaaaaaaaa",
            "#aaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(SocketId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ids_of_the_application_are_bounded_and_need_no_escaping() {
        for fit in ["a2b4c6d8-e0f2.4~_", &"x".repeat(128), "aaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(SocketId::made(fit).unwrap().as_str(), fit);
        }
        for unfit in ["", "short", &"x".repeat(129), "a b c d e f g h i", "sixteen-and;more", "ééééééééééé"]
        {
            assert!(SocketId::made(unfit).is_err(), "{unfit}");
        }
    }

    #[test]
    fn an_id_stays_small() {
        assert!(size_of::<SocketId>() <= 24);
        assert!(size_of::<Option<SocketId>>() <= 24);
    }
}
