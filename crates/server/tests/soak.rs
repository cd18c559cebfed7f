//! Clients that come and go over TCP, in real time: afterwards sessions, tasks, file descriptors and memory are back
//! where they were.
//!
//! It has a process of its own, since it counts what the process holds. `ENCHUFE_SOAK_SECONDS` makes it longer than its
//! few seconds.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

#[expect(dead_code, unused_imports, reason = "the other tests use the rest of it")]
#[path = "server/support/mod.rs"]
mod support;

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use enchufe::{Data, Limits, Namespace, Server, Socket};
use support::{Random, Received, Ws, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

/// Clients at a time.
const CLIENTS: usize = 30;
/// What memory may have grown by between a third of the time and the end: an allocator's own habits.
const SLACK: u64 = 24 << 20;

fn seconds() -> u64 {
    std::env::var("ENCHUFE_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

fn descriptors() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}

/// Resident bytes; 0 where the system does not tell.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn server() -> Server {
    let namespace = Namespace::new("/")
        .on_connect(async |socket: Socket| socket.join("everybody"))
        .on("say", async |socket: Socket, Data(text): Data<String>| socket.to("everybody").emit("said", text))
        .on("work", async |Data(ms): Data<u64>| {
            sleep(Duration::from_millis(ms)).await;
            ms
        });
    let limits = Limits { max_outbox_bytes: 1 << 20, max_payload_bytes: 100_000, ..Limits::default() };
    Server::builder().namespace(namespace).limits(limits).build().unwrap()
}

async fn live(address: SocketAddr, random: &mut Random) {
    match random.below(8) {
        0 => {
            // A head that never ends.
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /socket.io/?EIO=4 HTTP/1.1\r\nHost:").await.unwrap();
            sleep(Duration::from_millis(random.below(50))).await;
        }
        1 => {
            // A polling session that is opened and left.
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request =
                "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.contains("\"sid\""), "{answer}");
        }
        kind => {
            let mut ws = Ws::tcp(address).await;
            ws.upgrade("EIO=4&transport=websocket").await;
            ws.send("40").await;
            ws.text().await;
            ws.text().await;
            for n in 0..random.below(30) {
                let text = "x".repeat(random.below(5_000) as usize);
                ws.send(&format!("42{n}[\"work\",{}]", random.below(20))).await;
                ws.send(&format!("42[\"say\",\"{text}\"]")).await;
                while let Ok(received) = timeout(Duration::from_millis(2), ws.recv()).await {
                    if matches!(received, Received::Close(_) | Received::End) {
                        return;
                    }
                }
            }
            if kind == 2 {
                assert_eq!(
                    ws.close_while_sending(&"x".repeat(200_000)).await.map(|(code, _)| code),
                    Some(1009)
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_has_gone() {
    let io = server();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn({
        let io = io.clone();
        async move { io.serve(listener).await.unwrap() }
    });
    drop(Ws::tcp(address).await);
    let mut random = Random::seeded("the soak in real time");
    let time = Duration::from_secs(seconds());
    let begun = Instant::now();
    let settle = async || {
        // Sessions that were left end with their heartbeat; here they are sent away.
        for socket in io.engine_sockets() {
            socket.discard();
        }
        wait_until("nobody is left", || {
            let stats = io.stats();
            stats.connections + stats.http_connections + stats.lingering + stats.running_handlers == 0
        })
        .await;
    };
    let mut measured = None;
    loop {
        let lives: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut random = random.fork();
                tokio::spawn(async move { live(address, &mut random).await })
            })
            .collect();
        for life in lives {
            life.await.unwrap();
        }
        settle().await;
        if measured.is_none() && begun.elapsed() >= time / 3 {
            measured = Some((descriptors(), Handle::current().metrics().num_alive_tasks(), resident()));
        }
        if begun.elapsed() >= time {
            break;
        }
    }
    let (before, tasks, memory) = measured.expect("a third of the time has passed");
    assert_eq!(descriptors(), before, "file descriptors");
    assert!(Handle::current().metrics().num_alive_tasks() <= tasks, "a task is left");
    let grown = resident().saturating_sub(memory);
    assert!(grown <= SLACK, "{grown} bytes more");
    let stats = io.stats();
    assert_eq!((stats.opened, stats.places_taken, stats.outbox_bytes), (stats.closed.total(), 0, 0));
    io.close().await;
    serving.await.unwrap();
}
