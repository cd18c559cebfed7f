//! Clients of Socket.IO 2: Engine.IO 3 underneath, and what is different above it.

use bytes::Bytes;
use enchufe::engine::{EngineHandler, EngineSocket, Message};
use enchufe::{
    Ack, Data, DisconnectReason, Handshake, Namespace, Recovery, Refusal, RequestHead, Server, ServerBuilder,
    Socket, SocketId,
};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::support::{Answer, Client, Http, Log, Polling, Received, Via, Ws, serve, serve_with, wait_until};

fn allowed(builder: ServerBuilder) -> ServerBuilder {
    builder.allow_eio3(true)
}

/// A session of revision 3 over polling.
struct Old {
    http: Http,
    sid: String,
}

impl Old {
    async fn open(io: &Server, query: &str) -> Self {
        let http = Http::new(io);
        let answer = http.get(&format!("/socket.io/?EIO=3&transport=polling{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let (length, open) = answer.body.split_once(":0").unwrap();
        assert_eq!(length.parse(), Ok(open.len() + 1));
        let open: Value = serde_json::from_str(open).unwrap();
        Self { http, sid: open["sid"].as_str().unwrap().to_owned() }
    }

    fn target(&self) -> String {
        format!("/socket.io/?EIO=3&transport=polling&sid={}", self.sid)
    }

    async fn poll(&self) -> String {
        let answer = self.http.get(&self.target()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    async fn post(&self, payload: &str) -> Answer {
        self.http.request(Method::POST, &self.target(), payload).await
    }

    async fn send(&self, packet: &str) {
        let length = packet.encode_utf16().count();
        assert_eq!(self.post(&format!("{length}:{packet}")).await.body, "ok");
    }
}

/// A WebSocket of revision 3 that is in `/`; gives its session's id.
async fn websocket(io: &Server) -> (Ws, String) {
    let mut ws = Ws::in_memory(io, 1 << 20);
    ws.upgrade("EIO=3&transport=websocket").await;
    let open: Value = serde_json::from_str(ws.text().await.strip_prefix('0').unwrap()).unwrap();
    assert_eq!(ws.text().await, "40");
    (ws, open["sid"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn they_are_refused_unless_they_are_allowed() {
    let io = serve(Namespace::new("/"));
    let answer = Http::new(&io).get("/socket.io/?EIO=3&transport=polling").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body, r#"{"code":5,"message":"Unsupported protocol version"}"#);
    let mut ws = Ws::in_memory(&io, 4096);
    ws.request("EIO=3&transport=websocket", &[]).await;
    assert_eq!(ws.head().await.status, 400);
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn where_they_are_allowed_whoever_does_not_name_revision_4_is_one_of_them() {
    let io = serve_with(Namespace::new("/"), allowed);
    for version in ["", "&EIO=", "&EIO=2", "&EIO=5", "&EIO=abc", "&EIO=04"] {
        let answer = Http::new(&io).get(&format!("/socket.io/?transport=polling{version}")).await;
        assert!(answer.body.contains(":0{"), "{version}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn engine_io_alone_wants_the_revision_named() {
    struct Silent;
    impl EngineHandler for Silent {
        fn on_message(&self, _: &EngineSocket, _: Message) {}
    }
    let io = allowed(Server::builder()).engine(Silent).build().unwrap();
    for version in ["", "&EIO=", "&EIO=2", "&EIO=5", "&EIO=abc", "&EIO=03"] {
        let answer = Http::new(&io).get(&format!("/socket.io/?transport=polling{version}")).await;
        assert_eq!(answer.body, r#"{"code":5,"message":"Unsupported protocol version"}"#, "{version}");
    }
    for version in [3, 4] {
        let target = format!("/socket.io/?transport=polling&EIO={version}");
        assert_eq!(Http::new(&io).get(&target).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_keeps_its_revision() {
    let io = serve_with(Namespace::new("/"), allowed);
    let old = Old::open(&io, "").await;
    let target = old.target().replace("EIO=3", "EIO=4");
    assert_eq!(old.http.get(&target).await.body, r#"{"code":3,"message":"Bad request"}"#);
    assert_eq!(old.poll().await, "2:40");
    let new = Polling::open(&io).await;
    for target in [new.target().replace("EIO=4", "EIO=3"), new.target().replace("EIO=4&", "")] {
        assert_eq!(new.http.get(&target).await.body, r#"{"code":3,"message":"Bad request"}"#);
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_in_the_main_namespace_at_once_and_what_its_handler_emits_stands_behind() {
    let namespace = Namespace::new("/").on_connect(async |socket: Socket, handshake: Handshake| {
        socket.emit("welcome", (socket.id(), socket.protocol(), handshake.auth_json()))
    });
    let io = serve_with(namespace, allowed);
    let (mut ws, sid) = websocket(&io).await;
    assert_eq!(ws.text().await, format!(r#"42["welcome","{sid}",3,"{{}}"]"#));
    let old = Old::open(&io, "").await;
    let welcome = format!(r#"42["welcome","{}",3,"{{}}"]"#, old.sid);
    assert_eq!(old.poll().await, format!("2:40{}:{welcome}", welcome.len()));
}

#[tokio::test(start_paused = true)]
async fn a_middleware_refuses_the_main_namespace_with_its_message_or_its_data() {
    for (data, told) in [
        (None, json!("no")),
        (Some(json!({"code": 401})), json!({"code": 401})),
        (Some(json!(null)), json!("no")),
        (Some(json!("why")), json!("why")),
    ] {
        let namespace = Namespace::new("/").middleware(move || {
            let refusal = Refusal::new("no");
            let refusal = match data.clone() {
                Some(data) => refusal.with_data(data),
                None => refusal,
            };
            async move { Err::<(), _>(refusal) }
        });
        let io = serve_with(namespace, allowed);
        let mut ws = Ws::in_memory(&io, 4096);
        ws.upgrade("EIO=3&transport=websocket").await;
        ws.text().await;
        assert_eq!(ws.text().await, format!("44{told}"));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_main_namespace_nothing_is_said_of_it() {
    let io = serve_with(Namespace::new("/chat"), allowed);
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade("EIO=3&transport=websocket").await;
    ws.text().await;
    ws.send("40/chat").await;
    assert_eq!(ws.text().await, "40/chat,");
}

#[tokio::test(start_paused = true)]
async fn a_namespaces_query_is_its_auth_and_its_id_is_made_of_the_session() {
    let chat = Namespace::new("/chat").on_connect(async |socket: Socket, handshake: Handshake| {
        let auth: Value = handshake.auth().unwrap();
        socket.emit("welcome", (socket.id(), auth))
    });
    let io = allowed(Server::builder()).namespace(Namespace::new("/")).namespace(chat).build().unwrap();
    let (mut ws, sid) = websocket(&io).await;
    ws.send("40/chat?token=1&name=Jos%C3%A9+P,").await;
    assert_eq!(ws.text().await, "40/chat,");
    let welcome = json!(["welcome", format!("/chat#{sid}"), {"name": "José P", "token": "1"}]);
    assert_eq!(ws.text().await, format!("42/chat,{welcome}"));
    io.of("/chat").to(format!("/chat#{sid}")).emit("to", "you").unwrap();
    assert_eq!(ws.text().await, r#"42/chat,["to","you"]"#);
    io.of("/").to(&sid).emit("to", "you").unwrap();
    assert_eq!(ws.text().await, r#"42["to","you"]"#);
    let id = SocketId::parse(&format!("/chat#{sid}")).unwrap();
    let socket = io.socket("/chat", &id).unwrap();
    assert_eq!((socket.id(), socket.rooms()), (id.clone(), vec![id.to_string()]));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_namespace_is_a_bare_string() {
    let io = serve_with(Namespace::new("/"), allowed);
    let (mut ws, _) = websocket(&io).await;
    ws.send("40/nowhere?token=1,").await;
    assert_eq!(ws.text().await, r#"44/nowhere,"Invalid namespace""#);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_at_once_has_the_same_id_and_is_the_only_member() {
    let (ends, log) = (Log::default(), Log::default());
    let (entered, left) = (log.clone(), ends.clone());
    let chat = Namespace::new("/chat")
        .on_connect(move |socket: Socket| {
            entered.push(socket.id().as_str());
            socket.join("room");
            async {}
        })
        .on_disconnect(move |reason: DisconnectReason| {
            left.push(reason.as_str());
            async {}
        });
    let io = allowed(Server::builder()).namespace(Namespace::new("/")).namespace(chat).build().unwrap();
    let (mut ws, sid) = websocket(&io).await;
    let id = SocketId::parse(&format!("/chat#{sid}")).unwrap();
    ws.send("40/chat").await;
    assert_eq!(ws.text().await, "40/chat,");
    // Of its own accord, and by the server's, whose end of it comes after the next CONNECT.
    ws.send_all(&["41/chat", "40/chat"]).await;
    assert_eq!(ws.text().await, "40/chat,");
    io.socket("/chat", &id).unwrap().disconnect(false);
    ws.send("40/chat").await;
    assert_eq!((ws.text().await, ws.text().await), ("41/chat,".into(), "40/chat,".into()));
    let reasons = ["client namespace disconnect", "server namespace disconnect"];
    assert_eq!(ends.wait(2).await, reasons);
    assert_eq!(log.wait(3).await, vec![id.to_string(); 3]);
    assert_eq!(io.of("/chat").sockets().len(), 1);
    io.of("/chat").to("room").emit("still", "here").unwrap();
    io.of("/chat").to(&id).emit("by", "id").unwrap();
    assert_eq!(ws.text().await, r#"42/chat,["still","here"]"#);
    assert_eq!(ws.text().await, r#"42/chat,["by","id"]"#);
}

#[tokio::test(start_paused = true)]
async fn the_client_pings_and_the_server_answers() {
    let io = serve_with(Namespace::new("/"), |builder| {
        allowed(builder).ping_interval(Duration::from_millis(300)).ping_timeout(Duration::from_millis(200))
    });
    let (mut ws, _) = websocket(&io).await;
    for _ in 0..5 {
        sleep(Duration::from_millis(400)).await;
        ws.send("2").await;
        assert_eq!(ws.text().await, "3");
    }
    let asked = tokio::time::Instant::now();
    ws.end().await;
    let silent = asked.elapsed();
    assert!((500..600).contains(&silent.as_millis()), "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_post_that_comes_after_its_deadline_is_too_late() {
    let io = serve_with(Namespace::new("/"), |builder| {
        allowed(builder).ping_interval(Duration::from_millis(300)).ping_timeout(Duration::from_millis(200))
    });
    let old = Old::open(&io, "").await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(old.post("1:2").await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn binary_payloads_where_the_client_takes_them_and_base64_where_not() {
    let answer = |Data(data): Data<Bytes>, ack: Ack| async move { ack.send(&data) };
    let io = serve_with(Namespace::new("/").on("echo", answer), allowed);
    let event = r#"451-0["echo",{"_placeholder":true,"num":0}]"#;
    let reply = r#"461-0[{"_placeholder":true,"num":0}]"#;

    let old = Old::open(&io, "").await;
    old.poll().await;
    let mut body = vec![0, 4, 3, 255];
    body.extend_from_slice(event.as_bytes());
    body.extend_from_slice(&[1, 3, 255, 4, 7, 8]);
    let request = Request::post(old.target()).header("content-type", "application/octet-stream");
    let (head, _) = old.http.send_raw(request.body(Full::from(body)).unwrap()).await;
    assert_eq!(head.status, 200);
    let request = Request::get(old.target()).body(Full::default()).unwrap();
    let (head, body) = old.http.send_raw(request).await;
    assert_eq!(head.headers["content-type"], "application/octet-stream");
    let mut expected = vec![0, 3, 6, 255];
    expected.extend_from_slice(reply.as_bytes());
    expected.extend_from_slice(&[1, 3, 255, 4, 7, 8]);
    assert_eq!(body, expected);

    let old = Old::open(&io, "&b64=1").await;
    old.poll().await;
    old.post(&format!("{}:{event}6:b4Bwg=", event.len())).await;
    assert_eq!(old.poll().await, format!("{}:{reply}6:b4Bwg=", reply.len()));
}

#[tokio::test(start_paused = true)]
async fn a_websockets_binary_frames_begin_with_their_kind() {
    let answer = |Data(data): Data<Bytes>, ack: Ack| async move { ack.send(&data) };
    let io = serve_with(Namespace::new("/").on("echo", answer), allowed);
    let (mut ws, _) = websocket(&io).await;
    ws.send(r#"451-0["echo",{"_placeholder":true,"num":0}]"#).await;
    ws.send_binary(&[4, 7, 8]).await;
    assert_eq!(ws.text().await, r#"461-0[{"_placeholder":true,"num":0}]"#);
    assert_eq!(ws.recv().await, Received::Binary(Bytes::from_static(&[4, 7, 8])));
    // What says that it takes text alone gets text.
    let mut ws = Ws::in_memory(&io, 1 << 20);
    ws.upgrade("EIO=3&transport=websocket&b64=1").await;
    assert!(ws.text().await.starts_with('0'));
    assert_eq!(ws.text().await, "40");
    ws.send_all(&[r#"451-0["echo",{"_placeholder":true,"num":0}]"#, "b4Bwg="]).await;
    assert_eq!(ws.text().await, r#"461-0[{"_placeholder":true,"num":0}]"#);
    assert_eq!(ws.text().await, "b4Bwg=");
}

#[tokio::test(start_paused = true)]
async fn one_broadcast_reaches_both_revisions_in_their_own_form() {
    let io = serve_with(Namespace::new("/"), allowed);
    let (mut old, _) = websocket(&io).await;
    let mut new = Client::connect(&io, Via::WebSocket).await;
    let polling = Old::open(&io, "&b64=1").await;
    polling.poll().await;
    io.of("/").emit("a", Bytes::from_static(&[1, 2, 3])).unwrap();
    let header = r#"451-["a",{"_placeholder":true,"num":0}]"#;
    assert_eq!(old.text().await, header);
    assert_eq!(old.recv().await, Received::Binary(Bytes::from_static(&[4, 1, 2, 3])));
    assert_eq!(new.take(2).await, [header, "bAQID"]);
    assert_eq!(polling.poll().await, format!("{}:{header}6:b4AQID", header.len()));
}

#[tokio::test(start_paused = true)]
async fn lengths_count_utf16_in_both_directions() {
    let echo = Namespace::new("/").on("echo", async |Data(text): Data<String>| text);
    let io = serve_with(echo, allowed);
    let old = Old::open(&io, "").await;
    old.poll().await;
    old.send(r#"420["echo","é€😀"]"#).await;
    assert_eq!(old.poll().await, r#"11:430["é€😀"]"#);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_payload_closes_the_session_and_only_that() {
    for payload in ["", "abc", "5:4abc9:4", "1:9", "99999999999999999999999999:4", "2:4😀", "1:3"] {
        let io = serve_with(Namespace::new("/"), allowed);
        let (mut other, _) = websocket(&io).await;
        let old = Old::open(&io, "").await;
        old.poll().await;
        let answer = old.post(payload).await;
        wait_until(payload, || io.connections() == 1).await;
        // A packet that is one, but breaks the rules of a session, was taken.
        assert_eq!(answer.status, if payload == "1:3" { 200 } else { 400 }, "{payload:?}");
        other.send("2").await;
        assert_eq!(other.text().await, "3");
    }
    for body in [&b"\x00"[..], b"\x00\x01\xff", b"\x01\x01\xff\x02", b"\x07\x01\xff4", &[0, 1, 1, 1, 1, 1]] {
        let io = serve_with(Namespace::new("/"), allowed);
        let old = Old::open(&io, "").await;
        old.poll().await;
        let request = Request::post(old.target()).header("content-type", "application/octet-stream");
        let (head, _) = old.http.send_raw(request.body(Full::from(body.to_vec())).unwrap()).await;
        assert_eq!(head.status, 400, "{body:?}");
        wait_until("the session is closed", || io.connections() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_sends_no_packet_is_closed() {
    let io = serve_with(Namespace::new("/"), allowed);
    for data in [&[][..], &[2], &[52, 1], &[9, 9]] {
        let (mut ws, _) = websocket(&io).await;
        ws.send_binary(data).await;
        ws.end().await;
    }
    for text in ["b", "b2AQ==", "bAQ==", "b4!", "9", ""] {
        let (mut ws, _) = websocket(&io).await;
        ws.send(text).await;
        ws.end().await;
    }
    wait_until("all are closed", || io.connections() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn closing_and_noops_are_payloads_of_revision_3() {
    let io = serve_with(Namespace::new("/"), allowed);
    let old = Old::open(&io, "").await;
    old.poll().await;
    let close = async {
        sleep(Duration::from_millis(10)).await;
        old.post("1:1").await
    };
    let (parked, _) = tokio::join!(old.poll(), close);
    assert_eq!(parked, "1:6");
    // And from the server.
    let old = Old::open(&io, "").await;
    old.poll().await;
    let disconnect = async {
        sleep(Duration::from_millis(10)).await;
        io.of("/").disconnect_sockets(true);
    };
    let (parked, ()) = tokio::join!(old.poll(), disconnect);
    assert_eq!(parked, "2:41");
    assert_eq!(old.poll().await, "1:1");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_is_as_in_revision_4() {
    let io = serve_with(Namespace::new("/"), allowed);
    let old = Old::open(&io, "").await;
    old.poll().await;
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade(&format!("EIO=3&transport=websocket&sid={}", old.sid)).await;
    ws.send("2probe").await;
    assert_eq!(ws.text().await, "3probe");
    assert_eq!(old.poll().await, "1:6");
    ws.send("5").await;
    io.of("/").emit("a", Bytes::from_static(&[1])).unwrap();
    assert_eq!(ws.text().await, r#"451-["a",{"_placeholder":true,"num":0}]"#);
    assert_eq!(ws.recv().await, Received::Binary(Bytes::from_static(&[4, 1])));
    ws.send("2").await;
    assert_eq!(ws.text().await, "3");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_the_application_makes_is_the_public_one_too() {
    let io = allowed(Server::builder())
        .generate_id(async |_: RequestHead| Ok::<_, String>("made-by-the-application.1".to_owned()))
        .namespace(Namespace::new("/"))
        .namespace(Namespace::new("/chat"))
        .build()
        .unwrap();
    let (mut ws, sid) = websocket(&io).await;
    assert_eq!(sid, "made-by-the-application.1");
    ws.send("40/chat").await;
    assert_eq!(ws.text().await, "40/chat,");
    for (namespace, id) in [("/", sid.clone()), ("/chat", format!("/chat#{sid}"))] {
        let parsed = SocketId::parse(&id).unwrap();
        assert_eq!(io.socket(namespace, &parsed).unwrap().rooms(), [id.as_str()]);
        io.of(namespace).to(&id).emit("you", 1).unwrap();
        let prefix = if namespace == "/" { "" } else { "/chat," };
        assert_eq!(ws.text().await, format!("42{prefix}[\"you\",1]"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_come_back_with_is_nothing_but_auth() {
    let io = serve_with(Namespace::new("/"), |builder| {
        allowed(builder).connection_state_recovery(Recovery::default())
    });
    let (mut ws, sid) = websocket(&io).await;
    let id = SocketId::parse(&sid).unwrap();
    let auth = io.socket("/", &id).unwrap().handshake().auth_json().to_owned();
    assert_eq!(auth, "{}");
    ws.send_all(&["41", "40/?pid=AAAAAAAAAAAAAAAAAAAA&offset=1,"]).await;
    assert_eq!(ws.text().await, "40");
    let socket = io.socket("/", &id).unwrap();
    let auth: Value = socket.handshake().auth().unwrap();
    assert_eq!(auth, json!({"pid": "AAAAAAAAAAAAAAAAAAAA", "offset": "1"}));
    assert!(!socket.recovered());
}
