//! Namespaces whose packets are msgpack: one binary message each, both ways, over either transport.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enchufe::cluster::Hub;
use enchufe::{
    Ack, AckError, Auth, Bytes, Data, Event, Limits, Namespace, Parser, RawArgs, Recovery, Refusal, Server,
    Socket, SocketId, Value,
};
use tokio::time::{Duration, sleep};

use crate::support::{Client, Log, Via, serve, serve_with, wait_until};

fn msgpack(namespace: Namespace) -> Server {
    serve_with(namespace, |builder| builder.parser(Parser::Msgpack))
}

/// A packet whose fields come in the order of the official client's.
fn packet(kind: u8, nsp: &str, data: &[u8], id: Option<u8>) -> Vec<u8> {
    let mut out = vec![if id.is_some() { 0x84 } else { 0x83 }];
    out.extend_from_slice(b"\xa4type");
    out.push(kind);
    out.extend_from_slice(b"\xa4data");
    out.extend_from_slice(data);
    if let Some(id) = id {
        out.extend_from_slice(b"\xa2id");
        out.push(id);
    }
    out.extend_from_slice(b"\xa3nsp");
    out.push(0xa0 + u8::try_from(nsp.len()).expect("short"));
    out.extend_from_slice(nsp.as_bytes());
    out
}

fn event(data: &[u8]) -> Vec<u8> {
    packet(2, "/", data, None)
}

const UNDEFINED: &[u8] = b"\xd4\0\0";

/// A session that has joined `/`, and its id.
async fn join(io: &Server, via: Via) -> (Client, String) {
    let mut client = Client::open(io, via).await;
    client.send_binary(&packet(0, "/", UNDEFINED, None)).await;
    let reply = next(&mut client).await;
    let id = reply.strip_prefix(b"\x83\xa4type\x00\xa4data\x81\xa3sid\xb4").expect("a reply");
    let id = id.strip_suffix(b"\xa3nsp\xa1/").expect("for the main namespace");
    (client, String::from_utf8(id.to_vec()).expect("text"))
}

async fn next(client: &mut Client) -> Vec<u8> {
    let message = client.next().await;
    STANDARD.decode(message.strip_prefix('b').expect("a binary message")).expect("base64")
}

fn socket(io: &Server, id: &str) -> Socket {
    io.socket("/", &SocketId::parse(id).unwrap()).expect("a socket")
}

#[tokio::test(start_paused = true)]
async fn events_and_answers_are_one_message_each() {
    for via in Via::BOTH {
        let io =
            msgpack(Namespace::new("/").on("echo", async |args: RawArgs, ack: Ack| ack.send(&args).unwrap()));
        let (mut client, _) = join(&io, via).await;
        let args = b"\x95\xa4echo\x01\xc4\x02\x01\x02\x81\xa1x\xc4\x00\xcb\x3f\xe0\0\0\0\0\0\0";
        client.send_binary(&packet(2, "/", args, Some(7))).await;
        let answer = b"\x84\xa2id\x07\xa4type\x03\xa4data\x94\x01\xc4\x02\x01\x02\x81\xa1x\xc4\x00\xcb\x3f\xe0\0\0\0\0\0\0\xa3nsp\xa1/";
        assert_eq!(next(&mut client).await, answer);
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_see_no_difference() {
    let log = Log::default();
    let seen = log.clone();
    let io = msgpack(Namespace::new("/").on(
        "types",
        move |Data((int, float, text, blob, none, date)): Data<(
            i64,
            f64,
            String,
            Bytes,
            Option<u8>,
            String,
        )>| {
            seen.push(format!("{int} {float} {text} {blob:?} {none:?} {date}"));
            async {}
        },
    ));
    let (mut client, _) = join(&io, Via::WebSocket).await;
    let args =
        b"\x97\xa5types\xcb\xc0\x08\0\0\0\0\0\0\x02\xa2\xc3\xa9\xc7\x01\x00z\xd4\0\0\xd7\0\0\0\0\0\0\0\0\0";
    client.send_binary(&event(args)).await;
    assert_eq!(log.wait(1).await, ["-3 2 é b\"z\" None 1970-01-01T00:00:00.000Z"]);
}

#[tokio::test(start_paused = true)]
async fn emits_broadcasts_and_their_answers() {
    for via in Via::BOTH {
        let io = msgpack(Namespace::new("/"));
        let (mut client, id) = join(&io, via).await;
        let socket = socket(&io, &id);
        socket.emit("a", (1, Bytes::from_static(b"xy"))).unwrap();
        io.of("/").emit("b", Value::Null).unwrap();
        assert_eq!(next(&mut client).await, b"\x83\xa4type\x02\xa4data\x93\xa1a\x01\xc4\x02xy\xa3nsp\xa1/");
        assert_eq!(next(&mut client).await, b"\x83\xa4type\x02\xa4data\x92\xa1b\xc0\xa3nsp\xa1/");
        if via == Via::WebSocket {
            // A client that polls takes nothing at once now.
            socket.volatile().emit("c", ()).unwrap();
            assert_eq!(next(&mut client).await, b"\x83\xa4type\x02\xa4data\x91\xa1c\xa3nsp\xa1/");
        }

        let one = socket.emit_with_ack::<(u8, Bytes)>("one", ());
        let asked = next(&mut client).await;
        assert_eq!(asked, b"\x84\xa4type\x02\xa4data\x91\xa3one\xa3nsp\xa1/\xa2id\x00");
        client.send_binary(&packet(3, "/", b"\x92\x05\xc4\x01z", Some(0))).await;
        assert_eq!(one.await.unwrap(), (5, Bytes::from_static(b"z")));

        let all = io.of("/").emit_with_ack::<String>("all", ());
        let asked = next(&mut client).await;
        assert_eq!(asked, b"\x84\xa4type\x02\xa4data\x91\xa3all\xa3nsp\xa1/\xa2id\x01");
        client.send_binary(&packet(3, "/", b"\x91\xa3yes", Some(1))).await;
        assert_eq!(all.await.unwrap().into_values().collect::<Vec<_>>(), ["yes"]);
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_with_auth_refusals_and_disconnecting() {
    for via in Via::BOTH {
        let guarded = Namespace::new("/p").middleware(async |Auth(auth): Auth<Option<Value>>| match auth {
            Some(auth) if auth.get("token").and_then(Value::as_str) == Some("secret") => Ok(()),
            _ => Err(Refusal::new("unauthorized").with_data(401)),
        });
        let io = Server::builder().parser(Parser::Msgpack).namespace(guarded).build().expect("a server");
        let mut client = Client::open(&io, via).await;
        client.send_binary(&packet(0, "/x", UNDEFINED, None)).await;
        let refused = next(&mut client).await;
        assert_eq!(refused, b"\x83\xa4type\x04\xa4data\x81\xa7message\xb1Invalid namespace\xa3nsp\xa2/x");
        client.send_binary(&packet(0, "/p", b"\xc0", None)).await;
        let refused = next(&mut client).await;
        assert_eq!(
            refused,
            b"\x83\xa4type\x04\xa4data\x82\xa7message\xacunauthorized\xa4data\xcd\x01\x91\xa3nsp\xa2/p"
        );
        client.send_binary(&packet(0, "/p", b"\x81\xa5token\xa6secret", None)).await;
        let reply = next(&mut client).await;
        assert!(reply.starts_with(b"\x83\xa4type\x00\xa4data\x81\xa3sid\xb4"), "{reply:?}");
        io.of("/p").disconnect_sockets(false);
        assert_eq!(next(&mut client).await, b"\x82\xa4type\x01\xa3nsp\xa2/p");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_can_leave() {
    let log = Log::default();
    let left = log.clone();
    let io = msgpack(Namespace::new("/").on_disconnect(move |reason: enchufe::DisconnectReason| {
        left.push(reason.to_string());
        async {}
    }));
    for leave in [&b"\x82\xa4type\x01\xa3nsp\xa1/"[..], b"\x83\xa4type\x01\xa4data\xc0\xa3nsp\xa1/"] {
        let (mut client, _) = join(&io, Via::WebSocket).await;
        client.send_binary(leave).await;
        assert_eq!(log.wait(1).await.last().unwrap(), "client namespace disconnect");
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_have_to_wait_keep_all_their_bytes() {
    let io = msgpack(
        Namespace::new("/")
            .on_connect(async |_: Socket| sleep(Duration::from_millis(200)).await)
            .on("many", async |socket: Socket, args: RawArgs| socket.emit("back", args)),
    );
    let (mut client, _) = join(&io, Via::WebSocket).await;
    // More than a text may announce, in an order of their own.
    let blobs: Vec<u8> = (0..15).flat_map(|n| [0xc4, 1, n]).collect();
    client.send_binary(&event(&[b"\x92\xa4many\x9f", &blobs[..]].concat())).await;
    let back = [b"\x83\xa4type\x02\xa4data\x92\xa4back\x9f", &blobs[..], b"\xa3nsp\xa1/"].concat();
    assert_eq!(next(&mut client).await, back);
}

#[tokio::test(start_paused = true)]
async fn each_namespace_has_its_own_parser() {
    for via in Via::BOTH {
        let io = Server::builder()
            .namespace(
                Namespace::new("/")
                    .on("relay", async |io: Server, args: RawArgs| io.of("/m").emit("relayed", args)),
            )
            .namespace(
                Namespace::new("/m")
                    .parser(Parser::Msgpack)
                    .on("back", async |io: Server, args: RawArgs| io.of("/").emit("back", args)),
            )
            .build()
            .expect("a server");
        let mut client = Client::connect(&io, via).await;
        client.send_binary(&packet(0, "/m", UNDEFINED, None)).await;
        next(&mut client).await;
        client.send("451-[\"relay\",{\"_placeholder\":true,\"num\":0},\"\\u00e9\"]").await;
        client.send_binary(b"xyz").await;
        let relayed = b"\x83\xa4type\x02\xa4data\x93\xa7relayed\xc4\x03xyz\xa2\xc3\xa9\xa3nsp\xa2/m";
        assert_eq!(next(&mut client).await, relayed);
        client.send_binary(&packet(2, "/m", b"\x92\xa4back\xc4\x01z", None)).await;
        assert_eq!(client.take(2).await, ["451-[\"back\",{\"_placeholder\":true,\"num\":0}]", "beg=="]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_with_the_wrong_parser_is_refused_in_its_own() {
    let io = Server::builder()
        .namespace(Namespace::new("/j"))
        .namespace(Namespace::new("/m").parser(Parser::Msgpack))
        .build()
        .expect("a server");
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40/m,").await;
    assert_eq!(client.next().await, "44/m,{\"message\":\"this namespace uses the msgpack parser\"}");
    client.send_binary(&packet(0, "/j", UNDEFINED, None)).await;
    let refused = String::from_utf8_lossy(&next(&mut client).await).into_owned();
    assert!(refused.contains("this namespace uses the json parser"), "{refused}");
    // Having joined, it must not change its mind.
    client.send("40/j,").await;
    assert!(client.next().await.starts_with("40/j,{\"sid\""));
    client.send_binary(&packet(2, "/j", b"\x91\xa1e", None)).await;
    assert_eq!(client.closed().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn without_msgpack_a_binary_message_is_an_offence() {
    let io = serve(Namespace::new("/"));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_binary(&event(b"\x91\xa1e")).await;
    assert_eq!(client.closed().await, [] as [String; 0]);
}

/// Each closes the connection that sent it, with the reason of an invalid packet, and no other.
#[tokio::test(start_paused = true)]
async fn hostile_messages_only_hurt_their_sender() {
    let log = Log::default();
    let left = log.clone();
    let io = serve_with(
        Namespace::new("/")
            .on("echo", async |args: RawArgs, ack: Ack| ack.send(&args).unwrap())
            .on_disconnect(move |reason: enchufe::DisconnectReason| {
                left.push(reason.to_string());
                async {}
            }),
        |builder| builder.parser(Parser::Msgpack).limits(Limits { max_json_depth: 100, ..Limits::default() }),
    );
    let (mut witness, _) = join(&io, Via::WebSocket).await;
    let mut count = 0;
    for hostile in [
        Vec::new(),
        b"\xc1".to_vec(),
        b"\x01\x02".to_vec(),
        // Lengths that nothing is behind, which made another server panic (GHSA-7xpx-rcqc-8qjh).
        event(b"\xdd\xff\xff\xff\xff"),
        event(b"\x92\xa1e\xdf\xff\xff\xff\xff"),
        event(b"\x92\xa1e\xc6\xff\xff\xff\xff"),
        event(b"\x92\xa1e\xdb\xff\xff\xff\xff"),
        event(b"\x92\xa1e\xc9\xff\xff\xff\xff\x00"),
        // Nesting that overflowed another server's stack (GHSA-c6g7-r2mf-pf5g).
        event(&[&b"\x92\xa1e"[..], &[0x91; 500_000], b"\xc0"].concat()),
        event(&[&b"\x92\xa1e"[..], &b"\x81\xa1k".repeat(100_000)].concat()),
        event(&[&b"\x92\xa1e"[..], &[0x91; 100], b"\xc0"].concat()),
        event(b"\x91\xa1\xff"),
        event(b"\x91\xa7connect"),
        event(b"\x92\xa1e\x81\x90\x01"),
        packet(2, "/elsewhere", b"\x91\xa1e", None),
        packet(4, "/", b"\x80", None),
        packet(5, "/", b"\x91\xa1e", None),
        packet(2, "/", b"\x91\xa1e", Some(0xff)),
        // Bytes beside something that names others.
        event(b"\x93\xa1e\xc4\x01a\x82\xac_placeholder\xc3\xa3num\x09"),
    ] {
        let (mut client, _) = join(&io, Via::WebSocket).await;
        client.send_binary(&hostile).await;
        assert_eq!(client.closed().await, [] as [String; 0], "{hostile:?}");
        count += 1;
        let reason = log.wait(count).await.pop().unwrap();
        assert!(reason == "forced close" || reason == "forced server close", "{reason}");
        witness.send_binary(&packet(2, "/", b"\x92\xa4echo\x01", Some(1))).await;
        assert_eq!(next(&mut witness).await, b"\x84\xa2id\x01\xa4type\x03\xa4data\x91\x01\xa3nsp\xa1/");
    }
    let (mut client, _) = join(&io, Via::Polling).await;
    client.send("42[\"echo\",1]").await;
    assert_eq!(client.closed().await, [] as [String; 0], "text");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_says_so() {
    let io = msgpack(Namespace::new("/"));
    let (mut client, id) = join(&io, Via::WebSocket).await;
    let answer = socket(&io, &id).emit_with_ack::<u8>("ask", ());
    next(&mut client).await;
    client.send_binary(&packet(3, "/", b"\x91\xcd\x01\x00", Some(0))).await;
    assert!(matches!(answer.await, Err(AckError::Invalid(_))));
}

#[tokio::test(start_paused = true)]
async fn those_who_look_on_are_shown_the_same_as_with_json() {
    let log = Log::default();
    let seen = log.clone();
    let io = msgpack(Namespace::new("/").on_any_outgoing(move |Event(name): Event, args: RawArgs| {
        seen.push(format!("{name} {} {}", args.json(), args.attachments().len()));
        async {}
    }));
    let (_client, id) = join(&io, Via::WebSocket).await;
    socket(&io, &id).emit("one", (1, Bytes::from_static(b"x"))).unwrap();
    io.of("/").emit("all", ()).unwrap();
    assert_eq!(log.wait(2).await, ["one 1,{\"_placeholder\":true,\"num\":0} 1", "all  0"]);
}

/// The text that stands behind this key, or this name as the first element.
fn behind(message: &[u8], key: &str) -> String {
    let at = message.windows(key.len()).position(|window| window == key.as_bytes()).expect(key) + key.len();
    let (&marker, rest) = message[at..].split_first().expect("a value");
    String::from_utf8(rest[..usize::from(marker & 0x1f)].to_vec()).expect("text")
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_finds_what_it_missed() {
    for via in Via::BOTH {
        let io = serve_with(Namespace::new("/"), |builder| {
            builder.parser(Parser::Msgpack).connection_state_recovery(Recovery::default())
        });
        let mut client = Client::open(&io, via).await;
        client.send_binary(&packet(0, "/", UNDEFINED, None)).await;
        let reply = next(&mut client).await;
        let (sid, pid) = (behind(&reply, "sid"), behind(&reply, "pid"));
        io.of("/").emit("first", ()).unwrap();
        let offset = behind(&next(&mut client).await, "first");
        client.send("1").await;
        drop(client);
        wait_until("it has gone", || io.connections() == 0).await;
        io.of("/").emit("missed", Bytes::from_static(b"x")).unwrap();

        let mut client = Client::open(&io, via).await;
        let text = |text: &str| [&[0xa0 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let auth = [&b"\x82"[..], &text("pid"), &text(&pid), &text("offset"), &text(&offset)].concat();
        client.send_binary(&packet(0, "/", &auth, None)).await;
        let both = [next(&mut client).await, next(&mut client).await];
        let reply = both.iter().find(|message| message.starts_with(b"\x83\xa4type\x00")).expect("a reply");
        assert_eq!((behind(reply, "sid"), behind(reply, "pid")), (sid, pid));
        let missed = both.iter().find(|message| message.starts_with(b"\x83\xa4type\x02")).expect("an event");
        assert!(missed.starts_with(b"\x83\xa4type\x02\xa4data\x93\xa6missed\xc4\x01x"), "{missed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_pass_on_what_their_namespaces_pack() {
    let hub = Hub::new();
    let node = |name: &str, parser: Parser| {
        let builder = Server::builder().namespace(Namespace::new("/")).parser(parser).cluster(hub.join(name));
        builder.build().expect("a server")
    };
    // Each node packs for its own clients, so that they need not even agree.
    let (a, b) = (node("a", Parser::Json), node("b", Parser::Msgpack));
    let mut one = Client::connect(&a, Via::WebSocket).await;
    let (mut two, _) = join(&b, Via::WebSocket).await;
    a.of("/").emit("from a", (1, Bytes::from_static(b"x"))).unwrap().await;
    assert_eq!(one.take(2).await, ["451-[\"from a\",1,{\"_placeholder\":true,\"num\":0}]", "beA=="]);
    assert_eq!(next(&mut two).await, b"\x83\xa4type\x02\xa4data\x93\xa6from a\x01\xc4\x01x\xa3nsp\xa1/");
    b.of("/").emit("from b", Bytes::from_static(b"y")).unwrap().await;
    assert_eq!(next(&mut two).await, b"\x83\xa4type\x02\xa4data\x92\xa6from b\xc4\x01y\xa3nsp\xa1/");
    assert_eq!(one.take(2).await, ["451-[\"from b\",{\"_placeholder\":true,\"num\":0}]", "beQ=="]);
    let asked = a.of("/").emit_with_ack::<u8>("how many", ());
    let (asked_one, asked_two) = (one.next().await, next(&mut two).await);
    let id: String = asked_one[2..].chars().take_while(char::is_ascii_digit).collect();
    one.send(&format!("43{id}[1]")).await;
    let id = asked_two.last().copied().expect("an id");
    assert!(asked_two.ends_with(&[0xa2, b'i', b'd', id]), "{asked_two:?}");
    two.send_binary(&packet(3, "/", b"\x91\x02", Some(id))).await;
    assert_eq!(asked.await.unwrap().into_values().sum::<u8>(), 3);
}
