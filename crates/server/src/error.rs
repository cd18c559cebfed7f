//! Errors, by whose fault they are.

mod build;
mod connection;
mod emit;
mod handler;
mod refusal;

pub use build::BuildError;
pub use connection::{BadRequest, ConnectionError};
pub use emit::EmitError;
pub use handler::HandlerError;
pub use refusal::Refusal;
