//! Long-polling: polls, POSTs, and what happens when they overlap or break off.

use bytes::Bytes;
use enchufe::{Data, DisconnectReason, Namespace, Server};
use http::Request;
use http_body_util::Full;
use tokio::time::{Duration, sleep, timeout};

use crate::support::{Client, Log, Polling, Via, serve, serve_with, wait_until};

fn logging(log: &Log) -> Namespace {
    let (events, ends) = (log.clone(), log.clone());
    Namespace::new("/")
        .on("say", move |Data(text): Data<String>| {
            events.push(text);
            async {}
        })
        .on_disconnect(move |reason: DisconnectReason| {
            ends.push(reason.as_str());
            async {}
        })
}

async fn joined(io: &Server) -> Polling {
    let mut session = Polling::open(io).await;
    assert_eq!(session.post("40").await.body, "ok");
    assert!(session.packet().await.unwrap().starts_with("40{"));
    session
}

#[tokio::test(start_paused = true)]
async fn a_post_is_answered_ok_and_a_poll_carries_packets_separated() {
    let io = serve(Namespace::new("/"));
    let session = joined(&io).await;
    let answer = session.post("3").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "ok"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    io.of("/").emit("a", 1).unwrap();
    io.of("/").emit("b", Bytes::from_static(&[1, 2])).unwrap();
    let answer = session.poll().await;
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(answer.body, "42[\"a\",1]\u{1e}451-[\"b\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQI=");
}

#[tokio::test(start_paused = true)]
async fn a_parked_poll_is_answered_when_there_is_something() {
    let io = serve(Namespace::new("/"));
    let session = joined(&io).await;
    let parked = tokio::spawn({
        let session = session.clone();
        async move { session.poll().await }
    });
    sleep(Duration::from_secs(3)).await;
    assert!(!parked.is_finished());
    io.of("/").emit("a", ()).unwrap();
    assert_eq!(parked.await.unwrap().body, "42[\"a\"]");
}

#[tokio::test(start_paused = true)]
async fn a_second_poll_is_refused_and_ends_the_session() {
    let log = Log::default();
    let io = serve(logging(&log));
    let session = joined(&io).await;
    let first = tokio::spawn({
        let session = session.clone();
        async move { session.poll().await }
    });
    sleep(Duration::from_millis(50)).await;
    assert_eq!(session.poll().await.status, 400);
    assert_eq!(first.await.unwrap().body, "1");
    assert_eq!(log.wait(1).await, ["transport error"]);
    assert_eq!(session.poll().await.status, 400);
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_post_is_refused_and_ends_the_session() {
    let log = Log::default();
    let io = serve(logging(&log));
    let session = joined(&io).await;
    // The body of the first never ends.
    let (_sender, body) = slow_body();
    let request = Request::post(session.target()).body(body).unwrap();
    let service = io.service();
    let first =
        tokio::spawn(async move { tower::ServiceExt::oneshot(service, request).await.unwrap().status() });
    sleep(Duration::from_millis(50)).await;
    assert_eq!(session.post("42[\"say\",\"second\"]").await.status, 400);
    assert_eq!(log.wait(1).await, ["transport error"]);
    drop(_sender);
    assert_eq!(first.await.unwrap(), 400);
}

/// A body that ends when its sender is dropped.
fn slow_body()
-> (tokio::sync::mpsc::Sender<Bytes>, impl http_body::Body<Data = Bytes, Error = std::io::Error> + Send) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let stream = futures_util::stream::poll_fn(move |cx| {
        receiver.poll_recv(cx).map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
    });
    (sender, http_body_util::StreamBody::new(stream))
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_broken_off_ends_the_session() {
    let log = Log::default();
    let io = serve(logging(&log));
    let session = joined(&io).await;
    assert!(timeout(Duration::from_secs(1), session.poll()).await.is_err());
    assert_eq!(log.wait(1).await, ["transport error"]);
    wait_until("it is gone", || io.connections() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_post_that_is_broken_off_ends_the_session() {
    let log = Log::default();
    let io = serve(logging(&log));
    let session = joined(&io).await;
    let (_sender, body) = slow_body();
    let request = Request::post(session.target()).body(body).unwrap();
    let post = tower::ServiceExt::oneshot(io.service(), request);
    assert!(timeout(Duration::from_secs(1), post).await.is_err());
    assert_eq!(log.wait(1).await, ["transport error"]);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_never_ends_is_not_waited_for() {
    let log = Log::default();
    let io = serve(logging(&log));
    let session = joined(&io).await;
    let (_sender, body) = slow_body();
    let request = Request::post(session.target()).body(body).unwrap();
    let answer = tower::ServiceExt::oneshot(io.service(), request).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(log.wait(1).await, ["transport error"]);
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_is_too_large_is_413_and_the_session_lives() {
    let log = Log::default();
    let io = serve_with(logging(&log), |io| io.max_http_buffer_size(200));
    let session = joined(&io).await;
    let fits = format!("42[\"say\",\"{}\"]", "x".repeat(200 - 12));
    assert_eq!(fits.len(), 200);
    assert_eq!(session.post(&fits).await.status, 200);
    assert_eq!(session.post(&format!("{fits} ")).await.status, 413);
    assert_eq!(session.post("42[\"say\",\"after\"]").await.body, "ok");
    assert_eq!(log.wait(2).await[1], "after");
}

#[tokio::test(start_paused = true)]
async fn the_binary_payloads_of_protocol_3_are_refused() {
    let log = Log::default();
    let io = serve(logging(&log));
    let session = joined(&io).await;
    let request = Request::post(session.target()).header("content-type", "application/octet-stream");
    let answer = session.http.send(request.body(Full::from("40")).unwrap()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(log.wait(1).await, ["transport error"]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_before_garbage_is_handled_and_the_garbage_ends_the_session() {
    for garbage in ["x", "", "9", "b!", "é"] {
        let log = Log::default();
        let io = serve(logging(&log));
        let session = joined(&io).await;
        let answer = session.post(&format!("42[\"say\",\"a\"]\u{1e}{garbage}\u{1e}42[\"say\",\"b\"]")).await;
        assert_eq!(answer.status, 400, "{garbage:?}");
        assert_eq!(log.wait(2).await, ["a", "parse error"], "{garbage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_text_ends_the_session() {
    let log = Log::default();
    let io = serve(logging(&log));
    let session = joined(&io).await;
    let request = Request::post(session.target()).body(Full::from(vec![b'4', 0xff])).unwrap();
    assert_eq!(session.http.send(request).await.status, 400);
    assert_eq!(log.wait(1).await, ["parse error"]);
}

#[tokio::test(start_paused = true)]
async fn the_close_packet_ends_the_session_and_its_poll() {
    let log = Log::default();
    let io = serve(logging(&log));
    let session = joined(&io).await;
    let parked = tokio::spawn({
        let session = session.clone();
        async move { session.poll().await }
    });
    sleep(Duration::from_millis(50)).await;
    session.post("1").await;
    assert_eq!(parked.await.unwrap().body, "6");
    assert_eq!(log.wait(1).await, ["transport close"]);
}

#[tokio::test(start_paused = true)]
async fn posts_and_polls_of_many_sessions_do_not_disturb_each_other() {
    let log = Log::default();
    let io = serve(logging(&log));
    let clients = (0..50).map(|n| {
        let io = io.clone();
        tokio::spawn(async move {
            let mut client = Client::connect(&io, Via::BOTH[n % 2]).await;
            for k in 0..10 {
                client.send(&format!("42[\"say\",\"{n} {k}\"]")).await;
            }
            client
        })
    });
    let clients: Vec<_> = clients.collect();
    for client in clients {
        // Kept until all have spoken.
        std::mem::forget(client.await.unwrap());
    }
    let entries = log.wait(500).await;
    for n in 0..50 {
        let own: Vec<_> = entries.iter().filter_map(|e| e.strip_prefix(&format!("{n} "))).collect();
        assert_eq!(own, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "of client {n}");
    }
}
