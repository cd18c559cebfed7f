//! Connection state recovery: what a node keeps so that a client that lost its connection finds itself as it was.
//!
//! Each event that can be recovered is appended to the log of its namespace, at a [`Position`], and goes to its
//! recipients with that position, as an [`Offset`], for its last argument. A client that comes back shows the secret id
//! of its session, its [`Pid`], and the last offset that it has seen; it is given what came after. A
//! [`MemoryStore`] is both, log and sessions, of one namespace on one node; nodes that share their clients have a
//! [`SessionStore`]. (The official documentation: "Connection
//! state recovery".)
//!
//! # When a session is restored
//!
//! Never with a gap, and never with an event twice. So for each session the log's owner notes, in its [`Progress`], what
//! was handed to its connection: from that, and from where the log begins now, follows whether something that the
//! client has not seen may be gone already.
//!
//! - An offset that is older than the log is no obstacle by itself: a client that was sent nothing for an hour has an old
//!   one. It is one where what was handed out since is gone too.
//! - No offset means that nothing has been seen: the session itself knows where it began.
//! - An offset from before the session's beginning, or of another log, was kept by the client from an earlier session: in
//!   this one it has seen nothing.
//! - What is no offset at all was the last argument of a volatile event, which clients take for one. It says nothing of
//!   what has been seen: only a session that was handed nothing else is restored. A word of as many letters as an offset
//!   has is told from one of another log by its position, to which hardly a log comes.

mod log;
mod memory;
mod offset;
mod progress;
mod quota;
mod store;

pub use memory::{Bounds, Found, KeptSession, MemoryStore, Restored};
pub use offset::{Offset, Pid, Position};
pub use progress::Progress;
pub use quota::Quota;
pub use store::{
    KeptPacket, MemorySessions, RestoredSession, SessionStore, StoreError, StoreFuture, StoredSession,
};
