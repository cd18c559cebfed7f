//! The answers to a broadcast while they come: who was asked here, what other nodes owe, what has come.
//!
//! One id and one encoding for all who are asked. What is held until it is read is bounded by [`MAX_HELD`]; each socket is
//! asked once and counts once, whatever it sends. For another node that asked, answers are passed on and not held.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use enchufe_cluster::bus::{Message, NodeId, Peers, RequestId, Tally};
use enchufe_proto::socket::{Args, RawArgs};
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use super::Cluster;
use crate::id::SocketId;
use crate::namespace::NamespaceCore;
use crate::socket::Socket;

/// Bytes of answers that are held for whoever asked. Default 16 MiB: a thousand clients may answer with 16 KiB each; what
/// comes beyond it is [`Discarded`](crate::AckError::Discarded), as clients choose how large their answers are.
const MAX_HELD: usize = 16 << 20;

/// What an answer takes beside its text.
const ENTRY: usize = 64;

/// Those who have been asked.
pub(crate) struct BroadcastAnswers {
    collecting: Mutex<Collecting>,
    relay: Option<Relay>,
}

/// Another node that asked.
pub(super) struct Relay {
    pub(super) cluster: Arc<Cluster>,
    pub(super) namespace: Arc<NamespaceCore>,
    pub(super) to: NodeId,
    pub(super) request: RequestId,
    /// All have answered or left, or nobody waits for them any more.
    pub(super) over: CancellationToken,
}

/// An answer that came.
pub(super) struct Given {
    pub(super) from: Option<SocketId>,
    /// `None` where there was no room for it.
    pub(super) args: Option<RawArgs>,
    bytes: usize,
}

struct Collecting {
    waiting: HashSet<SocketId, RandomState>,
    tally: Tally,
    /// How many answers each other node owes: it may give them before it says how many.
    owed: Vec<(NodeId, i64)>,
    answers: VecDeque<Given>,
    held: usize,
    left: usize,
    waker: Option<Waker>,
}

impl BroadcastAnswers {
    pub(super) fn new(recipients: &[Socket], relay: Option<Relay>) -> Arc<Self> {
        let collecting = Collecting {
            waiting: recipients.iter().map(Socket::id).collect(),
            tally: Tally::new(),
            owed: Vec::new(),
            answers: VecDeque::new(),
            held: 0,
            left: 0,
            waker: None,
        };
        Arc::new(Self { collecting: Mutex::new(collecting), relay })
    }

    // ---- here ------------------------------------------------------------------------------------

    /// An answer came. `false` where it was not asked for, or has come before.
    pub(crate) fn answer(&self, from: SocketId, args: &Args<'_>) -> bool {
        let mut collecting = self.collecting.lock();
        if !collecting.waiting.remove(&from) {
            return false;
        }
        let Some(relay) = &self.relay else {
            collecting.keep(Some(from), || args.first_raw(), args);
            wake(collecting.waker.take(), collecting);
            return true;
        };
        let last = collecting.waiting.is_empty();
        drop(collecting);
        let (request, socket) = (relay.request.clone(), Some(from.as_str().into()));
        relay.say(Message::ClientAck { request, socket, answer: args.first_raw() });
        if last {
            relay.over.cancel();
        }
        true
    }

    /// This one will not answer any more.
    pub(crate) fn forget(&self, socket: &SocketId) {
        let mut collecting = self.collecting.lock();
        if !collecting.waiting.remove(socket) {
            return;
        }
        collecting.left += 1;
        let last = collecting.waiting.is_empty();
        wake(collecting.waker.take(), collecting);
        if let Some(relay) = &self.relay {
            relay.say(Message::ClientsLeft { request: relay.request.clone(), clients: 1 });
            if last {
                relay.over.cancel();
            }
        }
    }

    // ---- other nodes -----------------------------------------------------------------------------

    /// These are expected to say how many they have asked.
    pub(super) fn expect(&self, peers: Peers) {
        self.change(|collecting| collecting.tally.expect(peers));
    }

    /// A node has asked so many.
    pub(super) fn counted(&self, node: &NodeId, clients: usize) {
        self.change(|collecting| {
            if collecting.tally.hear(node) {
                collecting.owes(node, i64::try_from(clients).unwrap_or(i64::MAX));
            }
        });
    }

    /// One of a node's has answered.
    pub(super) fn answered_elsewhere(&self, node: &NodeId, from: Option<&str>, answer: RawArgs) {
        self.change(|collecting| {
            collecting.owes(node, -1);
            let args = answer.args();
            collecting.keep(from.and_then(SocketId::parse), || answer.clone(), &args);
        });
    }

    /// So many of a node's have left.
    pub(super) fn left_elsewhere(&self, node: &NodeId, clients: usize) {
        self.change(|collecting| {
            collecting.owes(node, -i64::try_from(clients).unwrap_or(i64::MAX));
            collecting.left = collecting.left.saturating_add(clients);
        });
    }

    /// A node has gone, and its sockets with it.
    pub(super) fn node_left(&self, node: &NodeId) {
        self.change(|collecting| {
            collecting.tally.leave(node);
            let owed = std::mem::take(collecting.owed(node));
            collecting.left = collecting.left.saturating_add(usize::try_from(owed).unwrap_or(0));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Collecting)) {
        let mut collecting = self.collecting.lock();
        change(&mut collecting);
        wake(collecting.waker.take(), collecting);
    }

    // ---- who asked -------------------------------------------------------------------------------

    /// The next answer; `None` when all that can come have come. `keeps` says that it goes on being held.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>, keeps: bool) -> Poll<Option<Given>> {
        let mut collecting = self.collecting.lock();
        if let Some(given) = collecting.answers.pop_front() {
            if !keeps {
                collecting.held -= given.bytes;
            }
            return Poll::Ready(Some(given));
        }
        if collecting.done() {
            return Poll::Ready(None);
        }
        // Wakers are others' code, and so are their destructors.
        let waker = cx.waker().clone();
        let before = collecting.waker.replace(waker);
        drop(collecting);
        drop(before);
        Poll::Pending
    }

    /// How many have left without an answer.
    pub(super) fn left(&self) -> usize {
        self.collecting.lock().left
    }

    /// Who has still to answer: sockets here, how many elsewhere, and how many nodes have said nothing.
    pub(super) fn missing(&self) -> (Vec<SocketId>, usize, usize) {
        let collecting = self.collecting.lock();
        let owed = collecting.owed.iter().map(|(_, owed)| usize::try_from(*owed).unwrap_or(0));
        let owed = owed.fold(0, usize::saturating_add);
        (collecting.waiting.iter().cloned().collect(), owed, collecting.tally.missing().unwrap_or_default())
    }
}

impl Relay {
    fn say(&self, message: Message) {
        self.cluster.respond(&self.namespace, &self.to, message);
    }
}

impl Collecting {
    fn done(&self) -> bool {
        self.waiting.is_empty()
            && self.tally.missing() == Some(0)
            && self.owed.iter().all(|(_, owed)| *owed <= 0)
    }

    fn owed(&mut self, node: &NodeId) -> &mut i64 {
        let at = self.owed.iter().position(|(of, _)| of == node).unwrap_or_else(|| {
            self.owed.push((node.clone(), 0));
            self.owed.len() - 1
        });
        // It was found there, or has just been put there.
        &mut self.owed[at].1
    }

    /// A node owes so many more. It may say what it likes.
    fn owes(&mut self, node: &NodeId, more: i64) {
        let owed = self.owed(node);
        *owed = owed.saturating_add(more);
    }

    /// Holds an answer, if there is room for it.
    fn keep(&mut self, from: Option<SocketId>, answer: impl FnOnce() -> RawArgs, args: &Args<'_>) {
        let text: usize = args.get_raw(0).map_or(0, str::len);
        let bytes = ENTRY + text + args.attachments().iter().map(bytes::Bytes::len).sum::<usize>();
        let fits = self.held + bytes <= MAX_HELD;
        let given = if fits {
            Given { from, args: Some(answer()), bytes }
        } else {
            Given { from, args: None, bytes: 0 }
        };
        self.held += given.bytes;
        self.answers.push_back(given);
    }
}

fn wake(waker: Option<Waker>, collecting: MutexGuard<'_, Collecting>) {
    drop(collecting);
    if let Some(waker) = waker {
        waker.wake();
    }
}
