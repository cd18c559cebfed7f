//! What a peer can make the server hold, and what happens past it.

use std::fmt::Write as _;
use std::future::{Future, Ready, ready};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use enchufe::{DisconnectReason, HandlerError, Limits, Namespace, RawArgs, Socket};
use enchufe_proto::websocket::Opcode;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::support::{Client, Log, Polling, Received, Via, Ws, frame, serve, serve_with, wait_until};

fn ends(log: &Log) -> Namespace {
    Namespace::new("/").on_disconnect(ended(log))
}

fn ended(log: &Log) -> impl Fn(DisconnectReason) -> Ready<()> + Send + Sync + 'static {
    let log = log.clone();
    move |reason: DisconnectReason| {
        log.push(reason.as_str());
        ready(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_is_closed() {
    for via in Via::BOTH {
        let log = Log::default();
        let limits = Limits { max_outbox_bytes: 100_000, ..Default::default() };
        let io = serve_with(ends(&log), |io| io.limits(limits));
        // It reads nothing after the handshake: a narrow pipe fills up.
        let _client = match via {
            Via::Polling => Client::connect(&io, via).await,
            Via::WebSocket => {
                let mut ws = Ws::in_memory(&io, 1024);
                ws.upgrade("EIO=4&transport=websocket").await;
                ws.send("40").await;
                ws.text().await;
                ws.text().await;
                Client::WebSocket(Box::new(ws))
            }
        };
        let mut sent = 0;
        while log.entries().is_empty() {
            io.of("/").emit("data", "x".repeat(1000)).unwrap();
            sleep(Duration::from_millis(1)).await;
            sent += 1;
            assert!(sent < 1000, "{via:?}: never closed");
        }
        assert_eq!(log.entries(), ["slow consumer"]);
        assert!(sent > 50, "{via:?}: closed after {sent} KB");
        wait_until("it is gone", || io.connections() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_packet_larger_than_the_outbox_passes_an_empty_one() {
    let log = Log::default();
    let limits = Limits { max_outbox_bytes: 1000, ..Default::default() };
    let io = serve_with(ends(&log), |io| io.limits(limits));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    io.of("/").emit("data", "x".repeat(300_000)).unwrap();
    assert_eq!(client.next().await.len(), 300_000 + 13);
}

#[tokio::test(start_paused = true)]
async fn drained_waits_for_the_transport() {
    let io = serve(Namespace::new("/"));
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade("EIO=4&transport=websocket").await;
    ws.send("40").await;
    ws.text().await;
    ws.text().await;
    let socket = io.of("/").sockets().remove(0);
    timeout(Duration::from_secs(1), socket.drained()).await.expect("nothing waits");
    socket.emit("data", "x".repeat(500_000)).unwrap();
    assert!(timeout(Duration::from_secs(1), socket.drained()).await.is_err());
    let (drained, ()) = tokio::join!(timeout(Duration::from_secs(1), socket.drained()), async {
        ws.text().await;
    });
    drained.expect("all was read");
    socket.emit("data", "x".repeat(500_000)).unwrap();
    let (drained, ()) = tokio::join!(timeout(Duration::from_secs(1), socket.drained()), async { drop(ws) });
    drained.expect("the client has gone");
}

/// A waker that goes on at once, as those of some executors do.
struct AtOnce(Socket, Log);

impl Wake for AtOnce {
    fn wake(self: Arc<Self>) {
        self.0.emit("again", ()).unwrap();
        self.1.push("woken");
        panic!("as asked for");
    }
}

async fn woken_at_once(via: Via) {
    let (io, log) = (serve(Namespace::new("/")), Log::default());
    let mut client = Client::connect(&io, via).await;
    let socket = io.of("/").sockets().remove(0);
    socket.emit("data", "x".repeat(500_000)).unwrap();
    let waker = Waker::from(Arc::new(AtOnce(socket.clone(), log.clone())));
    let mut drained = Box::pin(async move { socket.drained().await });
    assert!(drained.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(client.next().await.len(), 500_000 + 13);
    assert_eq!(client.next().await, "42[\"again\"]", "{via:?}");
    assert_eq!(log.wait(1).await, ["woken"]);
    assert_eq!(io.stats().connections, 1, "a waker that panics is nobody's end");
}

#[test]
fn who_waits_for_drained_may_go_on_where_it_is_woken() {
    for via in Via::BOTH {
        let (done, over) = std::sync::mpsc::channel();
        // Where a lock were held it would wait for itself.
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
            runtime.unwrap().block_on(woken_at_once(via));
            done.send(()).unwrap();
        });
        assert_eq!(over.recv_timeout(Duration::from_secs(60)), Ok(()), "{via:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_waits_for_drained_is_never_a_slow_consumer() {
    for via in Via::BOTH {
        let log = Log::default();
        let limits = Limits { max_outbox_bytes: 50_000, ..Default::default() };
        let io = serve_with(ends(&log), |io| io.limits(limits));
        let mut client = Client::connect(&io, via).await;
        let socket = io.of("/").sockets().remove(0);
        let sender = tokio::spawn(async move {
            for n in 0..500 {
                socket.emit("n", (n, "x".repeat(5_000))).unwrap();
                socket.drained().await;
            }
        });
        for n in 0..500 {
            let message = client.next().await;
            assert!(message.starts_with(&format!("42[\"n\",{n},")), "{via:?} {n}");
        }
        sender.await.unwrap();
        assert!(log.entries().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn attachments_that_never_come_close_the_connection() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(ends(&log));
        let mut client = Client::connect(&io, via).await;
        client.send("452-[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]").await;
        client.send_binary(b"one of two").await;
        let before = Instant::now();
        client.closed().await;
        let after = before.elapsed();
        assert!(after > Duration::from_secs(29) && after < Duration::from_secs(31), "{via:?} {after:?}");
        assert_eq!(log.wait(1).await, ["parse error"]);
    }
}

#[tokio::test(start_paused = true)]
async fn attachments_that_are_too_large_together_close_the_connection() {
    let log = Log::default();
    let limits = Limits { max_attachment_bytes: 1000, ..Default::default() };
    let io = serve_with(ends(&log), |io| io.limits(limits));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("452-[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]").await;
    client.send_binary(&[0; 600]).await;
    client.send_binary(&[0; 600]).await;
    client.closed().await;
    assert_eq!(log.wait(1).await, ["forced close"]);
}

#[tokio::test(start_paused = true)]
async fn how_many_attachments_a_packet_may_have_can_be_set() {
    for (limit, count, taken) in
        [(10, 10, true), (10, 11, false), (3, 3, true), (3, 4, false), (40, 40, true)]
    {
        let log = Log::default();
        let counted = Namespace::new("/").on("a", async |args: RawArgs| args.attachments().len());
        let limits = Limits { max_attachments: limit, ..Default::default() };
        let io = serve_with(counted.on_disconnect(ended(&log)), |io| io.limits(limits));
        let mut client = Client::connect(&io, Via::WebSocket).await;
        let places: Vec<String> =
            (0..count).map(|num| format!("{{\"_placeholder\":true,\"num\":{num}}}")).collect();
        client.send(&format!("45{count}-7[\"a\",{}]", places.join(","))).await;
        if taken {
            for _ in 0..count {
                client.send_binary(b"one").await;
            }
            assert_eq!(client.next().await, format!("437[{count}]"), "{count} of {limit}");
        } else {
            // Before any of them is kept.
            assert_eq!(log.wait(1).await, ["forced close"], "{count} of {limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_whose_body_does_not_come_ends_its_session_in_time() {
    let log = Log::default();
    let limits = Limits { body_timeout: Duration::from_secs(7), ..Default::default() };
    let io = serve_with(ends(&log), |io| io.limits(limits));
    let session = Polling::open(&io).await;
    session.post("40").await;
    let mut slow = Ws::in_memory(&io, 4096);
    let begun = Instant::now();
    slow.write(
        format!("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n42[", session.target())
            .as_bytes(),
    )
    .await;
    assert_eq!(slow.head().await.status, 400);
    assert_eq!(begun.elapsed().as_secs(), 7);
    assert_eq!(log.wait(1).await, ["transport error"]);
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn json_that_is_too_deep_closes_the_connection() {
    let log = Log::default();
    let io = serve(ends(&log).on("sync", async || {}));
    let nested = |depth: usize| format!("42[\"a\",{}{}]", "[".repeat(depth), "]".repeat(depth));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send(&nested(500)).await;
    client.sync().await;
    client.send(&nested(100_000)).await;
    client.closed().await;
    assert_eq!(log.wait(1).await, ["forced close"]);
}

#[tokio::test(start_paused = true)]
async fn namespaces_past_the_limit_are_refused() {
    let limits = Limits { max_namespaces: 3, ..Default::default() };
    let io = serve_with(Namespace::matching(|_| true), |io| io.limits(limits));
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send_all(&["40/1,", "40/2,", "40/3,", "40/4,"]).await;
    assert_eq!(client.take(4).await[3], "44/4,{\"message\":\"too many namespaces\"}");
    client.send_all(&["41/1,", "40/4,"]).await;
    assert!(client.next().await.starts_with("40/4,{"));
}

#[tokio::test(start_paused = true)]
async fn one_batch_does_not_pass_the_limit_of_running_handlers() {
    for via in Via::BOTH {
        let log = Log::default();
        let starts = log.clone();
        let limits = Limits { max_in_flight_handlers: 10, ..Default::default() };
        let namespace = Namespace::new("/").on("work", move || {
            starts.push("start");
            async { sleep(Duration::from_secs(1)).await }
        });
        let io = serve_with(namespace, |io| io.limits(limits));
        let mut client = Client::connect(&io, via).await;
        let sending = tokio::spawn(async move {
            client.send_all(&vec!["42[\"work\"]"; 100]).await;
            client
        });
        sleep(Duration::from_millis(900)).await;
        assert_eq!(log.entries().len(), 10, "{via:?}");
        sleep(Duration::from_millis(10_000)).await;
        assert_eq!(log.entries().len(), 100, "{via:?}: all of them run in the end");
        sending.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn answers_pass_the_events_that_wait_for_running_handlers() {
    for via in Via::BOTH {
        let limits = Limits { max_in_flight_handlers: 3, ..Default::default() };
        let namespace =
            Namespace::new("/").on("ask-me", async |socket: Socket| -> Result<(), HandlerError> {
                socket.emit_with_ack::<i64>("question", ()).await?;
                socket.emit("thanks", ())?;
                Ok(())
            });
        let io = serve_with(namespace, |io| io.limits(limits));
        let mut client = Client::connect(&io, via).await;
        client.send_all(&vec!["42[\"ask-me\"]"; 30]).await;
        let (mut questions, mut thanks) = (0, 0);
        while thanks < 30 {
            let packet = client.next().await;
            match packet.strip_prefix("42").and_then(|rest| rest.split_once("[\"question\"")) {
                Some((id, _)) => {
                    questions += 1;
                    client.send(&format!("43{id}[7]")).await;
                }
                None => {
                    assert_eq!(packet, "42[\"thanks\"]", "{via:?}");
                    thanks += 1;
                }
            }
            assert!(questions <= thanks + 3, "{via:?}: no more handlers than may be");
        }
        assert_eq!(questions, 30, "{via:?}");
    }
}

/// Lets every other task that can run have its turn, without waiting until there is none.
async fn once_round() {
    let mut done = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut done, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn output_is_not_starved_by_busy_connections() {
    let io = serve(Namespace::new("/"));
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(Client::connect(&io, Via::WebSocket).await);
    }
    // All are woken again and again: more than have their turn in one round.
    for _ in 0..500 {
        io.of("/").emit("n", ()).unwrap();
        once_round().await;
    }
    let queued = io.of("/").sockets().iter().map(enchufe::Socket::outbox_bytes).max().unwrap();
    assert!(queued < 5_000, "{queued} bytes wait for a client that can take them");
}

#[tokio::test(start_paused = true)]
async fn dynamic_namespaces_that_nobody_uses_make_room() {
    let io = serve(Namespace::matching(|_| true));
    let mut client = Client::open(&io, Via::WebSocket).await;
    let mut batch = String::new();
    for n in 0..5_000 {
        batch.clear();
        write!(batch, "40/{n},").unwrap();
        client.send(&batch).await;
        client.next().await;
        client.send(&format!("41/{n},")).await;
    }
    assert!(io.namespaces().len() < 3_000, "{} namespaces", io.namespaces().len());
    assert_eq!(io.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_in_use_is_kept() {
    let io = serve(Namespace::matching(|_| true));
    let (mut keeper, id) = Client::join(&io, Via::WebSocket, "40/kept,").await;
    let held = io.of("/held");
    let mut client = Client::open(&io, Via::WebSocket).await;
    for n in 0..3_000 {
        client.send(&format!("40/{n},")).await;
        client.next().await;
        client.send(&format!("41/{n},")).await;
    }
    io.of("/kept").emit("still", ()).unwrap();
    assert_eq!(keeper.next().await, "42/kept,[\"still\"]");
    keeper.send("40/held,").await;
    keeper.next().await;
    held.emit("here", ()).unwrap();
    assert_eq!(keeper.next().await, "42/held,[\"here\"]");
    let names = io.namespaces();
    for (name, is_there) in [("/kept", true), ("/held", true), ("/2999", true), ("/0", false)] {
        assert_eq!(names.iter().any(|other| **other == *name), is_there, "{name} among {}", names.len());
    }
    // They are those that there were all the time.
    assert_eq!(io.of("/kept").sockets().iter().map(|s| s.id().to_string()).collect::<Vec<_>>(), [id]);
    assert_eq!(held.sockets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_is_answered_without_being_kept() {
    let io = serve(Namespace::new("/"));
    let mut ws = Ws::in_memory(&io, 256);
    ws.upgrade("EIO=4&transport=websocket").await;
    ws.send("40").await;
    ws.text().await;
    ws.text().await;
    // More than the pipe takes, so that whatever follows has to wait.
    for n in 0..30 {
        io.of("/").emit("n", (n, "x".repeat(100))).unwrap();
    }
    sleep(Duration::from_millis(10)).await;
    for n in 0..1_000 {
        ws.write(&frame(Opcode::Ping, format!("{n}").as_bytes())).await;
    }
    sleep(Duration::from_millis(10)).await;
    let mut events = 0;
    let mut pongs = Vec::new();
    while let Ok(received) = timeout(Duration::from_secs(1), ws.recv()).await {
        match received {
            Received::Text(_) => events += 1,
            Received::Pong(data) => pongs.push(data),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events, 30);
    assert_eq!(pongs.last().unwrap(), "999", "the latest is answered");
    assert!(pongs.len() < 10, "{} pongs were kept", pongs.len());
}
