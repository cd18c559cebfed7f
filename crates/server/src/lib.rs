//! Socket.IO for Rust: the server.
