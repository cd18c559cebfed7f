//! The orderly end of a server.

use enchufe::{Data, DisconnectReason, Namespace};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::support::{Client, Http, Log, Polling, Received, Via, Ws, serve, serve_with};

fn ends(log: &Log) -> Namespace {
    let log = log.clone();
    Namespace::new("/").on_disconnect(move |reason: DisconnectReason| {
        log.push(reason.as_str());
        async {}
    })
}

#[tokio::test(start_paused = true)]
async fn clients_are_closed_after_what_was_emitted_to_them() {
    let log = Log::default();
    let io = serve(ends(&log));
    let mut ws = Ws::open(&io).await;
    ws.send("40").await;
    ws.text().await;
    let polling = Polling::open(&io).await;
    polling.post("40").await;
    polling.poll().await;
    io.of("/").emit("last", ()).unwrap();
    let closing = tokio::spawn({
        let io = io.clone();
        async move { io.close().await }
    });
    assert_eq!(ws.text().await, "42[\"last\"]");
    assert!(matches!(ws.recv().await, Received::Close(_)), "no DISCONNECT: the client is to reconnect");
    ws.end().await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(polling.poll().await.body, "42[\"last\"]");
    assert_eq!(polling.poll().await.body, "1", "in a payload of its own, so that it overtakes nothing");
    drop(ws);
    let before = Instant::now();
    timeout(Duration::from_secs(1), closing).await.expect("closed when all have gone").unwrap();
    assert!(before.elapsed() < Duration::from_millis(200));
    assert_eq!(log.entries(), ["server shutting down", "server shutting down"]);
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pending_poll_is_answered_at_once() {
    let io = serve(Namespace::new("/"));
    let polling = Polling::open(&io).await;
    polling.post("40").await;
    polling.poll().await;
    let (answer, ()) = tokio::join!(polling.poll(), async {
        sleep(Duration::from_millis(50)).await;
        timeout(Duration::from_secs(1), io.close()).await.unwrap();
    });
    assert_eq!(answer.body, "1");
}

#[tokio::test(start_paused = true)]
async fn new_clients_are_told_to_come_later() {
    let io = serve(Namespace::new("/"));
    io.close().await;
    let answer = Http::new(&io).get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    let mut ws = Ws::in_memory(&io, 4096);
    ws.request("EIO=4&transport=websocket", &[]).await;
    assert_eq!(ws.head().await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn handlers_are_waited_for() {
    let log = Log::default();
    let done = log.clone();
    let io = serve(Namespace::new("/").on("work", move |Data(seconds): Data<u64>| {
        let done = done.clone();
        async move {
            sleep(Duration::from_secs(seconds)).await;
            done.push(format!("{seconds}"));
        }
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["42[\"work\",5]", "42[\"work\",1]"]).await;
    sleep(Duration::from_millis(100)).await;
    io.close().await;
    assert_eq!(log.entries(), ["1", "5"]);
}

#[tokio::test(start_paused = true)]
async fn handlers_of_the_end_are_waited_for_even_where_a_client_does_not_go() {
    let log = Log::default();
    let done = log.clone();
    let io = serve(Namespace::new("/").on_disconnect(move || {
        let done = done.clone();
        async move {
            sleep(Duration::from_secs(3)).await;
            done.push("done");
        }
    }));
    let _polling = Client::connect(&io, Via::Polling).await;
    io.close().await;
    assert_eq!(log.entries(), ["done"]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds() {
    let io = serve_with(Namespace::new("/").on("work", async || std::future::pending::<()>().await), |io| {
        io.shutdown_timeout(Duration::from_secs(4))
    });
    let mut client = Client::connect(&io, Via::Polling).await;
    client.send("42[\"work\"]").await;
    let before = Instant::now();
    io.close().await;
    let after = before.elapsed();
    assert!(after >= Duration::from_secs(3) && after <= Duration::from_millis(4_100), "{after:?}");
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_short_time_is_enough_for_clients_that_do_not_go_and_for_handlers() {
    let log = Log::default();
    let done = log.clone();
    let namespace = Namespace::new("/").on_disconnect(move || {
        let done = done.clone();
        async move {
            sleep(Duration::from_millis(700)).await;
            done.push("done");
        }
    });
    let io = serve_with(namespace, |io| io.shutdown_timeout(Duration::from_secs(2)));
    let _polling = Client::connect(&io, Via::Polling).await;
    let before = Instant::now();
    io.close().await;
    assert_eq!((log.entries(), io.connections()), (vec!["done".to_owned()], 0));
    assert!(before.elapsed() < Duration::from_millis(2_100), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn draining_spreads_the_disconnections_evenly() {
    let started = Instant::now();
    let log = Log::default();
    let times = log.clone();
    let namespace = Namespace::new("/").on_disconnect(move |reason: DisconnectReason| {
        assert_eq!(reason, DisconnectReason::ServerShuttingDown);
        times.push(format!("{}", started.elapsed().as_millis()));
        async {}
    });
    let io = serve(namespace);
    let mut clients = Vec::new();
    for n in 0..20 {
        clients.push(Client::connect(&io, Via::BOTH[n % 2]).await);
    }
    // Those that poll fetch their end; WebSockets go when they are told to.
    let reading: Vec<_> =
        clients.into_iter().map(|mut client| tokio::spawn(async move { client.closed().await })).collect();
    let begun = started.elapsed().as_millis();
    let draining = tokio::spawn({
        let io = io.clone();
        async move { io.drain(Duration::from_secs(10)).await }
    });
    sleep(Duration::from_secs(5)).await;
    assert!((9..=11).contains(&io.connections()), "half of them have gone: {}", io.connections());
    assert_eq!(Http::new(&io).get("/socket.io/?EIO=4&transport=polling").await.status, 503);
    // Those whose turn has not come are served as before.
    io.of("/").emit("still", ()).unwrap();
    draining.await.unwrap();
    let took = started.elapsed().as_millis() - begun;
    assert!((9_500..11_000).contains(&took), "{took}");
    let times: Vec<u128> = log.entries().iter().map(|time| time.parse::<u128>().unwrap() - begun).collect();
    assert_eq!(times.len(), 20);
    for (turn, time) in (0..).zip(times) {
        assert!((turn * 500..turn * 500 + 30).contains(&time), "{turn}: {time}");
    }
    let mut told = 0;
    for reading in reading {
        told += usize::from(reading.await.unwrap().contains(&"42[\"still\"]".to_owned()));
    }
    assert!((9..=11).contains(&told), "{told}");
    assert_eq!((io.connections(), io.stats().places_taken), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_drain_window_is_part_of_closing_and_ends_early_when_all_have_gone() {
    let io = serve_with(Namespace::new("/"), |io| io.drain_window(Duration::from_secs(60)));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    let before = Instant::now();
    let reading = tokio::spawn(async move { client.closed().await });
    timeout(Duration::from_secs(1), io.close()).await.expect("nobody is left to wait for");
    assert!(before.elapsed() < Duration::from_millis(200));
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_go_does_not_stretch_a_drain() {
    let io = serve_with(Namespace::new("/"), |io| io.shutdown_timeout(Duration::from_secs(3)));
    let _polling = Client::connect(&io, Via::Polling).await;
    let before = Instant::now();
    io.drain(Duration::from_secs(5)).await;
    assert!(before.elapsed() < Duration::from_secs(9), "{:?}", before.elapsed());
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_close_is_harmless() {
    let log = Log::default();
    let io = serve(ends(&log).on("work", async || sleep(Duration::from_secs(3)).await));
    let mut clients = [Client::connect(&io, Via::WebSocket).await, Client::connect(&io, Via::Polling).await];
    clients[0].send("420[\"work\"]").await;
    sleep(Duration::from_millis(10)).await;
    let before = Instant::now();
    let first = async {
        io.close().await;
        before.elapsed()
    };
    let second = async {
        sleep(Duration::from_millis(500)).await;
        io.close().await;
        before.elapsed()
    };
    // The WebSocket client goes when it is told to; the other one never comes.
    let (first, second, received) = tokio::join!(first, second, clients[0].closed());
    for (which, took) in [("first", first), ("second", second)] {
        let expected = Duration::from_millis(2_900)..Duration::from_millis(3_100);
        assert!(expected.contains(&took), "the {which} waits for the handler: {took:?}");
    }
    assert_eq!(received, Vec::<String>::new());
    assert_eq!(log.entries(), ["server shutting down"; 2], "each is told once");
    assert_eq!((io.connections(), io.stats().places_taken, io.stats().closed.total()), (0, 0, 2));
    let before = Instant::now();
    io.close().await;
    assert!(before.elapsed() < Duration::from_millis(50), "nothing is left to wait for");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_completes_after_the_close_opens_no_session() {
    let io = serve(Namespace::new("/"));
    // A narrow pipe that is not read holds the 101 back until the server has closed.
    let mut ws = Ws::in_memory(&io, 16);
    let request = tokio::spawn(async move {
        ws.request("EIO=4&transport=websocket", &[]).await;
        ws
    });
    sleep(Duration::from_millis(100)).await;
    let mut ws = request.await.unwrap();
    io.close().await;
    assert_eq!(ws.head().await.status, 101);
    ws.end().await;
    assert_eq!(io.connections(), 0);
}
