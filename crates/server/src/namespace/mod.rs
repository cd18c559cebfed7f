//! Namespaces: what the application registers for each, the table that is made of it, and the namespace at work.

pub(crate) mod admit;
mod builder;
mod core;
pub(crate) mod dispatch;
mod outgoing;
mod own;
mod own_routes;
mod recovery;
mod registry;
mod routes;
#[cfg(test)]
mod tests;

pub use self::builder::Namespace;
pub(crate) use self::builder::{Definition, Name};
pub(crate) use self::core::NamespaceCore;
pub use self::own_routes::HandlerId;
pub(crate) use self::own_routes::{OwnRoutes, with_ack};
pub(crate) use self::registry::Namespaces;
pub(crate) use self::routes::Routes;
