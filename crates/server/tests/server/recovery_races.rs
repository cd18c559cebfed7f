//! Connection state recovery when things happen at the same time: connections that stand, race, break again or do not
//! read, emits from several threads, and data that is dropped.

use std::sync::Arc;

use enchufe::{DisconnectReason, Limits, Namespace, Recovery, Server, Socket};
use serde_json::Value;
use tokio::time::{Duration, sleep, timeout};

use crate::support::recovery::{Memory, join, lose, recovering, recovering_with};
use crate::support::{Client, Log, Via, Ws, only_here, wait_until};

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
async fn a_server_that_is_closed_keeps_nobody_s_data() {
    let io = recovering(Namespace::new("/"));
    let mut memory = Memory::default();
    let (mut client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    let probe = Arc::new(());
    // Data that holds the server, which would hold it for ever.
    io.of("/").sockets()[0].data().insert((io.clone(), probe.clone()));
    let reading = tokio::spawn(async move { client.closed().await });
    io.close().await;
    reading.await.unwrap();
    only_here(&probe).await;
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

/// On several threads: clients come and go while others emit to all, to a room and to the socket itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_doubled_while_threads_emit() {
    const EVENTS: u32 = 400;
    let io = recovering(Namespace::new("/").on_connect(async |socket: Socket| socket.join("room")));
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut memory = Memory::default();
        let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
        clients.push((client, memory));
    }
    let sockets = io.of("/").sockets();
    let mut emitters = Vec::new();
    for way in ["all", "room", "own"] {
        let (io, sockets) = (io.clone(), sockets.clone());
        emitters.push(tokio::spawn(async move {
            for n in 0..EVENTS {
                match way {
                    "all" => {
                        io.of("/").emit(way, n).unwrap();
                    }
                    "room" => {
                        io.of("/").to("room").emit(way, n).unwrap();
                    }
                    // The sockets of the beginning, whatever has become of them.
                    _ => {
                        for socket in &sockets {
                            socket.emit(way, n).unwrap();
                        }
                    }
                }
                tokio::task::yield_now().await;
            }
        }));
    }
    let listeners = clients.into_iter().enumerate().map(|(number, (mut client, mut memory))| {
        let io = io.clone();
        tokio::spawn(async move {
            let mut heard = Vec::new();
            let mut rounds = 0;
            while heard.len() < 3 * EVENTS as usize {
                // Some are lost with the connection, unread.
                for _ in 0..20 + number {
                    if heard.len() < 3 * EVENTS as usize {
                        heard.push(memory.event(&client.next().await));
                    }
                }
                rounds += 1;
                // Every other time the server has not noticed yet that the old one is gone.
                let old = client;
                let kept = if rounds % 2 == 0 { Some(old) } else { None };
                let (back, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
                assert!(recovered);
                heard.extend(missed);
                client = back;
                drop(kept);
            }
            (client, heard)
        })
    });
    let listeners: Vec<_> = listeners.collect();
    for emitter in emitters {
        emitter.await.unwrap();
    }
    for listener in listeners {
        let (_client, heard) = listener.await.unwrap();
        for way in ["all", "room", "own"] {
            let of_this: Vec<_> = heard.iter().filter_map(|event| event.strip_prefix(way)).collect();
            let expected: Vec<_> = (0..EVENTS).map(|n| n.to_string()).collect();
            assert_eq!(of_this, expected);
        }
    }
}

/// The network is gone and nobody tells the server: what it sent until it noticed is not lost.
#[tokio::test(start_paused = true)]
async fn a_silent_loss_is_noticed_by_the_heartbeat_and_loses_nothing() {
    let io = recovering(Namespace::new("/"));
    let mut memory = Memory::default();
    let (mut client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    io.of("/").emit("seen", ()).unwrap();
    assert_eq!(memory.event(&client.next().await), "seen");
    // From here on it reads and answers nothing.
    io.of("/").emit("at once", ()).unwrap();
    while io.connections() > 0 {
        sleep(Duration::from_secs(1)).await;
        io.of("/").to("elsewhere").emit("tick", ()).unwrap();
    }
    io.of("/").emit("noticed", ()).unwrap();
    // As late as it may be: what was sent at once is older than that.
    sleep(Duration::from_secs(119)).await;
    let (_client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(recovered);
    assert_eq!(missed, ["at once", "noticed"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_finds_what_it_did_not_take() {
    let limits = Limits { max_outbox_bytes: 50_000, ..Limits::default() };
    let io = recovering_with(Namespace::new("/"), Recovery::default(), limits);
    let mut memory = Memory::default();
    let mut ws = Ws::in_memory(&io, 256);
    ws.upgrade("EIO=4&transport=websocket").await;
    ws.text().await;
    ws.send("40").await;
    let reply: Value = serde_json::from_str(ws.text().await.strip_prefix("40").unwrap()).unwrap();
    memory.pid = reply["pid"].as_str().unwrap().to_owned();
    let mut emitted = 0;
    while io.connections() > 0 {
        io.of("/").emit("n", (emitted, "x".repeat(100))).unwrap();
        emitted += 1;
        assert!(emitted < 2_000, "it is never closed");
        sleep(Duration::from_millis(1)).await;
    }
    // It took some, and is too far behind for all of the rest: that is no recovery. A new beginning, told.
    let (client, recovered, _) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(!recovered);
    lose(&io, client).await;
    for n in 0..100 {
        io.of("/").emit("m", n).unwrap();
    }
    let (_client, recovered, missed) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(recovered);
    assert_eq!(missed.len(), 100);
}

/// What was kept for a forgotten session is dropped between the coming of another client and its place among its
/// connection's sockets: the latest moment at which the namespace can be removed under it.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_turned_out_while_it_enters_can_ask_again() {
    struct Removes(Server);

    impl Drop for Removes {
        fn drop(&mut self) {
            self.0.remove_namespace("/gone");
        }
    }

    let io = recovering(Namespace::new("/gone"));
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40/gone,").await;
    assert!(client.next().await.starts_with("40/gone,"));
    io.of("/gone").sockets()[0].data().insert(Arc::new(Removes(io.clone())));
    lose(&io, client).await;
    sleep(Duration::from_secs(121)).await;
    let mut client = Client::open(&io, Via::WebSocket).await;
    for _ in 0..2 {
        client.send("40/gone,").await;
        assert_eq!(client.next().await, "44/gone,{\"message\":\"Invalid namespace\"}");
    }
}
