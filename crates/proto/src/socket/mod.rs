//! The Socket.IO protocol, version 5: packets, their arguments and their attachments.
//!
//! Specification: "Socket.IO protocol", revision 5 (used over Engine.IO 4); the JSON parser of the official
//! system is the reference where that text is silent. Everything here is a pure function of its input, and
//! serves the server and the client alike.
//!
//! From the wire: [`Packet::decode`] reads one text message; if it announces attachments, an [`Assembler`]
//! keeps it until they are there. [`Packet::event`] and [`Packet::ack`] then give the [`Args`], which
//! [deserialise](Args::deserialize) into any serde type straight from the received text.
//!
//! To the wire: the functions of [`encode`] append one packet to a buffer. Any serde type is an argument;
//! bytes anywhere inside it travel as attachments. [`Value`] is the dynamic form, [`RawArgs`] the unparsed one.
//!
//! [`msgpack`] is another wire form of the same packets.

pub mod encode;
pub mod json;
pub mod msgpack;

mod args;
mod assembler;
mod error;
mod handoff;
mod packet;
mod placeholder;
mod raw;
mod text;
mod value;

pub use args::{Args, Event};
pub use assembler::{Assembler, Complete};
pub use error::{ArgsError, DecodeError, EncodeError, MsgpackError};
pub use packet::{Kind, Limits, Packet, RESERVED_EVENTS, is_reserved};
pub use raw::RawArgs;
pub use value::{Map, Value};
