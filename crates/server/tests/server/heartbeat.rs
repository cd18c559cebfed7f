//! Heartbeats, in virtual time.

use enchufe::{DisconnectReason, Limits, Namespace};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::support::{Client, Log, Polling, Received, Via, Ws, serve, serve_with};

fn ends(log: &Log) -> Namespace {
    let log = log.clone();
    Namespace::new("/").on_disconnect(move |reason: DisconnectReason| {
        log.push(reason.as_str());
        async {}
    })
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_an_idle_session_open_for_hours() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(ends(&log));
        let mut client = Client::connect(&io, via).await;
        // Reading answers the pings; nothing else comes.
        assert!(timeout(Duration::from_secs(3 * 3600), client.message()).await.is_err());
        assert!(log.entries().is_empty(), "{via:?} {:?}", log.entries());
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_let_go_in_time() {
    let log = Log::default();
    let io = serve(ends(&log));
    let mut ws = Ws::open(&io).await;
    ws.send("40").await;
    ws.text().await;
    let before = Instant::now();
    assert_eq!(ws.text().await, "2");
    let pinged = before.elapsed();
    assert!(pinged >= Duration::from_millis(12_500) && pinged <= Duration::from_millis(25_100), "{pinged:?}");
    ws.end().await;
    let silent = before.elapsed() - pinged;
    assert!(silent >= Duration::from_secs(20) && silent < Duration::from_millis(20_100), "{silent:?}");
    assert_eq!(log.wait(1).await, ["ping timeout"]);
}

#[tokio::test(start_paused = true)]
async fn a_polling_client_that_is_gone_is_let_go_in_time() {
    let log = Log::default();
    let io = serve(ends(&log));
    drop(Client::connect(&io, Via::Polling).await);
    sleep(Duration::from_secs(46)).await;
    assert_eq!(log.entries(), ["ping timeout"]);
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn short_intervals_are_kept_exactly() {
    let io = serve_with(Namespace::new("/"), |io| {
        io.ping_interval(Duration::from_millis(300)).ping_timeout(Duration::from_millis(200))
    });
    let mut ws = Ws::open(&io).await;
    let mut last = Instant::now();
    for _ in 0..20 {
        assert_eq!(ws.recv().await, Received::Text("2".into()));
        let after = last.elapsed();
        assert!(after >= Duration::from_millis(290) && after <= Duration::from_millis(330), "{after:?}");
        last = Instant::now();
        ws.send("3").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_waits_for_the_next_poll() {
    let io = serve(Namespace::new("/"));
    let session = Polling::open(&io).await;
    session.post("40").await;
    session.poll().await;
    sleep(Duration::from_secs(26)).await;
    assert_eq!(session.poll().await.body, "2");
    assert_eq!(session.post("3").await.body, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_read_is_not_blamed_for_its_silence() {
    for via in Via::BOTH {
        let log = Log::default();
        let done = log.clone();
        let limits = Limits { max_in_flight_handlers: 1, ..Default::default() };
        let namespace = ends(&log).on("work", move || {
            let done = done.clone();
            async move {
                sleep(Duration::from_secs(75)).await;
                done.push("done");
            }
        });
        let io = serve_with(namespace, |io| io.limits(limits));
        let mut client = Client::connect(&io, via).await;
        client.send("42[\"work\"]").await;
        let reading = tokio::spawn(async move { timeout(Duration::from_secs(400), client.message()).await });
        sleep(Duration::from_secs(150)).await;
        assert_eq!(log.entries(), ["done"], "{via:?}");
        assert!(!reading.is_finished(), "{via:?}: still connected");
        reading.abort();
    }
}
