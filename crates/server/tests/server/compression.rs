//! The answers to polls are compressed where the client takes it and it is worth it.

use std::io::Read;

use enchufe::{Bytes, Data, Namespace, Server, ServerBuilder, Socket};
use flate2::read::{GzDecoder, ZlibDecoder};
use http::Request;
use http_body_util::Full;

use crate::support::{Polling, serve_with};

fn text(size: usize) -> String {
    "x".repeat(size)
}

/// `emit` has so many bytes emitted, `dense` not to be compressed, to the socket, the namespace or from the server.
fn io(change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    let namespace = Namespace::new("/")
        .on("emit", async |socket: Socket, Data(size): Data<usize>| socket.emit("text", text(size)))
        .on("dense", async |socket: Socket, Data(size): Data<usize>| {
            socket.compress(false).emit("text", text(size))
        })
        .on("dense broadcast", async |socket: Socket, Data(size): Data<usize>| {
            socket.namespace().compress(false).emit("text", text(size))
        })
        .on("dense from the server", async |server: Server, Data(size): Data<usize>| {
            server.of("/").compress(false).emit("text", text(size))
        })
        .on("dense bytes", async |socket: Socket, Data(size): Data<usize>| {
            socket.compress(false).emit("bytes", Bytes::from(vec![0; size]))
        })
        .on("dense question", async |socket: Socket, Data(size): Data<usize>| {
            // Asked when it is made, whether it is awaited or not.
            drop(socket.compress(false).emit_with_ack::<()>("text", text(size)));
        });
    serve_with(namespace, change)
}

/// Sends events and polls for what they have emitted: its coding, its length on the way, and the payload.
async fn poll(io: &Server, accepts: Option<&str>, events: &[&str]) -> (Option<String>, usize, String) {
    let mut session = Polling::open(io).await;
    session.post("40").await;
    session.packet().await.unwrap();
    let packets: Vec<_> = events.iter().map(|event| format!("42{event}")).collect();
    assert_eq!(session.post(&packets.join("\u{1e}")).await.body, "ok");
    let request = Request::get(session.target());
    let request = match accepts {
        Some(accepts) => request.header("accept-encoding", accepts),
        None => request,
    };
    let (head, body) = session.http.send_raw(request.body(Full::default()).unwrap()).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.headers["content-type"], "text/plain; charset=UTF-8");
    let coding = head.headers.get("content-encoding").map(|coding| coding.to_str().unwrap().to_owned());
    let mut text = String::new();
    match coding.as_deref() {
        Some("gzip") => GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap(),
        Some("deflate") => ZlibDecoder::new(&body[..]).read_to_string(&mut text).unwrap(),
        _ => (&body[..]).read_to_string(&mut text).unwrap(),
    };
    (coding, body.len(), text)
}

#[tokio::test(start_paused = true)]
async fn a_large_answer_is_compressed_as_the_client_likes_best() {
    let io = io(|io| io);
    for (accepts, expected) in [
        (Some("gzip, deflate, br"), Some("gzip")),
        (Some("deflate, gzip;q=0.5"), Some("deflate")),
        (Some("br"), None),
        (Some("gzip;q=0"), None),
        (None, None),
    ] {
        let (coding, length, text) = poll(&io, accepts, &[r#"["emit",5000]"#]).await;
        assert_eq!(coding.as_deref(), expected, "{accepts:?}");
        assert_eq!(text, format!("42[\"text\",\"{}\"]", "x".repeat(5000)));
        assert_eq!(length < 200, expected.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_answer_is_not_worth_it() {
    let io = io(|io| io);
    // Thirteen bytes stand around it: `42["text",""]`.
    for (size, expected) in [(1024 - 14, None), (1024 - 13, Some("gzip"))] {
        let (coding, ..) = poll(&io, Some("gzip"), &[&format!(r#"["emit",{size}]"#)]).await;
        assert_eq!(coding.as_deref(), expected, "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn compression_can_be_switched_off_or_begin_elsewhere() {
    let off = io(|io| io.http_compression(false));
    assert_eq!(poll(&off, Some("gzip"), &[r#"["emit",5000]"#]).await.0, None);
    let early = io(|io| io.http_compression_threshold(10));
    assert_eq!(poll(&early, Some("gzip"), &[r#"["emit",50]"#]).await.0.as_deref(), Some("gzip"));
    let again = io(|io| io.http_compression(false).http_compression(true));
    assert_eq!(poll(&again, Some("gzip"), &[r#"["emit",5000]"#]).await.0.as_deref(), Some("gzip"));
}

#[tokio::test(start_paused = true)]
async fn only_what_may_be_compressed_is() {
    let io = io(|io| io);
    for event in ["dense", "dense broadcast", "dense from the server", "dense bytes", "dense question"] {
        let (coding, length, _) = poll(&io, Some("gzip"), &[&format!(r#"["{event}",5000]"#)]).await;
        assert_eq!((coding, length > 5000), (None, true), "{event}");
    }
    // One packet that may be compressed is enough.
    let (coding, ..) = poll(&io, Some("gzip"), &[r#"["dense",5000]"#, r#"["emit",1]"#]).await;
    assert_eq!(coding.as_deref(), Some("gzip"));
}

#[tokio::test(start_paused = true)]
async fn a_very_large_answer_arrives_whole() {
    let (coding, length, text) = poll(&io(|io| io), Some("gzip"), &[r#"["emit",3000000]"#]).await;
    assert_eq!(coding.as_deref(), Some("gzip"));
    assert!(length < 10_000, "{length}");
    assert_eq!(text.len(), 3_000_000 + 13);
}
