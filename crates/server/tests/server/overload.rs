//! Clients that take too little, or send too much: what is given up, slowed or closed, and what is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use enchufe::engine::{EngineObserver, EngineSocket};
use enchufe::{DisconnectReason, Limits, Namespace, OutboxPolicy, Server, ServerBuilder};
use enchufe_proto::websocket::Opcode;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::support::{Client, Log, Received, Via, Ws, frame, serve_with, wait_until};

fn ends(log: &Log) -> Namespace {
    let log = log.clone();
    Namespace::new("/").on_disconnect(move |reason: DisconnectReason| {
        log.push(reason.as_str());
        async {}
    })
}

/// A client that takes so many bytes until it reads.
async fn narrow(io: &Server, capacity: usize) -> Ws {
    let mut ws = Ws::in_memory(io, capacity);
    ws.upgrade("EIO=4&transport=websocket").await;
    ws.send("40").await;
    ws.text().await;
    ws.text().await;
    ws
}

fn with_policy(policy: OutboxPolicy, bytes: usize) -> impl FnOnce(ServerBuilder) -> ServerBuilder {
    move |io| io.outbox_policy(policy).limits(Limits { max_outbox_bytes: bytes, ..Limits::default() })
}

/// Everything that comes until nothing has come for a second, without the pings.
async fn all(ws: &mut Ws) -> Vec<Received> {
    let mut received = Vec::new();
    while let Ok(one) = timeout(Duration::from_secs(1), ws.recv()).await {
        assert_ne!(one, Received::End, "it is not closed: {received:?}");
        received.push(one);
    }
    received.retain(|one| *one != Received::Text("2".into()));
    received
}

struct Dropped(Arc<AtomicUsize>);

impl EngineObserver for Dropped {
    fn on_dropped(&self, _socket: &EngineSocket, packets: usize) {
        self.0.fetch_add(packets, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn the_oldest_events_are_given_up_and_counted() {
    let log = Log::default();
    let dropped = Arc::new(AtomicUsize::new(0));
    let observer = Dropped(dropped.clone());
    let io = serve_with(ends(&log), |io| with_policy(OutboxPolicy::DropOldest, 50_000)(io).observe(observer));
    let mut ws = narrow(&io, 1024).await;
    for n in 0..1_000 {
        io.of("/").emit("n", (n, "x".repeat(1_000))).unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    io.of("/").emit("last", ()).unwrap();
    let received = all(&mut ws).await;
    assert_eq!(received.last(), Some(&Received::Text("42[\"last\"]".into())));
    let lost = 1_001 - received.len();
    assert!((200..990).contains(&lost), "{lost} lost");
    let stats = io.stats();
    assert_eq!(stats.dropped_packets, lost as u64);
    assert_eq!(dropped.load(Ordering::Relaxed), lost);
    assert!(log.entries().is_empty());
    assert_eq!(stats.outbox_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn events_are_given_up_with_their_attachments_and_nothing_else_is() {
    let io = serve_with(
        Namespace::new("/").on("echo", async |enchufe::Data(n): enchufe::Data<u32>| n),
        with_policy(OutboxPolicy::DropOldest, 20_000),
    );
    let mut ws = narrow(&io, 64).await;
    for n in 0..200_u32 {
        if n % 10 == 0 {
            ws.send(&format!("42{n}[\"echo\",{n}]")).await;
        }
        io.of("/").emit("b", (n, Bytes::from(vec![0_u8; 500]), Bytes::from(vec![1_u8; 500]))).unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    let received = all(&mut ws).await;
    let mut answers = 0;
    let mut rest = received.iter();
    while let Some(one) = rest.next() {
        let Received::Text(text) = one else { panic!("an attachment without its event: {one:?}") };
        if text.starts_with("43") {
            answers += 1;
            continue;
        }
        assert!(text.starts_with("452-[\"b\","), "{text}");
        for byte in 0..2 {
            assert_eq!(rest.next(), Some(&Received::Binary(Bytes::from(vec![byte; 500]))));
        }
    }
    assert_eq!(answers, 20, "no answer is given up");
    assert!(io.stats().dropped_packets > 100);
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_given_up_closes_a_slow_client_all_the_same() {
    let log = Log::default();
    let namespace = ends(&log).on("big", async || "x".repeat(1_000));
    let io = serve_with(namespace, with_policy(OutboxPolicy::DropOldest, 20_000));
    let mut ws = narrow(&io, 64).await;
    for n in 0..100 {
        ws.send(&format!("42{n}[\"big\"]")).await;
        sleep(Duration::from_millis(1)).await;
        if !log.entries().is_empty() {
            break;
        }
    }
    assert_eq!(log.wait(1).await, ["slow consumer"]);
    assert_eq!(io.stats().closed.by(DisconnectReason::SlowConsumer), 1);
}

#[tokio::test(start_paused = true)]
async fn volatile_events_wait_and_go_first_where_they_may() {
    let log = Log::default();
    let io = serve_with(ends(&log), with_policy(OutboxPolicy::DropVolatile, 20_000));
    let mut ws = narrow(&io, 64).await;
    let socket = io.of("/").sockets().remove(0);
    for n in 0..100 {
        socket.volatile().emit("v", (n, "x".repeat(500))).unwrap();
        if n % 10 == 0 {
            socket.emit("r", (n, "x".repeat(500))).unwrap();
        }
        sleep(Duration::from_millis(1)).await;
    }
    let received = all(&mut ws).await;
    let count = |start: &str| {
        received.iter().filter(|one| matches!(one, Received::Text(text) if text.starts_with(start))).count()
    };
    assert_eq!(count("42[\"r\""), 10, "none that is not volatile is given up");
    assert!((10..60).contains(&count("42[\"v\"")), "{}", count("42[\"v\""));
    assert!(matches!(&received[received.len() - 1], Received::Text(text) if text.starts_with("42[\"v\",99")));
    for n in 0..100 {
        socket.emit("r", (n, "x".repeat(500))).unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(log.wait(1).await, ["slow consumer"]);
}

#[tokio::test(start_paused = true)]
async fn one_socket_may_have_another_policy() {
    let log = Log::default();
    let io = serve_with(ends(&log), with_policy(OutboxPolicy::Close, 20_000));
    let mut kept = narrow(&io, 64).await;
    io.of("/").sockets().remove(0).set_outbox_policy(OutboxPolicy::DropOldest);
    let _closed = narrow(&io, 64).await;
    for n in 0..100 {
        io.of("/").emit("n", (n, "x".repeat(500))).unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(log.wait(1).await, ["slow consumer"]);
    assert!(all(&mut kept).await.len() > 10);
}

#[tokio::test(start_paused = true)]
async fn the_latest_of_a_key_is_what_a_slow_client_gets() {
    let log = Log::default();
    let io = serve_with(ends(&log), with_policy(OutboxPolicy::Close, 20_000));
    let mut ws = narrow(&io, 64).await;
    let socket = io.of("/").sockets().remove(0);
    for n in 0..500 {
        for name in ["a", "b"] {
            socket.conflate(name).emit("price", (name, n, "x".repeat(500))).unwrap();
        }
        if n == 250 {
            socket.emit("half", ()).unwrap();
        }
        sleep(Duration::from_millis(1)).await;
    }
    let received = all(&mut ws).await;
    assert!(received.len() < 10, "{}", received.len());
    for (name, back) in [("a", 2), ("b", 1)] {
        let expected = format!("42[\"price\",\"{name}\",499,");
        let last = &received[received.len() - back];
        assert!(matches!(last, Received::Text(text) if text.starts_with(&expected)), "{last:?}");
    }
    assert!(received.contains(&Received::Text("42[\"half\"]".into())));
    assert!(io.stats().conflated_packets > 900);
    assert!(log.entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_latest_of_a_keys_broadcasts_is_what_slow_clients_get() {
    for recovery in [false, true] {
        let log = Log::default();
        let io = serve_with(ends(&log), |io| match recovery {
            true => io.connection_state_recovery(enchufe::Recovery::default()),
            false => io,
        });
        let mut ws = narrow(&io, 64).await;
        let slow = io.of("/").sockets().remove(0);
        slow.join("traders");
        for n in 0..500 {
            io.to("traders").conflate("a").emit("price", ("a", n, "x".repeat(500))).unwrap();
            // The socket's own are of the same keys.
            slow.conflate("b").emit("price", ("b", 0, "x".repeat(500))).unwrap();
            io.conflate("b").emit("price", ("b", n, "x".repeat(500))).unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        let received = all(&mut ws).await;
        assert!(received.len() < 10, "{}", received.len());
        for (name, back) in [("a", 2), ("b", 1)] {
            let expected = format!("42[\"price\",\"{name}\",499,");
            let last = &received[received.len() - back];
            assert!(matches!(last, Received::Text(text) if text.starts_with(&expected)), "{last:?}");
        }
        assert!(io.stats().conflated_packets > 1_300);
        assert!(log.entries().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_sheds_those_for_whom_most_waits() {
    let log = Log::default();
    let limits = Limits { max_total_outbox_bytes: 400_000, ..Limits::default() };
    let io = serve_with(ends(&log), |io| io.limits(limits));
    let mut small = narrow(&io, 64).await;
    let modest = io.of("/").sockets().remove(0);
    let _large = narrow(&io, 64).await;
    let greedy = io.of("/").sockets().into_iter().find(|socket| *socket != modest).unwrap();
    modest.emit("n", "x".repeat(20_000)).unwrap();
    let mut sent = 0;
    while log.entries().is_empty() {
        greedy.emit("n", "x".repeat(20_000)).unwrap();
        sent += 1;
        assert!(sent < 100, "never shed");
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(log.entries(), ["server overloaded"]);
    assert!((15..40).contains(&sent), "{sent}");
    assert!(!greedy.connected() && modest.connected());
    assert_eq!(all(&mut small).await.len(), 1);
    let stats = io.stats();
    assert_eq!(stats.closed.by(DisconnectReason::Overloaded), 1);
    assert_eq!((stats.outbox_bytes, stats.connections), (0, 1));
}

// ---- sending too much --------------------------------------------------------------------------------

fn counting(log: &Log) -> Namespace {
    let handled = log.clone();
    Namespace::new("/").on("n", move || {
        handled.push("n");
        async {}
    })
}

#[tokio::test(start_paused = true)]
async fn a_flooder_is_slowed_and_a_pause_forgives_it() {
    for via in Via::BOTH {
        let log = Log::default();
        let limits = Limits { max_events_per_second: 100, ..Limits::default() };
        let io = serve_with(counting(&log), |io| io.limits(limits));
        let mut client = Client::connect(&io, via).await;
        // The CONNECT was a message too.
        client.send_all(&vec!["42[\"n\"]"; 199]).await;
        sleep(Duration::from_millis(10)).await;
        assert_eq!(log.entries().len(), 199, "{via:?}: a burst passes");
        let before = Instant::now();
        let sending = tokio::spawn(async move {
            client.send_all(&vec!["42[\"n\"]"; 500]).await;
            client
        });
        sleep(Duration::from_secs(2)).await;
        let handled = log.entries().len() - 199;
        assert!((190..=220).contains(&handled), "{via:?}: {handled} in two seconds");
        log.wait(699).await;
        assert!(before.elapsed() > Duration::from_millis(4_800), "{via:?} {:?}", before.elapsed());
        sending.await.unwrap();
        let stats = io.stats();
        assert_eq!((stats.connections, stats.closed.total()), (1, 0), "{via:?}");
        assert!(stats.throttled >= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flooder_that_goes_on_is_closed_and_told_why() {
    let log = Log::default();
    let limits = Limits { max_events_per_second: 100, ..Limits::default() };
    let io = serve_with(ends(&log).on("n", async || {}), |io| io.limits(limits));
    let mut ws = narrow(&io, 1 << 20).await;
    ws.send_all(&vec!["42[\"n\"]"; 20_000]).await;
    let before = Instant::now();
    assert_eq!(ws.close().await, Some((1008, "rate limit exceeded".into())));
    let after = before.elapsed();
    assert!(after > Duration::from_secs(9) && after < Duration::from_secs(11), "{after:?}");
    assert_eq!(log.wait(1).await, ["rate limit exceeded"]);
    assert_eq!(io.stats().closed.by(DisconnectReason::RateLimited), 1);
}

/// What keeps a client's session from being read for half a minute, and then what it sends is handled at once.
fn busy_for_half_a_minute(log: &Log) -> Server {
    let limits = Limits {
        max_in_flight_handlers: 1,
        max_early_bytes: 1_000,
        max_events_per_second: 100,
        ..Limits::default()
    };
    let namespace = counting(log).on("slow", async || sleep(Duration::from_secs(30)).await);
    // The clients answer no pings.
    serve_with(namespace, |io| io.limits(limits).ping_interval(Duration::from_secs(600)))
}

#[tokio::test(start_paused = true)]
async fn a_client_that_the_server_did_not_read_is_not_taken_for_a_flooder() {
    let log = Log::default();
    let io = busy_for_half_a_minute(&log);
    let mut ws = narrow(&io, 1 << 20).await;
    ws.send("42[\"slow\"]").await;
    for _ in 0..60 {
        sleep(Duration::from_secs(1)).await;
        // Below the rate, all the time.
        ws.send_all(&vec!["42[\"n\",\"some bytes\"]"; 90]).await;
    }
    log.wait(60 * 90).await;
    let stats = io.stats();
    assert_eq!((stats.closed.total(), stats.throttled, stats.stalled), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_flooder_that_the_server_did_not_read_has_its_time_from_then_on() {
    let log = Log::default();
    let io = busy_for_half_a_minute(&log);
    let mut ws = narrow(&io, 1 << 20).await;
    ws.send("42[\"slow\"]").await;
    ws.send_all(&vec!["42[\"n\",\"some bytes\"]"; 20_000]).await;
    let before = Instant::now();
    assert_eq!(ws.close().await, Some((1008, "rate limit exceeded".into())));
    let after = before.elapsed();
    assert!(after > Duration::from_secs(39) && after < Duration::from_secs(41), "{after:?}");
    let handled = log.entries().len();
    // A burst, what it could have sent while it was not read, and ten seconds more.
    assert!((4_100..4_300).contains(&handled), "{handled}");
}

#[tokio::test(start_paused = true)]
async fn a_flooder_gains_no_time_by_keeping_its_handlers_busy() {
    let log = Log::default();
    let limits = Limits {
        max_in_flight_handlers: 1,
        max_early_bytes: 1_000,
        max_events_per_second: 100,
        ..Limits::default()
    };
    let namespace = counting(&log).on("slow", async || sleep(Duration::from_millis(500)).await);
    let io = serve_with(namespace, |io| io.limits(limits).ping_interval(Duration::from_secs(600)));
    let mut ws = narrow(&io, 8 << 20).await;
    let long = format!("42[\"n\",\"{}\"]", "x".repeat(100));
    let mut hundred = vec![long.as_str(); 99];
    hundred.push("42[\"slow\"]");
    ws.send_all(&hundred.repeat(200)).await;
    let before = Instant::now();
    assert_eq!(ws.close().await, Some((1008, "rate limit exceeded".into())));
    assert!(before.elapsed() < Duration::from_secs(30), "{:?}", before.elapsed());
    assert!(io.stats().stalled > 0, "it was not read for its handlers in between");
}

#[tokio::test(start_paused = true)]
async fn who_is_slowed_and_never_closed_keeps_its_heartbeat() {
    let log = Log::default();
    let limits = Limits { max_events_per_second: 100, flood_timeout: Duration::MAX, ..Limits::default() };
    let io = serve_with(counting(&log), |io| io.limits(limits));
    let mut ws = narrow(&io, 1 << 20).await;
    // Its pongs would lie behind them for more than two minutes.
    ws.send_all(&vec!["42[\"n\"]"; 14_000]).await;
    sleep(Duration::from_secs(139)).await;
    assert!(log.entries().len() > 13_500, "{}", log.entries().len());
    let stats = io.stats();
    assert_eq!((stats.closed.total(), stats.throttled, stats.stalled), (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn attachments_in_base64_are_no_messages_either() {
    for (engine, prefix) in [(4, "b"), (3, "b4")] {
        let log = Log::default();
        let limits = Limits { max_events_per_second: 10, ..Limits::default() };
        let io = serve_with(counting(&log), |io| io.limits(limits).allow_eio3(true));
        let mut ws = Ws::in_memory(&io, 1 << 20);
        ws.upgrade(&format!("EIO={engine}&transport=websocket&b64=1")).await;
        if engine == 4 {
            ws.send("40").await;
        }
        ws.text().await;
        ws.text().await;
        let places: Vec<_> = (0..10).map(|at| format!("{{\"_placeholder\":true,\"num\":{at}}}")).collect();
        let event = format!("4510-[\"n\",{}]", places.join(","));
        let attachment = format!("{prefix}AAEC");
        let mut packet = vec![event.as_str()];
        packet.extend([attachment.as_str(); 10]);
        ws.send_all(&packet.repeat(15)).await;
        sleep(Duration::from_millis(100)).await;
        assert_eq!((log.entries().len(), io.stats().throttled), (15, 0), "revision {engine}");
    }
}

#[tokio::test(start_paused = true)]
async fn packets_of_every_kind_count() {
    let ping = frame(Opcode::Ping, b"");
    let pong = frame(Opcode::Pong, b"x");
    let noop = frame(Opcode::Text, b"6");
    let unasked = frame(Opcode::Text, b"3");
    for (packet, upgrading) in
        [(&ping, false), (&pong, false), (&noop, false), (&unasked, false), (&ping, true)]
    {
        let limits = Limits { max_events_per_second: 100, ..Limits::default() };
        let patient = Duration::from_secs(60);
        let io = serve_with(Namespace::new("/"), |io| io.limits(limits).upgrade_timeout(patient));
        let mut ws = Ws::in_memory(&io, 1 << 20);
        let mut query = "EIO=4&transport=websocket".to_owned();
        if upgrading {
            let polling = crate::support::Polling::open(&io).await;
            query = format!("{query}&sid={}", polling.sid);
        }
        ws.upgrade(&query).await;
        ws.write(&packet.repeat(20_000)).await;
        let before = Instant::now();
        while io.stats().closed.total() == 0 && before.elapsed() < Duration::from_secs(60) {
            sleep(Duration::from_millis(100)).await;
        }
        let after = before.elapsed();
        let what = format!("{packet:?}, upgrading: {upgrading}, after {after:?}");
        assert_eq!(io.stats().closed.by(DisconnectReason::RateLimited), 1, "{what}");
        assert!(after > Duration::from_millis(8_900) && after < Duration::from_secs(11), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_payload_count_whatever_they_are() {
    let limits = Limits { max_events_per_second: 100, ..Limits::default() };
    let io = serve_with(Namespace::new("/"), |io| io.limits(limits));
    let polling = crate::support::Polling::open(&io).await;
    let before = Instant::now();
    assert_eq!(polling.post(&["6"; 700].join("\u{1e}")).await.status, 200);
    let after = before.elapsed();
    assert!(after > Duration::from_millis(4_900) && after < Duration::from_millis(5_200), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closing_has_its_rates_too() {
    let log = Log::default();
    let limits = Limits { max_events_per_second: 100, ..Limits::default() };
    let io = serve_with(ends(&log), |io| io.limits(limits));
    let mut ws = narrow(&io, 64).await;
    let socket = io.of("/").sockets().remove(0);
    // The client does not take it, so that the connection can't close.
    socket.emit("n", "x".repeat(5_000)).unwrap();
    socket.disconnect(true);
    let flood = tokio::spawn(async move { ws.write(&frame(Opcode::Text, b"42[]").repeat(20_000)).await });
    sleep(Duration::from_secs(9)).await;
    assert_eq!(io.connections(), 1);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(io.connections(), 0);
    assert_eq!(io.stats().closed.by(DisconnectReason::RateLimited), 1);
    flood.abort();
}

#[tokio::test(start_paused = true)]
async fn bytes_have_their_rate_too_and_attachments_count() {
    let log = Log::default();
    let limits = Limits { max_bytes_per_second: 10_000, ..Limits::default() };
    let io = serve_with(counting(&log), |io| io.limits(limits));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    for _ in 0..8 {
        client.send("451-[\"n\",{\"_placeholder\":true,\"num\":0}]").await;
        client.send_binary(&[0; 10_000]).await;
    }
    sleep(Duration::from_millis(100)).await;
    assert!(log.entries().len() <= 3, "{}", log.entries().len());
    sleep(Duration::from_secs(7)).await;
    assert_eq!(log.entries().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_steady_client_below_the_rate_is_never_slowed() {
    let log = Log::default();
    let limits = Limits { max_events_per_second: 50, rate_burst: Duration::ZERO, ..Limits::default() };
    let io = serve_with(counting(&log), |io| io.limits(limits));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    for _ in 0..500 {
        sleep(Duration::from_millis(25)).await;
        client.send("42[\"n\"]").await;
    }
    log.wait(500).await;
    assert_eq!(io.stats().throttled, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_read_for_its_handlers_has_a_deadline() {
    let log = Log::default();
    let limits = Limits {
        max_in_flight_handlers: 1,
        max_early_bytes: 1_000,
        stall_timeout: Duration::from_secs(60),
        ..Limits::default()
    };
    let io =
        serve_with(ends(&log).on("n", async || std::future::pending::<()>().await), |io| io.limits(limits));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&vec!["42[\"n\",\"some bytes that wait\"]"; 200]).await;
    let before = Instant::now();
    sleep(Duration::from_secs(55)).await;
    assert!(log.entries().is_empty(), "its pong waits with it");
    wait_for(&log, Duration::from_secs(120)).await;
    assert_eq!(log.entries(), ["ping timeout"]);
    assert!(before.elapsed() < Duration::from_secs(130), "{:?}", before.elapsed());
    assert_eq!(io.stats().stalled, 1);
}

async fn wait_for(log: &Log, patience: Duration) {
    let deadline = Instant::now() + patience;
    while log.entries().is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
}

// ---- saying why --------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn an_oversize_message_is_told_its_limit() {
    let log = Log::default();
    let io = serve_with(ends(&log), |io| io.max_http_buffer_size(1_000));
    let mut ws = narrow(&io, 4096).await;
    let said = ws.close_while_sending(&"x".repeat(2_000_000)).await;
    assert_eq!(said, Some((1009, "a message is larger than 1000 bytes".into())));
    assert_eq!(log.wait(1).await, ["transport error"]);
    assert_eq!(io.stats().oversized, 1);
    let polling = crate::support::Polling::open(&io).await;
    let answer = polling.post(&format!("4{}", "x".repeat(2_000))).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (413, "a message is larger than 1000 bytes"));
    assert_eq!(io.stats().oversized, 2);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_broke_a_rule_is_read_on_for_two_seconds_at_most() {
    let io = serve_with(Namespace::new("/"), |io| io);
    let mut ws = narrow(&io, 4096).await;
    // A reserved opcode.
    ws.write(&[0x83, 0x80, 1, 2, 3, 4]).await;
    assert_eq!(ws.close().await.map(|(code, _)| code), Some(1002));
    wait_until("its place is free", || io.stats().places_taken == 0).await;
    assert_eq!(io.stats().lingering, 1, "it has not closed its side");
    sleep(Duration::from_millis(2_100)).await;
    assert_eq!(io.stats().lingering, 0);
}

// ---- events that come early --------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_connect_handler_that_never_ends_keeps_events_back_for_a_while_only() {
    for via in Via::BOTH {
        let log = Log::default();
        let handled = log.clone();
        let namespace = Namespace::new("/").on_connect(async || std::future::pending::<()>().await).on(
            "n",
            move |enchufe::Data(n): enchufe::Data<u32>| {
                handled.push(format!("{n}"));
                async {}
            },
        );
        let io = serve_with(namespace, |io| io);
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["42[\"n\",1]", "42[\"n\",2]"]).await;
        sleep(Duration::from_secs(14)).await;
        assert!(log.entries().is_empty(), "{via:?}: they wait");
        sleep(Duration::from_secs(2)).await;
        assert_eq!(log.entries(), ["1", "2"], "{via:?}: none is lost");
        client.send("42[\"n\",3]").await;
        assert_eq!(log.wait(3).await, ["1", "2", "3"]);
        assert_eq!(io.stats().late_connect_handlers, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_middleware_that_never_ends_closes_a_client_that_did_not_wait() {
    let log = Log::default();
    let namespace = ends(&log).middleware(async || {
        std::future::pending::<()>().await;
        Ok::<(), enchufe::Refusal>(())
    });
    let io = serve_with(namespace, |io| io);
    let mut client = Client::open(&io, Via::WebSocket).await;
    let before = Instant::now();
    client.send_all(&["40", "42[\"n\"]"]).await;
    client.closed().await;
    let after = before.elapsed();
    assert!(after > Duration::from_secs(14) && after < Duration::from_secs(16), "{after:?}");
    assert_eq!(io.stats().protocol_errors, 1);
}

/// Connect handlers that never end, in namespaces of any name; the middleware of those that begin with `/closed` too.
fn stuck(log: &Log) -> Namespace {
    let handled = log.clone();
    Namespace::matching(|_| true)
        .middleware(async |socket: enchufe::Socket| {
            if socket.namespace_name().starts_with("/closed") {
                std::future::pending::<()>().await;
            }
            Ok::<(), enchufe::Refusal>(())
        })
        .on_connect(async || std::future::pending::<()>().await)
        .on("n", move |socket: enchufe::Socket| {
            handled.push(socket.namespace_name());
            async {}
        })
}

#[tokio::test(start_paused = true)]
async fn each_namespace_keeps_its_events_back_for_a_time_of_its_own() {
    let log = Log::default();
    let io = serve_with(stuck(&log), |io| io);
    let mut client = Client::open(&io, Via::WebSocket).await;
    let begun = Instant::now();
    for name in ["/a", "/b", "/c"] {
        client.send_all(&[&format!("40{name},"), &format!("42{name},[\"n\"]")]).await;
        sleep(Duration::from_secs(6)).await;
    }
    // 0 s, 6 s and 12 s, and 15 s after each.
    for (time, expected) in [(20, 1), (22, 2), (26, 2), (28, 3)] {
        tokio::time::sleep_until(begun + Duration::from_secs(time)).await;
        assert_eq!(log.entries().len(), expected, "after {time} s: {:?}", log.entries());
    }
    assert_eq!(log.entries(), ["/a", "/b", "/c"]);
    assert_eq!(io.stats().late_connect_handlers, 3);
    // Nothing waits any more, and what waits from now on has its time anew.
    client.send_all(&["40/d,", "42/d,[\"n\"]"]).await;
    sleep(Duration::from_secs(14)).await;
    assert_eq!(log.entries().len(), 3);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(log.entries().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_closed_for_events_that_waited_elsewhere() {
    let log = Log::default();
    let io = serve_with(stuck(&log), |io| io);
    let mut client = Client::open(&io, Via::WebSocket).await;
    let begun = Instant::now();
    client.send_all(&["40/a,", "42/a,[\"n\"]"]).await;
    sleep(Duration::from_secs(10)).await;
    client.send_all(&["40/closed,", "42/closed,[\"n\"]"]).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!((log.entries().len(), io.connections()), (1, 1));
    client.closed().await;
    let after = begun.elapsed();
    assert!(after > Duration::from_secs(24) && after < Duration::from_secs(26), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn early_events_are_bounded_for_the_connection_not_for_each_socket() {
    let limits = Limits { max_early_bytes: 10_000, ..Limits::default() };
    let namespace = Namespace::matching(|_| true).on_connect(async || std::future::pending::<()>().await);
    let io = serve_with(namespace, |io| io.limits(limits));
    let mut client = Client::open(&io, Via::WebSocket).await;
    let text = "x".repeat(3_000);
    for n in 0..4 {
        client.send_all(&[&format!("40/{n},"), &format!("42/{n},[\"n\",\"{text}\"]")]).await;
    }
    client.closed().await;
    assert_eq!(io.stats().protocol_errors, 1);
}

// ---- how many may be here ----------------------------------------------------------------------------

fn of_address(io: ServerBuilder, limits: Limits) -> ServerBuilder {
    io.limits(limits).address_of(|request| request.query("from")?.parse().ok())
}

#[tokio::test(start_paused = true)]
async fn connections_from_one_address_are_bounded() {
    let limits = Limits { max_connections_per_address: 2, ..Limits::default() };
    let io = serve_with(Namespace::new("/"), |io| of_address(io, limits));
    let http = crate::support::Http::new(&io);
    let open = async |from: &str| http.get(&format!("/socket.io/?EIO=4&transport=polling&from={from}")).await;
    let mut sids = Vec::new();
    for from in
        ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8:0:1::1", "2001:db8:0:1:ffff::1", "2001:db8:0:2::1"]
    {
        let answer = open(from).await;
        assert_eq!(answer.status, 200, "{from}");
        sids.push(crate::support::sid_of(&answer.body));
    }
    for from in ["192.0.2.1", "2001:db8:0:1:7::7"] {
        let answer = open(from).await;
        assert_eq!(answer.status, 429, "{from}");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(open("not-an-address").await.status, 200, "one that is not known is not counted");
    assert_eq!(io.stats().refused_addresses, 2);
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", sids[0]);
    http.request(http::Method::POST, &target, "1").await;
    wait_until("one has left", || io.connections() == 5).await;
    assert_eq!(open("192.0.2.1").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn handshakes_that_are_half_done_have_their_places() {
    let limits = Limits { max_connections: 3, ..Limits::default() };
    let io = serve_with(Namespace::new("/"), |io| {
        io.limits(limits).allow_request(async |_: enchufe::RequestHead| {
            sleep(Duration::from_secs(5)).await;
            Err::<(), _>("no")
        })
    });
    let http = crate::support::Http::new(&io);
    let one = || http.get("/socket.io/?EIO=4&transport=polling");
    let (a, b, c, ()) = tokio::join!(one(), one(), one(), async {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(io.stats().places_taken, 3);
        assert_eq!(one().await.status, 503);
    });
    for answer in [a, b, c] {
        assert_eq!(answer.status, 403);
    }
    let stats = io.stats();
    assert_eq!((stats.places_taken, stats.refused_for_room, stats.refused_handshakes), (0, 1, 4));
}

#[tokio::test(start_paused = true)]
async fn a_websocket_handshake_that_stops_half_way_gives_its_place_back() {
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let io = serve_with(Namespace::new("/"), |io| io.limits(limits));
    // The 101 does not fit through the pipe, and nobody reads.
    let mut ws = Ws::in_memory(&io, 16);
    let half = tokio::spawn(async move {
        ws.request("EIO=4&transport=websocket", &[]).await;
        sleep(Duration::from_secs(3_600)).await;
    });
    wait_until("it has its place", || io.stats().places_taken == 1).await;
    sleep(Duration::from_secs(11)).await;
    assert_eq!(io.stats().places_taken, 0);
    let _client = Client::connect(&io, Via::WebSocket).await;
    half.abort();
}
