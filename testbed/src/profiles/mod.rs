//! What the testbed can behave like.

pub(crate) mod app;
mod app_events;
pub(crate) mod client;
pub(crate) mod engine;
pub(crate) mod engine_client;
pub(crate) mod protocol;
