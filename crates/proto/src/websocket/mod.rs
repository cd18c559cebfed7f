//! WebSocket frames for both roles: RFC 6455 without the I/O.
//!
//! [`Decoder`] turns received bytes into [`Message`]s, in place where it can; [`header`] and
//! [`encode_frame`] write frames; [`handshake`] computes the keys of the opening handshake. Nothing here
//! reads a socket, a clock or a random source: a client passes the masks and the key in.
//!
//! What it promises:
//! - every rule of RFC 6455 about frames is held against the peer (§5, §7.4, §8.1), and the [`Error`] says
//!   which close code it deserves;
//! - how the bytes were cut on their way never changes what comes out, and the time spent is linear in them;
//! - a length that a peer only announces costs no memory: limits are checked on the header, and buffers
//!   grow with what really arrives.
//!
//! Per-message deflate (RFC 7692) will let RSV1 through in one place, [`frame`'s](self) header parser, and
//! inflate where a complete message is handed out; the types stay as they are.

mod close;
mod decoder;
mod error;
mod frame;
mod gather;
pub mod handshake;
mod mask;
mod message;

#[cfg(test)]
mod tests;

pub use close::{CloseCode, CloseFrame};
pub use decoder::Decoder;
pub use error::Error;
pub use frame::{Header, MAX_CONTROL_PAYLOAD, Opcode, close_frame, encode_frame, header};
pub use mask::apply_mask;
pub use message::{Limits, Message, Role};
