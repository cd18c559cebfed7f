//! Connection state recovery: what a client that comes back finds, what it is sent, and when it has to begin anew.

use enchufe::{Bytes, DisconnectReason, Handshake, Limits, Namespace, Recovery, Refusal, Server, Socket};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep, timeout};

use crate::support::{Client, Log, Via, serve, serve_with, wait_until};

fn recovering(namespace: Namespace) -> Server {
    recovering_with(namespace, Recovery::default(), Limits::default())
}

fn recovering_with(namespace: Namespace, recovery: Recovery, limits: Limits) -> Server {
    serve_with(namespace, |builder| builder.connection_state_recovery(recovery).limits(limits))
}

/// What a stock client remembers of its session.
#[derive(Debug, Clone, Default)]
struct Memory {
    sid: String,
    pid: String,
    offset: Option<String>,
}

impl Memory {
    fn connect(&self) -> String {
        match &self.offset {
            Some(offset) => format!("40{}", json!({"pid": self.pid, "offset": offset, "token": 1})),
            None => format!("40{}", json!({"pid": self.pid, "token": 1})),
        }
    }

    /// Takes in an event as a stock client does; gives its name and its arguments without the offset.
    fn event(&mut self, packet: &str) -> String {
        let event: Vec<Value> = serde_json::from_str(packet.strip_prefix("42").expect(packet)).unwrap();
        let (offset, event) = event.split_last().unwrap();
        self.offset = Some(offset.as_str().expect("an offset").to_owned());
        event.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
    }
}

/// A session, and everything that came before and with the reply to CONNECT.
async fn join(io: &Server, via: Via, memory: &mut Memory) -> (Client, bool, Vec<String>) {
    let connect = if memory.pid.is_empty() { "40".to_owned() } else { memory.connect() };
    let mut client = Client::open(io, via).await;
    client.send(&connect).await;
    let mut missed = Vec::new();
    loop {
        let packet = client.next().await;
        if let Some(reply) = packet.strip_prefix("40") {
            let reply: Value = serde_json::from_str(reply).unwrap();
            let pid = reply["pid"].as_str().expect("a pid").to_owned();
            let recovered = memory.pid == pid;
            (memory.sid, memory.pid) = (reply["sid"].as_str().unwrap().to_owned(), pid);
            let missed = missed.iter().map(|packet: &String| memory.event(packet)).collect();
            return (client, recovered, missed);
        }
        missed.push(packet);
    }
}

/// The client's connection breaks, and the server sees it.
async fn lose(io: &Server, client: Client) {
    match client {
        // A polling client says so; a WebSocket is dropped.
        Client::Polling(polling) => drop(polling.post("1").await),
        Client::WebSocket(ws) => drop(ws),
    }
    wait_until("the connection is over", || io.connections() == 0).await;
    // Its handlers have been called too.
    sleep(Duration::from_millis(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_finds_everything() {
    for via in Via::BOTH {
        let log = Log::default();
        let seen = log.clone();
        let namespace = Namespace::new("/")
            .middleware({
                let log = log.clone();
                move || {
                    log.push("middleware");
                    async {}
                }
            })
            .on_connect(move |socket: Socket, handshake: Handshake| {
                if !socket.recovered() {
                    socket.join(["room1", "room2"]);
                    socket.data().insert(7u8);
                    socket.data().set(&"shared").unwrap();
                }
                let mut rooms = socket.rooms();
                rooms.retain(|room| *room != socket.id().to_string());
                rooms.sort();
                seen.push(format!(
                    "{} {:?} {:?} {:?} {}",
                    socket.recovered(),
                    rooms,
                    socket.data().local::<u8>(),
                    socket.data().get::<String>(),
                    handshake.auth_json()
                ));
                async {}
            });
        let io = recovering(namespace);
        let mut memory = Memory::default();
        let (mut client, recovered, _) = join(&io, via, &mut memory).await;
        assert!(!recovered);
        io.of("/").emit("hello", ()).unwrap();
        assert_eq!(memory.event(&client.next().await), "hello");
        let old = io.of("/").sockets().remove(0);
        lose(&io, client).await;

        let sid = memory.sid.clone();
        io.of("/").emit("hello1", 1).unwrap();
        io.of("/").to("room1").emit("hello2", ()).unwrap();
        io.of("/").to("elsewhere").emit("not this", ()).unwrap();
        io.of("/").except("room2").emit("nor this", ()).unwrap();
        old.emit("hello3", ("a", "b")).unwrap();
        io.of("/").to(old.id()).emit("hello4", ()).unwrap();
        old.volatile().emit("lost", ()).unwrap();
        let (mut client, recovered, missed) = join(&io, via, &mut memory).await;
        assert!(recovered);
        assert_eq!(missed, ["hello11", "hello2", "hello3ab", "hello4"]);
        assert_eq!(memory.sid, sid);
        let expected = [
            "middleware",
            r#"false ["room1", "room2"] Some(7) Some("shared") {}"#,
            r#"true ["room1", "room2"] Some(7) Some("shared") {"token":1}"#,
        ];
        assert_eq!(log.wait(3).await, expected);
        // It is the same socket for everybody, the one who kept it from before too.
        io.of("/").to(old.id()).emit("now", ()).unwrap();
        old.emit("direct", ()).unwrap();
        assert_eq!(memory.event(&client.next().await), "now");
        assert_eq!(memory.event(&client.next().await), "direct");
    }
}

#[tokio::test(start_paused = true)]
async fn the_reply_has_no_secret_where_recovery_is_off() {
    let io = serve(Namespace::new("/").on_connect(async |socket: Socket| socket.emit("a", 1)));
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40{\"pid\":\"AAAAAAAAAAAAAAAAAAAA\",\"offset\":\"x\"}").await;
    let reply = client.next().await;
    assert!(reply.starts_with("40{\"sid\":\"") && !reply.contains("pid"), "{reply}");
    assert_eq!(client.next().await, "42[\"a\",1]");
}

#[tokio::test(start_paused = true)]
async fn it_works_before_any_event_and_many_times_in_a_row() {
    for via in Via::BOTH {
        let io = recovering(Namespace::new("/"));
        let mut memory = Memory::default();
        let (client, _, _) = join(&io, via, &mut memory).await;
        lose(&io, client).await;
        for _ in 0..5 {
            let (client, recovered, missed) = join(&io, via, &mut memory).await;
            assert!(recovered && missed.is_empty());
            assert_eq!(memory.offset, None);
            lose(&io, client).await;
        }
        for round in 0..20 {
            io.of("/").emit("tick", round).unwrap();
            let (client, recovered, missed) = join(&io, via, &mut memory).await;
            assert!(recovered, "round {round}");
            assert_eq!(missed, [format!("tick{round}")]);
            lose(&io, client).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_heard_nothing_for_long_is_recovered() {
    let io = recovering(Namespace::new("/").on_connect(async |socket: Socket| socket.join("quiet")));
    let mut memory = Memory::default();
    let (mut client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    let mut others = Memory::default();
    let (other, _, _) = join(&io, Via::WebSocket, &mut others).await;
    io.of("/").to("quiet").emit("first", ()).unwrap();
    assert_eq!(memory.event(&client.next().await), "first");
    // An hour in which much goes elsewhere, and only pings come here.
    let listening = tokio::spawn(async move {
        let heard = timeout(Duration::from_secs(3600), client.message()).await;
        assert!(heard.is_err(), "{heard:?}");
        client
    });
    for _ in 0..360 {
        io.of("/").to("elsewhere").emit("tick", ()).unwrap();
        sleep(Duration::from_secs(10)).await;
    }
    let client = listening.await.unwrap();
    drop(other);
    lose(&io, client).await;
    io.of("/").to("quiet").emit("second", ()).unwrap();
    let (_client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(recovered);
    assert_eq!(missed, ["second"]);
}

#[tokio::test(start_paused = true)]
async fn the_old_connection_is_taken_over_if_it_still_stands() {
    for via in Via::BOTH {
        let log = Log::default();
        let left = log.clone();
        let namespace = Namespace::new("/")
            .on_connect(async |socket: Socket| {
                socket.data().insert(socket.data().local::<u32>().unwrap_or_default() + 1);
                socket.join("room");
            })
            .on_disconnecting(move |socket: Socket, reason: DisconnectReason| {
                left.push(format!("{reason} {}", socket.rooms().len()));
                async {}
            });
        let io = recovering(namespace);
        let mut memory = Memory::default();
        let (mut old, _, _) = join(&io, via, &mut memory).await;
        io.of("/").emit("seen", ()).unwrap();
        assert_eq!(memory.event(&old.next().await), "seen");
        // It never reads these.
        io.of("/").to("room").emit("unread", 1).unwrap();
        io.of("/").sockets()[0].emit("unread", 2).unwrap();
        let (mut client, recovered, missed) = join(&io, via, &mut memory).await;
        assert!(recovered);
        assert_eq!(missed, ["unread1", "unread2"]);
        assert_eq!(log.wait(1).await, ["transport close 2"]);
        wait_until("the old connection is over", || io.connections() == 1).await;
        let sockets = io.of("/").to("room").sockets();
        assert_eq!(sockets.len(), 1);
        assert_eq!(sockets[0].data().local::<u32>(), Some(2));
        io.of("/").emit("after", ()).unwrap();
        assert_eq!(memory.event(&client.next().await), "after");
        // The old one may still get what was on its way, but nothing of what came later.
        assert!(!old.closed().await.iter().any(|packet| packet.contains("after")));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_that_race_one_wins() {
    let io = recovering(Namespace::new("/"));
    let mut memory = Memory::default();
    let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    lose(&io, client).await;
    for round in 0..10 {
        io.of("/").emit("missed", round).unwrap();
        let (mut a, mut b) =
            tokio::join!(Client::open(&io, Via::WebSocket), Client::open(&io, Via::WebSocket));
        let connect = memory.connect();
        tokio::join!(a.send(&connect), b.send(&connect));
        wait_until("one is closed", || io.connections() == 1 && io.of("/").sockets().len() == 1).await;
        assert_eq!(io.of("/").sockets()[0].id().to_string(), memory.sid);
        io.of("/").emit("after", ()).unwrap();
        // The loser is told nothing, or something and then the end; the winner has it all, once.
        let mut winners = 0;
        for mut client in [a, b] {
            let mut heard = Vec::new();
            while let Ok(Some(packet)) = timeout(Duration::from_secs(1), client.message()).await {
                heard.push(packet);
            }
            if heard.iter().any(|packet| packet.contains("after")) {
                winners += 1;
                assert_eq!(heard.len(), 3, "{heard:?}");
                assert_eq!(memory.event(&heard[0]), format!("missed{round}"));
                assert!(heard[1].contains(&memory.pid), "{heard:?}");
                memory.event(&heard[2]);
            }
        }
        assert_eq!(winners, 1);
        wait_until("all are gone", || io.connections() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_on_purpose_is_the_end() {
    let namespace = Namespace::new("/").on("bye", async |socket: Socket| socket.disconnect(false));
    let io = recovering(namespace);
    for packet in ["41", "42[\"bye\"]", "x"] {
        let mut memory = Memory::default();
        let (mut client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
        client.send(packet).await;
        if packet == "x" {
            client.closed().await;
        } else {
            wait_until("it has left", || io.of("/").sockets().is_empty()).await;
        }
        let (_client, recovered, _) = join(&io, Via::WebSocket, &mut memory).await;
        assert!(!recovered, "{packet}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_away_too_long_begins_anew() {
    let recovery = Recovery { max_disconnection_duration: Duration::from_secs(10), ..Recovery::default() };
    let io = recovering_with(Namespace::new("/"), recovery, Limits::default());
    for (seconds, expected) in [(9, true), (11, false)] {
        let mut memory = Memory::default();
        let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
        lose(&io, client).await;
        io.of("/").emit("early", ()).unwrap();
        sleep(Duration::from_secs(seconds)).await;
        let sid = memory.sid.clone();
        let (client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
        assert_eq!((recovered, missed.len()), (expected, usize::from(expected)));
        assert_eq!(memory.sid == sid, expected);
        lose(&io, client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_clients_make_up_is_a_new_session() {
    let io = recovering(Namespace::new("/").on_connect(async |handshake: Handshake, socket: Socket| {
        socket.emit("auth", handshake.auth_json().to_owned())
    }));
    for connect in [
        r#"40{"pid":"foo","offset":"bar"}"#,
        r#"40{"pid":"AAAAAAAAAAAAAAAAAAAA"}"#,
        r#"40{"pid":"AAAAAAAAAAAAAAAAAAAA","offset":"0000--------","x":1}"#,
    ] {
        let mut client = Client::open(&io, Via::WebSocket).await;
        client.send(connect).await;
        let reply = client.next().await;
        assert!(reply.starts_with("40{\"sid\":\"") && !reply.contains("foo"), "{reply}");
        let auth = client.next().await;
        assert!(!auth.contains("pid") && !auth.contains("offset"), "{auth}");
        assert_eq!(auth.contains("{\\\"x\\\":1}"), connect.contains('x'), "{auth}");
    }
    // An offset that is none, after something was sent: nobody knows what was seen.
    let mut memory = Memory::default();
    let (mut client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    memory.event(&client.next().await);
    lose(&io, client).await;
    memory.offset = Some("the end of a volatile event".into());
    let (_client, recovered, _) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(!recovered);
}

#[tokio::test(start_paused = true)]
async fn an_offset_of_an_earlier_session_is_no_obstacle() {
    let io = recovering(Namespace::new("/"));
    let mut memory = Memory::default();
    let (mut client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    io.of("/").emit("first", ()).unwrap();
    memory.event(&client.next().await);
    client.send("41").await;
    lose(&io, client).await;
    let (client, recovered, _) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(!recovered);
    lose(&io, client).await;
    io.of("/").emit("second", ()).unwrap();
    let (_client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(recovered);
    assert_eq!(missed, ["second"]);
}

#[tokio::test(start_paused = true)]
async fn middlewares_run_again_where_they_are_to() {
    let namespace = || {
        Namespace::new("/").middleware(async |socket: Socket| -> Result<(), Refusal> {
            let runs = socket.data().local::<u8>().unwrap_or_default() + 1;
            socket.data().insert(runs);
            if socket.recovered() {
                // It stands behind what was missed.
                socket.emit("checked", runs).unwrap();
            }
            if runs < 3 { Ok(()) } else { Err(Refusal::new("no more")) }
        })
    };
    let again = Recovery { skip_middlewares: false, ..Recovery::default() };
    let io = recovering_with(namespace(), again, Limits::default());
    let mut memory = Memory::default();
    let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    lose(&io, client).await;
    io.of("/").emit("missed", ()).unwrap();
    let (client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(recovered);
    assert_eq!(missed, ["missed", "checked2"]);
    lose(&io, client).await;
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send(&memory.connect()).await;
    assert_eq!(client.next().await, "44{\"message\":\"no more\"}");
    // The session is over.
    client.send(&memory.connect()).await;
    let reply = client.next().await;
    assert!(reply.starts_with("40{") && !reply.contains(&memory.pid), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn a_client_lost_while_it_comes_back_can_come_again() {
    let namespace = Namespace::new("/").middleware(async |socket: Socket| {
        if socket.recovered() && socket.data().insert(()).is_none() {
            sleep(Duration::from_secs(5)).await;
        }
    });
    let again = Recovery { skip_middlewares: false, ..Recovery::default() };
    let io = recovering_with(namespace, again, Limits::default());
    let mut memory = Memory::default();
    let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    lose(&io, client).await;
    io.of("/").emit("a", ()).unwrap();
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send(&memory.connect()).await;
    sleep(Duration::from_secs(1)).await;
    io.of("/").emit("b", ()).unwrap();
    lose(&io, client).await;
    io.of("/").emit("c", ()).unwrap();
    let (_client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(recovered);
    assert_eq!(missed, ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn what_came_while_the_middlewares_ran_comes_once() {
    let namespace = Namespace::new("/").middleware(async |socket: Socket| {
        if socket.recovered() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let again = Recovery { skip_middlewares: false, ..Recovery::default() };
    let io = recovering_with(namespace, again, Limits::default());
    let mut memory = Memory::default();
    let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    lose(&io, client).await;
    io.of("/").emit("a", ()).unwrap();
    let emitting = io.clone();
    tokio::spawn(async move {
        sleep(Duration::from_millis(500)).await;
        emitting.of("/").emit("b", ()).unwrap();
    });
    let (mut client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(recovered);
    assert_eq!(missed, ["a", "b"]);
    io.of("/").emit("c", ()).unwrap();
    assert_eq!(memory.event(&client.next().await), "c");
}

#[tokio::test(start_paused = true)]
async fn binary_events_end_in_their_offset_too() {
    for via in Via::BOTH {
        let io = recovering(Namespace::new("/"));
        let mut memory = Memory::default();
        let (client, _, _) = join(&io, via, &mut memory).await;
        lose(&io, client).await;
        io.of("/").emit("bytes", (1, Bytes::from_static(b"abc"))).unwrap();
        let mut client = Client::open(&io, via).await;
        client.send(&memory.connect()).await;
        let [header, attachment, reply] = client.take(3).await.try_into().unwrap();
        let event: Vec<Value> = serde_json::from_str(header.strip_prefix("451-").unwrap()).unwrap();
        assert_eq!(event[..3], [json!("bytes"), json!(1), json!({"_placeholder": true, "num": 0})]);
        assert_eq!(event[3].as_str().map(str::len), Some(12));
        assert_eq!(attachment, "bYWJj");
        assert!(reply.contains(&memory.pid));
    }
}

#[tokio::test(start_paused = true)]
async fn acks_and_volatile_events_have_no_offset() {
    let io = recovering(Namespace::new("/"));
    let mut memory = Memory::default();
    let (mut client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    let socket = io.of("/").sockets().remove(0);
    drop(socket.emit_with_ack::<()>("ask", 1));
    socket.volatile().emit("v", 2).unwrap();
    assert_eq!(client.next().await, "420[\"ask\",1]");
    client.hears_nothing().await;
    let (mut client, _, missed) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(missed.is_empty());
    io.of("/").volatile().emit("v", 3).unwrap();
    assert_eq!(client.next().await, "42[\"v\",3]");
}

#[tokio::test(start_paused = true)]
async fn too_much_missed_is_a_new_beginning() {
    let limits = Limits { max_outbox_bytes: 100_000, ..Limits::default() };
    let io = recovering_with(Namespace::new("/"), Recovery::default(), limits);
    for (count, expected) in [(4, true), (6, false)] {
        let mut memory = Memory::default();
        let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
        lose(&io, client).await;
        for _ in 0..count {
            io.of("/").emit("big", "x".repeat(10_000)).unwrap();
        }
        let (client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
        assert_eq!((recovered, missed.len()), (expected, if expected { count } else { 0 }));
        lose(&io, client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_bounded() {
    for limits in [
        Limits { max_recovery_bytes: 20_000, ..Limits::default() },
        Limits { max_recovery_packets: 9, ..Limits::default() },
    ] {
        let io = recovering_with(Namespace::new("/"), Recovery::default(), limits);
        let (mut early, mut late) = (Memory::default(), Memory::default());
        let (client, _, _) = join(&io, Via::WebSocket, &mut early).await;
        lose(&io, client).await;
        for _ in 0..20 {
            io.of("/").emit("x", "x".repeat(1_000)).unwrap();
        }
        let (client, _, _) = join(&io, Via::WebSocket, &mut late).await;
        lose(&io, client).await;
        for round in 0..5 {
            io.of("/").emit("y", round).unwrap();
        }
        let (_client, recovered, missed) = join(&io, Via::WebSocket, &mut early).await;
        assert!(!recovered && missed.is_empty());
        let (_client, recovered, missed) = join(&io, Via::WebSocket, &mut late).await;
        assert!(recovered);
        assert_eq!(missed, ["y0", "y1", "y2", "y3", "y4"]);
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_are_bounded() {
    let limits = Limits { max_recovery_sessions: 2, ..Limits::default() };
    let io = recovering_with(Namespace::new("/"), Recovery::default(), limits);
    let mut memories = vec![Memory::default(); 3];
    for memory in &mut memories {
        let (client, _, _) = join(&io, Via::WebSocket, memory).await;
        lose(&io, client).await;
    }
    let mut clients = Vec::new();
    for memory in &mut memories {
        clients.push(join(&io, Via::WebSocket, memory).await);
    }
    assert_eq!(clients.iter().map(|client| client.1).collect::<Vec<_>>(), [false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn data_of_a_forgotten_session_is_dropped_without_a_lock() {
    /// Uses the namespace when it goes.
    struct Noisy(Server, Log);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0.of("/").emit("gone", ()).unwrap();
            self.1.push(format!("dropped {}", self.0.of("/").room_count()));
        }
    }
    let log = Log::default();
    let recovery = Recovery { max_disconnection_duration: Duration::from_secs(1), ..Recovery::default() };
    let io = recovering_with(Namespace::new("/"), recovery, Limits::default());
    let mut memory = Memory::default();
    let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    io.of("/").sockets()[0].data().insert(Noisy(io.clone(), log.clone()));
    lose(&io, client).await;
    assert_eq!(log.entries().len(), 0);
    sleep(Duration::from_secs(2)).await;
    io.of("/").emit("anything", ()).unwrap();
    assert_eq!(log.entries(), ["dropped 0"]);
}

#[tokio::test(start_paused = true)]
async fn namespaces_are_recovered_each_for_itself() {
    let io = serve_with(Namespace::matching(|name| name.starts_with("/t")), |builder| {
        builder.connection_state_recovery(Recovery::default()).namespace(Namespace::new("/other"))
    });
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40/t1,").await;
    let reply = client.next().await;
    let pid: Value = serde_json::from_str(reply.strip_prefix("40/t1,").unwrap()).unwrap();
    lose(&io, client).await;
    // Many other names come and go; it is kept.
    let mut client = Client::open(&io, Via::WebSocket).await;
    for number in 0..2_500 {
        client.send_all(&[&format!("40/tx{number},"), &format!("41/tx{number},")]).await;
        client.next().await;
    }
    io.of("/t1").emit("missed", ()).unwrap();
    let pid = pid["pid"].as_str().unwrap();
    // In another namespace its secret means nothing.
    client.send(&format!("40/other,{{\"pid\":\"{pid}\"}}")).await;
    assert!(!client.next().await.contains(pid));
    client.send(&format!("40/t1,{{\"pid\":\"{pid}\"}}")).await;
    assert!(client.next().await.starts_with("42/t1,[\"missed\",\""));
    assert!(client.next().await.contains(pid));
}
