//! The protocols of Engine.IO, Socket.IO and WebSocket, without I/O.

pub mod socket;
