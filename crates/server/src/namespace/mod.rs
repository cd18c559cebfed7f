//! Namespaces: what the application registers for each, and the table that is made of it.

mod builder;
mod own;
mod routes;
#[cfg(test)]
mod tests;

pub use builder::Namespace;
pub(crate) use builder::{Definition, Name};
pub(crate) use own::{OwnRoutes, with_ack};
pub(crate) use routes::{EventRoute, Routes};
