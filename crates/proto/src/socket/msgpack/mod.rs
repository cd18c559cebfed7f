//! The msgpack form of packets: one binary message for each, attachments and all.
//!
//! A packet is a map `{type, nsp, data?, id?}` of types 0 to 4; bytes stand in `data` where they belong. What is
//! written and read is what socket.io-msgpack-parser 3.0.2 (notepack.io 2.2.0) writes and reads.
//!
//! Handlers, arguments and relays all work on JSON text with attachments beside it. So nothing but this module knows
//! msgpack: [`decode`] turns what came into that form, and [`encode`] turns it into what is sent. Both go through their
//! input without recursion, in time that grows with its length and not with its nesting.
//!
//! From msgpack: `undefined` (ext type 0 of one byte) is `null` in an array, and leaves its key out of an object, as in
//! `JSON.stringify`; a `Date` (ext type 0 of eight bytes) is its ISO text, or `null` where it is none; an `ArrayBuffer`
//! (ext type 0 of a length of its own) is bytes; another ext is the array `[type, bytes]`. Whole floats are integers, and
//! those that are not finite `null`.
//!
//! To msgpack: numbers are written in the shortest of the integer forms that holds them, or else as a float of 64 bits;
//! lone surrogates, which UTF-8 can't hold, become U+FFFD.

mod date;
mod decode;
mod encode;
mod read;

pub use decode::{Decoded, MIN_BINARIES, decode};
pub use encode::{Field, Outgoing, encode};
