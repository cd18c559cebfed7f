//! From polling to WebSocket: nothing is lost, and a failed attempt changes nothing.

use bytes::Bytes;
use enchufe::{Data, DisconnectReason, Namespace, Socket};
use enchufe_proto::websocket::Opcode;
use tokio::time::{Duration, Instant, sleep};

use crate::support::{Client, Log, Polling, Received, Via, Ws, serve, serve_with};

fn echo(log: &Log) -> Namespace {
    let (events, ends) = (log.clone(), log.clone());
    Namespace::new("/")
        .on("say", move |socket: Socket, Data(text): Data<String>| {
            events.push(format!("{text} {}", socket.transport()));
            async move { socket.emit("said", text) }
        })
        .on_disconnect(move |reason: DisconnectReason| {
            ends.push(reason.as_str());
            async {}
        })
}

async fn joined(io: &enchufe::Server) -> Polling {
    let mut session = Polling::open(io).await;
    session.post("40").await;
    assert!(session.packet().await.unwrap().starts_with("40{"));
    session
}

fn probe_query(session: &Polling) -> String {
    format!("EIO=4&transport=websocket&sid={}", session.sid)
}

/// A WebSocket that may take over.
async fn probed(io: &enchufe::Server, session: &Polling) -> Ws {
    let mut ws = Ws::in_memory(io, 4096);
    ws.upgrade(&probe_query(session)).await;
    ws.send("2probe").await;
    assert_eq!(ws.text().await, "3probe");
    ws
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_goes_on_where_polling_stopped() {
    let log = Log::default();
    let io = serve(echo(&log));
    let session = joined(&io).await;
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade(&probe_query(&session)).await;
    let parked = tokio::spawn({
        let session = session.clone();
        async move { session.poll().await.body }
    });
    sleep(Duration::from_millis(10)).await;
    ws.send("2probe").await;
    assert_eq!(ws.text().await, "3probe");
    assert_eq!(parked.await.unwrap(), "6", "the pending poll ends");
    io.of("/").emit("between", ()).unwrap();
    ws.send("5").await;
    assert_eq!(ws.text().await, "42[\"between\"]", "what was queued meanwhile travels on the new transport");
    ws.send("42[\"say\",\"x\"]").await;
    assert_eq!(ws.text().await, "42[\"said\",\"x\"]");
    assert_eq!(log.entries(), ["x websocket"]);
    assert_eq!(session.poll().await.status, 400, "no polling any more");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_comes_while_the_probe_is_out_ends_within_100_ms() {
    // At once, and when the session has been asked for its deadline since.
    for after in [0, 300] {
        let io = serve(Namespace::new("/"));
        let session = joined(&io).await;
        let mut ws = probed(&io, &session).await;
        sleep(Duration::from_millis(after)).await;
        let before = Instant::now();
        assert_eq!(session.poll().await.body, "6");
        assert!(before.elapsed() <= Duration::from_millis(150), "{:?}", before.elapsed());
        ws.send("5").await;
    }
}

#[tokio::test(start_paused = true)]
async fn frames_that_come_with_the_upgrade_request_are_not_lost() {
    let log = Log::default();
    let io = serve(echo(&log));
    let session = joined(&io).await;
    let mut ws = Ws::in_memory(&io, 4096);
    let frames: Vec<u8> = ["2probe", "5", "42[\"say\",\"a\"]", "42[\"say\",\"b\"]"]
        .iter()
        .flat_map(|text| crate::support::frame(Opcode::Text, text.as_bytes()))
        .collect();
    ws.request(&probe_query(&session), &frames).await;
    assert_eq!(ws.head().await.status, 101);
    for expected in ["3probe", "42[\"said\",\"a\"]", "42[\"said\",\"b\"]"] {
        assert_eq!(ws.text().await, expected);
    }
    assert_eq!(log.entries(), ["a websocket", "b websocket"]);
}

#[tokio::test(start_paused = true)]
async fn frames_that_come_with_a_websocket_handshake_are_not_lost() {
    let log = Log::default();
    let io = serve(echo(&log));
    let mut ws = Ws::in_memory(&io, 4096);
    let frames: Vec<u8> = ["40", "42[\"say\",\"a\"]"]
        .iter()
        .flat_map(|text| crate::support::frame(Opcode::Text, text.as_bytes()))
        .collect();
    ws.request("EIO=4&transport=websocket", &frames).await;
    assert_eq!(ws.head().await.status, 101);
    assert!(ws.text().await.starts_with("0{"));
    assert!(ws.text().await.starts_with("40{"));
    assert_eq!(ws.text().await, "42[\"said\",\"a\"]");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_leaves_the_session() {
    for bad in ["5", "2", "2other", "40", "42[\"say\",\"x\"]", "9", ""] {
        let log = Log::default();
        let io = serve(echo(&log));
        let session = joined(&io).await;
        let mut ws = Ws::in_memory(&io, 4096);
        ws.upgrade(&probe_query(&session)).await;
        ws.send(bad).await;
        ws.end().await;
        assert_eq!(session.post("42[\"say\",\"still here\"]").await.body, "ok", "{bad:?}");
        assert_eq!(session.poll().await.body, "42[\"said\",\"still here\"]", "{bad:?}");
        assert_eq!(log.entries(), ["still here polling"], "{bad:?}");
        // And a new attempt may succeed.
        let mut ws = Ws::in_memory(&io, 4096);
        ws.upgrade(&probe_query(&session)).await;
        ws.send_all(&["2probe", "5", "42[\"say\",\"y\"]"]).await;
        assert_eq!(ws.text().await, "3probe");
        assert_eq!(ws.text().await, "42[\"said\",\"y\"]");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_frame_ends_only_the_probe() {
    let log = Log::default();
    let io = serve(echo(&log));
    let session = joined(&io).await;
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade(&probe_query(&session)).await;
    ws.write(&[0x81, 0x01, b'2']).await; // not masked
    assert_eq!(ws.close_code().await, Some(1002));
    assert_eq!(session.post("42[\"say\",\"x\"]").await.body, "ok");
    assert_eq!(log.entries(), ["x polling"]);
}

#[tokio::test(start_paused = true)]
async fn upgrade_timeout_closes_only_the_probe() {
    let log = Log::default();
    let io = serve_with(echo(&log), |io| io.upgrade_timeout(Duration::from_secs(3)));
    let session = joined(&io).await;
    let mut ws = probed(&io, &session).await;
    let before = tokio::time::Instant::now();
    ws.end().await;
    let after = before.elapsed();
    assert!(after > Duration::from_millis(2_900) && after < Duration::from_millis(3_100), "{after:?}");
    assert_eq!(session.post("42[\"say\",\"x\"]").await.body, "ok");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_may_ask_for_base64_where_its_session_did_not() {
    let namespace = Namespace::new("/")
        .on("get", async |socket: Socket| socket.emit("got", Bytes::from_static(b"\x01\x02")));
    let io = serve(namespace);
    let mut client = Client::connect(&io, Via::WebSocket).await;
    let session = joined(&io).await;
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade(&format!("{}&b64=1", probe_query(&session))).await;
    ws.send_all(&["2probe", "5", "42[\"get\"]"]).await;
    assert_eq!(ws.text().await, "3probe");
    assert_eq!(ws.text().await, r#"451-["got",{"_placeholder":true,"num":0}]"#);
    assert_eq!(ws.text().await, "bAQI=");
    for _ in 0..5 {
        // Each leaves the thread a buffer, in which the next broadcast may be written.
        client.send("42[\"get\"]").await;
        client.take(2).await;
        io.of("/").emit("all", Bytes::from_static(b"\x01\x02")).unwrap();
        assert_eq!(ws.text().await, r#"451-["all",{"_placeholder":true,"num":0}]"#);
        assert_eq!(ws.text().await, "bAQI=");
        client.take(2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_upgrade_at_a_time_and_none_after_it() {
    let log = Log::default();
    let io = serve(echo(&log));
    let session = joined(&io).await;
    let mut first = Ws::in_memory(&io, 4096);
    first.upgrade(&probe_query(&session)).await;
    first.send("2probe").await;
    assert_eq!(first.text().await, "3probe");
    let mut second = Ws::in_memory(&io, 4096);
    second.upgrade(&probe_query(&session)).await;
    second.end().await;
    first.send_all(&["5", "42[\"say\",\"x\"]"]).await;
    assert_eq!(first.text().await, "42[\"said\",\"x\"]");
    let mut third = Ws::in_memory(&io, 4096);
    third.upgrade(&probe_query(&session)).await;
    third.end().await;
    first.send("42[\"say\",\"y\"]").await;
    assert_eq!(first.text().await, "42[\"said\",\"y\"]");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_takes_its_probe_along() {
    let io = serve(Namespace::new("/"));
    let session = joined(&io).await;
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade(&probe_query(&session)).await;
    session.post("1").await;
    ws.end().await;
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn websocket_pings_are_answered_and_fragments_put_together() {
    let log = Log::default();
    let io = serve(echo(&log));
    let mut ws = Ws::open(&io).await;
    ws.send("40").await;
    assert!(ws.text().await.starts_with("40{"));
    let text = b"42[\"say\",\"in pieces\"]";
    ws.write(&[&[0x01, 0x80 | 5, 0, 0, 0, 0], &text[..5]].concat()).await;
    ws.write(&crate::support::frame(Opcode::Ping, b"hello")).await;
    assert_eq!(ws.recv().await, Received::Pong("hello".into()));
    let rest = &text[5..];
    ws.write(&[&[0x80, 0x80 | rest.len() as u8, 0, 0, 0, 0], rest].concat()).await;
    assert_eq!(ws.text().await, "42[\"said\",\"in pieces\"]");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_1009() {
    let log = Log::default();
    let io = serve_with(echo(&log), |io| io.max_http_buffer_size(1000));
    let mut ws = Ws::open(&io).await;
    ws.send("40").await;
    assert!(ws.text().await.starts_with("40{"));
    ws.send(&"4".repeat(1001)).await;
    assert_eq!(ws.close_code().await, Some(1009));
    assert_eq!(log.wait(1).await, ["transport error"]);
}
