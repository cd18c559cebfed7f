//! The driver: one task a worker that polls the woken connections and then flushes them.
//!
//! In a round it takes in new connections, expires timers, gives every woken connection its turn
//! ([`super::turn`]), and then flushes what all of them queued ([`super::flush`]): whatever was queued for a
//! connection in the meantime leaves in one write. Before it flushes it lets the runtime go round once,
//! because what others are about to queue then joins the same write. A round is bounded, so that neither
//! one connection nor all of them starve the rest of the program.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use enchufe_proto::engine::{CloseReason, Millis};
use enchufe_proto::socket::Assembler;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use slab::Slab;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use super::drivers::Drivers;
use super::flush::{Returned, Standing};
use super::ready::Ready;
use super::stream::Io;
use super::wheel::Wheel;
use super::{Connection, IO, LARGE, TURN, cork, mux};
use crate::engine::observer;
use crate::handler::{guarded, let_go};
use crate::overload::{self, Backlog};
use crate::time::Clock;

/// The buffer that all connections of a driver read into. What browsers and buffers like to cut data into, 64 KiB, lies
/// whole in it with its header, and is copied once, if at all, where what comes in two pieces is moved together.
const READ_BUFFER: usize = (64 << 10) + (4 << 10);
/// Connections that get their turn in one round before the rest of the program runs.
const ROUND: usize = 256;
/// Connections that are flushed of which the processor fetches what that needs at once.
const TOUCHED: usize = 8;
/// What the scratch buffer keeps of its memory between rounds.
const SCRATCH_KEPT: usize = 64 << 10;

/// What the rest of the program knows of a driver.
pub(crate) struct DriverHandle {
    /// What it is a task of.
    runtime: Handle,
    ready: Mutex<Vec<u32>>,
    /// Connections that were sent something outside of their turns, and need none to have it flushed.
    unsent: Mutex<Vec<u32>>,
    arrivals: Mutex<Vec<Arc<Connection>>>,
    /// The driver has been woken and has not looked yet.
    notified: AtomicBool,
    waker: AtomicWaker,
    /// Its server is gone: it ends.
    stopped: AtomicBool,
    /// It has ended, with its runtime or its server. Written under the lock of `arrivals`.
    ended: AtomicBool,
    /// Connections it has; for spreading new ones.
    pub(super) load: AtomicUsize,
    number: usize,
}

/// Drivers that there have been in this process.
static DRIVERS: AtomicUsize = AtomicUsize::new(0);

impl DriverHandle {
    pub(crate) fn new(runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            runtime,
            ready: Mutex::new(Vec::new()),
            unsent: Mutex::new(Vec::new()),
            arrivals: Mutex::new(Vec::new()),
            notified: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            stopped: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            load: AtomicUsize::new(0),
            number: DRIVERS.fetch_add(1, Ordering::Relaxed),
        })
    }

    pub(super) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Different from that of its neighbours.
    #[inline]
    pub(super) const fn number(&self) -> usize {
        self.number
    }

    /// Whether it drives connections, and in this runtime.
    pub(super) fn is_of(&self, runtime: &Handle) -> bool {
        self.runtime.id() == runtime.id() && !self.has_ended()
    }

    pub(super) fn adopt(&self, connection: Arc<Connection>) {
        let mut arrivals = self.arrivals.lock();
        if self.has_ended() {
            drop(arrivals);
            return connection.abandon();
        }
        self.load.fetch_add(1, Ordering::Relaxed);
        arrivals.push(connection);
        drop(arrivals);
        self.notify();
    }

    /// Ends the driver, which has no connections any more: each of them keeps the server.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it drives nothing any more, because its runtime has gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn enqueue(&self, key: u32) {
        self.ready.lock().push(key);
        self.notify();
    }

    /// As [`DriverHandle::enqueue`], for connections that have something to send, and need no turn for it.
    pub(super) fn enqueue_unsent(&self, keys: &[u32]) {
        self.unsent.lock().extend_from_slice(keys);
        self.notify();
    }

    #[inline]
    fn notify(&self) {
        // What it is to see was put on a list under a lock, so an older `false` cannot be taken for this one. Most of a
        // broadcast finds it woken, and reading does not take the line from the other workers.
        if !self.notified.load(Ordering::Relaxed) && !self.notified.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }
}

#[cfg(test)]
impl DriverHandle {
    /// How many it has been told of that have something to send.
    pub(super) fn unsent(&self) -> usize {
        self.unsent.lock().len()
    }
}

/// What a driver keeps of one connection, for itself alone.
pub(super) struct Slot {
    pub(super) connection: Arc<Connection>,
    /// The session's WebSocket.
    pub(super) main: Option<Io>,
    /// The one that is being probed.
    pub(super) probe: Option<Box<Io>>,
    /// A packet whose attachments have not all come.
    pub(super) assembler: Assembler,
    /// Where the wheel has it; `MAX` where it has not.
    entered: Millis,
    /// To be flushed in this round.
    pub(super) dirty: bool,
    /// It had a turn since it was flushed last.
    pub(super) turned: bool,
    /// Something may have come that was not read.
    pub(super) paused: bool,
    /// What its transport had not taken when it was flushed last, as counted in the backlog.
    waiting: usize,
}

impl Slot {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            main: None,
            probe: None,
            assembler: Assembler::default(),
            entered: Millis::MAX,
            dirty: false,
            turned: true,
            paused: false,
            waiting: 0,
        }
    }

    /// As [`Connection::touch`].
    #[inline]
    fn touch(&self) -> u32 {
        let writes = self.main.as_ref().is_some_and(|io| io.writing.is_empty());
        self.connection.touch() ^ u32::from(writes) ^ u32::from(self.dirty)
    }
}

/// The task of one worker.
pub(crate) struct Driver {
    handle: Arc<DriverHandle>,
    /// The list that its handle is on.
    drivers: Weak<Drivers>,
    clock: Clock,
    backlog: Arc<Backlog>,
    /// More waits somewhere than did before this round.
    grown: bool,
    slots: Slab<Slot>,
    wheel: Wheel,
    sleep: Pin<Box<Sleep>>,
    /// Woken connections that have not had their turn.
    ready: Ready,
    /// Connections that were sent something and have not been flushed.
    unsent: Ready,
    /// Connections to flush in this round.
    dirty: Vec<u32>,
    /// What they were lent, when they have been flushed.
    returned: Returned,
    due: Vec<u32>,
    /// The runtime went round since the last turn.
    yielded: bool,
    read_buffer: Box<[u8]>,
    scratch: Vec<u8>,
}

impl Driver {
    /// The driver behind a handle, to be spawned.
    pub(super) fn new(
        handle: Arc<DriverHandle>,
        drivers: Weak<Drivers>,
        clock: Clock,
        backlog: Arc<Backlog>,
    ) -> Self {
        Self {
            handle,
            drivers,
            clock,
            backlog,
            grown: false,
            slots: Slab::new(),
            wheel: Wheel::new(clock.now()),
            sleep: Box::pin(tokio::time::sleep_until(clock.at(0))),
            ready: Ready::default(),
            unsent: Ready::default(),
            dirty: Vec::new(),
            returned: Returned::new(),
            due: Vec::new(),
            yielded: false,
            read_buffer: vec![0; READ_BUFFER].into_boxed_slice(),
            scratch: Vec::new(),
        }
    }

    fn take_arrivals(&mut self) {
        let arrivals = std::mem::take(&mut *self.handle.arrivals.lock());
        let mut opened = Vec::with_capacity(arrivals.len());
        for connection in arrivals {
            let entry = self.slots.vacant_entry();
            let key = u32::try_from(entry.key()).unwrap_or(u32::MAX);
            connection.key.store(key, Ordering::Release);
            entry.insert(Slot::new(connection));
            self.ready.push(key);
            opened.push(key);
        }
        for key in opened {
            if let Some(slot) = self.slots.get(key as usize) {
                let connection = &slot.connection;
                if guarded("a connection's opening", || mux::opened(connection)).is_none() {
                    connection.abort(CloseReason::ForcedServerClose);
                }
            }
        }
    }

    fn expire_timers(&mut self, now: Millis) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.expire(now, &mut due);
        for key in due.drain(..) {
            let Some(slot) = self.slots.get_mut(key as usize) else { continue };
            slot.entered = Millis::MAX;
            let connection = slot.connection.clone();
            connection.handle_timeout(now, &mut connection.inner.lock());
            // Its turn applies what the session wants now, and enters its next deadline.
            connection.flags.fetch_or(TURN, Ordering::Relaxed);
            self.ready.push(key);
        }
        self.due = due;
    }

    /// What one connection was woken for: its turn, or only that what waits is sent with that of the others.
    fn turn(&mut self, key: u32, now: Millis) {
        let Some(slot) = self.slots.get_mut(key as usize) else { return };
        let flags = slot.connection.flags.swap(0, Ordering::AcqRel);
        if flags & (IO | TURN) == 0 {
            return self.flush_later(key);
        }
        // The application's code is guarded where it is called. This is for what nobody thought of: it is not to end the
        // other connections.
        slot.turned = true;
        let (buffer, scratch) = (&mut self.read_buffer, &mut self.scratch);
        let turn = guarded("a connection", || slot.turn(flags, now, buffer, scratch));
        let Some(Some(queued)) = turn else {
            if turn.is_none() {
                slot.connection.abandon();
            }
            let slot = self.slots.remove(key as usize);
            self.backlog.changed(slot.waiting, 0);
            self.handle.load.fetch_sub(1, Ordering::Relaxed);
            return let_go("a connection", slot);
        };
        if queued >= LARGE {
            self.flush(key, now);
            // The next one's turn is to have its memory.
            cork::keep(self.returned.drain(..));
        } else {
            self.flush_later(key);
        }
    }

    /// Has a connection flushed at the end of the round.
    #[inline]
    fn flush_later(&mut self, key: u32) {
        if let Some(slot) = self.slots.get_mut(key as usize)
            && !slot.dirty
        {
            slot.dirty = true;
            self.dirty.push(key);
        }
    }

    /// Writes what one connection has queued, and sees to its next deadline.
    fn flush(&mut self, key: u32, now: Millis) {
        let Some(slot) = self.slots.get_mut(key as usize) else { return };
        let standing = slot.flush(&mut self.scratch, &mut self.returned);
        self.flushed(key, &standing, now);
    }

    /// Writes what one connection has been sent outside of its turn.
    fn flush_unsent(&mut self, key: u32, now: Millis) {
        let Some(slot) = self.slots.get_mut(key as usize) else { return };
        if let Some(standing) = slot.flush_unsent(&mut self.scratch, &mut self.returned) {
            self.flushed(key, &standing, now);
        }
    }

    fn flush_unsent_round(&mut self, now: Millis) {
        for count in 0..ROUND {
            if count % TOUCHED == 0 {
                self.touch_unsent();
            }
            let Some(key) = self.unsent.next() else { break };
            self.flush_unsent(key, now);
        }
    }

    /// Has the processor fetch some of those that are next, all together.
    fn touch_unsent(&self) {
        let next = self.unsent.waiting().iter().take(TOUCHED);
        let slots = next.filter_map(|key| self.slots.get(*key as usize));
        let touched = slots.fold(0, |touched, slot| touched ^ slot.touch());
        std::hint::black_box(touched);
    }

    /// Notes how a connection stands after a flush.
    #[inline]
    fn flushed(&mut self, key: u32, standing: &Standing, now: Millis) {
        let Some(slot) = self.slots.get_mut(key as usize) else { return };
        slot.dirty = false;
        if standing.waiting != slot.waiting {
            self.backlog.changed(slot.waiting, standing.waiting);
            self.grown |= standing.waiting > slot.waiting;
            slot.waiting = standing.waiting;
        }
        if standing.dropped > 0 {
            observer::dropped(&slot.connection, standing.dropped, now);
        }
        if !std::mem::take(&mut slot.turned) && standing.next.is_none() {
            return;
        }
        let next = match slot.connection.looked_at(now) {
            Some(at) => Some(standing.next.map_or(at, |next| next.min(at))),
            None => standing.next,
        };
        if let Some(at) = next
            && at < slot.entered
        {
            slot.entered = at;
            self.wheel.insert(key, at.max(now));
        }
    }

    fn flush_dirty(&mut self, now: Millis) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for key in dirty.drain(..) {
            // Another flush of this round may have been for its turn as well.
            if self.slots.get(key as usize).is_some_and(|slot| slot.dirty) {
                self.flush(key, now);
            }
        }
        self.dirty = dirty;
        cork::keep(self.returned.drain(..));
        if std::mem::take(&mut self.grown)
            && let Some((_, slot)) = self.slots.iter().next()
            && overload::is_over_budget(&slot.connection.core)
        {
            overload::shed(&slot.connection.core);
        }
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = self.wheel.next() else { return Poll::Pending };
        let at = self.clock.at(next);
        if self.sleep.deadline() != at {
            self.sleep.as_mut().reset(at);
        }
        self.sleep.as_mut().poll(cx)
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.handle.waker.register(cx.waker());
        this.handle.notified.store(false, Ordering::Release);
        if this.handle.stopped.load(Ordering::Acquire) {
            return Poll::Ready(());
        }

        let now = this.clock.now();
        this.take_arrivals();
        this.expire_timers(now);
        this.ready.append(&mut this.handle.ready.lock());

        let woken = !this.ready.is_empty();
        if woken {
            for _ in 0..ROUND {
                let Some(key) = this.ready.next() else { break };
                this.turn(key, now);
            }
            if !this.ready.is_empty() {
                // The others have their turn when these have been answered, and those who wait to be flushed do not wait for
                // all of them.
                this.flush_unsent_round(now);
                this.flush_dirty(now);
                this.unsent.append(&mut this.handle.unsent.lock());
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        this.unsent.append(&mut this.handle.unsent.lock());
        if (woken || !this.unsent.is_empty()) && !this.yielded {
            this.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.flush_unsent_round(now);
        this.flush_dirty(now);
        // Those that are left have waited long enough.
        this.yielded = !this.unsent.is_empty();
        if this.yielded {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        cork::end_round();
        if this.scratch.capacity() > SCRATCH_KEPT {
            this.scratch = Vec::new();
        }
        if this.poll_sleep(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// Without its driver a connection would be there and never move.
impl Drop for Driver {
    fn drop(&mut self) {
        let mut arrivals = self.handle.arrivals.lock();
        self.handle.ended.store(true, Ordering::Release);
        let arrived = std::mem::take(&mut *arrivals);
        drop(arrivals);
        if let Some(drivers) = self.drivers.upgrade() {
            drivers.leave(&self.handle);
        }
        let backlog = &self.backlog;
        let driven = self.slots.drain().map(|slot| {
            backlog.changed(slot.waiting, 0);
            slot.connection
        });
        for connection in driven.chain(arrived) {
            connection.abandon();
            let_go("a connection", connection);
        }
    }
}
