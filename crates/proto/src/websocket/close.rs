//! Close codes and what a close frame says (RFC 6455 §7.4).

use std::fmt;

use bytestring::ByteString;

use super::Error;

/// A close code that may stand in a close frame: 1000–1003, 1007–1014, 3000–4999.
///
/// The codes that only describe an end without a close frame (1005, 1006, 1015) can't be made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, or a browser left the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that can't be accepted.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1007: data that does not fit its type, as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a policy is violated.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client misses an extension.
    pub const EXTENSION_MISSING: Self = Self(1010);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (registered with IANA after RFC 6455).
    pub const RESTART: Self = Self(1012);
    /// 1013: try again later (registered with IANA after RFC 6455).
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// The code, if it may stand in a close frame.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = Error;
    fn try_from(code: u16) -> Result<Self, Error> {
        Self::new(code).ok_or(Error::InvalidCloseCode(code))
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

/// Why the peer closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// The code, one that may be sent.
    pub code: CloseCode,
    /// Words for people, at most 123 bytes, often none.
    pub reason: ByteString,
}

impl CloseFrame {
    /// Parses the payload of a close frame; an empty one is `None`.
    pub(super) fn parse(payload: &[u8]) -> Result<Option<Self>, Error> {
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            return if payload.is_empty() { Ok(None) } else { Err(Error::InvalidClosePayload) };
        };
        let code = CloseCode::try_from(u16::from_be_bytes(*code))?;
        let reason = simdutf8::basic::from_utf8(reason).map_err(|_| Error::InvalidUtf8)?;
        Ok(Some(Self { code, reason: ByteString::from(reason) }))
    }
}
