//! What can be wrong with a packet, its arguments, or a value that is to be sent.

use super::json::ScanError;

/// Why a message is not a Socket.IO packet. The connection that sent it is to be closed.
///
/// The texts of the cases that the official decoder knows are the same as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A text message without a byte.
    #[error("empty packet")]
    Empty,
    /// The first character is not one of the packet types 0 to 6; the digit, if it was one.
    #[error("unknown packet type {}", DigitOrNaN(*.0))]
    UnknownType(Option<u8>),
    /// A binary packet without a proper number of attachments, which is 1 at least.
    #[error("Illegal attachments")]
    IllegalAttachments,
    /// More attachments than [`Limits::max_attachments`](super::Limits::max_attachments).
    #[error("too many attachments")]
    TooManyAttachments,
    /// The attachments of one packet are larger than
    /// [`Limits::max_attachment_bytes`](super::Limits::max_attachment_bytes) together.
    #[error("attachments too large")]
    AttachmentsTooLarge,
    /// An acknowledgement id beyond `u64`.
    #[error("ack id out of range")]
    AckIdOutOfRange,
    /// The payload is not JSON, or not of the shape that the packet's type asks for.
    #[error("invalid payload")]
    InvalidPayload,
    /// The payload nests arrays and objects deeper than [`Limits::max_depth`](super::Limits::max_depth).
    #[error("payload nested too deeply")]
    TooDeep,
    /// A placeholder names no attachment of its packet.
    #[error("illegal attachments")]
    IllegalPlaceholder,
    /// A text packet came while attachments of the one before were outstanding.
    #[error("text packet instead of an attachment")]
    UnexpectedText,
    /// A binary message came that no packet had announced.
    #[error("binary message without a packet that announces it")]
    UnexpectedBinary,
    /// A binary message is no packet in msgpack.
    #[error(transparent)]
    Msgpack(#[from] MsgpackError),
}

/// Why a binary message is not a packet in msgpack; what is wrong with its payload is a [`DecodeError`] as for text.
///
/// The texts of the cases that the official decoder knows are the same as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MsgpackError {
    /// It ends within a value.
    #[error("truncated msgpack")]
    Truncated,
    /// Something stands behind the packet.
    #[error("trailing bytes")]
    Trailing,
    /// The byte `c1`, which the format doesn't use.
    #[error("invalid msgpack")]
    NeverUsed,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// The key of an object is neither a string nor a whole number.
    #[error("invalid key")]
    Key,
    /// The message is not a map.
    #[error("invalid packet")]
    NotAMap,
    /// `type` is missing or none of 0 to 4.
    #[error("invalid packet type")]
    Type,
    /// `nsp` is missing or no name that the text form could hold: it begins with `/` and has no comma.
    #[error("invalid namespace")]
    Namespace,
    /// `id` is not a whole number from zero on.
    #[error("invalid packet id")]
    Id,
}

impl From<ScanError> for DecodeError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Syntax(_) => Self::InvalidPayload,
            ScanError::TooDeep(_) => Self::TooDeep,
        }
    }
}

struct DigitOrNaN(Option<u8>);

impl std::fmt::Display for DigitOrNaN {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(digit) => write!(f, "{digit}"),
            None => f.write_str("NaN"),
        }
    }
}

/// Why arguments don't fit the type they were to become.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// Fewer arguments came than the type has; the number of the missing one, from 1.
    #[error("argument {0} is missing")]
    Missing(usize),
    /// An argument is of another type.
    #[error("argument {index}: {message}")]
    Invalid {
        /// Number of the argument, from 1.
        index: usize,
        /// What serde said about it.
        message: String,
    },
}

/// Why a value can't be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// serde could not turn it into JSON: a map with keys that are no strings, or an error of the type itself.
    #[error("cannot be sent as JSON: {0}")]
    Serialize(#[from] serde_json::Error),
    /// The event name is one of [`RESERVED_EVENTS`](super::RESERVED_EVENTS).
    #[error("`{0}` is a reserved event name")]
    ReservedEvent(String),
    /// The payload of a CONNECT packet must be an object.
    #[error("the payload of a CONNECT packet must be an object")]
    NotAnObject,
    /// Longer than any message can be: a string, an array or bytes of 4 GiB or more, in msgpack.
    #[error("too large to be sent")]
    TooLarge,
}
