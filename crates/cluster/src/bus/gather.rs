//! Collecting what other nodes answer: who has, who need not be waited for, and what they said.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use super::{NodeId, Peers};

/// Who of the other nodes has answered.
///
/// Answers may come before it is known how many are expected.
#[derive(Debug, Default)]
pub struct Tally {
    peers: Option<Peers>,
    heard: Vec<NodeId>,
    left: Vec<NodeId>,
}

impl Tally {
    /// Nobody is expected yet, and it is not known who will be.
    pub fn new() -> Self {
        Self::default()
    }

    /// These are expected.
    pub fn expect(&mut self, peers: Peers) {
        self.peers = Some(peers);
    }

    /// A node has answered. `false` where it had before.
    pub fn hear(&mut self, node: &NodeId) -> bool {
        let new = !self.heard.contains(node);
        if new {
            self.heard.push(node.clone());
        }
        new
    }

    /// A node has left: it is not waited for.
    pub fn leave(&mut self, node: &NodeId) {
        if !self.left.contains(node) {
            self.left.push(node.clone());
        }
    }

    /// How many nodes have still to answer; `None` while it is not known who is expected.
    pub fn missing(&self) -> Option<usize> {
        Some(match self.peers.as_ref()? {
            Peers::Known(nodes) => {
                nodes.iter().filter(|node| !self.heard.contains(node) && !self.left.contains(node)).count()
            }
            Peers::Count(count) => {
                let left = self.left.iter().filter(|node| !self.heard.contains(node)).count();
                count.saturating_sub(self.heard.len() + left)
            }
        })
    }
}

/// One answer from each node. Shared by who waits and who delivers.
#[derive(Debug)]
pub struct Gather<T>(Arc<Mutex<Gathering<T>>>);

#[derive(Debug)]
struct Gathering<T> {
    tally: Tally,
    answers: Vec<T>,
    waker: Option<Waker>,
}

impl<T> Gather<T> {
    /// Without any answer.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Gathering { tally: Tally::new(), answers: Vec::new(), waker: None })))
    }

    /// A node has answered; what it says a second time is dropped.
    pub fn answer(&self, from: &NodeId, answer: T) {
        self.change(|gathering| {
            if gathering.tally.hear(from) {
                gathering.answers.push(answer);
            }
        });
    }

    /// A node has left.
    pub fn leave(&self, node: &NodeId) {
        self.change(|gathering| gathering.tally.leave(node));
    }

    /// These are expected.
    pub fn expect(&self, peers: Peers) {
        self.change(|gathering| gathering.tally.expect(peers));
    }

    /// Ready when everybody who is expected has answered or left.
    pub fn poll_complete(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut gathering = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gathering.tally.missing() == Some(0) {
            return Poll::Ready(());
        }
        // Wakers are others' code, and so are their destructors.
        let before = gathering.waker.replace(cx.waker().clone());
        drop(gathering);
        drop(before);
        Poll::Pending
    }

    /// What has come so far, and how many nodes are missing.
    pub fn take(&self) -> (Vec<T>, usize) {
        let mut gathering = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut gathering.answers), gathering.tally.missing().unwrap_or(0))
    }

    fn change(&self, change: impl FnOnce(&mut Gathering<T>)) {
        let mut gathering = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut gathering);
        let waker = gathering.waker.take();
        drop(gathering);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Clone for Gather<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Gather<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeId {
        NodeId::new(name)
    }

    #[test]
    fn a_tally_of_known_nodes_waits_for_each_until_it_answers_or_leaves() {
        let mut tally = Tally::new();
        assert!(tally.hear(&node("a")) && !tally.hear(&node("a")));
        assert_eq!(tally.missing(), None, "it is not known who is expected");
        tally.expect(Peers::Known(vec![node("a"), node("b"), node("c")]));
        assert_eq!(tally.missing(), Some(2));
        tally.leave(&node("b"));
        tally.hear(&node("stranger"));
        assert_eq!(tally.missing(), Some(1));
        tally.hear(&node("c"));
        assert_eq!(tally.missing(), Some(0));
    }

    #[test]
    fn a_tally_by_number_counts_each_node_once() {
        let mut tally = Tally::new();
        tally.expect(Peers::Count(2));
        tally.hear(&node("a"));
        tally.leave(&node("a"));
        assert_eq!(tally.missing(), Some(1));
        tally.leave(&node("b"));
        tally.hear(&node("c"));
        assert_eq!(tally.missing(), Some(0));
    }

    #[test]
    fn who_gathers_is_woken_and_gets_each_answer_once() {
        let gather = Gather::new();
        let mut cx = Context::from_waker(Waker::noop());
        gather.expect(Peers::Known(vec![node("a"), node("b")]));
        gather.answer(&node("a"), 1);
        gather.answer(&node("a"), 2);
        assert!(gather.poll_complete(&mut cx).is_pending());
        gather.leave(&node("b"));
        assert!(gather.poll_complete(&mut cx).is_ready());
        assert_eq!(gather.take(), (vec![1], 0));
    }
}
