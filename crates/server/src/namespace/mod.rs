//! Namespaces: what the application registers for each, the table that is made of it, and the namespace at work.

pub(crate) mod admit;
mod asking;
mod beside;
mod builder;
mod children;
mod core;
pub(crate) mod dispatch;
mod execution;
mod incoming;
mod lanes;
mod members;
mod name;
mod outgoing;
mod own;
mod own_routes;
mod recovery;
mod registry;
mod routes;
#[cfg(test)]
mod tests;

/// What a client is told that asks for a namespace which does not exist.
pub(crate) const INVALID_NAMESPACE: &str = "Invalid namespace";

pub(crate) use self::asking::Question;
pub(crate) use self::builder::Definition;
pub use self::builder::Namespace;
pub use self::children::Children;
pub(crate) use self::core::NamespaceCore;
pub use self::execution::{EventKey, Execution};
pub(crate) use self::lanes::{Granted, Turn};
pub(crate) use self::name::{Name, rooted};
pub use self::own_routes::HandlerId;
pub(crate) use self::own_routes::{OwnRoutes, with_ack};
pub(crate) use self::registry::{Found, Made, Namespaces};
pub(crate) use self::routes::Routes;
