//! Two servers and more as one, over the bus in memory; and a node that does not answer.

use std::sync::{Arc, Mutex};

use enchufe::cluster::{
    Bus, Envelope, Hub, HubBus, Message, NodeId, Outgoing, Reach, Receiver, RequestId, Selection,
};
use enchufe::{
    AckError, BroadcastAckError, BuildError, EmitError, HandlerError, Namespace, Server, ServerSideAckError,
    ServerSideEvent, SocketId,
};
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::support::recovery::{Memory, join, lose};
use crate::support::{Client, Log, Via, wait_until};

fn node(hub: &Hub, name: &str, namespace: Namespace) -> Server {
    let builder = Server::builder().namespace(namespace).namespace(Namespace::new("/chat"));
    builder.cluster(hub.join(name)).build().expect("a server")
}

fn plain() -> Namespace {
    Namespace::new("/").on("sync", async || {})
}

fn two(hub: &Hub) -> [Server; 2] {
    ["a", "b"].map(|name| node(hub, name, plain()))
}

fn ack_id(event: &str) -> u64 {
    let digits: String = event[2..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no ack is asked for: {event}"))
}

/// A node that is a member and says nothing.
struct Mute(HubBus, Arc<Mutex<Vec<Envelope>>>);

impl Mute {
    fn join(hub: &Hub) -> Self {
        let (bus, heard) = (hub.join("mute"), Arc::<Mutex<Vec<Envelope>>>::default());
        bus.attach(Arc::new(Ear(heard.clone())));
        Self(bus, heard)
    }

    fn say(&self, to: &str, message: Message) {
        let envelope = Envelope { from: self.0.node().clone(), namespace: "/".into(), message };
        drop(self.0.respond(&NodeId::new(to), envelope));
    }

    /// Asks everybody at the others, and has them wait for so long.
    fn ask(&self, time: Duration) {
        let packet = Outgoing { event: "ask".into(), args: enchufe::RawArgs::new(&()).unwrap() };
        let mut reach = Reach::new(Selection::new());
        reach.timeout = Some(time);
        let message = Message::Broadcast { packet, reach, request: Some(RequestId::new("1")) };
        let envelope = Envelope { from: self.0.node().clone(), namespace: "/".into(), message };
        drop(self.0.publish(envelope));
    }

    /// What it was told.
    fn kinds(&self) -> Vec<String> {
        let heard = self.1.lock().unwrap();
        let kind = |envelope: &Envelope| match &envelope.message {
            Message::ClientCount { clients, .. } => format!("count {clients}"),
            Message::ClientAck { .. } => "answer".to_owned(),
            Message::ClientsLeft { clients, .. } => format!("left {clients}"),
            other => format!("{other:?}"),
        };
        heard.iter().map(kind).collect()
    }

    /// The request of the last that it heard.
    fn request(&self) -> RequestId {
        match self.1.lock().unwrap().last().map(|envelope| envelope.message.clone()) {
            Some(
                Message::Broadcast { request: Some(request), .. } | Message::FetchSockets { request, .. },
            ) => request,
            other => panic!("no request: {other:?}"),
        }
    }
}

struct Ear(Arc<Mutex<Vec<Envelope>>>);

impl Receiver for Ear {
    fn receive(&self, envelope: Envelope) {
        self.0.lock().unwrap().push(envelope);
    }

    fn node_left(&self, _: &NodeId) {}
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_the_sockets_of_all_nodes_once_and_in_order() {
    let hub = Hub::new();
    let [a, b] = two(&hub);
    assert_eq!(a.node_id(), Some(&NodeId::new("a")));
    let (mut on_a, a_id) = Client::join(&a, Via::WebSocket, "40").await;
    let (mut on_b, b_id) = Client::join(&b, Via::Polling, "40").await;
    for n in 0..3 {
        a.emit("n", n).unwrap().await;
    }
    b.to(a_id.as_str()).emit("to a", ()).unwrap();
    a.except(a_id.as_str()).emit("not a", enchufe::Bytes::from_static(b"\x01")).unwrap();
    a.local().emit("here", ()).unwrap();
    b.volatile().emit("volatile", ()).unwrap();
    a.emit("end", ()).unwrap();
    let numbers = ["42[\"n\",0]", "42[\"n\",1]", "42[\"n\",2]"];
    assert_eq!(on_a.take(3).await, numbers);
    assert_eq!(on_a.take(2).await, ["42[\"to a\"]", "42[\"here\"]"]);
    assert_eq!(on_b.take(3).await, numbers);
    assert_eq!(on_b.take(2).await, ["451-[\"not a\",{\"_placeholder\":true,\"num\":0}]", "bAQ=="]);
    for client in [&mut on_a, &mut on_b] {
        while client.next().await != "42[\"end\"]" {}
    }
    // The socket's own broadcast too, and only its namespace.
    let socket = a.socket("/", &SocketId::parse(&a_id).unwrap()).unwrap();
    socket.broadcast().emit("others", ()).unwrap();
    a.of("/chat").emit("chat", ()).unwrap();
    assert_eq!(on_b.next().await, "42[\"others\"]");
    on_a.sync().await;
    on_b.sync().await;
    assert_ne!(a_id, b_id);
}

#[tokio::test(start_paused = true)]
async fn each_node_recovers_its_own_clients_from_what_any_node_emitted() {
    let hub = Hub::new();
    let recovering = |name: &str| {
        let builder = Server::builder().namespace(plain()).cluster(hub.join(name));
        builder.connection_state_recovery(enchufe::Recovery::default()).build().unwrap()
    };
    let [a, b] = ["a", "b"].map(recovering);
    let mut memory = Memory::default();
    let (mut client, _, _) = join(&b, Via::WebSocket, &mut memory).await;
    a.emit("before", 1).unwrap();
    assert_eq!(memory.event(&client.next().await), "before1");
    lose(&b, client).await;
    a.emit("meanwhile", 2).unwrap();
    a.to("elsewhere").emit("not this", ()).unwrap();
    let (_client, recovered, missed) = join(&b, Via::WebSocket, &mut memory).await;
    assert!(recovered);
    assert_eq!(missed, ["meanwhile2"]);
}

#[tokio::test(start_paused = true)]
async fn sockets_are_moved_and_disconnected_wherever_they_are() {
    let hub = Hub::new();
    let [a, b] = two(&hub);
    let (mut on_a, a_id) = Client::join(&a, Via::WebSocket, "40").await;
    let (mut on_b, b_id) = Client::join(&b, Via::WebSocket, "40").await;
    a.sockets_join(["x", "y"]).await;
    a.to(b_id.as_str()).sockets_leave("y").await;
    b.local().sockets_join("only b").await;
    let rooms = |io: &Server, id: &str| io.socket("/", &SocketId::parse(id).unwrap()).unwrap().rooms();
    assert_eq!(rooms(&a, &a_id), [a_id.as_str(), "x", "y"]);
    assert_eq!(rooms(&b, &b_id), [b_id.as_str(), "x", "only b"]);
    b.to("y").disconnect_sockets(false).await;
    assert_eq!(on_a.next().await, "41");
    on_b.sync().await;
    a.disconnect_sockets(true).await;
    assert_eq!(on_b.closed().await, ["41"]);
}

#[tokio::test(start_paused = true)]
async fn sockets_are_fetched_from_all_nodes_and_can_be_acted_on() {
    let hub = Hub::new();
    let [a, b] = two(&hub);
    let (_on_a, a_id) = Client::join(&a, Via::WebSocket, "40").await;
    let (mut on_b, b_id) = Client::join(&b, Via::WebSocket, "40{\"token\":1}").await;
    let socket = b.socket("/", &SocketId::parse(&b_id).unwrap()).unwrap();
    socket.data().set(&json!({"name": "Bo"})).unwrap();
    socket.join("room");
    let mut all: Vec<_> =
        a.fetch_sockets().await.unwrap().iter().map(|socket| socket.id().to_string()).collect();
    all.sort_unstable();
    let mut expected = vec![a_id.clone(), b_id.clone()];
    expected.sort_unstable();
    assert_eq!(all, expected);
    assert_eq!(a.local().fetch_sockets().await.unwrap().len(), 1);

    let remote = a.in_("room").fetch_sockets().await.unwrap().remove(0);
    assert!(remote.as_local().is_none());
    assert_eq!(remote.data::<serde_json::Value>(), Some(json!({"name": "Bo"})));
    assert_eq!(remote.rooms().collect::<Vec<_>>(), [b_id.as_str(), "room"]);
    assert_eq!(remote.handshake().auth::<serde_json::Value>().unwrap(), json!({"token": 1}));
    assert_eq!(remote.handshake().query("transport").as_deref(), Some("websocket"));
    // Both nodes tell the same of it.
    let at_home = b.in_("room").local().fetch_sockets().await.unwrap().remove(0);
    assert_eq!(serde_json::to_value(&remote).unwrap(), serde_json::to_value(&at_home).unwrap());

    remote.join("hall").await;
    assert!(socket.rooms().contains(&"hall".to_owned()));
    remote.leave("hall").await;
    assert!(!socket.rooms().contains(&"hall".to_owned()));
    remote.emit("hello", ()).unwrap().await;
    assert_eq!(on_b.next().await, "42[\"hello\"]");
    let answer = remote.emit_with_ack::<u8>("ask", ());
    let ack = ack_id(&on_b.next().await);
    on_b.send(&format!("43{ack}[5]")).await;
    assert_eq!(answer.await.unwrap(), 5);
    let late = remote.timeout(Duration::from_millis(20)).emit_with_ack::<u8>("ask", ()).await;
    assert!(matches!(late, Err(AckError::Timeout)), "{late:?}");
    on_b.next().await;
    remote.disconnect(false).await;
    assert_eq!(on_b.next().await, "41");
    let gone = remote.emit_with_ack::<u8>("ask", ()).await;
    assert!(matches!(gone, Err(AckError::Disconnected)), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn everybodys_answers_come_from_all_nodes() {
    let hub = Hub::new();
    let [a, b] = two(&hub);
    let mut clients = Vec::new();
    for io in [&a, &b, &b] {
        clients.push(Client::join(io, Via::WebSocket, "40").await);
    }
    let before = Instant::now();
    let mut answers = a.of("/").emit_with_ack_stream::<String>("who?", ()).unwrap();
    for (client, id) in &mut clients[..2] {
        let ack = ack_id(&client.next().await);
        client.send(&format!("43{ack}[\"{id}\",\"more\"]")).await;
        let answer = answers.next().await.unwrap();
        assert_eq!(answer.from.unwrap().as_str(), *id);
        assert_eq!(answer.value.unwrap(), *id);
    }
    assert_eq!((answers.unanswered().sockets.len(), answers.unanswered().elsewhere), (0, 1));
    // The last one leaves.
    clients.pop();
    assert!(answers.next().await.is_none());
    assert!(answers.unanswered().is_empty());
    assert_eq!(answers.left(), 1);
    assert!(before.elapsed() < Duration::from_secs(4), "it did not wait for the time-out");

    let partial = a.timeout(Duration::from_secs(1)).emit_with_ack::<u8>("again?", ()).await;
    let Err(BroadcastAckError::Timeout(partial)) = partial else { panic!("{partial:?}") };
    assert_eq!((partial.unanswered.sockets.len(), partial.unanswered.elsewhere), (1, 1));
    assert_eq!(partial.unanswered.nodes, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_awaited_elsewhere_is_forgotten_when_its_time_is_up() {
    let hub = Hub::new();
    let b = node(&hub, "b", plain());
    let asking = Mute::join(&hub);
    let (mut on_b, _) = Client::join(&b, Via::WebSocket, "40").await;
    asking.ask(Duration::from_secs(1));
    let ack = ack_id(&on_b.next().await);
    assert_eq!(asking.kinds(), ["count 1"]);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    on_b.send(&format!("43{ack}[1]")).await;
    on_b.sync().await;
    assert_eq!(asking.kinds(), ["count 1"], "an answer that is late is nobody's");
}

#[tokio::test(start_paused = true)]
async fn what_is_awaited_elsewhere_costs_nothing_once_everybody_has_answered_or_left() {
    let hub = Hub::new();
    let [a, b] = two(&hub);
    let (mut one, _) = Client::join(&b, Via::WebSocket, "40").await;
    let (mut two, _) = Client::join(&b, Via::WebSocket, "40").await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    two.sync().await;
    let before = tasks();
    let hour = Duration::from_secs(3_600);
    let answers = a.timeout(hour).emit_with_ack::<u8>("ask", ());
    let ack = ack_id(&one.next().await);
    one.send(&format!("43{ack}[1]")).await;
    one.sync().await;
    assert_eq!(tasks(), before + 1, "one more answer is awaited");
    two.send("41").await;
    let answers = answers.await.unwrap();
    assert_eq!((answers.answers.len(), answers.left), (1, 1));
    wait_until("nothing waits for the hour to end", || tasks() == before).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_on_behalf_of_a_node_that_has_left() {
    let hub = Hub::new();
    let b = node(&hub, "b", plain());
    let (mut on_b, _) = Client::join(&b, Via::WebSocket, "40").await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    on_b.sync().await;
    let before = tasks();
    let asking = Mute::join(&hub);
    asking.ask(Duration::from_secs(3_600));
    let ack = ack_id(&on_b.next().await);
    drop(asking);
    wait_until("nothing waits for the hour to end", || tasks() <= before).await;
    on_b.send(&format!("43{ack}[1]")).await;
    on_b.sync().await;
}

#[tokio::test(start_paused = true)]
async fn nodes_may_take_for_ever_or_no_time_at_all() {
    let hub = Hub::new();
    let [a, _b] = two(&hub);
    for time in [Duration::MAX, Duration::ZERO] {
        let asking = a.timeout(time);
        assert!(asking.fetch_sockets().await.unwrap().is_empty());
        assert!(asking.server_side_emit_with_ack::<u8>("unknown", ()).await.unwrap().is_empty());
        assert!(asking.emit_with_ack::<u8>("ask", ()).await.unwrap().answers.is_empty());
    }
    let _mute = Mute::join(&hub);
    let late = a.timeout(Duration::ZERO).fetch_sockets().await;
    assert_eq!(late.unwrap_err().missing_nodes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_left_waits_for_nobody() {
    let hub = Hub::new();
    let [a, b] = two(&hub);
    a.close().await;
    let before = Instant::now();
    assert!(a.fetch_sockets().await.unwrap().is_empty());
    assert!(a.server_side_emit_with_ack::<u8>("unknown", ()).await.unwrap().is_empty());
    assert!(a.of("/").emit_with_ack::<u8>("ask", ()).await.unwrap().answers.is_empty());
    assert_eq!(before.elapsed(), Duration::ZERO);
    drop(b);
}

/// What a node says that counts wrongly.
#[tokio::test(start_paused = true)]
async fn a_node_that_counts_wrongly_harms_nobody() {
    let hub = Hub::new();
    let a = node(&hub, "a", plain());
    let mute = Mute::join(&hub);
    let mut answers = a.timeout(Duration::from_secs(1)).emit_with_ack_stream::<u8>("ask", ()).unwrap();
    let request = mute.request();
    for _ in 0..2 {
        mute.say("a", Message::ClientCount { request: request.clone(), clients: usize::MAX });
        mute.say("a", Message::ClientsLeft { request: request.clone(), clients: usize::MAX });
        mute.say("a", Message::ClientsLeft { request: request.clone(), clients: usize::MAX });
    }
    assert!(answers.next().await.is_none());
    assert_eq!(answers.left(), usize::MAX);
}

#[tokio::test(start_paused = true)]
async fn servers_talk_to_each_other_and_each_answers() {
    let hub = Hub::new();
    let log = Log::default();
    let named = |name: &'static str| {
        let log = log.clone();
        Namespace::new("/")
            .on_server_side("name?", move |event: ServerSideEvent| async move {
                assert_eq!(event.name(), "name?");
                name
            })
            .on_server_side("note", move |event: ServerSideEvent| {
                let log = log.clone();
                async move {
                    let (text, n): (String, u8) = event.data().unwrap();
                    log.push(format!("{name}: {text} {n} from {}", event.from()));
                }
            })
            .on_server_side("fail", async |event: ServerSideEvent| -> Result<u8, HandlerError> {
                Ok(event.data()?)
            })
            .on_server_side("panic", async |_| -> u8 { panic!("as asked for") })
            .on_server_side("slow", async |_| {
                tokio::time::sleep(Duration::from_secs(60)).await;
            })
    };
    let [a, _b, _c] = ["a", "b", "c"].map(|name| node(&hub, name, named(name)));
    a.server_side_emit("note", ("hi", 1)).unwrap().await;
    let mut noted = log.wait(2).await;
    noted.sort_unstable();
    assert_eq!(noted, ["b: hi 1 from a", "c: hi 1 from a"], "and not at a itself");

    let answers = a.server_side_emit_with_ack::<String>("name?", ()).await.unwrap();
    let mut answers: Vec<_> =
        answers.into_iter().map(|answer| format!("{} {}", answer.node, answer.value.unwrap())).collect();
    answers.sort_unstable();
    assert_eq!(answers, ["b b", "c c"]);

    for event in ["fail", "panic"] {
        let answers = a.server_side_emit_with_ack::<serde_json::Value>(event, "no number").await.unwrap();
        for answer in answers {
            assert_eq!(answer.value.unwrap(), json!({"error": "internal error"}), "{event}");
        }
    }
    // Nobody handles it: that is known at once.
    assert!(a.server_side_emit_with_ack::<u8>("unknown", ()).await.unwrap().is_empty());
    let before = Instant::now();
    let slow = a.timeout(Duration::from_secs(2)).server_side_emit_with_ack::<()>("slow", ()).await;
    let Err(ServerSideAckError::Timeout(incomplete)) = slow else { panic!("{slow:?}") };
    assert_eq!((incomplete.received.len(), incomplete.missing_nodes), (0, 2));
    assert!(before.elapsed() < Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_namespace_has_server_side_handlers_where_nobody_uses_it() {
    let hub = Hub::new();
    let [a, _b] = ["a", "b"].map(|name| {
        let tenants = Namespace::matching(|name| name.starts_with("/tenant-"))
            .on_server_side("where?", async |event: ServerSideEvent| {
                event.namespace().namespace_name().to_owned()
            });
        node(&hub, name, tenants)
    });
    let answers = a.of("/tenant-7").server_side_emit_with_ack::<String>("where?", ()).await.unwrap();
    assert_eq!(answers.into_iter().map(|answer| answer.value.unwrap()).collect::<Vec<_>>(), ["/tenant-7"]);
    // Of a namespace that the other does not have, it has no sockets.
    assert!(a.of("/tenant-8").fetch_sockets().await.unwrap().is_empty());
    assert!(a.of("/tenant-8").emit_with_ack::<u8>("ask", ()).await.unwrap().answers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn names_of_the_server_are_reserved() {
    for name in ["connect", "connection", "new_namespace"] {
        let namespace = Namespace::new("/").on_server_side(name, async |_| {});
        let built = Server::builder().namespace(namespace).build();
        assert!(matches!(built, Err(BuildError::ReservedEvent { .. })), "{name}");
        let io = Server::builder().namespace(Namespace::new("/")).build().unwrap();
        assert!(matches!(io.server_side_emit(name, ()), Err(EmitError::Reserved(_))), "{name}");
        let asked = io.server_side_emit_with_ack::<u8>(name, ()).await;
        assert!(matches!(asked, Err(ServerSideAckError::Emit(EmitError::Reserved(_)))), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn alone_a_server_answers_at_once() {
    let io = Server::builder().namespace(plain()).build().unwrap();
    let (_client, id) = Client::join(&io, Via::WebSocket, "40").await;
    assert_eq!(io.node_id(), None);
    assert_eq!(io.fetch_sockets().await.unwrap().remove(0).id().as_str(), id);
    io.server_side_emit("anything", 1).unwrap().await;
    assert!(io.server_side_emit_with_ack::<u8>("anything", 1).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_answer_costs_its_own_answers_only() {
    let hub = Hub::new();
    let [a, b] = two(&hub);
    let (_on_a, _) = Client::join(&a, Via::WebSocket, "40").await;
    let (mut on_b, _) = Client::join(&b, Via::WebSocket, "40").await;
    let mute = Mute::join(&hub);

    let before = Instant::now();
    let error = a.timeout(Duration::from_secs(1)).fetch_sockets().await.unwrap_err();
    assert_eq!((error.received.len(), error.missing_nodes), (2, 1));
    assert_eq!(error.to_string(), "operation has timed out: 1 nodes have not answered");
    assert!(before.elapsed() >= Duration::from_secs(1) && before.elapsed() < Duration::from_secs(2));

    // It says how many it has asked, and forgets to pass on one answer.
    let asking = a.timeout(Duration::from_secs(1)).in_("nobody");
    let mut answers = asking.emit_with_ack_stream::<u8>("ask", ()).unwrap();
    let request = mute.request();
    mute.say("a", Message::ClientCount { request: request.clone(), clients: 2 });
    let args = enchufe::RawArgs::new(&9).unwrap();
    mute.say("a", Message::ClientAck { request: request.clone(), socket: None, answer: args });
    let answer = answers.next().await.unwrap();
    assert_eq!((answer.from, answer.value.unwrap()), (None, 9));
    assert!(answers.next().await.is_none());
    assert_eq!((answers.unanswered().elsewhere, answers.unanswered().nodes), (1, 0));

    // It says nothing at all.
    let late = a.timeout(Duration::from_secs(1)).in_("nobody").emit_with_ack::<u8>("ask", ()).await;
    let Err(BroadcastAckError::Timeout(partial)) = late else { panic!("{late:?}") };
    assert_eq!(partial.unanswered.nodes, 1);
    on_b.sync().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_node_that_leaves() {
    let hub = Hub::new();
    let [a, b] = two(&hub);
    let mute = Mute::join(&hub);
    let (_on_b, _) = Client::join(&b, Via::WebSocket, "40").await;
    let before = Instant::now();
    let fetching = tokio::spawn({
        let a = a.clone();
        async move { a.timeout(Duration::from_secs(60)).fetch_sockets().await }
    });
    let asked = a.timeout(Duration::from_secs(60)).emit_with_ack::<u8>("ask", ());
    let request = mute.request();
    mute.say("a", Message::ClientCount { request, clients: 3 });
    tokio::task::yield_now().await;
    drop(mute);
    assert_eq!(fetching.await.unwrap().unwrap().len(), 1);
    // Nor for one that closes in good order, and its clients.
    b.close().await;
    let answers = asked.await.unwrap();
    assert_eq!((answers.answers.len(), answers.left), (0, 4));
    assert!(before.elapsed() < Duration::from_secs(30));
    assert_eq!(hub.nodes(), [NodeId::new("a")]);
    assert!(a.fetch_sockets().await.unwrap().is_empty());
    // What a closed node says reaches nobody.
    b.emit("late", ()).unwrap().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_talks_back_is_not_called_within_itself() {
    let hub = Hub::new();
    let log = Log::default();
    let chatty = |name: &'static str| {
        let log = log.clone();
        Namespace::new("/").on_server_side("ping", move |event: ServerSideEvent| {
            let n: u32 = event.data().unwrap();
            log.push(format!("{name} begins {n}"));
            if n > 0 {
                event.namespace().server_side_emit("ping", n - 1).unwrap();
            }
            log.push(format!("{name} ends {n}"));
            async {}
        })
    };
    let [a, _b] = ["a", "b"].map(|name| node(&hub, name, chatty(name)));
    a.server_side_emit("ping", 2u32).unwrap().await;
    let expected = ["b begins 2", "b ends 2", "a begins 1", "a ends 1", "b begins 0", "b ends 0"];
    assert_eq!(log.wait(6).await, expected);
}

/// Keeps whoever delivers until so much has happened elsewhere, or some time has passed.
struct Slow(Log, usize);

impl Receiver for Slow {
    fn receive(&self, _: Envelope) {
        for _ in 0..100 {
            if self.0.entries().len() >= self.1 {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn node_left(&self, _: &NodeId) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_side_handler_emits_keeps_its_order_when_it_has_waited() {
    let hub = Hub::new();
    let log = Log::default();
    let noting = log.clone();
    let a = Namespace::new("/").on_server_side("n", move |event: ServerSideEvent| {
        noting.push(event.data::<u32>().unwrap().to_string());
        async {}
    });
    let b = Namespace::new("/")
        .on_server_side("go", async |event: ServerSideEvent| {
            event.namespace().server_side_emit("n", 1).unwrap();
            tokio::task::yield_now().await;
            event.namespace().server_side_emit("n", 2).unwrap();
        })
        // A worker keeps for itself the last task that it has spawned: it is this one.
        .on_server_side("go", async |_| tokio::task::yield_now().await);
    let [a, _b] = [node(&hub, "a", a), node(&hub, "b", b)];
    // Delivered to behind b, by the same thread.
    let slow = hub.join("slow");
    slow.attach(Arc::new(Slow(log.clone(), 1)));
    let asking = a.clone();
    tokio::spawn(async move { asking.server_side_emit("go", ()).unwrap().await }).await.unwrap();
    assert_eq!(log.wait(2).await, ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_dropped_has_left() {
    let hub = Hub::new();
    let [a, b] = two(&hub);
    assert_eq!(hub.nodes().len(), 2);
    let client = Client::connect(&b, Via::WebSocket).await;
    drop(client);
    wait_until("it has left", || b.connections() == 0).await;
    drop(b);
    wait_until("the node is gone", || hub.nodes().len() == 1).await;
    drop(a);
    wait_until("both are gone", || hub.nodes().is_empty()).await;
}
