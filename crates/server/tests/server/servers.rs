//! Several servers, several runtimes, Engine.IO alone.

use enchufe::engine::{EngineHandler, EngineSocket, Message};
use enchufe::{Bytes, Data, DisconnectReason, Limits, Namespace, Recovery, Server};
use tokio::time::Duration;

use crate::support::{Client, Log, Via, serve};

#[tokio::test(start_paused = true)]
async fn servers_do_not_know_of_each_other() {
    let one = serve(Namespace::new("/").on("who", async || 1));
    let two = serve(Namespace::new("/").on("who", async || 2));
    let mut first = Client::connect(&one, Via::WebSocket).await;
    let mut second = Client::connect(&two, Via::Polling).await;
    one.of("/").emit("of one", ()).unwrap();
    two.of("/").emit("of two", ()).unwrap();
    assert_eq!(first.next().await, "42[\"of one\"]");
    assert_eq!(second.next().await, "42[\"of two\"]");
    one.close().await;
    second.send("420[\"who\"]").await;
    assert_eq!(second.next().await, "430[2]");
}

#[tokio::test(start_paused = true)]
async fn times_may_be_as_long_as_can_be_said() {
    const MAX: Duration = Duration::MAX;
    for via in Via::BOTH {
        let limits = Limits {
            attachment_timeout: MAX,
            early_timeout: MAX,
            stall_timeout: MAX,
            max_events_per_second: 1_000,
            max_bytes_per_second: 1_000_000,
            rate_burst: MAX,
            flood_timeout: MAX,
            header_timeout: MAX,
            body_timeout: MAX,
            write_timeout: MAX,
            ..Limits::default()
        };
        let io = Server::builder()
            .namespace(Namespace::new("/").on("sync", async || {}).on("add", async |Data(n): Data<Bytes>| n))
            .limits(limits)
            .ping_interval(Duration::from_secs(10 * 24 * 3_600))
            .ping_timeout(Duration::from_secs(10 * 24 * 3_600))
            .upgrade_timeout(MAX)
            .connect_timeout(MAX)
            .shutdown_timeout(MAX)
            .drain_window(MAX)
            .connection_state_recovery(Recovery { max_disconnection_duration: MAX, ..Recovery::default() })
            .build()
            .unwrap();
        let mut client = Client::connect(&io, via).await;
        client.send("451-0[\"add\",{\"_placeholder\":true,\"num\":0}]").await;
        client.send_binary(b"x").await;
        assert_eq!(client.take(2).await, ["461-0[{\"_placeholder\":true,\"num\":0}]", "beA=="]);
        tokio::time::sleep(Duration::from_secs(10_000)).await;
        client.sync().await;
        drop(client);
        crate::support::wait_until("it is gone", || io.connections() == 0 || via == Via::Polling).await;
        io.of("/").disconnect_sockets(true);
        io.close().await;
        assert_eq!(io.connections(), 0);
    }
}

#[test]
fn a_server_outlives_the_runtime_that_it_was_first_used_in() {
    let io = serve(Namespace::new("/").on("add", async |Data((a, b)): Data<(i64, i64)>| a + b));
    for round in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for via in Via::BOTH {
                let mut client = Client::connect(&io, via).await;
                client.send("420[\"add\",1,2]").await;
                assert_eq!(client.next().await, "430[3]", "{round}");
            }
        });
        drop(runtime);
        assert_eq!(io.connections(), 0, "connections end with their runtime");
        assert!(io.of("/").sockets().is_empty());
    }
}

#[test]
fn who_was_disconnected_when_the_runtime_ended_has_left() {
    let io = serve(Namespace::new("/"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::connect(&io, Via::WebSocket).await;
        assert_eq!(io.of("/").room_count(), 1);
        // Its connection's driver has no turn any more.
        io.of("/").disconnect_sockets(false);
        drop(client);
    });
    drop(runtime);
    assert_eq!(io.of("/").room_count(), 0);
}

#[test]
fn two_runtimes_at_once_share_a_server() {
    let io =
        serve(Namespace::new("/").on("say", async |socket: enchufe::Socket, Data(text): Data<String>| {
            socket.namespace().emit("said", text)
        }));
    let runtimes: Vec<_> = (0..2)
        .map(|_| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap())
        .collect();
    let mut first = runtimes[0].block_on(Client::connect(&io, Via::WebSocket));
    let mut second = runtimes[1].block_on(Client::connect(&io, Via::WebSocket));
    for n in 0..20 {
        runtimes[n % 2].block_on(async {
            let client = if n % 2 == 0 { &mut first } else { &mut second };
            client.send(&format!("42[\"say\",\"{n}\"]")).await;
        });
        let expected = format!("42[\"said\",\"{n}\"]");
        assert_eq!(runtimes[0].block_on(first.next()), expected);
        assert_eq!(runtimes[1].block_on(second.next()), expected);
    }
}

#[test]
fn a_connection_is_driven_in_the_runtime_that_it_came_in() {
    let io =
        serve(Namespace::new("/").on("say", async |socket: enchufe::Socket, Data(text): Data<String>| {
            socket.namespace().emit("said", text)
        }));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let mut resting = first.block_on(Client::connect(&io, Via::WebSocket));
    // The first runtime stands still meanwhile: whatever it had to do would not be done.
    let mut busy = second.block_on(async {
        let mut client = Client::connect(&io, Via::WebSocket).await;
        client.send("42[\"say\",\"a\"]").await;
        assert_eq!(client.next().await, "42[\"said\",\"a\"]");
        client
    });
    assert_eq!(first.block_on(resting.next()), "42[\"said\",\"a\"]", "it was woken by another thread");

    drop(first);
    assert_eq!(io.connections(), 1, "connections end with their own runtime alone");
    second.block_on(async {
        busy.send("42[\"say\",\"b\"]").await;
        assert_eq!(busy.next().await, "42[\"said\",\"b\"]");
    });
}

struct Engine(Log);

impl EngineHandler for Engine {
    fn on_open(&self, socket: &EngineSocket) {
        socket.send(Message::Text("hi".into()));
    }

    fn on_message(&self, socket: &EngineSocket, message: Message) {
        assert_ne!(message, Message::Text("panic".into()), "on purpose");
        socket.send(message);
    }

    fn on_close(&self, _: &EngineSocket, reason: DisconnectReason) {
        self.0.push(reason.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn engine_io_alone_has_messages_and_no_namespaces() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = Server::builder().engine(Engine(log.clone())).build().unwrap();
        let mut client = Client::open(&io, via).await;
        assert_eq!(client.next().await, "4hi");
        client.send_all(&["4a", "42[\"b\"]"]).await;
        client.send_binary(b"bytes").await;
        assert_eq!(client.take(3).await, ["4a", "42[\"b\"]", "bYnl0ZXM="]);
        client.send("1").await;
        assert_eq!(log.wait(1).await, ["transport close"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_engine_handler_ends_nothing_else() {
    let io = Server::builder().engine(Engine(Log::default())).build().unwrap();
    let mut other = Client::open(&io, Via::WebSocket).await;
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send_all(&["4panic", "4after"]).await;
    assert_eq!(client.take(2).await, ["4hi", "4after"]);
    other.send("4x").await;
    assert_eq!(other.take(2).await, ["4hi", "4x"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_log_to_its_own_server() {
    // A subscriber that broadcasts what is logged must not meet a lock that the log was written under.
    struct ToServer(Server, std::sync::atomic::AtomicBool);
    impl tracing::Subscriber for ToServer {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            use std::sync::atomic::Ordering::SeqCst;
            if event.metadata().target().starts_with("enchufe") && !self.1.swap(true, SeqCst) {
                let _ = self.0.of("/").emit("log", event.metadata().name());
                let sockets = self.0.of("/").sockets();
                sockets.iter().for_each(|socket| socket.join("logged"));
                let _created = self.0.of("/new one");
                self.1.store(false, SeqCst);
            }
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }
    let limits = enchufe::Limits { max_rooms: 2, max_outbox_bytes: 10_000, ..Default::default() };
    let io = Server::builder().namespace(Namespace::matching(|_| true)).limits(limits).build().unwrap();
    let subscriber = ToServer(io.clone(), std::sync::atomic::AtomicBool::new(false));
    let dispatch = tracing::Dispatch::new(subscriber);
    let _guard = tracing::dispatcher::set_default(&dispatch);
    let _slow = Client::connect(&io, Via::Polling).await;
    let mut client = Client::connect(&io, Via::WebSocket).await;
    let socket = io.of("/").sockets().remove(1);
    socket.join(["1", "2", "3", "4"]);
    let mut received = Vec::new();
    for _ in 0..100 {
        io.of("/").emit("fill", "x".repeat(500)).unwrap();
        tokio::task::yield_now().await;
        received.push(client.next().await);
    }
    assert!(received.iter().any(|packet| packet.starts_with("42[\"log\",")), "what was logged was broadcast");
    assert!(io.namespaces().iter().any(|name| **name == *"/new one"));
    assert_eq!(io.of("/").sockets(), [socket], "the other one has been closed for reading nothing");
}
