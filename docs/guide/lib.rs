//! The guide of Enchufe. It is written to be read as it lies in this folder; this crate compiles its code
//! blocks, so that none of them is wrong, and `tests/` holds its tables of options and limits to the code.

#[doc = include_str!("getting-started.md")]
pub mod getting_started {}

#[doc = include_str!("events.md")]
pub mod events {}

#[doc = include_str!("rooms.md")]
pub mod rooms {}

#[doc = include_str!("cluster.md")]
pub mod cluster {}

#[doc = include_str!("namespaces.md")]
pub mod namespaces {}

#[doc = include_str!("binary.md")]
pub mod binary {}

#[doc = include_str!("mounting.md")]
pub mod mounting {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("options.md")]
pub mod options {}

#[doc = include_str!("deployment.md")]
pub mod deployment {}

#[doc = include_str!("shutdown.md")]
pub mod shutdown {}

#[doc = include_str!("old-clients.md")]
pub mod old_clients {}

#[doc = include_str!("recovery.md")]
pub mod recovery {}

/// It lies beside this folder, and so not in the crate's package: only the tests of its code blocks need it.
#[cfg(doctest)]
#[doc = include_str!("../migrating-from-node.md")]
pub mod migrating_from_node {}
