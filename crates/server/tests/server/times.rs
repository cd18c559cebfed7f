//! Options that are lengths of time: none at all, for ever, and what nobody could keep.

use enchufe::{Data, Limits, Namespace, Recovery, Server};
use tokio::time::{Duration, Instant};

use crate::support::{Client, Via, Ws, wait_until};

fn all_limits(time: Duration) -> Limits {
    Limits {
        attachment_timeout: time,
        early_timeout: time,
        stall_timeout: time,
        rate_burst: time,
        flood_timeout: time,
        header_timeout: time,
        body_timeout: time,
        write_timeout: time,
        max_events_per_second: 1_000_000,
        ..Limits::default()
    }
}

#[tokio::test]
async fn times_may_be_for_ever() {
    let io = Server::builder()
        .namespace(Namespace::new("/").on("add", async |Data((a, b)): Data<(i64, i64)>| a + b).on(
            "ask",
            async |socket: enchufe::Socket| -> Result<u8, enchufe::HandlerError> {
                Ok(socket.timeout(Duration::MAX).emit_with_ack::<u8>("number", ()).await?)
            },
        ))
        .limits(all_limits(Duration::MAX))
        .ping_interval(Duration::from_secs(23 * 24 * 3_600))
        .ping_timeout(Duration::from_secs(24 * 3_600))
        .upgrade_timeout(Duration::MAX)
        .connect_timeout(Duration::MAX)
        .shutdown_timeout(Duration::MAX)
        .drain_window(Duration::MAX)
        .connection_state_recovery(Recovery {
            max_disconnection_duration: Duration::MAX,
            ..Recovery::default()
        })
        .build()
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn({
        let io = io.clone();
        async move { io.serve(listener).await }
    });
    for via in Via::BOTH {
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["421[\"add\",1,2]", "422[\"ask\"]"]).await;
        let mut received = client.take(2).await;
        received.sort_unstable();
        let question = received[0].strip_prefix("42").and_then(|rest| rest.strip_suffix("[\"number\"]"));
        assert_eq!(received[1], "431[3]", "{via:?}");
        client.send(&format!("43{}[7]", question.expect("a question"))).await;
        assert_eq!(client.next().await, "432[7]", "{via:?}");
        client.send("1").await;
    }
    let mut ws = Ws::tcp(address).await;
    ws.upgrade("EIO=4&transport=websocket").await;
    assert!(ws.text().await.starts_with("0{"));
    ws.send("40").await;
    ws.text().await;
    let ((), ()) = tokio::join!(io.close(), async {
        ws.close_code().await;
        drop(ws);
    });
    serving.await.unwrap().unwrap();
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn times_that_may_be_none_are() {
    let times = Limits { early_timeout: Duration::ZERO, stall_timeout: Duration::ZERO, ..Limits::default() };
    let limits = Limits { rate_burst: Duration::ZERO, flood_timeout: Duration::ZERO, ..times };
    let namespace = Namespace::new("/").on_connect(async || std::future::pending::<()>().await);
    let io = Server::builder()
        .namespace(namespace.on("add", async |Data((a, b)): Data<(i64, i64)>| a + b))
        .limits(limits)
        .upgrade_timeout(Duration::ZERO)
        .shutdown_timeout(Duration::ZERO)
        .drain_window(Duration::ZERO)
        .connection_state_recovery(Recovery {
            max_disconnection_duration: Duration::ZERO,
            ..Recovery::default()
        })
        .build()
        .unwrap();
    for via in Via::BOTH {
        let mut client = Client::connect(&io, via).await;
        client.send("421[\"add\",1,2]").await;
        assert_eq!(client.next().await, "431[3]", "{via:?}: it did not wait for the connect handler");
    }
    let before = Instant::now();
    io.close().await;
    assert_eq!(before.elapsed(), Duration::ZERO);
    wait_until("all were closed", || io.connections() == 0).await;
}

#[test]
fn times_that_nobody_could_keep_are_told() {
    let builder = || Server::builder().namespace(Namespace::new("/"));
    let refused = |io: enchufe::ServerBuilder| io.build().unwrap_err().to_string();
    let zero = Duration::ZERO;
    let limits = Limits::default;
    for (option, io) in [
        ("ping_interval", builder().ping_interval(zero)),
        ("ping_timeout", builder().ping_timeout(zero)),
        ("connect_timeout", builder().connect_timeout(zero)),
        ("attachment_timeout", builder().limits(Limits { attachment_timeout: zero, ..limits() })),
        ("header_timeout", builder().limits(Limits { header_timeout: zero, ..limits() })),
        ("body_timeout", builder().limits(Limits { body_timeout: zero, ..limits() })),
        ("write_timeout", builder().limits(Limits { write_timeout: zero, ..limits() })),
    ] {
        assert!(
            refused(io).starts_with(&format!("the option `{option}`: no client is so quick")),
            "{option}"
        );
    }
    for io in [builder().ping_interval(Duration::MAX), builder().ping_timeout(Duration::MAX)] {
        assert!(refused(io).contains("`ping_interval`: with `ping_timeout` it is at most 24 days"));
    }
}
