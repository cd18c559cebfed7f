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
mod ready;
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
    CloseReason, Dialect, Frame, Millis, OutboxFull, Output, Path, Poll, Queued, Rank, Revision, Session,
    State, Transport,
};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use self::cork::Cork;
use self::driver::DriverHandle;
use self::flush::Flushed;
use self::joined::Joined;
pub(crate) use self::joined::Sockets;
use self::news::News;
use self::pace::Pace;
use self::parked::Parked;
pub(crate) use self::shared::Delivery;
use self::shared::Written;
use self::stream::Incoming;
use crate::core::Core;
use crate::error::{EmitError, Refusal};
use crate::frames::{self, Draft, Frames, Wire};
use crate::handler::{guarded, let_go};
use crate::handshake::Handshake;
use crate::id::SocketId;
use crate::namespace::{Granted, NamespaceCore, Question};
use crate::overload::OutboxPolicy;
use crate::places::{Place, Seat};
use crate::socket::Socket;
use crate::stats;

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

    // ---- sending --------------------------------------------------------------------------------

    /// Queues the frames of one packet. With a connection that does not take them is done what its policy says.
    pub(crate) fn send(&self, frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>) {
        let mut inner = self.inner.lock();
        let due = inner.queue(frames, self, None);
        let due = inner.newly(due, self);
        drop(inner);
        self.tell(due);
    }

    /// As [`Connection::send`], if something holds, which is looked at under the lock.
    pub(crate) fn send_while(
        &self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        holds: impl FnOnce() -> bool,
    ) {
        let mut inner = self.inner.lock();
        if !holds() {
            return;
        }
        let due = inner.queue(frames, self, None);
        let due = inner.newly(due, self);
        drop(inner);
        self.tell(due);
    }

    /// As [`Connection::send_while`], for a packet that goes to this connection alone.
    ///
    /// # Errors
    /// It cannot be put into the form in which it is queued.
    pub(crate) fn send_draft(&self, mut draft: Draft<'_>, holds: impl Fn() -> bool) -> Result<(), EmitError> {
        let rank = draft.rank();
        if let Some(written) = draft.written() {
            let mut inner = self.inner.lock();
            if !holds() {
                return Ok(());
            }
            if let Some(due) = inner.cork_written(written, rank, self) {
                let due = inner.newly(due, self);
                drop(inner);
                self.tell(due);
                return Ok(());
            }
        }
        self.send_while(draft.finish()?, holds);
        Ok(())
    }

    /// As [`Connection::send_while`], in the place of a packet of the same key that waits. Tells whether it held.
    pub(crate) fn send_conflated(
        &self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        key: u64,
        holds: impl FnOnce() -> bool,
    ) -> bool {
        let mut inner = self.inner.lock();
        if !holds() {
            return false;
        }
        let due = inner.queue(frames, self, Some(key));
        let due = inner.newly(due, self);
        drop(inner);
        self.tell(due);
        true
    }

    /// Queues frames, together, if something holds, which is looked at under the lock: whoever sees its effect queues
    /// behind them.
    pub(crate) fn send_if(
        &self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        holds: impl FnOnce() -> bool,
    ) -> bool {
        let mut inner = self.inner.lock();
        let sent = holds();
        let due = if sent { inner.queue(frames, self, None) } else { Due::Turn };
        let due = inner.newly(due, self);
        drop(inner);
        self.tell(due);
        sent
    }

    /// As [`Connection::send_while`], but forgets the frames where they cannot leave at once, unless the policy lets them wait. Tells
    /// whether it held.
    pub(crate) fn send_volatile(
        &self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        holds: impl FnOnce() -> bool,
    ) -> bool {
        let mut inner = self.inner.lock();
        if !holds() {
            return false;
        }
        if !inner.blocked && inner.corked_bytes() == 0 && inner.session.is_writable() {
            // An empty outbox takes any packet.
            let _ = inner.session.send(frames, &self.core.session);
        } else if inner.policy != OutboxPolicy::DropVolatile || !inner.queue_volatile(frames, &self.core) {
            drop(inner);
            stats::add(&self.core.stats.dropped_volatile, 1);
            return true;
        }
        drop(inner);
        self.notify();
        true
    }

    /// What is given up from now on when too much waits.
    pub(crate) fn set_policy(&self, policy: OutboxPolicy) {
        let mut inner = self.inner.lock();
        inner.uncork();
        inner.policy = policy;
    }

    /// Its place, to be given back at its end.
    pub(crate) fn settle(&self, place: Place) {
        self.inner.lock().seat = place.keep();
    }

    /// Everything that has not reached the transport; nothing where it is over.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let inner = self.inner.lock();
        if matches!(inner.session.state(), State::Closed(_)) { 0 } else { inner.waiting() }
    }

    /// Packets that wait for the transport.
    pub(crate) fn queued_packets(&self) -> usize {
        let mut inner = self.inner.lock();
        inner.corked_packets() + inner.session.outbox().len()
    }

    /// Bytes that wait for the transport.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.inner.lock().queued_bytes()
    }

    /// Keeps everything back until [`Connection::release`].
    pub(crate) fn hold(&self) {
        self.inner.lock().hold += 1;
    }

    pub(crate) fn release(&self) {
        let mut inner = self.inner.lock();
        inner.hold = inner.hold.saturating_sub(1);
        drop(inner);
        self.notify();
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

    /// Done when nothing waits for the transport any more, or the connection is over.
    pub(crate) async fn drained(&self) {
        let notified = {
            let mut inner = self.inner.lock();
            if inner.is_drained() {
                return;
            }
            // Made under the lock, it cannot miss what is told under the lock.
            inner.drained.get_or_insert_with(Default::default).clone().notified_owned()
        };
        notified.await;
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

    // ---- polling --------------------------------------------------------------------------------

    /// A poll came: its payload now, or a receiver for it.
    pub(crate) fn poll(self: &Arc<Self>) -> PollOutcome {
        let now = self.now();
        let mut inner = self.inner.lock();
        // The driver looks at deadlines now and then; a poll is not to slip in between.
        self.handle_timeout(now, &mut inner);
        let (mut flushed, mut news) = (Flushed::new(), News::default());
        let outcome = match inner.session.handle_poll(now) {
            Poll::Answer if inner.hold == 0 => {
                let payload;
                (payload, flushed) = flush::take_payload(&mut inner.session, self.dialect);
                inner.session.handle_poll_answered();
                news = inner.drained_news();
                PollOutcome::Payload(payload)
            }
            Poll::Answer => {
                // Held back: park as if there were nothing; releasing it flushes.
                inner.session.park();
                PollOutcome::Parked(park(&mut inner))
            }
            Poll::Park => PollOutcome::Parked(park(&mut inner)),
            Poll::Overlap => PollOutcome::Overlap,
            Poll::WrongTransport => PollOutcome::WrongTransport,
            Poll::Closed => PollOutcome::Closed,
        };
        drop(inner);
        news.tell();
        self.tell_flushed(&flushed);
        self.notify();
        outcome
    }

    /// Whether it is over, with the deadlines that have passed by now.
    pub(crate) fn has_expired(&self) -> bool {
        let mut inner = self.inner.lock();
        self.handle_timeout(self.now(), &mut inner);
        let over = matches!(inner.session.state(), State::Closed(_));
        drop(inner);
        if over {
            self.notify();
        }
        over
    }

    /// Time passed.
    fn handle_timeout(&self, now: Millis, inner: &mut Inner) {
        if self.is_unread(now) {
            // Its pong may have come long ago.
            inner.session.handle_unread(now, &self.core.session);
        }
        inner.session.handle_timeout(now, &self.core.session);
    }

    /// The peer broke off a poll or a POST.
    pub(crate) fn request_aborted(&self) {
        self.inner.lock().session.handle_transport_closed(CloseReason::TransportError);
        self.notify();
    }

    /// Marks a POST as being handled; `false` where one is already, which closes the session.
    pub(crate) fn begin_post(&self) -> bool {
        let first = !self.posting.swap(true, Ordering::AcqRel);
        if !first {
            self.abort(CloseReason::TransportError);
        }
        first
    }

    pub(crate) fn end_post(&self) {
        self.posting.store(false, Ordering::Release);
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

#[cfg(test)]
impl Connection {
    /// The text packets that wait.
    pub(crate) fn queued_texts(&self) -> Vec<String> {
        let mut inner = self.inner.lock();
        inner.uncork();
        let frames = inner.session.outbox().take_all();
        for frame in &frames {
            inner.session.outbox().push_unbounded(frame.clone());
        }
        frames.iter().filter_map(|frame| String::from_utf8(frame.body().to_vec()).ok()).collect()
    }
}

/// What becomes of a poll.
pub(crate) enum PollOutcome {
    Payload(Payload),
    Parked(oneshot::Receiver<PollAnswer>),
    Overlap,
    WrongTransport,
    Closed,
}

fn park(inner: &mut Inner) -> oneshot::Receiver<PollAnswer> {
    let (sender, receiver) = oneshot::channel();
    inner.poll = Some(sender);
    receiver
}

impl Inner {
    fn dismiss(&mut self, socket: &Socket, connection: &Connection) {
        let limit = connection.core.config.limits.max_namespaces.max(1);
        self.sockets.dismiss(socket, limit);
    }

    /// What its driver is to be told that it does not know. To be called under the lock under which something was queued: the
    /// driver forgets it under the same one, before it looks what there is.
    #[inline]
    fn newly(&mut self, due: Due, connection: &Connection) -> Due {
        if due != Due::Flush {
            return due;
        }
        // A turn that has not begun ends with a flush, and one that has begun before the last flush is not seen here.
        if self.unsent || connection.flags.load(Ordering::Acquire) & QUEUED != 0 {
            return Due::Nothing;
        }
        self.unsent = true;
        // What has been looked at since may be on the list still.
        if std::mem::replace(&mut self.listed, true) { Due::Nothing } else { Due::Flush }
    }

    /// Queues the frames of one packet. Whoever broadcasts holds locks here: the driver tells what became of them.
    fn queue(
        &mut self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        connection: &Connection,
        key: Option<u64>,
    ) -> Due {
        if key.is_none()
            && let Some(due) = self.cork_frames(frames.as_ref(), connection)
        {
            return due;
        }
        self.queue_behind(frames, connection, key)
    }

    /// As [`Inner::queue`], for what cannot be written ahead.
    fn queue_behind(
        &mut self,
        frames: impl AsRef<[Frame]> + IntoIterator<Item = Frame>,
        connection: &Connection,
        key: Option<u64>,
    ) -> Due {
        let core = &connection.core;
        self.uncork();
        match self.session.send_or_shed(frames, &core.session, self.policy.shed(), key) {
            Ok(Queued { dropped: 0, replaced: false }) => {}
            Ok(queued) => self.count_lost(queued, core),
            Err(OutboxFull) => {
                self.session.abort(CloseReason::SlowConsumer);
                return Due::Turn;
            }
        }
        if self.session.queued_bytes() < LARGE { Due::Flush } else { Due::Turn }
    }

    /// As [`Inner::queue`], for a packet that may be lost and is to wait. `false` where there is no room for it.
    #[cold]
    fn queue_volatile(&mut self, frames: impl IntoIterator<Item = Frame>, core: &Core) -> bool {
        let ranked = |frame: Frame| match frame.rank() {
            Rank::Attachment => frame,
            _ => frame.ranked(Rank::Volatile),
        };
        self.uncork();
        let frames: Frames = frames.into_iter().map(ranked).collect();
        match self.session.send_or_shed(frames, &core.session, self.policy.shed(), None) {
            Ok(queued) => {
                self.count_lost(queued, core);
                true
            }
            Err(OutboxFull) => false,
        }
    }

    #[cold]
    fn count_lost(&mut self, queued: Queued, core: &Core) {
        self.dropped = self.dropped.saturating_add(u32::try_from(queued.dropped).unwrap_or(u32::MAX));
        stats::add(&core.stats.dropped_packets, queued.dropped);
        stats::add(&core.stats.conflated_packets, usize::from(queued.replaced));
    }

    /// Bytes that have not reached the transport.
    fn waiting(&self) -> usize {
        self.queued_bytes() + self.writing as usize
    }

    /// Bytes that have not been taken for the transport.
    fn queued_bytes(&self) -> usize {
        self.corked_bytes() + self.session.queued_bytes()
    }

    fn is_drained(&self) -> bool {
        matches!(self.session.state(), State::Closed(_)) || (self.queued_bytes() == 0 && !self.blocked)
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
