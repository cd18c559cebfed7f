//! Reaching many sockets and acting on them: fetching, moving, answers as they come, what happens to rooms.

use std::sync::Arc;

use enchufe::{
    Ack, AckError, BroadcastAckError, Data, EmitError, HandlerError, Limits, Namespace, Refusal, RoomEvent,
    Server, Socket, SocketId,
};
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::support::recovery::{Memory, join, lose, recovering};
use crate::support::{Client, Log, Via, serve, serve_with, wait_until};

fn socket(io: &Server, id: &str) -> Socket {
    io.socket("/", &SocketId::parse(id).unwrap()).expect("a socket")
}

fn ack_id(event: &str) -> u64 {
    let digits: String = event[2..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no ack is asked for: {event}"))
}

// ---- fetching ------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn fetched_sockets_tell_who_they_are() {
    let io = serve(Namespace::new("/"));
    let (_a, a) = Client::join(&io, Via::WebSocket, "40{\"token\":\"t\"}").await;
    let (_b, _) = Client::join(&io, Via::Polling, "40").await;
    socket(&io, &a).join("room");
    socket(&io, &a).data().set(&json!({"name": "Ana"})).unwrap();
    assert_eq!(io.fetch_sockets().await.unwrap().len(), 2);
    let fetched = io.in_("room").fetch_sockets().await.unwrap();
    let [found] = &*fetched else { panic!("{fetched:?}") };
    assert_eq!(found.id().as_str(), a);
    assert_eq!(found.rooms().collect::<Vec<_>>(), [a.as_str(), "room"]);
    assert!(found.is_in("room") && !found.is_in("hall"));
    assert_eq!(found.data::<serde_json::Value>(), Some(json!({"name": "Ana"})));
    assert_eq!(found.handshake().auth::<serde_json::Value>().unwrap(), json!({"token": "t"}));
    assert_eq!(found.as_local(), Some(&socket(&io, &a)));
    let details = serde_json::to_value(found).unwrap();
    assert_eq!(details["id"], a);
    assert_eq!(details["rooms"], json!([a, "room"]));
    assert_eq!(details["data"], json!({"name": "Ana"}));
    assert_eq!(details["handshake"]["query"]["EIO"], "4");
}

#[tokio::test(start_paused = true)]
async fn a_fetched_socket_can_be_acted_on() {
    let io = serve(Namespace::new("/"));
    let (mut client, id) = Client::join(&io, Via::WebSocket, "40").await;
    let fetched = io.to(id.as_str()).fetch_sockets().await.unwrap().remove(0);
    fetched.join(["a", "b"]).await;
    fetched.leave("a").await;
    assert_eq!(socket(&io, &id).rooms(), [id.as_str(), "b"]);
    fetched.emit("hello", 1).unwrap().await;
    assert_eq!(client.next().await, "42[\"hello\",1]");
    let answer = fetched.emit_with_ack::<String>("who?", ());
    let ack = ack_id(&client.next().await);
    client.send(&format!("43{ack}[\"me\",\"more\"]")).await;
    assert_eq!(answer.await.unwrap(), "me");
    let late = fetched.timeout(Duration::from_millis(50)).emit_with_ack::<String>("who?", ()).await;
    assert!(matches!(late, Err(AckError::Timeout)), "{late:?}");
    client.next().await;
    fetched.disconnect(false).await;
    assert_eq!(client.next().await, "41");
    let gone = fetched.emit_with_ack::<String>("who?", ()).await;
    assert!(matches!(gone, Err(AckError::Disconnected)), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_to_be_let_in_is_not_fetched() {
    let io = serve(Namespace::new("/").middleware(async |socket: Socket| {
        socket.join("room");
        std::future::pending::<()>().await;
        Ok::<(), Refusal>(())
    }));
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40").await;
    wait_until("it asks", || io.of("/").room_count() == 2).await;
    assert!(io.in_("room").fetch_sockets().await.unwrap().is_empty());
}

// ---- moving --------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn moving_many_keeps_to_the_limit_of_each() {
    let io = serve_with(Namespace::new("/"), |io| io.limits(Limits { max_rooms: 2, ..Default::default() }));
    let (_a, a) = Client::join(&io, Via::WebSocket, "40").await;
    let (_b, b) = Client::join(&io, Via::WebSocket, "40").await;
    socket(&io, &a).join(["1", "2"]);
    io.sockets_join(["2", "3"]);
    assert_eq!(socket(&io, &a).rooms(), [a.as_str(), "1", "2"]);
    assert_eq!(socket(&io, &b).rooms(), [b.as_str(), "2", "3"]);
    io.except("1").sockets_leave("2");
    assert_eq!(socket(&io, &b).rooms(), [b.as_str(), "3"]);
    assert_eq!(socket(&io, &a).rooms().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_is_in_as_many_rooms_as_may_be_can_join_those_again() {
    let io = serve_with(Namespace::new("/"), |io| io.limits(Limits { max_rooms: 2, ..Default::default() }));
    let (_a, a) = Client::join(&io, Via::WebSocket, "40").await;
    let socket = socket(&io, &a);
    socket.join(["1", "2"]);
    socket.leave(a.as_str());
    // Those that it is in cost nothing, and its own is not among those that are counted.
    socket.join(["2", "1", a.as_str()]);
    io.sockets_join("1");
    assert_eq!(socket.rooms(), [a.as_str(), "1", "2"]);
    assert_eq!(io.stats().refused_rooms, 0);
    socket.join(["1", "3"]);
    assert_eq!(socket.rooms().len(), 3);
    assert_eq!(io.stats().refused_rooms, 1);
}

#[tokio::test(start_paused = true)]
async fn rooms_are_counted_once_each_whoever_is_in_them() {
    let io = serve(Namespace::new("/"));
    let (_a, a) = Client::join(&io, Via::WebSocket, "40").await;
    let (_b, b) = Client::join(&io, Via::WebSocket, "40").await;
    let (first, second) = (socket(&io, &a), socket(&io, &b));
    assert_eq!(io.of("/").room_count(), 2);
    second.join([a.as_str(), "x"]);
    assert_eq!(io.of("/").room_count(), 3, "the own room of the first one is one, with two in it");
    first.leave(a.as_str());
    assert_eq!(io.of("/").room_count(), 3, "the second one is in it still");
    second.leave(a.as_str());
    assert_eq!(io.of("/").room_count(), 2);
    first.join(a.as_str());
    assert_eq!(io.of("/").room_count(), 3);
}

#[tokio::test]
async fn many_are_moved_in_one_step() {
    let io = serve(Namespace::new("/"));
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Client::connect(&io, Via::WebSocket).await);
    }
    let mover = {
        let io = io.clone();
        std::thread::spawn(move || {
            for _ in 0..200 {
                io.sockets_join("hall");
                io.sockets_leave("hall");
            }
        })
    };
    while !mover.is_finished() {
        let inside = io.in_("hall").sockets().len();
        assert!(inside == 0 || inside == 20, "{inside} of 20");
    }
    mover.join().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_server_is_the_main_namespace() {
    let io = serve(Namespace::new("/"));
    let (mut a, id) = Client::join(&io, Via::WebSocket, "40").await;
    io.emit("1", ()).unwrap();
    io.send("2").unwrap();
    io.to(id.as_str()).emit("3", ()).unwrap();
    io.except(id.as_str()).emit("no", ()).unwrap();
    io.local().emit("4", ()).unwrap();
    io.compress(false).emit("5", ()).unwrap();
    assert_eq!(
        a.take(5).await,
        ["42[\"1\"]", "42[\"message\",\"2\"]", "42[\"3\"]", "42[\"4\"]", "42[\"5\"]"]
    );
    let answers = io.emit_with_ack::<u8>("ask", ());
    let ack = ack_id(&a.next().await);
    a.send(&format!("43{ack}[7]")).await;
    assert_eq!(answers.await.unwrap().into_values().collect::<Vec<_>>(), [7]);
    io.disconnect_sockets(true);
    assert_eq!(a.closed().await, ["41"]);
}

// ---- answers -------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn answers_come_as_a_stream_and_name_who_gave_them() {
    let io = serve(Namespace::new("/"));
    let (mut a, a_id) = Client::join(&io, Via::WebSocket, "40").await;
    let (mut b, b_id) = Client::join(&io, Via::Polling, "40").await;
    let mut answers = io.of("/").emit_with_ack_stream::<u8>("ask", ()).unwrap();
    let ack = ack_id(&b.next().await);
    b.send(&format!("43{ack}[2,3]")).await;
    let first = answers.next().await.unwrap();
    assert_eq!((first.from.unwrap().as_str(), first.value.unwrap()), (b_id.as_str(), 2));
    assert_eq!(
        answers.unanswered().sockets.iter().map(SocketId::as_str).collect::<Vec<_>>(),
        [a_id.as_str()]
    );
    a.next().await;
    a.send(&format!("43{ack}[\"one\"]")).await;
    let second = answers.next().await.unwrap();
    assert_eq!(second.from.unwrap().as_str(), a_id);
    assert!(matches!(second.value, Err(AckError::Invalid(_))));
    assert!(answers.next().await.is_none() && answers.unanswered().is_empty());
    assert!(answers.next().await.is_none(), "the end stays");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_time_is_up_and_tells_who_is_missing() {
    let io = serve(Namespace::new("/").on("sync", async || {}));
    let (mut slow, slow_id) = Client::join(&io, Via::WebSocket, "40").await;
    let (gone, _) = Client::join(&io, Via::WebSocket, "40").await;
    let before = Instant::now();
    let asking = io.timeout(Duration::from_secs(3));
    let mut answers = asking.emit_with_ack_stream::<u8>("ask", ()).unwrap();
    drop(gone);
    assert!(answers.next().await.is_none());
    assert!(before.elapsed() >= Duration::from_secs(3));
    let unanswered = answers.unanswered();
    assert_eq!(unanswered.sockets.iter().map(SocketId::as_str).collect::<Vec<_>>(), [slow_id.as_str()]);
    assert_eq!((unanswered.elsewhere, unanswered.nodes, answers.left()), (0, 0, 1));
    // What comes after the end is nobody's.
    let ack = ack_id(&slow.next().await);
    slow.send(&format!("43{ack}[1]")).await;
    slow.sync().await;
    assert!(answers.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn of_an_answer_the_first_argument_counts() {
    let io = serve(Namespace::new("/"));
    let (mut client, _) = Client::join(&io, Via::WebSocket, "40").await;
    macro_rules! answered {
        ($type:ty, $answer:literal) => {{
            let answers = io.emit_with_ack::<$type>("ask", ());
            let ack = ack_id(&client.next().await);
            client.send(&format!(concat!("43{}", $answer), ack)).await;
            answers.await.unwrap().answers.remove(0).value
        }};
    }
    assert_eq!(answered!(u8, "[1,2]").unwrap(), 1);
    assert_eq!(answered!((u8, u8), "[[1,2],3]").unwrap(), (1, 2));
    assert_eq!(answered!([u8; 2], "[[1,2]]").unwrap(), [1, 2]);
    assert_eq!(answered!(Vec<u8>, "[[1,2]]").unwrap(), [1, 2]);
    assert_eq!(answered!(Option<u8>, "[]").unwrap(), None);
    assert_eq!(answered!(Option<u8>, "[null]").unwrap(), None);
    assert!(matches!(answered!((), "[]"), Ok(())));
    assert!(matches!(answered!((), "[\"ignored\"]"), Ok(())));
    assert!(matches!(answered!((u8, u8), "[1,2]"), Err(AckError::Invalid(_))));
    assert!(matches!(answered!(u8, "[]"), Err(AckError::Invalid(_))));
}

#[tokio::test(start_paused = true)]
async fn what_answers_may_fill_is_bounded() {
    let limits = Limits { max_payload_bytes: 8 << 20, ..Default::default() };
    let io = serve_with(Namespace::new("/").on("sync", async || {}), |io| io.limits(limits));
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::connect(&io, Via::WebSocket).await);
    }
    let mut answers = io.of("/").emit_with_ack_stream::<String>("ask", ()).unwrap();
    let large = "x".repeat(7 << 20);
    for client in &mut clients {
        let ack = ack_id(&client.next().await);
        client.send(&format!("43{ack}[\"{large}\"]")).await;
        client.sync().await;
    }
    let mut outcomes = Vec::new();
    while let Some(answer) = answers.next().await {
        outcomes.push(answer.value.map(|text| text.len()).map_err(|error| error.to_string()));
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Ok(7 << 20)).count(), 2);
    let refused = AckError::Discarded.to_string();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(refused.clone())).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_cannot_be_asked_says_so() {
    let io = serve(Namespace::new("/"));
    let asked = io.of("/").emit_with_ack::<u8>("connect", ()).await;
    assert!(matches!(asked, Err(enchufe::BroadcastAckError::Emit(EmitError::Reserved(_)))), "{asked:?}");
    assert!(io.of("/").emit_with_ack_stream::<u8>("disconnect", ()).is_err());
}

#[tokio::test(start_paused = true)]
async fn answers_may_take_for_ever_or_no_time_at_all() {
    let io = serve(Namespace::new("/").on("sync", async || {}));
    let (mut client, id) = Client::join(&io, Via::WebSocket, "40").await;
    let fetched = io.to(id.as_str()).fetch_sockets().await.unwrap().remove(0);
    let for_ever = io.timeout(Duration::MAX);
    let all = tokio::spawn(for_ever.emit_with_ack::<u8>("all", ()));
    let one = tokio::spawn(fetched.timeout(Duration::MAX).emit_with_ack::<u8>("one", ()));
    let own = tokio::spawn(socket(&io, &id).timeout(Duration::MAX).emit_with_ack::<u8>("own", ()));
    let asked = client.take(3).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    for (question, answer) in asked.iter().zip(1..) {
        client.send(&format!("43{}[{answer}]", ack_id(question))).await;
    }
    assert_eq!(all.await.unwrap().unwrap().into_values().collect::<Vec<_>>(), [1]);
    assert_eq!((one.await.unwrap().unwrap(), own.await.unwrap().unwrap()), (2, 3));

    let late = io.timeout(Duration::ZERO).emit_with_ack::<u8>("all", ()).await;
    assert!(matches!(late, Err(BroadcastAckError::Timeout(_))), "{late:?}");
    let late = fetched.timeout(Duration::ZERO).emit_with_ack::<u8>("one", ()).await;
    assert!(matches!(late, Err(AckError::Timeout)), "{late:?}");
    assert_eq!(client.take(2).await.len(), 2);
    client.sync().await;
}

/// Emits may come from threads that belong to no runtime; the answer is awaited in one.
#[tokio::test(start_paused = true)]
async fn a_question_may_be_asked_where_there_is_no_runtime() {
    let io = serve(Namespace::new("/"));
    let (mut client, id) = Client::join(&io, Via::WebSocket, "40").await;
    let asking = socket(&io, &id);
    let asked = std::thread::spawn(move || {
        let socket = asking.timeout(Duration::from_secs(5)).emit_with_ack::<u8>("ask", ());
        (socket, asking.namespace().emit_with_ack::<u8>("all", ()))
    });
    let (one, all) = asked.join().expect("no panic");
    for answer in [1, 2] {
        let ack = ack_id(&client.next().await);
        client.send(&format!("43{ack}[{answer}]")).await;
    }
    assert_eq!(one.await.unwrap(), 1);
    assert_eq!(all.await.unwrap().into_values().collect::<Vec<_>>(), [2]);
}

// ---- what happens to rooms -----------------------------------------------------------------------

/// A namespace that writes down what happens to its rooms.
fn watched(log: &Log) -> Namespace {
    let log = log.clone();
    Namespace::new("/").on("sync", async || {}).on_room_event(move |_, event| {
        log.push(match event {
            RoomEvent::Create { room } => format!("create {room}"),
            RoomEvent::Delete { room } => format!("delete {room}"),
            RoomEvent::Join { room, socket } => format!("{socket} joins {room}"),
            RoomEvent::Leave { room, socket } => format!("{socket} leaves {room}"),
            other => panic!("{other:?}"),
        });
    })
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_rooms_is_told_in_order() {
    let log = Log::default();
    let io = serve(watched(&log));
    let (client, a) = Client::join(&io, Via::WebSocket, "40").await;
    let (_other, b) = Client::join(&io, Via::WebSocket, "40").await;
    let (first, second) = (socket(&io, &a), socket(&io, &b));
    first.join(["x", "y"]);
    first.join("x");
    io.sockets_join("x");
    second.leave(["x", "z"]);
    first.leave("y");
    drop(client);
    wait_until("it has left", || io.connections() == 1).await;
    let told = log.entries().join("; ").replace(&a, "A").replace(&b, "B");
    assert_eq!(
        told,
        "create A; A joins A; create B; B joins B; create x; A joins x; create y; A joins y; B joins x; \
         B leaves x; A leaves y; delete y; A leaves A; delete A; A leaves x; delete x"
    );
}

#[tokio::test(start_paused = true)]
async fn own_rooms_are_rooms_like_others() {
    let log = Log::default();
    let io = serve(watched(&log));
    let (_client, a) = Client::join(&io, Via::WebSocket, "40").await;
    let (_other, b) = Client::join(&io, Via::WebSocket, "40").await;
    let before = log.entries().len();
    let (first, second) = (socket(&io, &a), socket(&io, &b));
    second.join(a.as_str());
    first.leave(a.as_str());
    first.leave(a.as_str());
    first.join(a.as_str());
    second.leave(a.as_str());
    first.leave(a.as_str());
    second.join(a.as_str());
    first.join(a.as_str());
    let told = log.entries()[before..].join("; ").replace(&a, "A").replace(&b, "B");
    assert_eq!(
        told,
        "B joins A; A leaves A; A joins A; B leaves A; A leaves A; delete A; create A; B joins A; A joins A"
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_was_never_in_its_own_room() {
    let log = Log::default();
    let io = serve(watched(&log).middleware(async |socket: Socket| {
        socket.join("lobby");
        Err::<(), _>(Refusal::new("no"))
    }));
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40").await;
    let refused = client.next().await;
    assert!(refused.starts_with("44"), "{refused}");
    let told = log.entries();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.iter().all(|entry| entry.ends_with("lobby")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_recovered_joins_its_rooms_again() {
    let log = Log::default();
    let io = recovering(watched(&log));
    let mut memory = Memory::default();
    let (client, _, _) = join(&io, Via::WebSocket, &mut memory).await;
    let id = memory.sid.clone();
    socket(&io, &id).join("x");
    lose(&io, client).await;
    let (_client, recovered, _) = join(&io, Via::WebSocket, &mut memory).await;
    assert!(recovered);
    assert_eq!(socket(&io, &id).rooms(), [id.as_str(), "x"]);
    let told = log.entries().join("; ").replace(&id, "A");
    assert_eq!(
        told,
        "create A; A joins A; create x; A joins x; A leaves A; delete A; A leaves x; delete x; \
         create x; A joins x; create A; A joins A"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_may_use_the_namespace_and_may_panic() {
    let log = Log::default();
    let io = serve(watched(&log).on_room_event(|everybody, event| match event {
        RoomEvent::Join { room, .. } if **room == *"x" => {
            everybody.emit("joined", &**room).unwrap();
            everybody.sockets_join("y");
        }
        RoomEvent::Create { room } if **room == *"bad" => panic!("as asked for"),
        _ => {}
    }));
    let (mut client, id) = Client::join(&io, Via::WebSocket, "40").await;
    let socket = socket(&io, &id);
    socket.join(["x", "bad"]);
    assert_eq!(client.next().await, "42[\"joined\",\"x\"]");
    assert_eq!(socket.rooms(), [id.as_str(), "x", "bad", "y"]);
    let told: Vec<_> = log.entries().split_off(2);
    let told = told.join("; ").replace(&id, "A");
    // What the hook does itself comes after what was done before it.
    assert_eq!(told, "create x; A joins x; create bad; A joins bad; create y; A joins y");
}

#[tokio::test]
async fn room_events_of_many_threads_add_up() {
    let log = Log::default();
    let io = serve(watched(&log));
    let (_client, id) = Client::join(&io, Via::WebSocket, "40").await;
    let socket = socket(&io, &id);
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let socket = socket.clone();
            std::thread::spawn(move || {
                for _ in 0..250 {
                    socket.join("shared");
                    socket.leave("shared");
                    socket.join(format!("own {n}"));
                    socket.leave(format!("own {n}"));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    wait_until("the last is told", || log.entries().len() % 4 == 2).await;
    // Each room is created, joined, left and deleted in turn.
    for room in ["shared", "own 0", "own 1", "own 2", "own 3"] {
        let of_room: Vec<String> = log.entries().into_iter().filter(|entry| entry.ends_with(room)).collect();
        for (n, entry) in of_room.iter().enumerate() {
            let expected = ["create ", "joins", "leaves", "delete "][n % 4];
            assert!(entry.contains(expected), "{n} of {room}: {entry}");
        }
        assert_eq!(of_room.len() % 4, 0, "{room}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_hooks_and_streams() {
    let probe = Arc::new(());
    let held = probe.clone();
    let io = serve(Namespace::new("/").on_room_event(move |_, _| {
        let _held = &held;
    }));
    let client = Client::connect(&io, Via::WebSocket).await;
    drop(io.of("/").emit_with_ack_stream::<()>("ask", ()).unwrap());
    drop(client);
    wait_until("it is gone", || io.connections() == 0).await;
    drop(io);
    crate::support::only_here(&probe).await;
}

// The handlers of the testbed return what fetching returns.
#[tokio::test(start_paused = true)]
async fn a_handler_may_answer_with_what_it_fetched() {
    let io = serve(Namespace::new("/").on("all", async |socket: Socket, Data(()): Data<()>, ack: Ack| {
        let fetched = socket.namespace().fetch_sockets().await.map_err(HandlerError::from)?;
        ack.send(&(fetched,))?;
        Ok::<(), HandlerError>(())
    }));
    let (mut client, id) = Client::join(&io, Via::WebSocket, "40").await;
    client.send("420[\"all\"]").await;
    let answer = client.next().await;
    assert!(answer.contains(&id) && answer.contains("\"handshake\":{"), "{answer}");
}
