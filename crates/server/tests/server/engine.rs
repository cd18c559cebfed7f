//! Engine.IO alone, and what can be seen of the connections below Socket.IO.

use std::sync::Arc;

use enchufe::engine::{
    Direction, EngineHandler, EngineObserver, EngineSocket, Message, ObservedPacket, PacketData, ReadyState,
};
use enchufe::{Bytes, Data, DisconnectReason, Namespace, Server, ServerBuilder, Socket};
use http::Method;
use tokio::time::Duration;

use crate::support::{Client, Http, Log, Polling, Received, Via, Ws, serve_with, wait_until};

/// Echoes, and does a few things on request.
struct Raw(Log);

impl EngineHandler for Raw {
    fn on_open(&self, socket: &EngineSocket) {
        assert_eq!(socket.ready_state(), ReadyState::Open);
        self.0.push(format!("open {}", socket.transport()));
    }

    fn on_message(&self, socket: &EngineSocket, message: Message) {
        match &message {
            Message::Text(text) if *text == "close" => {
                socket.send("bye".into());
                socket.close();
                assert_eq!(socket.ready_state(), ReadyState::Closing);
                socket.send("never sent".into());
            }
            Message::Text(text) if *text == "discard" => {
                socket.send("never sent".into());
                socket.discard();
                assert_eq!(socket.ready_state(), ReadyState::Closed);
            }
            Message::Text(text) if *text == "queue" => {
                socket.send_uncompressed(vec![1, 2, 3].into());
                socket.send(String::from("text").into());
                self.0.push(format!("{} packets", socket.queued_packets()));
                assert!(socket.queued_bytes() > 8);
            }
            Message::Text(text) if *text == "who" => {
                self.0.push(format!(
                    "{} {} {} {} {}",
                    socket.id().len(),
                    socket.protocol(),
                    socket.transport(),
                    socket.upgraded(),
                    socket.handshake().query("name").unwrap_or_default(),
                ));
            }
            _ => socket.send(message),
        }
    }

    fn on_close(&self, socket: &EngineSocket, reason: DisconnectReason) {
        assert_eq!(socket.ready_state(), ReadyState::Closed);
        self.0.push(format!("close {reason}"));
    }
}

fn raw(log: &Log, change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    change(Server::builder().engine(Raw(log.clone()))).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_without_socket_io_has_messages_alone() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = raw(&log, |io| io);
        let mut client = Client::open(&io, via).await;
        client.send("4héllo").await;
        assert_eq!(client.next().await, "4héllo");
        client.send_binary(&[0, 1, 254, 255]).await;
        assert_eq!(client.next().await, "bAAH+/w==");
        client.send("4queue").await;
        assert_eq!(client.take(2).await, ["bAQID", "4text"]);
        client.send("4close").await;
        assert_eq!(client.closed().await, ["4bye"]);
        drop(client);
        let name = if via == Via::Polling { "polling" } else { "websocket" };
        assert_eq!(
            log.wait(3).await,
            [&format!("open {name}"), "2 packets", "close forced close"],
            "{via:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_lost_where_a_connection_is_discarded() {
    let log = Log::default();
    let io = raw(&log, |io| io);
    let mut ws = Client::open(&io, Via::WebSocket).await;
    ws.send("4discard").await;
    assert_eq!(ws.closed().await, [""; 0]);
    assert_eq!(log.wait(2).await[1], "close forced close");
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_message_stands_behind_the_handshake() {
    for message in [Message::from("first"), Message::from(Bytes::from_static(b"first"))] {
        let io = raw(&Log::default(), |io| io.initial_packet(message.clone()));
        let answer = Http::new(&io).get("/socket.io/?EIO=4&transport=polling").await.body;
        let (_, first) = answer.split_once('\u{1e}').expect("two packets");
        let mut ws = Ws::open(&io).await;
        match message {
            Message::Text(_) => assert_eq!((first, ws.text().await.as_str()), ("4first", "4first")),
            Message::Binary(data) => {
                assert_eq!((first, ws.recv().await), ("bZmlyc3Q=", Received::Binary(data)));
            }
        }
    }
}

/// Writes down what it is told.
struct Watch(Log);

impl EngineObserver for Watch {
    fn on_open(&self, socket: &EngineSocket) {
        self.0.push(format!("open {}", socket.transport()));
    }

    fn on_packet(&self, _: &EngineSocket, packet: &ObservedPacket<'_>) {
        let arrow = if packet.direction == Direction::Incoming { '<' } else { '>' };
        let data = match packet.data {
            PacketData::Text(text) if text.starts_with('{') => "{…}".into(),
            PacketData::Text(text) if text.starts_with("0{") => "0{…}".into(),
            PacketData::Text(text) => text.to_owned(),
            PacketData::Binary(data) => format!("{data:?}"),
        };
        self.0.push(format!("{arrow} {:?} {data}", packet.kind));
    }

    fn on_heartbeat(&self, _: &EngineSocket) {
        self.0.push("heartbeat");
    }

    fn on_upgrading(&self, socket: &EngineSocket) {
        self.0.push(format!("upgrading {}", socket.upgrading()));
    }

    fn on_upgrade(&self, socket: &EngineSocket) {
        self.0.push(format!("upgrade {} {}", socket.transport(), socket.upgraded()));
    }

    fn on_flush(&self, _: &EngineSocket, packets: usize) {
        self.0.push(format!("flush {packets}"));
    }

    fn on_drain(&self, socket: &EngineSocket) {
        assert_eq!(socket.queued_packets(), 0);
        self.0.push("drain");
    }

    fn on_close(&self, _: &EngineSocket, reason: DisconnectReason) {
        self.0.push(format!("close {reason}"));
    }
}

fn watched(log: &Log) -> Server {
    let namespace = Namespace::new("/")
        .on("echo", async |socket: Socket, Data(data): Data<Bytes>| socket.emit("echo", data));
    serve_with(namespace, |io| {
        io.observe(Watch(log.clone()))
            .ping_interval(Duration::from_secs(1))
            .ping_timeout(Duration::from_secs(1))
    })
}

#[tokio::test(start_paused = true)]
async fn an_observer_sees_all_packets_of_a_websocket() {
    let log = Log::default();
    let io = watched(&log);
    let mut ws = Ws::open(&io).await;
    ws.send("40").await;
    ws.text().await;
    ws.send("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]").await;
    ws.send_binary(&[7, 8]).await;
    ws.text().await;
    assert_eq!(ws.recv().await, Received::Binary(Bytes::from_static(&[7, 8])));
    assert_eq!(ws.text().await, "2");
    ws.send("3").await;
    ws.send("1").await;
    while !matches!(ws.recv().await, Received::End) {}
    let expected = [
        "open websocket",
        "> Open {…}",
        "flush 1",
        "drain",
        "< Message 0",
        "> Message 0{…}",
        "flush 1",
        "drain",
        "< Message 51-[\"echo\",{\"_placeholder\":true,\"num\":0}]",
        "< Message [7, 8]",
        "> Message 51-[\"echo\",{\"_placeholder\":true,\"num\":0}]",
        "> Message [7, 8]",
        "flush 2",
        "drain",
        "> Ping ",
        "flush 1",
        "drain",
        "< Pong ",
        "heartbeat",
        "< Close ",
        "close transport close",
    ];
    assert_eq!(log.wait(expected.len()).await, expected);
}

#[tokio::test(start_paused = true)]
async fn an_observer_sees_polls_and_the_upgrade() {
    let log = Log::default();
    let io = watched(&log);
    let session = Polling::open(&io).await;
    log.wait(4).await;
    session.post("40").await;
    session.poll().await;
    let mut probe = Ws::in_memory(&io, 4096);
    probe.upgrade(&format!("EIO=4&transport=websocket&sid={}", session.sid)).await;
    probe.send("2probe").await;
    assert_eq!(probe.text().await, "3probe");
    probe.send("5").await;
    log.wait(10).await;
    assert_eq!(
        log.entries(),
        [
            "> Open {…}",
            "flush 1",
            "drain",
            "open polling",
            "< Message 0",
            "> Message 0{…}",
            "flush 1",
            "drain",
            "upgrading true",
            "upgrade websocket true",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn clients_of_revision_3_are_watched_too() {
    let log = Log::default();
    let io = serve_with(Namespace::new("/"), |io| io.observe(Watch(log.clone())).allow_eio3(true));
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade("EIO=3&transport=websocket&b64=1").await;
    assert!(ws.text().await.starts_with("0{"));
    assert_eq!(ws.text().await, "40");
    ws.send("2").await;
    assert_eq!(ws.text().await, "3");
    let engine = io.engine_sockets().pop().unwrap();
    assert_eq!(engine.protocol(), 3);
    engine.send(vec![1, 2, 3].into());
    assert_eq!(ws.text().await, "b4AQID");
    let entries = log.entries();
    let at = entries.iter().position(|entry| entry == "< Ping ").expect("a ping");
    assert_eq!(entries[at..at + 3], ["< Ping ", "heartbeat", "> Pong "]);
    assert!(entries.contains(&"> Message b4AQID".to_owned()), "{entries:?}");
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_harms_nobody() {
    struct Fragile;

    impl EngineObserver for Fragile {
        fn on_open(&self, _: &EngineSocket) {
            panic!("as asked for");
        }

        fn on_packet(&self, _: &EngineSocket, _: &ObservedPacket<'_>) {
            panic!("as asked for");
        }

        fn on_close(&self, _: &EngineSocket, _: DisconnectReason) {
            panic!("as asked for");
        }
    }

    let namespace = Namespace::new("/").on("echo", async |Data(text): Data<String>| text);
    let io = serve_with(namespace, |io| io.observe(Fragile));
    for via in Via::BOTH {
        let mut client = Client::connect(&io, via).await;
        client.send("420[\"echo\",\"hi\"]").await;
        assert_eq!(client.next().await, "430[\"hi\"]");
        client.send("1").await;
    }
    wait_until("both have left", || io.connections() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn sockets_know_the_connection_that_carries_them() {
    let log = Log::default();
    let seen = log.clone();
    let namespace = Namespace::new("/").on_connect(move |socket: Socket| {
        let engine = socket.engine();
        seen.push(format!("{} {}", engine.id(), engine == socket.engine()));
        async {}
    });
    let io = serve_with(namespace, |io| io);
    let session = Polling::open(&io).await;
    session.post("40").await;
    assert_eq!(log.wait(1).await, [format!("{} true", session.sid)]);
    assert_eq!(io.engine_sockets().len(), 1);
    let engine = io.engine_socket(&session.sid).expect("it is here");
    assert_eq!((engine.transport(), engine.upgraded(), engine.upgrading()), ("polling", false, false));
    assert!(io.engine_socket("zzz").is_none());
    let poll = session.poll();
    engine.send("below Socket.IO".into());
    assert!(poll.await.body.ends_with("\u{1e}4below Socket.IO"));
    engine.drained().await;
    engine.close();
    let last = Http::new(&io).request(Method::GET, &session.target(), "").await;
    assert_eq!(last.body, "1");
    wait_until("it is over", || io.engine_sockets().is_empty()).await;
    assert_eq!(engine.ready_state(), ReadyState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_raw_socket_says_who_it_is() {
    let log = Log::default();
    let io = raw(&log, |io| io);
    let http = Http::new(&io);
    let open = http.get("/socket.io/?EIO=4&transport=polling&name=ann").await.body;
    let sid = crate::support::sid_of(&open);
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    http.request(Method::POST, &target, "4who").await;
    let mut probe = Ws::in_memory(&io, 4096);
    probe.upgrade(&format!("EIO=4&transport=websocket&sid={sid}")).await;
    probe.send_all(&["2probe", "5", "4who"]).await;
    let entries = log.wait(3).await;
    assert_eq!(entries[1..], ["20 4 polling false ann", "20 4 websocket true ann"]);
    // Cloned sockets keep nothing alive that is over.
    let socket = io.engine_socket(&sid).unwrap();
    let held = Arc::new(socket.clone());
    socket.discard();
    wait_until("it is over", || io.connections() == 0).await;
    assert_eq!(held.ready_state(), ReadyState::Closed);
}
