//! Socket.IO for Rust: the server.

#![expect(dead_code, unused_imports, reason = "the connection side, which calls the handlers, lands next")]

mod ack;
mod error;
mod namespace;
mod socket;
mod state;
#[cfg(test)]
mod testing;

pub mod extract;
pub mod handler;

pub use ack::Ack;
pub use enchufe_proto::socket::RawArgs;
pub use error::{BuildError, EmitError, HandlerError, Refusal};
pub use extract::{Auth, Data, Event, FromContext, Rejection};
pub use namespace::Namespace;
pub use socket::{DisconnectReason, Emitted, Handshake, Socket};
pub use state::{Requirements, State};
