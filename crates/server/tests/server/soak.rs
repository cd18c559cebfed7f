//! An hour of clients that come, talk, misbehave and go, in virtual time and from a seed: afterwards nothing is left.
//!
//! The same in real time, over TCP, is `tests/soak.rs`.

use std::sync::Arc;

use enchufe::{Data, DisconnectReason, Limits, Namespace, OutboxPolicy, Server, Socket};
use tokio::runtime::Handle;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::support::{Client, Polling, Random, Via, Ws, only_here, serve_with, wait_until};

const HOUR: Duration = Duration::from_secs(3_600);
/// As long as a server that hears nothing believes in a client, by default.
const HEARTBEAT: Duration = Duration::from_secs(25 + 20);
/// The mean time between two arrivals.
const ARRIVAL: Duration = Duration::from_secs(4);

fn server(probe: &Arc<()>) -> Server {
    let held = probe.clone();
    let namespace = Namespace::matching(|name| name == "/" || name.starts_with("/tenant-"))
        .on_connect(async |socket: Socket| {
            socket.join("everybody");
            socket.emit("welcome", ())
        })
        .on("say", async |socket: Socket, Data(text): Data<String>| socket.to("everybody").emit("said", text))
        .on("price", async |socket: Socket, Data(n): Data<u64>| {
            for step in 0..5 {
                socket.conflate("price").emit("price", n + step)?;
            }
            Ok::<_, enchufe::HandlerError>(())
        })
        .on("work", move |Data(ms): Data<u64>| {
            let held = held.clone();
            async move {
                sleep(Duration::from_millis(ms)).await;
                drop(held);
                ms
            }
        });
    let limits = Limits {
        max_events_per_second: 50,
        // Whoever reads nothing misses far more than this before its heartbeat ends it, whatever the seed.
        max_outbox_bytes: 20_000,
        max_total_outbox_bytes: 1 << 20,
        max_connections_per_address: 200,
        max_payload_bytes: 20_000,
        ..Limits::default()
    };
    serve_with(namespace, |io| {
        io.limits(limits)
            .outbox_policy(OutboxPolicy::DropOldest)
            .address_of(|_| Some(std::net::Ipv4Addr::LOCALHOST.into()))
    })
}

/// What one client does until it has had enough.
async fn live(io: Server, mut random: Random) {
    let via = Via::BOTH[random.below(2) as usize];
    let until = Instant::now() + Duration::from_secs(random.below(300));
    if random.below(10) == 0 {
        // It reads nothing, ever.
        let mut ws = Ws::in_memory(&io, 2_048);
        ws.upgrade("EIO=4&transport=websocket").await;
        ws.send("40").await;
        return sleep(until - Instant::now()).await;
    }
    if random.below(10) == 0 {
        // It upgrades, or stops half way.
        let polling = Polling::open(&io).await;
        let mut ws = Ws::in_memory(&io, 4_096);
        ws.upgrade(&format!("EIO=4&transport=websocket&sid={}", polling.sid)).await;
        ws.send("2probe").await;
        if random.below(2) == 0 {
            ws.text().await;
            ws.send_all(&["5", "40", "42[\"say\",\"upgraded\"]"]).await;
        }
        return;
    }
    let mut client = Client::open(&io, via).await;
    let namespace =
        if random.below(3) == 0 { format!("/tenant-{},", random.below(20)) } else { String::new() };
    client.send(&format!("40{namespace}")).await;
    while Instant::now() < until {
        let pause = Duration::from_millis(random.below(20_000));
        let heard = timeout(pause, client.message()).await;
        match (heard, via) {
            (Ok(None), _) => return,
            // It has broken off its poll, which ends its session.
            (Err(_), Via::Polling) => return,
            (Ok(Some(_)) | Err(_), _) => {}
        }
        match random.below(40) {
            0 => client.send("42[\"never closed").await,
            1 => client.send(&"4".repeat(30_000)).await,
            2 => client.send_all(&vec!["42[\"say\",\"flood\"]"; 2_000]).await,
            3 => client.send(&format!("452-{namespace}[\"x\",{{\"_placeholder\":true,\"num\":0}}]")).await,
            4 => client.send(&format!("41{namespace}")).await,
            5..10 => client.send(&format!("42{namespace}1[\"work\",{}]", random.below(9_000))).await,
            10..20 => client.send(&format!("42{namespace}[\"price\",{}]", random.below(9_000))).await,
            _ => {
                let text = "x".repeat(random.below(2_000) as usize);
                client.send(&format!("42{namespace}[\"say\",\"{text}\"]")).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_churn_leaves_nothing_behind() {
    let probe = Arc::new(());
    let io = server(&probe);
    // The drivers start with the first client.
    Client::connect(&io, Via::WebSocket).await.send("41").await;
    wait_until("it has gone", || io.connections() == 0).await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    let mut random = Random::seeded("the soak in virtual time");
    let begun = Instant::now();
    let mut lives = Vec::new();
    while begun.elapsed() < HOUR {
        sleep(Duration::from_millis(random.below(2 * ARRIVAL.as_millis() as u64))).await;
        let life = random.fork();
        // Writing to a server that has closed fails, and that is the end of it.
        lives.push(tokio::spawn(live(io.clone(), life)));
    }
    for life in lives {
        if let Err(error) = life.await {
            let text = error.try_into_panic().map_or_else(
                |error| format!("{error}"),
                |panic| panic.downcast_ref::<String>().cloned().unwrap_or_default(),
            );
            assert!(text.contains("written") || text.contains("an answer"), "{text}");
        }
    }
    // Those that left without a word, such as in the middle of an upgrade, last until a heartbeat goes unanswered.
    sleep(HEARTBEAT).await;
    wait_until("nobody is left", || io.connections() == 0).await;
    // What lingers, and the longest handlers.
    sleep(Duration::from_secs(30)).await;
    let stats = io.stats();
    assert!(stats.opened > 500, "{stats:?}");
    assert_eq!(stats.opened, stats.closed.total());
    assert!(stats.closed.by(DisconnectReason::RateLimited) > 0, "{stats:?}");
    assert!(stats.dropped_packets > 0 && stats.oversized > 0 && stats.protocol_errors > 0, "{stats:?}");
    for (what, left) in [
        ("places", stats.places_taken),
        ("handlers", stats.running_handlers),
        ("bytes", stats.outbox_bytes),
        ("lingering streams", stats.lingering),
    ] {
        assert_eq!(left, 0, "{what}");
    }
    for name in io.namespaces() {
        assert_eq!(io.of(&name).sockets().len(), 0, "{name}");
    }
    assert!(Handle::current().metrics().num_alive_tasks() <= tasks, "a task is left");
    drop(io);
    only_here(&probe).await;
}
