//! The end of a socket: who caused it, what its handlers see, what the other side is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use enchufe::{DisconnectReason, Namespace, Server, Socket};
use tokio::time::{Duration, sleep};

use crate::support::{Client, Log, Received, Via, Ws, serve, wait_until};

fn ends(log: &Log) -> Namespace {
    let (disconnecting, disconnect) = (log.clone(), log.clone());
    Namespace::new("/")
        .on_connect(async |socket: Socket| socket.join("room"))
        .on("bye", async |socket: Socket| {
            socket.emit("last", ()).unwrap();
            socket.disconnect(false);
        })
        .on("bye all", async |socket: Socket| {
            socket.emit("last", ()).unwrap();
            socket.disconnect(true);
        })
        .on_disconnecting(move |socket: Socket, reason: DisconnectReason| {
            disconnecting.push(format!("disconnecting {reason} {}", socket.rooms().len()));
            async {}
        })
        .on_disconnect(move |socket: Socket, reason: DisconnectReason| {
            disconnect.push(format!("disconnect {reason} {}", socket.rooms().len()));
            async {}
        })
}

fn once(reason: &str) -> [String; 2] {
    [format!("disconnecting {reason} 2"), format!("disconnect {reason} 0")]
}

#[tokio::test(start_paused = true)]
async fn the_client_leaves_its_namespace() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(ends(&log));
        let mut client = Client::connect(&io, via).await;
        client.send("41").await;
        assert_eq!(log.wait(2).await, once("client namespace disconnect"));
        assert_eq!(io.connections(), 1, "the connection stays");
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_disconnects_a_socket_after_what_it_emitted() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(ends(&log));
        let mut client = Client::connect(&io, via).await;
        client.send("42[\"bye\"]").await;
        assert_eq!(client.take(2).await, ["42[\"last\"]", "41"]);
        assert_eq!(log.wait(2).await, once("server namespace disconnect"));
        // What was on its way is no offence, and it may come again.
        client.send("42[\"bye\"]").await;
        client.send("40").await;
        assert!(client.next().await.starts_with("40{"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_closes_the_connection_after_what_it_emitted() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = Server::builder().namespace(ends(&log)).namespace(Namespace::new("/other")).build().unwrap();
        let mut client = Client::connect(&io, via).await;
        client.send("40/other,").await;
        client.next().await;
        client.send("42[\"bye all\"]").await;
        let messages = client.closed().await;
        assert_eq!(messages, ["42[\"last\"]", "41", "41/other,"], "{via:?}");
        assert_eq!(log.wait(2).await, once("server namespace disconnect"));
        drop(client);
        wait_until("it is gone", || io.connections() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_ends_is_a_transport_close() {
    let log = Log::default();
    let io = serve(ends(&log));
    drop(Client::connect(&io, Via::WebSocket).await);
    assert_eq!(log.wait(2).await, once("transport close"));
    wait_until("it is gone", || io.connections() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered_and_a_transport_close() {
    let log = Log::default();
    let io = serve(ends(&log));
    let mut ws = Ws::open(&io).await;
    ws.send("40").await;
    ws.text().await;
    ws.write(&crate::support::frame(enchufe_proto::websocket::Opcode::Close, &1000u16.to_be_bytes())).await;
    assert!(matches!(ws.recv().await, Received::Close(_)));
    assert_eq!(ws.recv().await, Received::End);
    assert_eq!(log.wait(2).await, once("transport close"));
}

#[tokio::test(start_paused = true)]
async fn a_ping_from_the_client_is_a_transport_error() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(ends(&log));
        let mut client = Client::connect(&io, via).await;
        client.send("2").await;
        assert_eq!(log.wait(2).await, once("transport error"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_packet_is_a_parse_error() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(ends(&log));
        let mut client = Client::connect(&io, via).await;
        client.send("9").await;
        assert_eq!(log.wait(2).await, once("parse error"));
    }
}

#[tokio::test(start_paused = true)]
async fn each_socket_ends_once_whoever_is_first() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(ends(&log));
        let mut client = Client::connect(&io, via).await;
        let socket = io.of("/").sockets().remove(0);
        socket.disconnect(false);
        socket.disconnect(true);
        client.send_all(&["41", "1"]).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(log.entries(), once("server namespace disconnect"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_fetches_its_end_is_let_go() {
    let log = Log::default();
    let io = serve(ends(&log));
    let mut client = Client::connect(&io, Via::Polling).await;
    client.send("42[\"bye all\"]").await;
    assert_eq!(log.wait(2).await, once("server namespace disconnect"));
    sleep(Duration::from_secs(31)).await;
    assert_eq!(io.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stands_behind_the_packet_that_ends_a_socket() {
    let io = serve(Namespace::new("/"));
    let over = Arc::new(AtomicBool::new(false));
    let emitter = std::thread::spawn({
        let (io, over) = (io.clone(), over.clone());
        move || {
            while !over.load(Ordering::Relaxed) {
                io.of("/").emit("all", "of them").unwrap();
                while io.of("/").sockets().iter().any(|socket| socket.outbox_bytes() > 10_000) {
                    std::thread::yield_now();
                }
            }
        }
    });
    let mut ws = Ws::open(&io).await;
    for _ in 0..300 {
        ws.send("40").await;
        let reply = ws.text().await;
        assert!(reply.starts_with("40{"), "behind its end: {reply}");
        let socket = io.of("/").sockets().remove(0);
        std::thread::spawn(move || socket.disconnect(false));
        while ws.text().await != "41" {}
    }
    over.store(true, Ordering::Relaxed);
    emitter.join().unwrap();
}
