//! Received data: borrowed from the buffer it was read into, or owned where it came in pieces.
//!
//! Most messages lie whole in the read buffer and are handled at once, so that a copy would be wasted; what
//! has to outlive the buffer is taken with [`Text::into_owned`] or [`Binary::into_bytes`], which copy only
//! what is borrowed.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;

/// Received text, checked to be UTF-8.
#[derive(Clone)]
pub enum Text<'a> {
    /// It lies in the read buffer.
    Borrowed(&'a str),
    /// It has an allocation of its own, shared by reference count.
    Owned(ByteString),
}

/// Received bytes.
#[derive(Clone)]
pub enum Binary<'a> {
    /// They lie in the read buffer.
    Borrowed(&'a [u8]),
    /// They have an allocation of their own, shared by reference count.
    Owned(Bytes),
}

impl Text<'_> {
    /// The text, wherever it lies.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Owned(text) => text,
        }
    }

    /// The text for keeps; copied only if it was borrowed.
    #[must_use]
    pub fn into_owned(self) -> ByteString {
        match self {
            Self::Borrowed(text) => ByteString::from(text),
            Self::Owned(text) => text,
        }
    }

    /// The same, independent of the read buffer.
    #[must_use]
    pub fn into_static(self) -> Text<'static> {
        Text::Owned(self.into_owned())
    }
}

impl Binary<'_> {
    /// The bytes, wherever they lie.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }

    /// The bytes for keeps; copied only if they were borrowed.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Self::Owned(bytes) => bytes,
        }
    }

    /// The same, independent of the read buffer.
    #[must_use]
    pub fn into_static(self) -> Binary<'static> {
        Binary::Owned(self.into_bytes())
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Deref for Binary<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Binary<'_> {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text)
    }
}

impl From<ByteString> for Text<'_> {
    fn from(text: ByteString) -> Self {
        Self::Owned(text)
    }
}

impl<'a> From<&'a [u8]> for Binary<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl From<Bytes> for Binary<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::Owned(bytes)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text<'_> {}

impl PartialEq for Binary<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Binary<'_> {}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Debug for Binary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.as_slice().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_data_is_handed_on_without_a_copy() {
        let bytes = Bytes::from(vec![7; 100]);
        let at = bytes.as_ptr();
        assert_eq!(Binary::Owned(bytes).into_bytes().as_ptr(), at);
        let text = ByteString::from("x".repeat(100));
        let at = text.as_bytes().as_ptr();
        assert_eq!(Text::Owned(text).into_owned().as_bytes().as_ptr(), at);
    }

    #[test]
    fn where_data_lies_does_not_matter_to_equality() {
        assert_eq!(Text::Borrowed("a"), Text::Owned("a".into()));
        assert_ne!(Text::Borrowed("a"), Text::Owned("b".into()));
        assert_eq!(Binary::Borrowed(b"a"), Binary::Owned(Bytes::from_static(b"a")));
        assert_eq!(format!("{:?}", Binary::Borrowed(b"a\0")), r#"b"a\x00""#);
    }
}
