//! An emit that failed.

use enchufe_proto::socket::EncodeError;
use thiserror::Error;

/// Why an emit was not sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The arguments cannot be written as JSON.
    #[error("the arguments can't be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// The event's name is kept for the protocol: clients would take it for something else.
    #[error("{0:?} is a reserved event name")]
    Reserved(String),
    /// The client owes so many answers that no more are asked for; see
    /// [`Limits::max_pending_acks`](crate::Limits::max_pending_acks).
    #[error("too many acknowledgements are pending")]
    TooManyPendingAcks,
}
