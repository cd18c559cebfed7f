#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! | to | see |
//! | --- | --- |
//! | set up a server, mount it, close it | [`Server`], [`ServerBuilder`], [`Limits`], [`Cors`] |
//! | register handlers, refuse clients | [`Namespace`], [`handler`], [`Refusal`], [`HandlerError`] |
//! | check or change events, handle them one after another | [`Namespace::event_middleware`], [`EventVerdict`], [`Execution`] |
//! | have namespaces come and go | [`Namespace::pattern`], [`Namespace::matching_async`], [`Children`], [`Server::add_namespace`] |
//! | take what handlers need | [`extract`], [`Data`], [`State`], [`Auth`], [`Ack`] |
//! | talk to one client | [`Socket`], [`Handshake`], [`SocketData`] |
//! | talk to many | [`Broadcast`], [`Rooms`], [`RemoteSocket`], [`RoomEvent`] |
//! | run several servers as one | [`cluster`], [`ServerSideEvent`] |
//! | hold anything, bytes included | [`Value`], [`RawArgs`], [`Bytes`] |
//! | decide who may connect, with which headers | [`ServerBuilder::allow_request`], [`RequestHead`], [`ConnectionError`], [`Cookie`] |
//! | speak Engine.IO alone, watch connections | [`engine`] |

mod ack;
mod config;
mod connection;
mod cookie;
mod core;
mod cors;
mod data;
mod error;
mod frames;
mod handshake;
mod hooks;
mod http;
mod id;
mod listen;
mod namespace;
mod old_clients;
mod operators;
mod origin;
mod overload;
mod parser;
mod places;
mod reason;
mod recovery;
mod registry;
mod server;
mod service;
mod shutdown;
mod socket;
mod state;
mod stats;
#[cfg(test)]
mod testing;
mod time;

pub mod cluster;
pub mod engine;
pub mod extract;
pub mod handler;

pub use bytes::Bytes;
pub use enchufe_proto::socket::Limits as PacketLimits;
pub use enchufe_proto::socket::{ArgsError, DecodeError, EncodeError, Map, RawArgs, Value};

pub use crate::ack::Ack;
pub use crate::config::{Limits, TransportKind};
pub use crate::cookie::{Cookie, SameSite};
pub use crate::cors::Cors;
pub use crate::data::SocketData;
pub use crate::error::{BadRequest, BuildError, ConnectionError, EmitError, HandlerError, Refusal};
pub use crate::extract::{Auth, Data, Event, FromContext, NamespaceName, Rejection};
pub use crate::handler::EventVerdict;
pub use crate::handshake::Handshake;
pub use crate::http::{PeerAddr, RequestHead};
pub use crate::id::SocketId;
pub use crate::namespace::{Children, EventKey, Execution, HandlerId, Namespace};
pub use crate::operators::{
    Answer, Answers, Broadcast, BroadcastAckError, BroadcastAckFuture, BroadcastAckStream, Incomplete,
    NodeAnswer, PartialAnswers, RemoteAckFuture, RemoteEmitter, RemoteSocket, RoomEvent, Rooms,
    ServerSideAckError, ServerSideAckFuture, ServerSideEvent, Unanswered,
};
pub use crate::overload::OutboxPolicy;
pub use crate::parser::Parser;
pub use crate::reason::DisconnectReason;
pub use crate::recovery::Recovery;
pub use crate::server::{Server, ServerBuilder};
pub use crate::service::{NotFound, ResponseBody, ResponseFuture, SocketIoLayer, SocketIoService};
pub use crate::socket::{AckError, AckFuture, Emitted, EmittedFuture, Socket, SocketEmitter};
pub use crate::state::{Requirements, State};
pub use crate::stats::{Closed, Stats};
