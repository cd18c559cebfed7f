//! The server's behaviour, rule by rule, without ports: through its tower service, over streams in memory, and
//! where the bare TCP stream matters over loopback. Time is paused wherever it can be, so that heartbeats and
//! time-outs cost nothing.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod support;

mod acks;
mod cluster;
mod compression;
mod corked;
mod destructors;
mod disconnect;
mod dynamic;
mod early;
mod engine;
mod events;
mod execution;
mod handshake;
mod heartbeat;
mod hooks;
mod jsonp;
mod leaks;
mod limits;
mod listeners;
mod middleware;
mod msgpack;
mod namespaces;
mod old_clients;
mod operators;
mod overload;
mod polling;
mod recovery;
mod recovery_races;
mod rooms;
mod runtimes;
mod security;
mod servers;
mod shutdown;
mod soak;
mod streams;
mod tcp;
mod times;
mod together;
mod upgrade;
mod volatile;
