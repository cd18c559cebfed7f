//! How a peer can break the rules.

use super::CloseCode;

/// The peer broke a rule: the connection must be failed with [`Error::close_code`] (RFC 6455 §7.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A reserved bit is set that no negotiated extension gives a meaning (§5.2).
    #[error("a reserved bit is set")]
    ReservedBits,
    /// An opcode that is not defined (§5.2).
    #[error("the opcode {0:#x} is reserved")]
    ReservedOpcode(u8),
    /// A client sent an unmasked frame (§5.1).
    #[error("a frame of the client is not masked")]
    NotMasked,
    /// A server sent a masked frame (§5.1).
    #[error("a frame of the server is masked")]
    Masked,
    /// A control frame of more than 125 bytes (§5.5).
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// A control frame in fragments (§5.5).
    #[error("a control frame is fragmented")]
    ControlFragmented,
    /// A length in more bytes than it needs (§5.2).
    #[error("a length is not in its shortest form")]
    LengthNotMinimal,
    /// A 64-bit length whose most significant bit is set (§5.2).
    #[error("a length exceeds 63 bits")]
    LengthOverflow,
    /// A continuation without a message to continue (§5.4).
    #[error("there is no message to continue")]
    UnexpectedContinuation,
    /// A new message within a fragmented one (§5.4).
    #[error("a new message begins within a fragmented one")]
    ExpectedContinuation,
    /// Text that is not UTF-8 (§8.1).
    #[error("text is not UTF-8")]
    InvalidUtf8,
    /// A close frame with a payload of one byte (§5.5.1).
    #[error("half a close code")]
    InvalidClosePayload,
    /// A close code that must not be sent (§7.4).
    #[error("the close code {0} must not be sent")]
    InvalidCloseCode(u16),
    /// The message exceeds [`Limits::max_message`](super::Limits::max_message).
    #[error("a message is too big")]
    MessageTooBig,
    /// The message exceeds [`Limits::max_fragments`](super::Limits::max_fragments).
    #[error("a message has too many fragments")]
    TooManyFragments,
}

impl Error {
    /// The code to close with: 1007 for text that is not UTF-8, 1009 for what is too big, 1008 for too many
    /// fragments, else 1002.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::InvalidUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig => CloseCode::TOO_BIG,
            Self::TooManyFragments => CloseCode::POLICY,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
