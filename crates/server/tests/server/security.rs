//! Known holes of other implementations, each as a test: the table is in docs/security.md. Those that other tests show
//! already are named there.

use enchufe::{Limits, Namespace};
use http::Method;
use tokio::net::TcpListener;
use tokio::time::{Duration, sleep, timeout};

use crate::support::{Client, Http, Log, Polling, Via, Ws, serve, serve_with, sid_of, wait_until};

/// CVE-2024-38355: an event `error` without a listener ended the process.
#[tokio::test(start_paused = true)]
async fn events_with_the_names_of_node_are_events_like_others() {
    let log = Log::default();
    let caught = log.clone();
    let io = serve(Namespace::new("/").on("sync", async || {}).on_fallback(
        move |enchufe::Event(event): enchufe::Event| {
            caught.push(event);
            async {}
        },
    ));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    for name in ["error", "__proto__", "toString", "constructor"] {
        client.send(&format!("42[\"{name}\",{{\"toString\":1}}]")).await;
    }
    client.sync().await;
    assert_eq!(log.entries(), ["error", "__proto__", "toString", "constructor"]);
}

/// CVE-2020-28481.
#[tokio::test(start_paused = true)]
async fn no_origin_is_allowed_unless_it_is_asked_for() {
    let request = http::Request::get("/socket.io/?EIO=4&transport=polling")
        .header("origin", "https://elsewhere.example")
        .body(http_body_util::Full::default())
        .unwrap();
    let answer = Http::new(&serve(Namespace::new("/"))).send(request).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, None));
}

/// Sessions were looked up in an object with a prototype; and a malformed id opened a new session (peers #815).
#[tokio::test(start_paused = true)]
async fn no_id_but_a_sessions_own_finds_or_opens_one() {
    let io = serve(Namespace::new("/"));
    let http = Http::new(&io);
    for sid in ["__proto__", "constructor", "hasOwnProperty", "%00", "%F0%9F%98%80", "a%20b", "", "x%"] {
        for method in [Method::GET, Method::POST] {
            let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
            let answer = http.request(method.clone(), &target, "40").await;
            assert_eq!(answer.status, 400, "{method} {sid}: {}", answer.body);
        }
    }
    assert_eq!((io.connections(), io.stats().opened), (0, 0));
}

/// In socketioxide the id that others see is the session's secret.
#[tokio::test(start_paused = true)]
async fn the_public_id_opens_nothing() {
    let io = serve(Namespace::new("/"));
    for via in Via::BOTH {
        let (_client, id) = Client::join(&io, via, "40").await;
        let http = Http::new(&io);
        let answer = http.get(&format!("/socket.io/?EIO=4&transport=polling&sid={id}")).await;
        assert_eq!((answer.status.as_u16(), answer.body.contains("Session ID unknown")), (400, true));
    }
}

/// CVE-2023-31125: a transport that is none of a server's crashed it on an upgrade.
#[tokio::test(start_paused = true)]
async fn an_upgrade_to_a_transport_that_is_none_is_refused() {
    let io = serve(Namespace::new("/"));
    let polling = Polling::open(&io).await;
    for transport in ["pigeon", "__proto__", "webtransport", ""] {
        for sid in [String::new(), format!("&sid={}", polling.sid)] {
            let mut ws = Ws::in_memory(&io, 4_096);
            ws.request(&format!("EIO=4&transport={transport}{sid}"), &[]).await;
            assert_eq!(ws.head().await.status, 400, "{transport} {sid}");
        }
    }
    assert_eq!(polling.post("40").await.status, 200);
}

/// CVE-2022-21676 and CVE-2022-41940: an error of a WebSocket at a moment when nobody listened for it.
#[tokio::test(start_paused = true)]
async fn a_websocket_that_breaks_at_any_moment_hurts_only_itself() {
    let io = serve(Namespace::new("/").on("sync", async || {}));
    let mut witness = Client::connect(&io, Via::WebSocket).await;
    let polling = Polling::open(&io).await;
    let garbage = [0xff_u8; 64];
    for query in
        ["EIO=4&transport=websocket".to_owned(), format!("EIO=4&transport=websocket&sid={}", polling.sid)]
    {
        // In the segment of the request, after the answer, and after the first frames.
        let mut ws = Ws::in_memory(&io, 4_096);
        ws.request(&query, &garbage).await;
        ws.head().await;
        let mut ws = Ws::in_memory(&io, 4_096);
        ws.upgrade(&query).await;
        ws.write(&garbage).await;
        let mut ws = Ws::in_memory(&io, 4_096);
        ws.upgrade(&query).await;
        ws.send("2probe").await;
        drop(ws);
        sleep(Duration::from_millis(50)).await;
    }
    witness.sync().await;
    assert_eq!(polling.post("40").await.status, 200, "the session that was to be upgraded goes on");
    assert!(polling.poll().await.body.starts_with("40{"));
}

/// Peers #794: a packet that begins with a character of several bytes was cut in the middle of it.
#[tokio::test(start_paused = true)]
async fn characters_of_several_bytes_are_cut_nowhere() {
    for packet in
        ["é", "4é", "42é", "42/é", "42/é,é", "451-é", "45é-[\"a\"]", "40😀", "43😀[]", "b😀", "42[\"é"]
    {
        for via in Via::BOTH {
            let io = serve(Namespace::new("/"));
            let mut client = Client::connect(&io, via).await;
            client.send(packet).await;
            let closed = timeout(Duration::from_secs(60), client.closed()).await;
            assert!(closed.is_ok(), "{packet} over {via:?} is not refused");
            drop(client);
            wait_until(packet, || io.connections() == 0).await;
            assert_eq!(io.stats().closed.total(), 1, "{packet}");
        }
    }
}

/// Peers #731: a session whose upgrade stopped half way was never removed.
#[tokio::test(start_paused = true)]
async fn a_session_that_was_half_upgraded_ends_like_others() {
    let io = serve(Namespace::new("/"));
    let polling = Polling::open(&io).await;
    let mut ws = Ws::in_memory(&io, 4_096);
    ws.upgrade(&format!("EIO=4&transport=websocket&sid={}", polling.sid)).await;
    ws.send("2probe").await;
    ws.text().await;
    sleep(Duration::from_secs(60)).await;
    wait_until("it is gone", || io.connections() == 0).await;
    assert_eq!(io.stats().places_taken, 0);
}

/// Official server, peers: whoever asks and does not read held his answer for as long as he liked.
#[tokio::test]
async fn an_answer_that_is_not_taken_is_given_up() {
    let limits = Limits { write_timeout: Duration::from_millis(300), ..Limits::default() };
    let io = serve_with(Namespace::new("/"), |io| io.limits(limits));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn({
        let io = io.clone();
        async move { io.serve(listener).await }
    });
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    // Requests for a large file, one behind the other, whose answers fill all buffers there are.
    let request = "GET /socket.io/socket.io.js HTTP/1.1\r\nHost: a\r\n\r\n".repeat(400);
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    wait_until("it is served", || io.stats().http_connections == 1).await;
    wait_until("it is given up", || io.stats().http_connections == 0).await;
    io.close().await;
    serving.await.unwrap().unwrap();
}

/// Slow handshakes by the thousand ("slowloris"): each is bounded in time, and all of them in number.
#[tokio::test]
async fn connections_that_ask_for_nothing_are_bounded_in_number_and_time() {
    let limits = Limits {
        max_idle_http_connections: 3,
        header_timeout: Duration::from_millis(800),
        ..Limits::default()
    };
    let io = serve_with(Namespace::new("/"), |io| io.limits(limits));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn({
        let io = io.clone();
        async move { io.serve(listener).await }
    });
    // WebSockets don't count.
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut ws = Ws::tcp(address).await;
        ws.upgrade("EIO=4&transport=websocket").await;
        wait_until("it speaks HTTP no more", || io.stats().http_connections == 0).await;
        clients.push(ws);
    }
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /").await.unwrap();
        idle.push(stream);
    }
    wait_until("all are accepted", || io.stats().http_connections == 3).await;
    let mut refused = tokio::net::TcpStream::connect(address).await.unwrap();
    let read =
        timeout(Duration::from_secs(2), tokio::io::AsyncReadExt::read(&mut refused, &mut [0; 8])).await;
    assert!(matches!(read.expect("it ends at once"), Ok(0) | Err(_)));
    assert_eq!(io.stats().refused_http, 1);
    wait_until("their time is up", || io.stats().http_connections == 0).await;
    let mut ws = Ws::tcp(address).await;
    ws.upgrade("EIO=4&transport=websocket").await;
}

/// Requests that another HTTP server brings have no connection here that could be idle.
#[tokio::test]
async fn requests_from_elsewhere_make_no_room_for_idle_connections() {
    let limits = Limits { max_idle_http_connections: 2, ..Limits::default() };
    let io = serve_with(Namespace::new("/"), |io| io.limits(limits));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn({
        let io = io.clone();
        async move { io.serve(listener).await }
    });
    let mut polls = Vec::new();
    for _ in 0..5 {
        let session = Polling::open(&io).await;
        polls.push(tokio::spawn(async move { session.poll().await }));
    }
    tokio::task::yield_now().await;
    let mut idle = Vec::new();
    for count in 1..=2 {
        idle.push(tokio::net::TcpStream::connect(address).await.unwrap());
        wait_until("it is accepted", || io.stats().http_connections == count).await;
    }
    let mut refused = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut buffer = [0; 8];
    let read = timeout(Duration::from_secs(2), tokio::io::AsyncReadExt::read(&mut refused, &mut buffer));
    assert!(matches!(read.await.expect("it ends at once"), Ok(0) | Err(_)));
    assert_eq!((io.stats().refused_http, io.connections()), (1, 5));
    polls.iter().for_each(tokio::task::JoinHandle::abort);
}

/// The kernel answers what is sent to a closed socket with a reset, which may overtake the close frame.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_close_code_arrives_although_the_client_goes_on_sending() {
    let io = serve(Namespace::new("/"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn({
        let io = io.clone();
        async move { io.serve(listener).await }
    });
    for _ in 0..5 {
        let mut ws = Ws::tcp(address).await;
        ws.upgrade("EIO=4&transport=websocket").await;
        let said = ws.close_while_sending(&"x".repeat(3_000_000)).await;
        assert_eq!(said, Some((1009, "a message is larger than 1000000 bytes".into())));
    }
    wait_until("all have gone", || io.stats().lingering == 0).await;
}

/// A queue counted in packets whose overflow broke the heartbeat: here pings always find room.
#[tokio::test(start_paused = true)]
async fn a_full_outbox_holds_no_heartbeat_up() {
    let limits = Limits { max_outbox_bytes: 10_000, ..Limits::default() };
    let io = serve_with(Namespace::new("/"), |io| io.limits(limits));
    let answer = Http::new(&io).get("/socket.io/?EIO=4&transport=polling").await;
    let sid = sid_of(&answer.body);
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let http = Http::new(&io);
    http.request(Method::POST, &target, "40").await;
    http.get(&target).await;
    while io.of("/").sockets()[0].outbox_bytes() < 9_900 {
        io.of("/").emit("n", ()).unwrap();
    }
    sleep(Duration::from_secs(26)).await;
    let payload = http.get(&target).await.body;
    assert!(payload.ends_with("\u{1e}2"), "{}", &payload[payload.len() - 20..]);
}
