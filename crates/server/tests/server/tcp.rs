//! Real TCP: the bare stream that is taken back from the HTTP server.

use std::net::SocketAddr;

use enchufe::{Data, Namespace, PeerAddr, RequestHead, Server, Socket};
use enchufe_proto::websocket::Opcode;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, timeout};

use crate::support::{Received, Ws, frame, serve, wait_until};

fn io() -> Server {
    serve(Namespace::new("/").on("say", async |socket: Socket, Data(text): Data<String>| {
        socket.emit("said", (text, socket.handshake().address().is_some()))
    }))
}

#[derive(Debug, Clone, Copy)]
enum Under {
    /// The server's own listener.
    Own,
    /// `axum::serve` with the server as a layer.
    Axum,
}

async fn listen(io: &Server, under: Under) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let io = io.clone();
    match under {
        Under::Own => {
            tokio::spawn(async move { io.serve(listener).await.unwrap() });
        }
        Under::Axum => {
            let app = axum::Router::new().layer(io.layer());
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        }
    }
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_in_the_segment_of_the_upgrade_request_are_not_lost() {
    for under in [Under::Own, Under::Axum] {
        let io = io();
        let address = listen(&io, under).await;
        for _ in 0..20 {
            let mut ws = Ws::tcp(address).await;
            let frames: Vec<u8> = ["40", "42[\"say\",\"a\"]", "42[\"say\",\"b\"]"]
                .iter()
                .flat_map(|text| frame(Opcode::Text, text.as_bytes()))
                .collect();
            ws.request("EIO=4&transport=websocket", &frames).await;
            assert_eq!(ws.head().await.status, 101);
            assert!(ws.text().await.starts_with("0{"));
            assert!(ws.text().await.starts_with("40{"));
            assert_eq!(ws.text().await, "42[\"said\",\"a\",true]", "{under:?}");
            assert_eq!(ws.text().await, "42[\"said\",\"b\",true]");
        }
        wait_until("all have gone", || io.connections() == 0).await;
    }
}

const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n\
    Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_packet_comes_with_the_answer_to_the_upgrade() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let io = io();
    let address = listen(&io, Under::Own).await;
    // On a connection of its own, and behind another request, whose answer is not held back.
    let poll = "GET /socket.io/?EIO=4&transport=polling&sid=none HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for before in ["", poll] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if !before.is_empty() {
            stream.write_all(before.as_bytes()).await.unwrap();
            let mut answer = vec![0; 4096];
            let length = stream.read(&mut answer).await.unwrap();
            assert!(answer[..length].starts_with(b"HTTP/1.1 400"));
        }
        stream.write_all(UPGRADE.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        // What is written at once is read at once.
        let length = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        let (_, packet) = answer.split_once("\r\n\r\n").unwrap();
        assert!(packet.contains("0{\"sid\":"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_not_opened_after_all_is_answered_before_it_is_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let io = Server::builder()
        .namespace(Namespace::new("/"))
        .generate_id(async |_: RequestHead| Ok::<_, String>("the-same-id-for-all".to_owned()))
        .build()
        .unwrap();
    let address = listen(&io, Under::Own).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(UPGRADE.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    // Whoever comes too late is refused, or, where that is found out after the upgrade, closed.
    let mut opened = 0;
    for stream in &mut streams {
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("HTTP/1.1 101") || answer.starts_with("HTTP/1.1 400"), "{answer}");
        opened += usize::from(answer.contains("0{\"sid\":"));
    }
    assert_eq!(opened, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_are_told_of_the_peer_by_a_listener_of_ours() {
    let (tell, told) = std::sync::mpsc::channel();
    let io = Server::builder()
        .namespace(Namespace::new("/"))
        .allow_request(move |head: RequestHead| {
            let _ = tell.send((head.address(), head.extension::<PeerAddr>().copied()));
            async { Ok::<_, String>(()) }
        })
        .build()
        .unwrap();
    let mut ws = Ws::tcp(listen(&io, Under::Own).await).await;
    ws.upgrade("EIO=4&transport=websocket").await;
    let (address, extension) = told.try_recv().unwrap();
    assert_eq!(address.map(|address| address.ip()), Some([127, 0, 0, 1].into()));
    assert_eq!(extension, address.map(PeerAddr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_arrive_whole_in_both_directions() {
    for under in [Under::Own, Under::Axum] {
        let io = io();
        let address = listen(&io, under).await;
        let mut ws = Ws::tcp(address).await;
        ws.upgrade("EIO=4&transport=websocket").await;
        ws.text().await;
        ws.send("40").await;
        ws.text().await;
        for size in [100, 10_000, 70_000, 900_000] {
            let text: String = ('a'..='z').cycle().take(size).collect();
            ws.send(&format!("42[\"say\",\"{text}\"]")).await;
            assert_eq!(ws.text().await, format!("42[\"said\",\"{text}\",true]"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_broadcasts_reach_many_clients_in_order() {
    let io = io();
    let address = listen(&io, Under::Own).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut ws = Ws::tcp(address).await;
        ws.upgrade("EIO=4&transport=websocket").await;
        ws.text().await;
        ws.send("40").await;
        ws.text().await;
        clients.push(ws);
    }
    let sender = tokio::spawn({
        let io = io.clone();
        async move {
            for n in 0..2_000 {
                io.of("/").emit("n", n).unwrap();
                if n % 50 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    });
    for ws in &mut clients {
        for n in 0..2_000 {
            assert_eq!(ws.text().await, format!("42[\"n\",{n}]"));
        }
    }
    sender.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_ends_the_listener_and_its_clients() {
    let io = io();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn({
        let io = io.clone();
        async move { io.serve(listener).await }
    });
    let mut ws = Ws::tcp(address).await;
    ws.upgrade("EIO=4&transport=websocket").await;
    ws.text().await;
    let reading = tokio::spawn(async move {
        let code = ws.close_code().await;
        assert_eq!(ws.recv().await, Received::End);
        code
    });
    timeout(Duration::from_secs(5), io.close()).await.unwrap();
    reading.await.unwrap();
    timeout(Duration::from_secs(5), serving).await.expect("the listener ends").unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_is_refused_and_a_large_body_is_not() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let io = io();
    let address = listen(&io, Under::Own).await;
    let head = |size: usize| {
        format!(
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             X-Large: {}\r\n\r\n",
            "x".repeat(size)
        )
    };
    for (size, expected) in [(30_000, "HTTP/1.1 200"), (200_000, "HTTP/1.1 431")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The refusal may come before all has been sent.
        let _ = stream.write_all(head(size).as_bytes()).await;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), expected);
    }
    let mut session = crate::support::Polling::open(&io).await;
    session.post("40").await;
    session.packet().await.unwrap();
    let body = format!("42[\"say\",\"{}\"]", "x".repeat(900_000));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        session.target(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    assert_eq!(session.packet().await.unwrap().len(), 900_000 + 19);
}

/// One that does not read: what was written ahead is taken in part, then not at all, and then goes on where it stopped. On one
/// thread, so that it is written ahead.
#[tokio::test]
async fn small_messages_arrive_whole_where_the_socket_takes_a_part_of_them() {
    let io = io();
    let mut ws = Ws::tcp(listen(&io, Under::Own).await).await;
    ws.upgrade("EIO=4&transport=websocket").await;
    ws.text().await;
    ws.send("40").await;
    ws.text().await;
    let socket = io.of("/").sockets().pop().unwrap();
    let text = "x".repeat(400);
    let mut sent = 0;
    // At most a few wait when the driver has had its turns, until the socket is full.
    while socket.outbox_bytes() < 20_000 {
        io.emit("m", (sent, &text)).unwrap();
        sent += 1;
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }
    for n in 0..sent {
        assert_eq!(ws.text().await, format!("42[\"m\",{n},\"{text}\"]"));
    }
    io.emit("m", "last").unwrap();
    assert_eq!(ws.text().await, "42[\"m\",\"last\"]");
    assert_eq!(socket.outbox_bytes(), 0);
}
