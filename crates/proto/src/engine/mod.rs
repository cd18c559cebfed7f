//! Engine.IO, revisions 3 and 4: packets, polling payloads, and the rules of one session.
//!
//! The shell (a server's connection driver or a client's) feeds a [`Session`] with `handle_*` calls
//! and drains what it wants done with `poll_*`; see [`session`] for the order. Everything here is
//! pure: time comes in as a parameter, and no byte is read from or written to anywhere.
//!
//! Specification: the Engine.IO protocol, revisions 3 and 4.

mod dialect;
mod frame;
mod open;
mod outbox;
mod packet;
mod payload;
mod payload_v3;
mod reason;
pub mod session;
mod timer;

pub use dialect::{Dialect, Payload, Revision};
pub use frame::{Frame, FrameKind, Rank};
pub use open::{Open, OpenError};
pub use outbox::{FRAME_OVERHEAD, Outbox, OutboxFull, Queued, Shed};
pub use packet::{Kind, Packet, PacketError};
pub use payload::{Part, PayloadError, SEPARATOR, decode_binary, decode_part, decode_payload, write_frame};
pub use payload_v3::{decode_part_v3, decode_typed, take_binary, take_text};
pub use reason::CloseReason;
pub use session::{Output, Path, Poll, Role, Session, SessionConfig, State, Transport};
pub use timer::{Millis, Timer};
