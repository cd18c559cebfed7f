//! A bus in memory: several servers in one process, as a cluster.
//!
//! Envelopes are delivered by the thread that publishes them, before `publish` returns; what their receivers publish in
//! turn is delivered after them, by the same thread, so that nothing is called within itself and no queue grows behind
//! a slow node. A receiver that panics has missed what it was told, and the others hear it all the same. A node is a member from [`attach`](super::Bus::attach) until it is closed or dropped; no heartbeat is
//! needed, for nobody dies unseen in one process.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use super::{Bus, Envelope, NodeId, Peers, PeersFuture, Published, Receiver};

/// Joins servers of one process into a cluster: for tests, and for processes that run several servers.
///
/// ```
/// use enchufe_cluster::bus::{Bus, Hub};
///
/// let hub = Hub::new();
/// let (a, b) = (hub.join("a"), hub.join("b"));
/// assert_ne!(a.node(), b.node());
/// ```
#[derive(Clone, Default)]
pub struct Hub(Arc<RwLock<Vec<Member>>>);

#[derive(Clone)]
struct Member {
    node: NodeId,
    receiver: Arc<dyn Receiver>,
}

impl Hub {
    /// Without any member.
    pub fn new() -> Self {
        Self::default()
    }

    /// A node of this name, which must be its own: it becomes a member with [`Bus::attach`].
    pub fn join(&self, node: impl Into<Arc<str>>) -> HubBus {
        HubBus { hub: self.clone(), node: NodeId::new(node) }
    }

    /// The nodes that are members.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.members().into_iter().map(|member| member.node).collect()
    }

    fn members(&self) -> Vec<Member> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn others(&self, node: &NodeId) -> impl Iterator<Item = Member> {
        self.members().into_iter().filter(move |member| member.node != *node)
    }

    fn is_member(&self, node: &NodeId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().any(|member| member.node == *node)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hub").field(&self.nodes()).finish()
    }
}

/// One node's place at a [`Hub`].
pub struct HubBus {
    hub: Hub,
    node: NodeId,
}

impl Bus for HubBus {
    fn node(&self) -> &NodeId {
        &self.node
    }

    fn attach(&self, receiver: Arc<dyn Receiver>) {
        let member = Member { node: self.node.clone(), receiver };
        self.hub.0.write().unwrap_or_else(PoisonError::into_inner).push(member);
    }

    fn publish(&self, envelope: Envelope) -> Published {
        if self.hub.is_member(&self.node) {
            deliver(self.hub.others(&self.node).map(|to| (to, Delivery::Envelope(envelope.clone()))));
        }
        Published::Done
    }

    fn respond(&self, to: &NodeId, envelope: Envelope) -> Published {
        if self.hub.is_member(&self.node) {
            let to = self.hub.others(&self.node).find(|member| member.node == *to);
            deliver(to.map(|to| (to, Delivery::Envelope(envelope))));
        }
        Published::Done
    }

    fn peers(&self, _: &str) -> PeersFuture {
        // Who is no member is not heard, so nobody answers.
        let others = self.hub.is_member(&self.node).then(|| self.hub.others(&self.node));
        let nodes = others.into_iter().flatten().map(|member| member.node).collect();
        Box::pin(ready(Ok(Peers::Known(nodes))))
    }

    fn close(&self) {
        let mut members = self.hub.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = members.len();
        members.retain(|member| member.node != self.node);
        let left = members.len() < before;
        drop(members);
        if left {
            let node = &self.node;
            deliver(self.hub.members().into_iter().map(|to| (to, Delivery::Left(node.clone()))));
        }
    }
}

impl Drop for HubBus {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for HubBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HubBus").field(&self.node).finish()
    }
}

enum Delivery {
    Envelope(Envelope),
    Left(NodeId),
}

type Queue = VecDeque<(Member, Delivery)>;

thread_local! {
    /// While this thread delivers: what is to be delivered next.
    static DELIVERING: RefCell<Option<Queue>> = const { RefCell::new(None) };
}

/// Delivers in order. Within a delivery, those are added to what is delivered next.
fn deliver(deliveries: impl IntoIterator<Item = (Member, Delivery)>) {
    let deliveries: Queue = deliveries.into_iter().collect();
    let outermost = DELIVERING.with_borrow_mut(|delivering| match delivering {
        Some(queue) => {
            queue.extend(deliveries);
            false
        }
        None => {
            *delivering = Some(deliveries);
            true
        }
    });
    if !outermost {
        return;
    }
    let _end = End;
    while let Some((to, delivery)) =
        DELIVERING.with_borrow_mut(|delivering| delivering.as_mut().and_then(Queue::pop_front))
    {
        // The panic hook has told of one that fails: it is not the publisher's fault, nor that of the others.
        let done = catch_unwind(AssertUnwindSafe(|| match delivery {
            Delivery::Envelope(envelope) => to.receiver.receive(envelope),
            Delivery::Left(node) => to.receiver.node_left(&node),
        }));
        // What was thrown is the receiver's too, and so is what its destructor throws: that is where it ends.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(done))) {
            std::mem::forget(again);
        }
    }
}

/// Ends the deliveries of this thread, whatever happens.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let rest = DELIVERING.with_borrow_mut(Option::take);
        drop(rest);
    }
}
