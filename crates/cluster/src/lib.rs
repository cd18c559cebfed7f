#![doc = include_str!("../README.md")]
//!
//! # In this crate
//!
//! [`Rooms`] is the index of one namespace on one node: which socket is in which room. A [`Selection`] says to
//! whom something goes, by room names, and [`Rooms::select`] finds the sockets.
//!
//! [`bus`] is what the nodes of a cluster say to each other, and the seam that carries it.
//!
//! [`recovery`] keeps the sessions of clients that lost their connection, and what was emitted to them meanwhile.

pub mod bus;
pub mod recovery;
mod rooms;

pub use rooms::{Joined, Left, LeftRoom, RoomName, Rooms, Selection, SocketKey};
