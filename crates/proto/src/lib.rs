//! The protocols of Engine.IO, Socket.IO and WebSocket, without I/O.

pub mod data;
pub mod engine;
pub mod socket;
pub mod websocket;
