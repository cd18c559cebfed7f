//! Events that wait because as many handlers are running as may be.
//!
//! Only events wait: answers to what those handlers have emitted, pongs and disconnections go on, so that
//! handlers that wait for their client are not waiting for ever. When too much is waiting the connection is
//! not read any more, which holds the client back, until half of it has gone on: reading begins and stops again
//! once for many events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use enchufe_proto::socket::{self as packets, DecodeError, EncodeError, Packet, RawArgs};

use super::{Connection, IO, mux};
use crate::core::Core;
use crate::socket::{Early, Socket};

/// The events, in the order in which they came. Few connections ever have any.
#[derive(Default)]
#[expect(clippy::box_collection, reason = "one word of every connection instead of four")]
pub(super) struct Parked(Option<Box<VecDeque<(Socket, Early)>>>);

impl Connection {
    /// Whether as many handlers are running as may be.
    pub(super) fn is_saturated(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) as usize >= self.core.config.limits.max_in_flight_handlers
    }

    /// Whether so much waits that nothing more is read. Only the connection's driver asks.
    #[inline]
    pub(super) fn is_choked(&self) -> bool {
        if self.choked.load(Ordering::SeqCst) {
            return !self.unchoke();
        }
        if self.waiting_events() <= self.core.config.limits.max_early_bytes {
            return false;
        }
        self.choked.store(true, Ordering::SeqCst);
        // Some may have gone on before they could see that somebody has to be told.
        !self.unchoke()
    }

    /// As [`Connection::is_choked`], for whoever is not to change it.
    pub(super) fn was_choked(&self) -> bool {
        self.choked.load(Ordering::Relaxed)
    }

    /// Has the connection read on where little enough waits. `false` where it was not, or where it is not.
    fn unchoke(&self) -> bool {
        self.waiting_events() <= self.core.config.limits.max_early_bytes / 2
            && self.choked.swap(false, Ordering::SeqCst)
    }

    /// The bytes of the events that wait.
    fn waiting_events(&self) -> usize {
        self.parked_bytes.load(Ordering::SeqCst) + self.lane_bytes.load(Ordering::SeqCst)
    }

    /// An event waits for its turn.
    pub(crate) fn event_waits(&self, cost: usize) {
        self.lane_bytes.fetch_add(cost, Ordering::Relaxed);
    }

    /// An event waits no more: where too much was waiting, the connection is read on.
    pub(crate) fn event_goes_on(&self, cost: usize) {
        self.lane_bytes.fetch_sub(cost, Ordering::SeqCst);
        if self.choked.load(Ordering::SeqCst) && self.unchoke() {
            self.wake_for(IO);
        }
    }

    pub(crate) fn has_waiting_events(&self) -> bool {
        self.lane_bytes.load(Ordering::Relaxed) > 0
    }

    /// Whether an event has to wait: there are too many handlers, or others wait already.
    pub(super) fn must_park(&self) -> bool {
        self.is_saturated() || self.parked_bytes.load(Ordering::Relaxed) > 0
    }

    /// Keeps an event for later.
    pub(super) fn park(&self, socket: &Socket, packet: &Packet<'_>, attachments: &[Bytes]) {
        let early = Early::new(packet, attachments);
        self.parked_bytes.fetch_add(early.cost(), Ordering::Relaxed);
        self.inner.lock().parked.0.get_or_insert_default().push_back((socket.clone(), early));
    }

    fn unpark(&self) -> Option<(Socket, Early)> {
        let mut inner = self.inner.lock();
        let next = inner.parked.0.as_mut().and_then(|events| events.pop_front());
        match &next {
            Some((_, early)) => {
                self.parked_bytes.fetch_sub(early.cost(), Ordering::Relaxed);
            }
            None => inner.parked = Parked::default(),
        }
        next
    }

    /// Forgets what waits: the connection is over.
    pub(super) fn clear_parked(&self) {
        // Sockets are dropped when the lock is free again.
        let parked = std::mem::take(&mut self.inner.lock().parked);
        self.parked_bytes.store(0, Ordering::Relaxed);
        drop(parked);
    }

    /// Handles what waits, as far as handlers have ended.
    pub(super) fn resume(self: &Arc<Self>) {
        while self.parked_bytes.load(Ordering::Relaxed) > 0 && !self.is_saturated() {
            let Some((socket, early)) = self.unpark() else { return };
            // One that has left is past hearing.
            if socket.connected() {
                mux::late_event(&socket, &early);
            }
        }
    }
}

impl Early {
    pub(crate) fn new(packet: &Packet<'_>, attachments: &[Bytes]) -> Self {
        let mut text = Vec::with_capacity(packet.data.len() + packet.nsp.len() + 24);
        packets::encode::write_header(&mut text, packet.kind, packet.attachments, packet.nsp, packet.id);
        text.extend_from_slice(packet.data.as_bytes());
        Self { text, attachments: attachments.to_vec() }
    }

    /// An event that is made here.
    pub(crate) fn event(
        namespace: &str,
        id: Option<u64>,
        event: &str,
        args: &RawArgs,
    ) -> Result<Self, EncodeError> {
        let (mut text, mut attachments) = (Vec::new(), Vec::new());
        packets::encode::event(&mut text, &mut attachments, namespace, id, event, args)?;
        Ok(Self { text, attachments })
    }

    /// The packet, again. It was a text, and decoded, when it was kept.
    pub(crate) fn packet(&self, core: &Core) -> Result<Packet<'_>, DecodeError> {
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        // In msgpack it may have had more attachments than a text.
        let limits = packets::Limits { max_attachments: usize::MAX, ..core.packet_limits };
        Packet::decode(text, &limits)
    }

    /// What it is counted with.
    pub(crate) fn cost(&self) -> usize {
        self.text.len() + self.attachments.iter().map(Bytes::len).sum::<usize>() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_choked_is_read_on_when_half_has_gone_on() {
        let socket = Socket::unconnected("{}");
        let connection = socket.connection();
        let max = connection.core.config.limits.max_early_bytes;
        for _ in 0..max {
            connection.event_waits(1);
        }
        assert!(!connection.is_choked());
        connection.event_waits(1);
        assert!(connection.is_choked() && connection.was_choked());
        let mut changes = 0;
        for left in (0..=max).rev() {
            let before = connection.was_choked();
            connection.event_goes_on(1);
            changes += usize::from(before != connection.was_choked());
            assert_eq!(connection.is_choked(), left > max / 2, "{left} bytes wait");
        }
        assert_eq!(changes, 1, "who takes the last of it has it read on");
    }
}
