//! A million connections: how far one process goes, and what each of them costs.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `server` | the server that is measured |
//! | `sockets` | real connections: one server process, load generators in others |
//! | `generator` | one of those generators |
//! | `kernel` | what the kernel keeps for them |
//! | `sessions` | sessions over transports in memory, up to a million in one process |
//! | `client` | the other end of those transports |
//!
//! The figures and how to repeat them: `docs/million.md`.

mod client;
mod generator;
mod kernel;
mod server;
mod sessions;
mod sockets;

pub use generator::{GenerateOptions, generate};
pub use server::{ServeOptions, serve};
pub use sessions::{SessionsOptions, sessions};
pub use sockets::{SocketsOptions, sockets};
