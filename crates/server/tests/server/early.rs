//! Events that come before the connect handlers have finished: they wait, none is lost, the order stays.

use enchufe::{Data, DisconnectReason, Namespace, Refusal, Socket};
use tokio::time::{Duration, sleep};

use crate::support::{Client, Log, Via, serve, serve_with, wait_until};

fn slow(log: &Log, middleware: u64, connect: u64) -> Namespace {
    let (connected, events, ends) = (log.clone(), log.clone(), log.clone());
    Namespace::new("/")
        .middleware(move || async move {
            if middleware > 0 {
                sleep(Duration::from_millis(middleware)).await;
            }
            Ok::<(), Refusal>(())
        })
        .on_connect(move || {
            let connected = connected.clone();
            async move {
                if connect > 0 {
                    sleep(Duration::from_millis(connect)).await;
                }
                connected.push("connected");
            }
        })
        .on("n", move |Data(n): Data<u32>| {
            events.push(n.to_string());
            async {}
        })
        .on_disconnect(move |reason: DisconnectReason| {
            ends.push(reason.as_str());
            async {}
        })
}

#[tokio::test(start_paused = true)]
async fn events_wait_for_slow_middlewares_and_connect_handlers_in_order() {
    for via in Via::BOTH {
        for (middleware, connect) in [(0, 0), (0, 300), (300, 0), (300, 300)] {
            let log = Log::default();
            let io = serve(slow(&log, middleware, connect));
            let mut client = Client::open(&io, via).await;
            // In the batch of CONNECT, then one by one while it waits and after it.
            client.send_all(&["40", "42[\"n\",0]", "42[\"n\",1]"]).await;
            for n in 2..40 {
                client.send(&format!("42[\"n\",{n}]")).await;
                sleep(Duration::from_millis(21)).await;
            }
            let mut expected = vec!["connected".to_owned()];
            expected.extend((0..40).map(|n| n.to_string()));
            assert_eq!(log.wait(41).await, expected, "{via:?} {middleware} {connect}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn early_attachments_wait_as_well() {
    for via in Via::BOTH {
        let log = Log::default();
        let seen = log.clone();
        let io = serve(Namespace::new("/").on_connect(async || sleep(Duration::from_millis(100)).await).on(
            "data",
            move |Data(data): Data<enchufe::Bytes>| {
                seen.push(format!("{data:?}"));
                async {}
            },
        ));
        let mut client = Client::open(&io, via).await;
        client.send_all(&["40", "451-[\"data\",{\"_placeholder\":true,\"num\":0}]"]).await;
        client.send_binary(b"bytes").await;
        assert_eq!(log.wait(1).await, ["b\"bytes\""]);
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_early_events_close_the_connection() {
    let log = Log::default();
    let limits = enchufe::Limits { max_early_bytes: 10_000, ..Default::default() };
    let io = serve_with(slow(&log, 0, 60_000), |io| io.limits(limits));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    for _ in 0..200 {
        client.send(&format!("42[\"n\",1,\"{}\"]", "x".repeat(100))).await;
    }
    client.closed().await;
    assert_eq!(log.wait(1).await, ["forced server close"]);
}

#[tokio::test(start_paused = true)]
async fn events_before_a_refusal_are_forgotten_and_no_offence() {
    let log = Log::default();
    let events = log.clone();
    let io = serve(
        Namespace::new("/")
            .middleware(async || {
                sleep(Duration::from_millis(100)).await;
                Err(Refusal::new("no"))
            })
            .on("n", move || {
                events.push("event");
                async {}
            }),
    );
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send_all(&["40", "42[\"n\",0]"]).await;
    assert_eq!(client.next().await, "44{\"message\":\"no\"}");
    client.send("42[\"n\",1]").await;
    client.send("40").await;
    assert_eq!(client.next().await, "44{\"message\":\"no\"}", "the connection is still there");
    assert!(log.entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_a_middleware_disconnects_never_connects() {
    let log = Log::default();
    let (connects, ends) = (log.clone(), log.clone());
    let io = serve(
        Namespace::new("/")
            .middleware(async |socket: Socket| {
                socket.join("room");
                socket.disconnect(false);
                Ok::<(), Refusal>(())
            })
            .on_connect(move || {
                connects.push("connect");
                async {}
            })
            .on_disconnect(move || {
                ends.push("disconnect");
                async {}
            }),
    );
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40").await;
    assert_eq!(client.next().await, "41");
    client.hears_nothing().await;
    assert!(log.entries().is_empty(), "{:?}", log.entries());
    assert_eq!(io.of("/").room_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn leaving_while_the_middleware_runs_leaves_nothing() {
    let log = Log::default();
    let io = serve(slow(&log, 5_000, 0));
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40").await;
    sleep(Duration::from_millis(100)).await;
    drop(client);
    wait_until("it is gone", || io.connections() == 0 && io.of("/").room_count() == 0).await;
    sleep(Duration::from_secs(6)).await;
    assert!(log.entries().is_empty(), "{:?}", log.entries());
}

#[tokio::test(start_paused = true)]
async fn events_that_waited_do_not_pass_the_limit_of_running_handlers() {
    for via in Via::BOTH {
        let log = Log::default();
        let starts = log.clone();
        let limits = enchufe::Limits { max_in_flight_handlers: 5, ..Default::default() };
        let namespace = Namespace::new("/").on_connect(async || sleep(Duration::from_millis(500)).await).on(
            "work",
            move |Data(n): Data<u32>| {
                starts.push(n.to_string());
                async { sleep(Duration::from_secs(1)).await }
            },
        );
        let io = serve_with(namespace, |io| io.limits(limits));
        let mut client = Client::open(&io, via).await;
        let packets: Vec<_> = (0..20).map(|n| format!("42[\"work\",{n}]")).collect();
        let mut batch = vec!["40"];
        batch.extend(packets.iter().map(String::as_str));
        client.send_all(&batch).await;
        sleep(Duration::from_millis(900)).await;
        assert_eq!(log.entries().len(), 5, "{via:?}");
        sleep(Duration::from_secs(5)).await;
        let expected: Vec<_> = (0..20).map(|n| n.to_string()).collect();
        assert_eq!(log.entries(), expected, "{via:?}");
    }
}
