//! What a socket has of its session.

use std::sync::atomic::{AtomicBool, Ordering};

use enchufe_cluster::recovery::{KeptSession, Pid, Position, Progress};
use enchufe_cluster::{RoomName, Selection};
use parking_lot::Mutex;

use crate::data::SocketData;
use crate::frames::Frames;
use crate::id::SocketId;
use crate::reason::DisconnectReason;

/// What is kept for a session without a connection, beyond its rooms.
pub(crate) struct Kept {
    pub(crate) id: SocketId,
    pub(crate) data: SocketData,
}

/// What a socket that goes on with a session is to be sent before it is let in.
pub(crate) struct Resume {
    pub(crate) missed: Vec<(Position, Frames)>,
    pub(crate) until: Position,
    pub(crate) rooms: Vec<RoomName>,
}

/// A socket's part of a session that can be recovered.
pub(crate) struct SocketSession {
    pub(crate) pid: Pid,
    /// The room of its own id.
    pub(crate) own: Selection,
    pub(crate) recovered: bool,
    /// It ended in a way after which its client may come back.
    may_return: AtomicBool,
    /// To be locked under the lock of the store, or alone.
    state: Mutex<State>,
}

struct State {
    progress: Progress,
    resume: Option<Box<Resume>>,
    /// Where the log ended when it lost its connection.
    left: Position,
    /// It can't be recovered, however it ends.
    spoilt: bool,
}

impl SocketSession {
    /// A session that begins.
    pub(crate) fn new(pid: Pid, id: &SocketId) -> Self {
        Self::with(pid, id, Progress::beginning(0), None)
    }

    /// A session that goes on.
    pub(crate) fn resumed(pid: Pid, id: &SocketId, progress: Progress, resume: Resume) -> Self {
        Self::with(pid, id, progress, Some(Box::new(resume)))
    }

    fn with(pid: Pid, id: &SocketId, progress: Progress, resume: Option<Box<Resume>>) -> Self {
        Self {
            pid,
            own: Selection::new().to(id.as_str()),
            recovered: resume.is_some(),
            may_return: AtomicBool::new(false),
            state: Mutex::new(State { progress, resume, left: 0, spoilt: false }),
        }
    }

    /// The room of its own id.
    pub(crate) fn own_room(&self) -> RoomName {
        self.own.rooms.first().cloned().unwrap_or_default()
    }

    /// A packet was queued for its connection. Under the lock of the store, as all that follows.
    pub(crate) fn hand_out(&self, position: Position, gone: Position) {
        self.state.lock().progress.hand_out(position, gone);
    }

    /// It waits to be let in, and will be sent with the missed what is emitted to it until then.
    pub(crate) fn is_resuming(&self) -> bool {
        self.state.lock().resume.is_some()
    }

    /// What it is to be sent before it is let in, if it goes on with a session.
    pub(crate) fn take_resume(&self) -> Option<Box<Resume>> {
        self.state.lock().resume.take()
    }

    /// It is let in: nothing of what was sent before counts.
    pub(crate) fn begin(&self, at: Position) {
        self.state.lock().progress = Progress::beginning(at);
    }

    /// What it was to be sent is gone: its client is to begin anew.
    pub(crate) fn spoil(&self) {
        self.state.lock().spoilt = true;
    }

    /// It loses its connection, for this reason, when the log ends here.
    pub(crate) fn leave(&self, reason: DisconnectReason, was_let_in: bool, end: Position) {
        let mut state = self.state.lock();
        // Before it is let in it has got nothing of what it missed.
        let not_let_in = state.resume.is_some().then(|| state.progress.seen());
        state.left = not_let_in.unwrap_or(end);
        // A client that was never let in does not know its secret id, unless it had it before.
        let known = (was_let_in || self.recovered) && !state.spoilt;
        self.may_return.store(known && is_recoverable(reason), Ordering::Release);
    }

    /// Whether its client may come back.
    pub(crate) fn may_return(&self) -> bool {
        self.may_return.load(Ordering::Acquire)
    }

    /// What is to be kept of it, with where the log ended when it left.
    pub(crate) fn kept(&self, rooms: Vec<RoomName>, kept: Kept) -> (Position, KeptSession<Kept>) {
        let state = self.state.lock();
        (state.left, KeptSession { id: self.own_room(), rooms, progress: state.progress, data: kept })
    }
}

/// As in the official server, and slow consumers: they may well be quicker the next time.
const fn is_recoverable(reason: DisconnectReason) -> bool {
    use DisconnectReason as Reason;
    match reason {
        Reason::TransportError
        | Reason::TransportClose
        | Reason::ForcedClose
        | Reason::ForcedServerClose
        | Reason::PingTimeout
        | Reason::ServerShuttingDown
        | Reason::SlowConsumer
        | Reason::RateLimited
        | Reason::Overloaded => true,
        Reason::ParseError | Reason::ClientNamespaceDisconnect | Reason::ServerNamespaceDisconnect => false,
    }
}
