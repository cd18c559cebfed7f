//! One Engine.IO connection: what its driver, its sockets and its HTTP requests share.
//!
//! A connection has no task. Its driver (one a worker, see [`driver`]) owns its transport and everything
//! that only arriving bytes touch; the rest is here, under one short lock. Whoever queues something calls
//! [`Connection::wake`], which puts the connection's key on its driver's list at most once.
//!
//! Lock order: a namespace's members, its log for recovery, a connection. No user code runs under the lock.

mod cork;
pub(crate) mod driver;
pub(crate) mod drivers;
mod flush;
mod incoming;
mod joined;
mod linger;
pub(crate) mod mux;
mod news;
pub(crate) mod pace;
mod parked;
mod polling;
mod ready;
mod send;
mod shared;
pub(crate) mod stream;
mod turn;
mod wheel;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::task::Wake;

use bytes::Bytes;
use bytestring::ByteString;
use enchufe_proto::engine::{
    CloseReason, Dialect, Frame, Millis, Output, Path, Revision, Session, State, Transport,
};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use self::cork::Cork;
use self::driver::DriverHandle;
use self::joined::Joined;
pub(crate) use self::joined::Sockets;
use self::pace::Pace;
use self::parked::Parked;
pub(crate) use self::polling::PollOutcome;
pub(crate) use self::shared::Delivery;
use self::shared::Written;
use self::stream::Incoming;
use crate::core::Core;
use crate::error::Refusal;
use crate::frames::{self, Wire};
use crate::handler::{guarded, let_go};
use crate::handshake::Handshake;
use crate::id::SocketId;
use crate::namespace::{Granted, NamespaceCore, Question};
use crate::overload::OutboxPolicy;
use crate::places::{Place, Seat};
use crate::socket::Socket;

/// On its driver's list.
const QUEUED: u8 = 1;
/// Its transport may be ready.
const IO: u8 = 2;
/// There is more for its driver to see to than what waits to be sent.
const TURN: u8 = 4;
/// From so many waiting bytes on a connection is flushed when its turn is over. To wait for more would gain it nothing, and its
/// memory, still in the caches, serves for the next one; else that of a whole round would be given back to the system at
/// once, and fetched for the next.
const LARGE: usize = 16 << 10;
/// Places for mail that an idle connection keeps: a message or two, and what the network tells.
const MAIL_KEPT: usize = 8;

/// What a connection's driver is to be told when something was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Nothing: it is about to send it.
    Nothing,
    /// That there is something to send.
    Flush,
    /// That the connection is to have its turn.
    Turn,
}

/// The answer to a pending poll.
pub(crate) enum PollAnswer {
    Payload(Payload),
}

/// What a poll is answered with.
pub(crate) struct Payload {
    pub(crate) body: Vec<u8>,
    /// One of revision 3's binary payloads; else it is text.
    pub(crate) binary: bool,
    /// Some packet of it may be compressed.
    pub(crate) compress: bool,
}

impl Payload {
    /// A single packet of the protocol's own.
    fn of(dialect: Dialect, packet: &'static str) -> Self {
        let written = dialect.payload([Frame::text(packet)].iter());
        Self { body: written.bytes, binary: written.binary, compress: false }
    }
}

/// How a POST went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostAnswer {
    Ok,
    /// The session was closed by it, or is over.
    Bad,
}

/// The body of a POST, or what is left of one that started as many handlers as there may be.
pub(crate) enum Body {
    Text(ByteString),
    /// One of revision 3's binary payloads.
    Binary(Bytes),
}

/// What others hand to a connection's driver.
pub(crate) enum Mail {
    /// A POST, to be answered when its packets have been handled.
    Post(Body, oneshot::Sender<PostAnswer>),
    /// A WebSocket: the connection's own, or one for an upgrade.
    Stream(Box<Incoming>, Path),
    /// The connect handler of this socket has finished: what waited for it can go on.
    Admitted(Socket),
    /// It was decided that this namespace exists: the client that asked goes in.
    Enter(Box<Question>, Arc<NamespaceCore>),
    /// The turn of this event has come.
    Turn(Box<Granted>),
    /// This socket was disconnected: its handlers are to run.
    Disconnected(Socket),
}

/// In this order what a delivery needs lies together, in two lines of the processor's cache instead of four: from the driver to
/// the beginning of what is under the lock. See `docs/decisions/0016-corks.md`.
#[repr(C)]
pub(crate) struct Connection {
    /// The secret that lets a client speak for this session. Never shown to others.
    pub(crate) sid: SocketId,
    /// Without any namespace's auth.
    pub(crate) handshake: Handshake,
    /// Bytes of the events that wait until fewer handlers are running; see [`parked`].
    parked_bytes: AtomicUsize,
    /// Bytes of the events that wait for their turn; see [`crate::namespace`].
    lane_bytes: AtomicUsize,
    /// Bytes of the events that wait for connect handlers.
    early_bytes: AtomicUsize,
    /// How fast its client sends, where that is limited.
    pace: Option<Box<Pace>>,
    /// Event handlers that have not finished.
    in_flight: AtomicU32,
    /// Namespaces of which it is being decided whether they exist.
    questions: AtomicU32,
    /// Since when none of the events that wait for connect handlers has waited longer; 0 where none waits. See
    /// [`pace::coarse`].
    early_since: AtomicU32,
    /// Since when it has not been read to the end; 0 where it has. See [`pace`].
    unread_since: AtomicU32,
    /// So many bytes of events wait that it is not read.
    choked: AtomicBool,
    driver: Arc<DriverHandle>,
    pub(crate) core: Arc<Core>,
    /// Its place with the driver; set when the driver has taken it in.
    key: AtomicU32,
    flags: AtomicU8,
    /// A poll or a POST is being handled, so that a second one is against the rules.
    posting: AtomicBool,
    /// How its client writes and reads; a WebSocket that it upgrades to may take binary data where polling did not.
    pub(crate) dialect: Dialect,
    inner: Mutex<Inner>,
}

/// What is under the lock; in this order for the same reason.
#[repr(C)]
pub(crate) struct Inner {
    /// What it was sent in this round of its driver; see [`cork`].
    cork: Option<Box<Cork>>,
    /// The only packet that it was sent since, where many were sent it; see [`shared`]. There is no cork then.
    shared: Option<Arc<Written>>,
    /// Bytes that have left the outbox and not reached the transport; as many as it can hold stand for more.
    writing: u32,
    /// Packets that were given up and of which nobody has been told.
    dropped: u32,
    /// While above zero nothing is flushed: a CONNECT reply waits for the first poll of its handler.
    hold: u16,
    /// The transport took less than it was given, or has not passed it on.
    blocked: bool,
    /// It was upgraded to a WebSocket that takes frames in another form than they are queued in.
    translated: bool,
    /// It was sent something outside of its turn that has not been looked at since.
    unsent: bool,
    /// On its driver's list of such connections, or about to be.
    listed: bool,
    /// What is given up when too much waits.
    policy: OutboxPolicy,
    /// The driver has let go of it: mail is not read any more.
    gone: bool,
    /// Those who wait for the outbox to empty.
    drained: Option<Arc<tokio::sync::Notify>>,
    pub(crate) session: Session,
    poll: Option<oneshot::Sender<PollAnswer>>,
    mail: Vec<Mail>,
    sockets: Joined,
    parked: Parked,
    /// Its place among all connections.
    seat: Option<Seat>,
}

impl Connection {
    pub(crate) fn new(
        core: Arc<Core>,
        driver: Arc<DriverHandle>,
        sid: SocketId,
        handshake: Handshake,
        dialect: Dialect,
        session: Session,
    ) -> Arc<Self> {
        let pace = core.rates.is_some().then(Box::default);
        let policy = core.config.outbox_policy;
        Arc::new(Self {
            sid,
            core,
            handshake,
            dialect,
            driver,
            key: AtomicU32::new(u32::MAX),
            // As if on the list already: the driver looks at it once when it takes it in.
            flags: AtomicU8::new(QUEUED | TURN),
            posting: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            questions: AtomicU32::new(0),
            parked_bytes: AtomicUsize::new(0),
            lane_bytes: AtomicUsize::new(0),
            choked: AtomicBool::new(false),
            early_bytes: AtomicUsize::new(0),
            early_since: AtomicU32::new(0),
            unread_since: AtomicU32::new(0),
            pace,
            inner: Mutex::new(Inner {
                session,
                hold: 0,
                blocked: false,
                translated: false,
                drained: None,
                gone: false,
                poll: None,
                mail: Vec::new(),
                sockets: Joined::default(),
                parked: Parked::default(),
                policy,
                dropped: 0,
                writing: 0,
                cork: None,
                shared: None,
                unsent: false,
                listed: false,
                seat: None,
            }),
        })
    }

    /// Hands the connection to its driver; to be called once, after the first mail.
    pub(crate) fn start(self: &Arc<Self>) {
        self.driver.adopt(self.clone());
    }

    /// Runs something that may start this connection's handlers, from a thread that need not belong to a runtime: they go on
    /// in that of the connection, and where that has gone, in another one.
    pub(crate) fn within_runtime(&self, run: impl FnOnce()) {
        let other = if self.driver.has_ended() { self.core.drivers.runtime() } else { None };
        // Where all have ended, what is started is dropped, as by the runtime itself.
        let _entered = other.as_ref().unwrap_or(self.driver.runtime()).enter();
        run();
    }

    /// Has the driver look at this connection soon.
    pub(crate) fn notify(&self) {
        self.wake_for(TURN);
    }

    #[inline]
    fn tell(&self, due: Due) {
        match due {
            Due::Nothing => {}
            Due::Flush => self.driver.enqueue_unsent(&[self.key()]),
            Due::Turn => self.notify(),
        }
    }

    fn wake_for(&self, flags: u8) {
        if self.flags.fetch_or(QUEUED | flags, Ordering::AcqRel) & QUEUED == 0 {
            self.driver.enqueue(self.key());
        }
    }

    /// Reads what a delivery will need. Those who deliver to many do so for some of them at once, so that the processor waits
    /// for the memory of all these together: between two locks it looks no further ahead. The result says nothing.
    #[inline]
    pub(crate) fn touch(&self) -> u32 {
        self.key.load(Ordering::Relaxed) ^ u32::from(self.inner.is_locked())
    }

    #[inline]
    fn key(&self) -> u32 {
        self.key.load(Ordering::Acquire)
    }

    /// Whether nothing has happened since its turn began that its driver has to see to: whoever closes it says so.
    #[inline]
    fn is_undisturbed(&self) -> bool {
        self.flags.load(Ordering::Acquire) & TURN == 0
    }

    /// Hands something to the driver. It comes back where the driver has let go of the connection.
    pub(crate) fn post_mail(&self, mail: Mail) -> Result<(), Mail> {
        let mut inner = self.inner.lock();
        if inner.gone {
            return Err(mail);
        }
        inner.mail.push(mail);
        drop(inner);
        self.notify();
        Ok(())
    }

    /// Has the next mail put where this was, which is empty now.
    fn keep_mail(&self, empty: Vec<Mail>) {
        let mut inner = self.inner.lock();
        if inner.mail.capacity() == 0 && empty.capacity() <= MAIL_KEPT {
            inner.mail = empty;
        }
    }

    /// What is known of the client, with what it sent to a namespace.
    pub(crate) fn handshake_with(&self, auth: Option<Arc<str>>) -> Handshake {
        auth.map_or_else(|| self.handshake.clone(), |auth| self.handshake.with_auth(auth))
    }

    fn now(&self) -> Millis {
        self.core.clock.now()
    }

    /// Its place, to be given back at its end.
    pub(crate) fn settle(&self, place: Place) {
        self.inner.lock().seat = place.keep();
    }

    // ---- closing --------------------------------------------------------------------------------

    /// Closes in good order: what is queued goes out first.
    pub(crate) fn close(&self, reason: CloseReason) {
        self.inner.lock().session.close(self.now(), reason, &self.core.session);
        self.notify();
    }

    /// Closes at once.
    pub(crate) fn abort(&self, reason: CloseReason) {
        self.inner.lock().session.abort(reason);
        self.notify();
    }

    /// Ends a connection whose driver has gone with its runtime, or has found that its turn panics: nothing can run for
    /// it any more, not even the handlers of its end. It does not panic itself.
    pub(super) fn abandon(&self) {
        let mut inner = self.inner.lock();
        inner.gone = true;
        if !matches!(inner.session.state(), State::Closed(_)) {
            self.core.stats.count_close(CloseReason::ServerShuttingDown);
        }
        inner.session.abort(CloseReason::ServerShuttingDown);
        let news = inner.drained_news();
        // Those who wait for answers get none.
        let (poll, mail) = (inner.poll.take(), std::mem::take(&mut inner.mail));
        let (seat, ahead) = (inner.seat.take(), inner.take_ahead());
        let sockets = inner.sockets.take();
        drop(inner);
        news.tell();
        // Whoever waited is woken by this, with a waker of its own.
        let_go("a poll without an answer", poll);
        drop((ahead, seat.map(|seat| Place::of(&self.core, seat))));
        self.clear_parked();
        self.core.registry.remove(self);
        // Among them those that were disconnected, and have not left their namespace.
        let mut disconnected = Vec::new();
        for mail in mail {
            match mail {
                Mail::Disconnected(socket) => disconnected.push(socket),
                mail => let_go("a connection's mail", mail),
            }
        }
        for socket in sockets.into_iter().chain(disconnected) {
            guarded("the end of a socket", move || {
                socket.begin_disconnect(CloseReason::ServerShuttingDown.into());
                socket.leave_namespace();
                socket.drop_own_routes();
            });
        }
    }

    pub(crate) fn state(&self) -> State {
        self.inner.lock().session.state()
    }

    /// The revision of Engine.IO that its client speaks.
    pub(crate) fn revision(&self) -> Revision {
        self.dialect.revision
    }

    pub(crate) fn transport(&self) -> Transport {
        self.inner.lock().session.transport()
    }

    // ---- sockets --------------------------------------------------------------------------------

    pub(crate) fn socket(&self, namespace: &str) -> Option<Socket> {
        self.inner.lock().sockets.find(namespace).cloned()
    }

    pub(crate) fn add_socket(&self, socket: Socket) {
        self.inner.lock().sockets.add(socket);
    }

    pub(crate) fn take_sockets(&self) -> Sockets {
        self.inner.lock().sockets.take()
    }

    pub(crate) fn sockets(&self) -> Sockets {
        self.inner.lock().sockets.all()
    }

    /// How many namespaces it has joined.
    pub(crate) fn socket_count(&self) -> usize {
        self.inner.lock().sockets.len()
    }

    pub(crate) fn joined(&self) {
        self.inner.lock().session.joined();
    }

    pub(crate) fn remove_socket(&self, socket: &Socket) {
        self.inner.lock().sockets.remove(socket);
    }

    /// As [`Connection::remove_socket`], by the server's will: what the client has sent meanwhile is no fault.
    pub(crate) fn dismiss_socket(&self, socket: &Socket) {
        self.inner.lock().dismiss(socket, self);
    }

    /// The same, with a packet that tells the client: once it has that, it may come again at once.
    pub(crate) fn dismiss_with(&self, socket: &Socket, farewell: Frame) {
        let mut inner = self.inner.lock();
        inner.dismiss(socket, self);
        let due = inner.queue([farewell], self, None);
        let due = inner.newly(due, self);
        drop(inner);
        self.tell(due);
    }

    pub(crate) fn has_left(&self, namespace: &str) -> bool {
        self.inner.lock().sockets.has_left(namespace)
    }

    // ---- asking its way in -----------------------------------------------------------------------

    /// Does not let the client into a namespace.
    pub(crate) fn refuse(&self, wire: Wire<'_>, refusal: &Refusal) {
        self.send([frames::connect_error(self.revision(), wire, refusal.message(), refusal.data())]);
    }

    pub(crate) fn question_began(&self) {
        self.questions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn question_decided(&self) {
        self.questions.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn questions(&self) -> usize {
        self.questions.load(Ordering::Relaxed) as usize
    }

    // ---- handlers -------------------------------------------------------------------------------

    /// Notes that a handler goes on beside the driver.
    pub(crate) fn handler_started(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that one has ended, and has the connection read on where it had stopped for too many of them.
    pub(crate) fn handler_ended(&self) {
        let before = self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if before as usize >= self.core.config.limits.max_in_flight_handlers {
            self.wake_for(IO);
        }
    }
}

impl Inner {
    fn dismiss(&mut self, socket: &Socket, connection: &Connection) {
        let limit = connection.core.config.limits.max_namespaces.max(1);
        self.sockets.dismiss(socket, limit);
    }

    fn outputs(&mut self) -> SmallVec<[Output; 4]> {
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }
}

/// A connection is the waker of its transport.
impl Wake for Connection {
    fn wake(self: Arc<Self>) {
        self.wake_for(IO);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_for(IO);
    }
}
