//! Acknowledgements, both ways, of one and of many.

use std::sync::Arc;

use enchufe::{Ack, AckError, BroadcastAckError, Data, Limits, Namespace, Server, Socket, SocketId};
use tokio::time::{Duration, Instant, sleep};

use crate::support::{Client, Via, serve, serve_with, wait_until};

fn socket(io: &Server, id: &str) -> Socket {
    io.socket("/", &SocketId::parse(id).unwrap()).expect("a socket")
}

/// The id of the ack that an event asks for.
fn ack_id(event: &str) -> u64 {
    let digits: String = event[2..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no ack is asked for: {event}"))
}

#[tokio::test(start_paused = true)]
async fn a_return_value_or_an_ack_answers() {
    for via in Via::BOTH {
        let io = serve(
            Namespace::new("/")
                .on("add", async |Data((a, b)): Data<(i64, i64)>| a + b)
                .on("later", async |ack: Ack| {
                    tokio::spawn(async move {
                        sleep(Duration::from_millis(200)).await;
                        ack.send(&("a", 1)).unwrap();
                    });
                })
                .on("nothing", async || {}),
        );
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["420[\"later\"]", "421[\"add\",1,2]", "422[\"nothing\"]", "42[\"add\",1,2]"]).await;
        assert_eq!(client.take(3).await, ["431[3]", "432[]", "430[\"a\",1]"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_answers_an_emit_once() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/").on("sync", async || {}));
        let (mut client, id) = Client::join(&io, via, "40").await;
        let answer = socket(&io, &id).emit_with_ack::<(i64, String)>("ask", 1);
        let event = client.next().await;
        assert!(event.ends_with("[\"ask\",1]"), "{event}");
        let ack = ack_id(&event);
        // Forged, then right, then duplicate: only the right one counts, and none is an offence.
        client.send(&format!("43{}[0,\"forged\"]", ack + 1000)).await;
        client.send(&format!("43{ack}[2,\"right\"]")).await;
        client.send(&format!("43{ack}[3,\"duplicate\"]")).await;
        assert_eq!(answer.await.unwrap(), (2, "right".to_owned()));
        client.sync().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_late_is_forgotten() {
    let io = serve(Namespace::new("/").on("sync", async || {}));
    let (mut client, id) = Client::join(&io, Via::WebSocket, "40").await;
    let socket = socket(&io, &id);
    let before = Instant::now();
    let answer = socket.timeout(Duration::from_secs(1)).emit_with_ack::<()>("ask", ()).await;
    assert!(matches!(answer, Err(AckError::Timeout)), "{answer:?}");
    assert!(before.elapsed() >= Duration::from_secs(1));
    let ack = ack_id(&client.next().await);
    client.send(&format!("43{ack}[]")).await;
    client.sync().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_says_so() {
    let io = serve(Namespace::new("/"));
    let (mut client, id) = Client::join(&io, Via::WebSocket, "40").await;
    let answer = socket(&io, &id).emit_with_ack::<u8>("ask", ());
    let ack = ack_id(&client.next().await);
    client.send(&format!("43{ack}[\"text\"]")).await;
    assert!(matches!(answer.await, Err(AckError::Invalid(_))));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_answers_nobody() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/"));
        let (mut client, id) = Client::join(&io, via, "40").await;
        let socket = socket(&io, &id);
        let answer = socket.emit_with_ack::<()>("ask", ());
        client.next().await;
        client.send("41").await;
        assert!(matches!(answer.await, Err(AckError::Disconnected)));
        // Nor will who has left.
        assert!(matches!(socket.emit_with_ack::<()>("ask", ()).await, Err(AckError::Disconnected)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_socket_answers_nobody() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let io = serve(Namespace::new("/").middleware(move |socket: Socket| {
        let sender = sender.clone();
        async move {
            sender.send(socket.emit_with_ack::<()>("ask", ())).unwrap();
            Err::<(), _>(enchufe::Refusal::new("no"))
        }
    }));
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40").await;
    assert_eq!(client.take(2).await[1], "44{\"message\":\"no\"}");
    let answer = tokio::time::timeout(Duration::from_secs(1), receiver.recv().await.unwrap()).await;
    assert!(matches!(answer, Ok(Err(AckError::Disconnected))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_owed_are_bounded() {
    let limits = Limits { max_pending_acks: 2, ..Default::default() };
    let io = serve_with(Namespace::new("/"), |io| io.limits(limits));
    let (_client, id) = Client::join(&io, Via::WebSocket, "40").await;
    let socket = socket(&io, &id);
    let first = socket.emit_with_ack::<()>("ask", ());
    let _second = socket.emit_with_ack::<()>("ask", ());
    assert!(matches!(socket.emit_with_ack::<()>("ask", ()).await, Err(AckError::Emit(_))));
    drop(first);
    let third = tokio::time::timeout(Duration::from_secs(1), socket.emit_with_ack::<()>("ask", ())).await;
    assert!(third.is_err(), "the wait that was given up made room");
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_collects_what_each_answers() {
    let io = serve(Namespace::new("/"));
    let mut clients = Vec::new();
    for n in 0..4 {
        clients.push(Client::connect(&io, Via::BOTH[n % 2]).await);
    }
    let answers = io.of("/").timeout(Duration::from_secs(2)).emit_with_ack::<usize>("vote?", ());
    for (n, client) in clients.iter_mut().enumerate() {
        let ack = ack_id(&client.next().await);
        client.send(&format!("43{ack}[{n}]")).await;
        client.send(&format!("43{ack}[99]")).await;
    }
    let before = Instant::now();
    let answers = answers.await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(1), "it does not wait for the time-out");
    assert_eq!((answers.answers.len(), answers.left), (4, 0));
    let mut values: Vec<_> = answers.into_values().collect();
    values.sort_unstable();
    assert_eq!(values, [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_gives_what_has_come_when_the_time_is_up() {
    let io = serve(Namespace::new("/"));
    let mut clients = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (client, id) = Client::join(&io, Via::WebSocket, "40").await;
        clients.push(client);
        ids.push(id);
    }
    let answers = io.of("/").timeout(Duration::from_secs(2)).emit_with_ack::<usize>("vote?", ());
    let ack = ack_id(&clients[0].next().await);
    clients[0].send(&format!("43{ack}[7]")).await;
    clients[1].send(&format!("43{ack}[\"no number\"]")).await;
    let Err(BroadcastAckError::Timeout(partial)) = answers.await else { panic!("one has not answered") };
    assert_eq!((partial.answers.len(), partial.left), (2, 0));
    assert_eq!(
        partial.unanswered.sockets.iter().map(SocketId::as_str).collect::<Vec<_>>(),
        [ids[2].as_str()]
    );
    assert_eq!(partial.answers[0].from.as_ref().map(SocketId::as_str), Some(ids[0].as_str()));
    assert!(matches!(partial.answers[1].value, Err(AckError::Invalid(_))));
    assert_eq!(partial.into_values().collect::<Vec<_>>(), [7]);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_does_not_wait_for_who_leaves() {
    let io = serve(Namespace::new("/"));
    let mut stays = Client::connect(&io, Via::WebSocket).await;
    let mut leaves = Client::connect(&io, Via::WebSocket).await;
    let answers = io.of("/").timeout(Duration::from_secs(60)).emit_with_ack::<usize>("vote?", ());
    let ack = ack_id(&stays.next().await);
    stays.send(&format!("43{ack}[1]")).await;
    leaves.next().await;
    drop(leaves);
    let before = Instant::now();
    let answers = answers.await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!((answers.answers.len(), answers.left), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_to_nobody_is_complete_at_once() {
    let io = serve(Namespace::new("/"));
    let answers = io.of("/").to("nobody").emit_with_ack::<()>("vote?", ()).await.unwrap();
    assert!(answers.answers.is_empty() && answers.left == 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_given_up_leaves_nothing() {
    let probe = Arc::new(());
    let held = probe.clone();
    let io = serve(Namespace::new("/").on("sync", move || {
        let _held = &held;
        async {}
    }));
    let (client, id) = Client::join(&io, Via::WebSocket, "40").await;
    drop(socket(&io, &id).emit_with_ack::<()>("ask", ()));
    drop(io.of("/").emit_with_ack::<()>("ask", ()));
    drop(client);
    wait_until("it is gone", || io.connections() == 0).await;
    drop(io);
    crate::support::only_here(&probe).await;
}
