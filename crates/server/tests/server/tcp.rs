//! Real TCP: the bare stream that is taken back from the HTTP server.

use std::net::SocketAddr;

use enchufe::{Data, Namespace, Server, Socket};
use enchufe_proto::websocket::Opcode;
use tokio::net::TcpListener;
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
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
