//! A packet for many connections: encoded once, written once as their WebSockets carry it, and told of to their drivers by the
//! batch.
//!
//! Most receivers of a broadcast are sent nothing else meanwhile. Such a one keeps the packet itself, which is a pointer, and
//! its driver sends the bytes from where they lie for all; only who is sent something more before that has them copied to a
//! cork, or is given the frame in its outbox. Promises: what is kept so counts as if it were in the outbox, and stands before
//! whatever is there. Why, with figures: `docs/decisions/0016-corks.md`.

use std::sync::Arc;

use bytes::Bytes;
use enchufe_proto::engine::{FRAME_OVERHEAD, Frame};
use smallvec::SmallVec;

use super::cork::{COPIED, Cork};
use super::driver::DriverHandle;
use super::{Connection, Due, Inner};
use crate::frames::{self, Frames};

/// So many receivers are lent corks first. In a room of a few, where everybody speaks, one packet follows the other, and to write
/// it for all gains nothing.
pub(super) const FEW: usize = 16;
/// Connections that a driver is told of at once; the first of them waits for the last.
const BATCH: usize = 64;
/// Drivers whose connections are gathered side by side. Of more than that some share a place, and are told more often.
const PLACES: usize = 4;

/// A packet of one frame as a WebSocket carries it.
#[derive(Debug)]
pub(super) struct Written {
    bytes: Vec<u8>,
    /// For those who have to queue it.
    frame: Frame,
}

impl Written {
    fn new(frame: &Frame) -> Arc<Self> {
        let mut bytes = Vec::new();
        frame.write_to(&mut bytes);
        Arc::new(Self { bytes, frame: frame.clone() })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// What it counts as while it waits.
    pub(super) fn cost(&self) -> usize {
        self.bytes.len() + FRAME_OVERHEAD
    }
}

/// What a connection was sent ahead of its outbox, on its way to the transport.
pub(super) enum Ahead {
    Cork(Box<Cork>),
    Shared(Arc<Written>),
}

impl Ahead {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Cork(cork) => cork.bytes(),
            Self::Shared(written) => written.bytes(),
        }
    }

    /// A frame for what is left when so many bytes are written, and how many of that frame's are.
    pub(super) fn rest(&self, written: usize) -> (Frame, usize) {
        match self {
            Self::Cork(cork) => {
                let rest = cork.bytes().get(written..).unwrap_or_default();
                (Frame::unsent(Bytes::copy_from_slice(rest)), 0)
            }
            Self::Shared(shared) => (shared.frame.clone(), written),
        }
    }
}

/// A packet on its way to many connections. Their drivers have been told of all of them when it is dropped.
pub(crate) struct Delivery<'a> {
    frames: &'a Frames,
    /// Whether connections may keep it written.
    may_share: bool,
    written: Option<Arc<Written>>,
    /// Receivers that had nothing ahead of their outbox.
    receivers: usize,
    told: [Batch; PLACES],
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(frames: &'a Frames) -> Self {
        let may_share = match &**frames {
            [frame] => frame.may_compress() && frame.wire_len() <= COPIED,
            _ => false,
        };
        Self { frames, may_share, written: None, receivers: 0, told: Default::default() }
    }

    pub(crate) const fn frames(&self) -> &'a Frames {
        self.frames
    }

    /// The packet as one more receiver keeps it, if there were enough of them.
    #[inline]
    pub(super) fn written(&mut self) -> Option<&Arc<Written>> {
        self.receivers += 1;
        match self.frames.first() {
            Some(frame) if self.receivers > FEW => {
                Some(self.written.get_or_insert_with(|| Written::new(frame)))
            }
            _ => None,
        }
    }

    /// Has a connection's driver told, now or with others.
    #[inline]
    fn tell(&mut self, connection: &Connection) {
        let driver = &connection.driver;
        let Some(batch) = self.told.get_mut(driver.number() % PLACES) else { return };
        if !batch.driver.as_ref().is_some_and(|of| Arc::ptr_eq(of, driver)) {
            batch.tell();
            batch.driver = Some(driver.clone());
        }
        batch.keys.push(connection.key());
        if batch.keys.len() == BATCH {
            batch.tell();
        }
    }
}

/// Connections of one driver that have something to send.
#[derive(Default)]
struct Batch {
    driver: Option<Arc<DriverHandle>>,
    keys: SmallVec<[u32; BATCH]>,
}

impl Batch {
    fn tell(&mut self) {
        if let Some(driver) = &self.driver
            && !self.keys.is_empty()
        {
            driver.enqueue_unsent(&self.keys);
            self.keys.clear();
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.tell();
    }
}

impl Connection {
    /// As [`Connection::send_while`], for a packet that many are sent. Tells whether it held.
    pub(crate) fn send_shared(&self, delivery: &mut Delivery<'_>, holds: impl FnOnce() -> bool) -> bool {
        let mut inner = self.inner.lock();
        if !holds() {
            return false;
        }
        let due = match inner.share(delivery, self) {
            Some(due) => due,
            None => inner.queue_behind(frames::shared(delivery.frames), self, None),
        };
        let due = inner.newly(due, self);
        drop(inner);
        match due {
            Due::Flush => delivery.tell(self),
            due => self.tell(due),
        }
        true
    }
}

impl Inner {
    /// Keeps a packet of many, or writes it behind what was written ahead. `None` where neither can be.
    #[inline]
    fn share(&mut self, delivery: &mut Delivery<'_>, connection: &Connection) -> Option<Due> {
        if delivery.may_share
            && self.takes_cork()
            && connection.sends_plain()
            && let Some(written) = delivery.written()
        {
            self.shared = Some(written.clone());
            return Some(Due::Flush);
        }
        self.cork_frames(delivery.frames, connection)
    }
}
