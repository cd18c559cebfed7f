//! Fuzz targets: one function each, which asserts what must hold for every input.
//!
//! The programs in `fuzz_targets/` only hand libFuzzer's bytes to these functions. How to run them stands in
//! `README.md`.

mod chunks;
mod json;
mod msgpack;
mod payload;
mod payload_v3;
mod session;
mod socket;
mod websocket;
/// The world of the test of the same name.
#[path = "../../crates/proto/tests/session_pair/world.rs"]
mod world;

pub use json::json_scan;
pub use msgpack::msgpack;
pub use payload::engine_payload;
pub use payload_v3::engine_payload_v3;
pub use session::session;
pub use socket::{args, socket_packet};
pub use websocket::websocket;

/// A server's and a client's session against each other; the input is the script of their world.
pub fn session_pair(data: &[u8]) {
    world::run(data);
}
