//! One client in one namespace.

mod acks;
mod early;
mod emit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use enchufe_proto::engine::{CloseReason, Revision};
use parking_lot::Mutex;

pub use self::acks::{AckError, AckFuture};
pub use self::emit::{Emitted, EmittedFuture, SocketEmitter};
pub(crate) use crate::handshake::Handshake;
pub(crate) use crate::reason::DisconnectReason;

pub(crate) use self::early::{Early, Gate, Overdue};

use self::acks::PendingAcks;
use self::early::EarlyGate;
use crate::connection::{Connection, mux};
use crate::core::Core;
use crate::data::SocketData;
use crate::engine::EngineSocket;
use crate::error::Refusal;
use crate::frames::{self, Wire};
use crate::id::SocketId;
use crate::namespace::{INVALID_NAMESPACE, NamespaceCore, OwnRoutes};
use crate::operators::{Broadcast, Rooms};
use crate::overload::OutboxPolicy;
use crate::recovery::{NamespaceRecovery, SocketSession};
use crate::state::States;

/// What a socket's state can be; it only ever goes up.
const ENTERING: u8 = 0;
/// Let in; the connect handlers have not finished, so events wait.
const ACCEPTED: u8 = 1;
const READY: u8 = 2;
/// Gone, having been let in.
const LEFT: u8 = 3;
/// Gone without having been let in.
const REFUSED: u8 = 4;

/// A client in a namespace. Cheap to clone; all clones are the same socket.
///
/// ```
/// use enchufe::{Data, Namespace, Socket};
///
/// Namespace::new("/")
///     .on_connect(async |socket: Socket| {
///         socket.join("lobby");
///         socket.emit("welcome", (socket.id(), "lobby"))
///     })
///     .on("chat message", async |socket: Socket, Data(text): Data<String>| {
///         socket.to("lobby").emit("chat message", text)
///     });
/// ```
///
/// It can be kept and used for as long as one likes: after the client has gone, emits go nowhere and joins do
/// nothing, as in the official server.
#[derive(Clone)]
pub struct Socket(Arc<SocketInner>);

/// What a delivery needs of it lies together.
#[repr(C)]
struct SocketInner {
    connection: Arc<Connection>,
    /// Its place among the namespace's members.
    key: u32,
    state: AtomicU8,
    /// Nothing has to wait in `early` any more; written under its lock.
    passes: AtomicBool,
    /// Why it left, once it has.
    reason: Mutex<Option<DisconnectReason>>,
    namespace: Arc<NamespaceCore>,
    id: SocketId,
    /// Only where it has an auth: else the connection's says it all.
    handshake: Option<Box<Handshake>>,
    acks: Mutex<PendingAcks>,
    early: Mutex<EarlyGate>,
    data: SocketData,
    own_routes: OwnRoutes,
    /// Only where clients are recovered.
    session: Option<Box<SocketSession>>,
}

/// What a client asks for that wants to enter a namespace.
pub(crate) struct Entering<'a> {
    pub(crate) connection: &'a Arc<Connection>,
    pub(crate) namespace: &'a Arc<NamespaceCore>,
    pub(crate) auth: Option<Arc<str>>,
}

impl Entering<'_> {
    /// The socket of it, with the data and the session that it is to have.
    pub(crate) fn socket(
        self,
        id: SocketId,
        key: u32,
        data: Option<SocketData>,
        session: Option<SocketSession>,
    ) -> Socket {
        Socket(Arc::new(SocketInner {
            id,
            state: AtomicU8::new(ENTERING),
            reason: Mutex::new(None),
            key,
            namespace: self.namespace.clone(),
            connection: self.connection.clone(),
            handshake: self.auth.map(|auth| Box::new(self.connection.handshake.with_auth(auth))),
            acks: Mutex::new(PendingAcks::default()),
            early: Mutex::default(),
            passes: AtomicBool::new(false),
            data: data.unwrap_or_default(),
            own_routes: OwnRoutes::default(),
            session: session.map(Box::new),
        }))
    }
}

impl Socket {
    /// A socket that is about to ask its way in.
    pub(crate) fn enter(
        connection: &Arc<Connection>,
        namespace: &Arc<NamespaceCore>,
        auth: Option<Arc<str>>,
    ) -> Self {
        let entering = Entering { connection, namespace, auth };
        let id = match connection.revision() {
            // These have no session that they could come back to, and make up their ids themselves.
            Revision::Three => SocketId::of_old_client(namespace.name(), &connection.sid),
            Revision::Four => match namespace.recovery() {
                Some(recovery) => return namespace.enter(recovery, entering),
                None => SocketId::random(),
            },
        };
        namespace.admit(id.clone(), |key| entering.socket(id, key, None, None))
    }

    // ---- who it is -------------------------------------------------------------------------------

    /// Its id: public, random, and its own in each namespace and at each connection, but for those that were
    /// [recovered](Self::recovered). Every socket is in a room of this name, so `to(id)` reaches it from anywhere.
    /// Clients of Socket.IO 2, where they are [admitted](crate::ServerBuilder::allow_eio3), make theirs of their
    /// session's.
    #[must_use]
    pub fn id(&self) -> SocketId {
        self.0.id.clone()
    }

    /// The name of its namespace.
    #[must_use]
    pub fn namespace_name(&self) -> &str {
        self.0.namespace.name()
    }

    /// What the client said of itself when it connected.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        self.0.handshake.as_deref().unwrap_or(&self.0.connection.handshake)
    }

    /// Whether it has been let in and has not left.
    #[must_use]
    pub fn connected(&self) -> bool {
        matches!(self.0.state.load(Ordering::Acquire), ACCEPTED | READY)
    }

    /// As [`Connection::touch`].
    #[inline]
    pub(crate) fn touch(&self) -> u8 {
        self.0.state.load(Ordering::Relaxed)
    }

    /// The name of what carries it at the moment: `polling` or `websocket`.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        self.0.connection.transport().name()
    }

    /// The revision of the Engine.IO protocol that it speaks: 4, or 3 of clients of Socket.IO 2 where they are
    /// [admitted](crate::ServerBuilder::allow_eio3).
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.0.connection.revision().number()
    }

    /// The connection that carries it, and the client's other sockets: the official `socket.conn`.
    #[must_use]
    pub fn engine(&self) -> EngineSocket {
        EngineSocket(self.0.connection.clone())
    }

    /// Whether it goes on with the session of a connection that was lost: its id, rooms and data are as they were, and
    /// the client gets what it missed. See
    /// [`ServerBuilder::connection_state_recovery`](crate::ServerBuilder::connection_state_recovery).
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.0.session.as_ref().is_some_and(|session| session.recovered)
    }

    /// What is kept for it: set, read and replaced by handlers; see [`SocketData`].
    #[must_use]
    pub fn data(&self) -> &SocketData {
        &self.0.data
    }

    // ---- rooms -----------------------------------------------------------------------------------

    /// Joins one room or several. Done when it returns; without effect when the client has gone.
    ///
    /// A room past [`Limits::max_rooms`](crate::Limits::max_rooms) is not joined, and logged.
    pub fn join(&self, rooms: impl Rooms) {
        self.0.namespace.join(self, &rooms.into_names());
    }

    /// Leaves one room or several.
    pub fn leave(&self, rooms: impl Rooms) {
        self.0.namespace.leave(self, &rooms.into_names());
    }

    /// The rooms that it is in, its own (its id) included, in no particular order.
    #[must_use]
    pub fn rooms(&self) -> Vec<String> {
        self.0.namespace.rooms_of(self)
    }

    // ---- others ----------------------------------------------------------------------------------

    /// Everybody in its namespace, itself included.
    pub fn namespace(&self) -> Broadcast {
        Broadcast::new(self.0.namespace.clone())
    }

    /// Everybody in these rooms but this socket.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// The same as [`Socket::to`].
    pub fn in_(&self, rooms: impl Rooms) -> Broadcast {
        self.to(rooms)
    }

    /// Everybody in the namespace but this socket and these rooms.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// Everybody in the namespace but this socket.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(self.0.namespace.clone()).except(&self.0.id)
    }

    /// Everybody on this node but this socket.
    pub fn local(&self) -> Broadcast {
        self.broadcast().local()
    }

    // ---- the end ---------------------------------------------------------------------------------

    /// Disconnects the client from this namespace, or with `close` from all of them, closing the connection.
    ///
    /// What was emitted before still reaches it. It will not reconnect by itself.
    pub fn disconnect(&self, close: bool) {
        if close {
            let connection = self.connection().clone();
            for socket in connection.sockets() {
                socket.disconnect(false);
            }
            connection.close(CloseReason::ForcedClose);
            return;
        }
        if self.begin_disconnect(DisconnectReason::ServerNamespaceDisconnect) {
            self.0.connection.dismiss_with(self, frames::disconnect(self.wire()));
            mux::hand_over_disconnected(self);
        }
    }

    /// Bytes that wait for the client's transport, those of its other namespaces included.
    #[must_use]
    pub fn outbox_bytes(&self) -> usize {
        self.0.connection.queued_bytes()
    }

    /// What is done from now on when too much waits for this client, in all its namespaces: see [`OutboxPolicy`].
    pub fn set_outbox_policy(&self, policy: OutboxPolicy) {
        self.0.connection.set_policy(policy);
    }

    /// Waits until everything queued for the client has been handed to its transport, or it has gone: for
    /// those who emit in a loop.
    ///
    /// Cancel safe.
    pub async fn drained(&self) {
        self.0.connection.drained().await;
    }

    /// A socket that asks its way in may emit already, as in the official server.
    pub(crate) fn may_emit(&self) -> bool {
        self.0.state.load(Ordering::Acquire) < LEFT
    }

    // ---- for the rest of the crate -----------------------------------------------------------------

    pub(crate) fn id_ref(&self) -> &SocketId {
        &self.0.id
    }

    pub(crate) fn key(&self) -> u32 {
        self.0.key
    }

    /// What no other socket has while this one is alive.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    pub(crate) fn own_routes(&self) -> &OwnRoutes {
        &self.0.own_routes
    }

    pub(crate) fn session(&self) -> Option<&SocketSession> {
        self.0.session.as_deref()
    }

    /// It was let in before, and that is enough.
    pub(crate) fn skips_middlewares(&self) -> bool {
        self.recovered() && self.0.namespace.recovery().is_some_and(NamespaceRecovery::skips_middlewares)
    }

    pub(crate) fn states(&self) -> &States {
        &self.0.namespace.states
    }

    pub(crate) fn core(&self) -> &Core {
        &self.0.connection.core
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.0.connection
    }

    pub(crate) fn namespace_core(&self) -> &Arc<NamespaceCore> {
        &self.0.namespace
    }

    /// How its packets are written.
    pub(crate) fn wire(&self) -> Wire<'_> {
        self.0.namespace.wire()
    }

    /// Lets it in: the reply is queued. `false` where it has gone meanwhile.
    pub(crate) fn accept(&self) -> bool {
        // Emits from elsewhere look at the state first, so none of them comes before the reply.
        let enter = || {
            let state = &self.0.state;
            state.compare_exchange(ENTERING, ACCEPTED, Ordering::AcqRel, Ordering::Acquire).is_ok()
        };
        let accepted = match self.0.namespace.recovery().zip(self.session()) {
            Some((recovery, session)) => self.0.namespace.let_in(recovery, self, session, enter),
            None => {
                let connection = &self.0.connection;
                let reply = frames::connect(connection.revision(), self.wire(), &self.0.id, None);
                connection.send_if([reply], enter)
            }
        };
        if accepted {
            self.0.connection.joined();
            self.0.namespace.let_into_own_room(self);
        }
        accepted
    }

    /// Does not let it in.
    pub(crate) fn refuse(&self, refusal: &Refusal) {
        if self.0.state.compare_exchange(ENTERING, REFUSED, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return;
        }
        self.forget_the_awaited();
        self.leave_namespace();
        self.0.connection.dismiss_socket(self);
        self.drop_own_routes();
        let revision = self.0.connection.revision();
        let frame = frames::connect_error(revision, self.wire(), refusal.message(), refusal.data());
        self.0.connection.send([frame]);
    }

    /// Its namespace was removed: it is disconnected, or told that there is none.
    pub(crate) fn turn_out(&self) {
        self.refuse(&Refusal::new(INVALID_NAMESPACE));
        self.disconnect(false);
    }

    /// Marks it as gone. `false` where it was already.
    pub(crate) fn begin_disconnect(&self, reason: DisconnectReason) -> bool {
        let recovery = self.0.namespace.recovery().zip(self.session());
        // Nothing is queued for it from elsewhere between its end and the note of where that was.
        let store = recovery.map(|(recovery, session)| (recovery.store(), session));
        let mut because = self.0.reason.lock();
        let before = self.0.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
            ENTERING => Some(REFUSED),
            ACCEPTED | READY => Some(LEFT),
            _ => None,
        });
        let Ok(before) = before else { return false };
        *because = (before != ENTERING).then_some(reason);
        drop(because);
        if let Some((store, session)) = store {
            session.leave(reason, before != ENTERING, store.end());
        }
        self.forget_the_awaited();
        true
    }

    /// Nothing comes from it any more: those who wait for its answers learn it.
    fn forget_the_awaited(&self) {
        let early = self.forget_early();
        self.0.connection.forget_early(early);
        let unanswered = self.0.acks.lock().take();
        drop(unanswered);
        self.0.namespace.forget_waiting(self);
        self.0.namespace.forget_in_broadcasts(&self.0.id);
    }

    /// Lets go of its own handlers without calling any: they may hold the socket, and it them.
    pub(crate) fn drop_own_routes(&self) {
        drop(self.0.own_routes.end());
    }

    /// Why it left; `None` where it was never let in, or is still here.
    pub(crate) fn left_because(&self) -> Option<DisconnectReason> {
        *self.0.reason.lock()
    }

    pub(crate) fn leave_namespace(&self) {
        self.0.namespace.remove(self);
        self.core().namespaces.left(&self.0.namespace);
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.0.id)
            .field("namespace", &self.namespace_name())
            .field("connected", &self.connected())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn a_socket_and_its_connection_fill_what_the_allocator_gives_for_them() {
        // Behind two counters each; glibc gives 16 bytes at a time, less the 8 that it keeps. Every idle client has both.
        assert!(size_of::<SocketInner>() + 16 <= 152, "{} bytes", size_of::<SocketInner>());
        assert!(size_of::<Connection>() + 16 <= 376, "{} bytes", size_of::<Connection>());
    }
}
