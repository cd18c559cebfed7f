//! The Socket.IO packets: rules by name, the vectors shared with the TypeScript client, and properties.

mod args;
mod decode;
mod encode;
mod json_text;
mod msgpack;
mod properties;
mod vectors;
