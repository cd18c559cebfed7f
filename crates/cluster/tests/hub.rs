//! The bus in memory: who hears what, in which order, and who is a member.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::sync::{Arc, Mutex, OnceLock};

use enchufe_cluster::bus::{
    Bus, Envelope, Hub, HubBus, Message, NodeId, Peers, Published, Receiver, RequestId,
};

/// A node that writes down what it hears, and answers what is a question.
struct Node {
    bus: HubBus,
    heard: Mutex<Vec<String>>,
}

/// What the hub holds of a node.
struct Ears(OnceLock<std::sync::Weak<Node>>);

impl Node {
    fn new(hub: &Hub, name: &str) -> Arc<Self> {
        let node = Arc::new(Self { bus: hub.join(name), heard: Mutex::default() });
        let ears = Ears(OnceLock::new());
        let _ = ears.0.set(Arc::downgrade(&node));
        node.bus.attach(Arc::new(ears));
        node
    }

    fn say(&self, message: Message) {
        assert!(matches!(self.bus.publish(self.envelope(message)), Published::Done));
    }

    fn envelope(&self, message: Message) -> Envelope {
        Envelope { from: self.bus.node().clone(), namespace: "/".into(), message }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

impl Receiver for Ears {
    fn receive(&self, envelope: Envelope) {
        let Some(node) = self.0.get().unwrap().upgrade() else { return };
        let what = match &envelope.message {
            Message::ClientCount { clients, .. } => format!("{}: {clients}", envelope.from),
            Message::ServerSideAnswer { request, .. } => format!("{}: answer {request:?}", envelope.from),
            other => panic!("{other:?}"),
        };
        node.heard.lock().unwrap().push(what);
        if let Message::ClientCount { request, .. } = envelope.message {
            let answer = node.envelope(Message::ServerSideAnswer { request, answer: None });
            assert!(matches!(node.bus.respond(&envelope.from, answer), Published::Done));
        }
    }

    fn node_left(&self, left: &NodeId) {
        let Some(node) = self.0.get().unwrap().upgrade() else { return };
        node.heard.lock().unwrap().push(format!("{left} left"));
    }
}

fn question(request: &str, clients: usize) -> Message {
    Message::ClientCount { request: RequestId::new(request), clients }
}

#[test]
fn everybody_else_hears_in_order_and_answers_come_back_to_who_asked() {
    let hub = Hub::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| Node::new(&hub, name));
    a.say(question("x", 1));
    a.say(question("y", 2));
    assert_eq!(b.heard(), ["a: 1", "a: 2"]);
    assert_eq!(c.heard(), ["a: 1", "a: 2"]);
    assert_eq!(a.heard(), ["b: answer x", "c: answer x", "b: answer y", "c: answer y"]);
}

/// A node that fails at all that it is told, the worst way there is.
struct Failing;

/// What cannot be caught and dropped either.
struct Sharp;

impl Drop for Sharp {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("as asked for");
        }
    }
}

impl Receiver for Failing {
    fn receive(&self, _: Envelope) {
        std::panic::panic_any(Sharp);
    }

    fn node_left(&self, _: &NodeId) {
        panic!("as asked for");
    }
}

#[test]
fn a_receiver_that_panics_harms_neither_the_publisher_nor_the_others() {
    let hub = Hub::new();
    let a = Node::new(&hub, "a");
    let failing = hub.join("failing");
    failing.attach(Arc::new(Failing));
    let [b, c] = ["b", "c"].map(|name| Node::new(&hub, name));
    a.say(question("x", 1));
    assert_eq!((b.heard(), c.heard()), (vec!["a: 1".to_owned()], vec!["a: 1".to_owned()]));
    drop(a);
    assert_eq!((b.heard(), c.heard()), (vec!["a left".to_owned()], vec!["a left".to_owned()]));
}

#[test]
fn members_come_and_go_and_the_others_learn_it() {
    let hub = Hub::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| Node::new(&hub, name));
    drop(c);
    b.bus.close();
    b.bus.close();
    assert_eq!(a.heard(), ["c left", "b left"]);
    assert_eq!(hub.nodes(), [NodeId::new("a")]);
    // Who has left is not heard any more.
    b.say(question("x", 1));
    assert_eq!(a.heard(), Vec::<String>::new());
    let mut peers = a.bus.peers("/");
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(peers) = peers.as_mut().poll(&mut cx) else { panic!("it knows at once") };
    assert_eq!(peers.unwrap(), Peers::Known(Vec::new()));
}
