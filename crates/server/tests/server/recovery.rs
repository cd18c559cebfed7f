//! Connection state recovery: what a client that comes back finds, what it is sent, and when it has to begin anew.

use enchufe::{Bytes, Handshake, Limits, Namespace, Recovery, Refusal, Socket};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep, timeout};

use crate::support::recovery::{Memory, join, lose, recovering, recovering_with};
use crate::support::{Client, Log, Via, serve, serve_with, wait_until};

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
async fn what_takes_the_place_of_another_is_recovered_too() {
    let io = recovering(Namespace::new("/"));
    let mut memory = Memory::default();
    let (mut client, _, _) = join(&io, Via::Polling, &mut memory).await;
    let socket = io.of("/").sockets().remove(0);
    for price in 0..3 {
        socket.conflate("price").emit("price", price).unwrap();
    }
    assert_eq!(memory.event(&client.next().await), "price2");
    lose(&io, client).await;
    socket.conflate("price").emit("price", 3).unwrap();
    let (_client, recovered, missed) = join(&io, Via::Polling, &mut memory).await;
    assert!(recovered);
    assert_eq!(missed, ["price3"]);
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

#[tokio::test(start_paused = true)]
async fn a_word_that_a_client_takes_for_its_offset_brings_nothing_twice() {
    for word in ["exactly12byt", "user_1234-ab", "2026-11-21-a"] {
        let io = recovering(Namespace::new("/"));
        let mut memory = Memory::default();
        let (mut client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
        for name in ["a", "b"] {
            io.of("/").emit(name, ()).unwrap();
            assert_eq!(memory.event(&client.next().await), name);
        }
        // As the offset is the last argument that is a string, so is this.
        io.of("/").volatile().emit("cursor", (1, word)).unwrap();
        assert_eq!(memory.event(&client.next().await), "cursor1");
        assert_eq!(memory.offset.as_deref(), Some(word));
        lose(&io, client).await;
        let (_client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
        assert!(!recovered && missed.is_empty(), "it has seen them: {missed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_quiet_namespace_held_is_there_for_the_others() {
    let limits = Limits { max_recovery_sessions: 2, ..Limits::default() };
    let io = serve_with(Namespace::new("/"), |builder| {
        builder
            .namespace(Namespace::new("/quiet"))
            .connection_state_recovery(Recovery::default())
            .limits(limits)
    });
    for _ in 0..2 {
        let mut client = Client::open(&io, Via::WebSocket).await;
        client.send("40/quiet,").await;
        assert!(client.next().await.starts_with("40/quiet,{"));
        lose(&io, client).await;
    }
    // Nobody can come back to it any more, and nothing comes to it.
    sleep(Duration::from_secs(121)).await;
    let mut memory = Memory::default();
    let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    lose(&io, client).await;
    let (_client, recovered, _) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(recovered);
}
