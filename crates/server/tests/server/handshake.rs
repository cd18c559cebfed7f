//! What is answered to requests: the handshake, its headers, and every refusal.

use enchufe::{Namespace, Server, TransportKind};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::{Answer, Http, Polling, Ws, serve, serve_with};

fn io() -> Server {
    serve(Namespace::new("/"))
}

fn refused(answer: &Answer, status: u16, code: u8, message: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body, json!({"code": code, "message": message}));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_over_polling_is_answered_with_the_open_packet() {
    let io = serve_with(Namespace::new("/"), |io| io.cookie("io"));
    let answer = Http::new(&io).get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let open: Value = serde_json::from_str(answer.body.strip_prefix('0').unwrap()).unwrap();
    let sid = open["sid"].as_str().unwrap();
    assert_eq!(sid.len(), 20);
    assert_eq!(
        open,
        json!({"sid": sid, "upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 20000,
               "maxPayload": 1_000_000})
    );
    let cookie = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(answer.header("set-cookie"), Some(cookie.as_str()));
    assert_eq!(io.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_websocket_opens_a_session_without_upgrades() {
    let io = io();
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade("EIO=4&transport=websocket").await;
    let open: Value = serde_json::from_str(ws.text().await.strip_prefix('0').unwrap()).unwrap();
    assert_eq!(open["upgrades"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_of_a_transport_is_refused_with_the_official_code() {
    let io = io();
    let http = Http::new(&io);
    let sid = Polling::open(&io).await.sid;
    for (method, query, status, code, message) in [
        (Method::GET, "EIO=4&transport=foo".into(), 400, 0, "Transport unknown"),
        (Method::GET, "EIO=4".into(), 400, 0, "Transport unknown"),
        (Method::GET, String::new(), 400, 0, "Transport unknown"),
        (Method::GET, "EIO=4&transport=polling&sid=zzz".into(), 400, 1, "Session ID unknown"),
        (Method::GET, "EIO=4&transport=polling&sid=".into(), 400, 1, "Session ID unknown"),
        (
            Method::POST,
            "EIO=4&transport=polling&sid=aaaaaaaaaaaaaaaaaaaa".into(),
            400,
            1,
            "Session ID unknown",
        ),
        (Method::POST, "EIO=4&transport=polling".into(), 400, 2, "Bad handshake method"),
        (Method::OPTIONS, "EIO=4&transport=polling".into(), 400, 2, "Bad handshake method"),
        (Method::GET, "EIO=4&transport=websocket".into(), 400, 3, "Bad request"),
        (Method::GET, format!("EIO=3&transport=polling&sid={sid}"), 400, 3, "Bad request"),
        (Method::GET, format!("EIO=4&transport=websocket&sid={sid}"), 400, 3, "Bad request"),
        (Method::GET, "EIO=3&transport=polling".into(), 400, 5, "Unsupported protocol version"),
        (Method::GET, "transport=polling".into(), 400, 5, "Unsupported protocol version"),
    ] {
        let answer = http.request(method.clone(), &format!("/socket.io/?{query}"), "").await;
        eprintln!("{method} {query}");
        refused(&answer, status, code, message);
    }
    assert_eq!(http.get("/socket.io/foo.js").await.status, 400);
    assert_eq!(io.connections(), 1, "the one that was opened is still there");
}

#[tokio::test(start_paused = true)]
async fn other_methods_on_a_session_are_500_as_in_the_official_server() {
    let io = io();
    let mut session = Polling::open(&io).await;
    for method in [Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = session.http.request(method, &session.target(), "40").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, ""));
    }
    session.post("40").await;
    assert!(session.packet().await.unwrap().starts_with("40{"), "the session lives on");
}

#[tokio::test(start_paused = true)]
async fn other_paths_are_the_applications() {
    let http = Http::new(&io());
    for path in ["/", "/socket.io?EIO=4&transport=polling", "/socket.ioX/?EIO=4&transport=polling"] {
        assert_eq!(http.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_upgrade_is_plain_text_and_closes() {
    let io = io();
    for (query, message) in [
        ("EIO=3&transport=websocket", "Unsupported protocol version"),
        ("EIO=4&transport=websocket&sid=zzz", "Session ID unknown"),
        ("EIO=4&transport=polling", "Bad request"),
        ("EIO=4", "Transport unknown"),
    ] {
        let mut ws = Ws::in_memory(&io, 4096);
        ws.request(query, &[]).await;
        let head = ws.head().await;
        assert_eq!(head.status, 400, "{query}");
        assert!(head.text.to_lowercase().contains("connection: close"), "{}", head.text);
        let body = ws.rest().await;
        assert_eq!(body, message, "{query}");
    }
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_websocket_of_another_version_is_told_which_one_there_is() {
    let request = Request::get("/socket.io/?EIO=4&transport=websocket")
        .header("connection", "Upgrade")
        .header("upgrade", "WebSocket")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = Http::new(&io())
        .send(request.header("sec-websocket-version", "8").body(Full::default()).unwrap())
        .await;
    assert_eq!(answer.status, 426);
    assert_eq!(answer.header("sec-websocket-version"), Some("13"));
}

#[tokio::test(start_paused = true)]
async fn a_websocket_without_a_proper_key_is_refused() {
    for key in [None, Some("short"), Some("dGhlIHNhbXBsZSBub25jZQ")] {
        let mut request = Request::get("/socket.io/?EIO=4&transport=websocket")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13");
        if let Some(key) = key {
            request = request.header("sec-websocket-key", key);
        }
        let answer = Http::new(&io()).send(request.body(Full::default()).unwrap()).await;
        assert_eq!(answer.status, 400, "{key:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_are_refused_where_the_origin_is_checked() {
    let io = serve_with(Namespace::new("/"), |io| io.check_origin(["https://friend.example"]));
    let http = Http::new(&io);
    let request = |origin: Option<&str>| {
        let request = Request::get("/socket.io/?EIO=4&transport=polling").header("host", "here.example");
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        request.body(Full::default()).unwrap()
    };
    for origin in [None, Some("https://friend.example"), Some("https://here.example")] {
        assert_eq!(http.send(request(origin)).await.status, 200, "{origin:?}");
    }
    for origin in ["https://evil.example", "null", "https://here.example.evil.example"] {
        refused(&http.send(request(Some(origin))).await, 403, 4, "Forbidden");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_off_is_unknown() {
    let io = serve_with(Namespace::new("/"), |io| io.transports([TransportKind::WebSocket]));
    refused(&Http::new(&io).get("/socket.io/?EIO=4&transport=polling").await, 400, 0, "Transport unknown");
    Ws::open(&io).await;

    let io = serve_with(Namespace::new("/"), |io| io.transports([TransportKind::Polling]));
    let open = Http::new(&io).get("/socket.io/?EIO=4&transport=polling").await.body;
    assert!(open.contains("\"upgrades\":[]"), "{open}");
}

#[tokio::test(start_paused = true)]
async fn connections_past_the_limit_are_told_to_come_later() {
    let limits = enchufe::Limits { max_connections: 1, ..Default::default() };
    let io = serve_with(Namespace::new("/"), |io| io.limits(limits));
    Polling::open(&io).await;
    let answer = Http::new(&io).get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("5"));
    let mut ws = Ws::in_memory(&io, 4096);
    ws.request("EIO=4&transport=websocket", &[]).await;
    assert_eq!(ws.head().await.status, 503);
}
