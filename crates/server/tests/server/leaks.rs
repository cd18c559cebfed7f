//! After everybody has gone nothing is left: no connection, no room, no task, nothing that was captured.

use std::sync::Arc;

use enchufe::{Ack, Data, Limits, Namespace, Refusal, Server, Socket};
use tokio::time::{Duration, sleep, timeout};

use crate::support::{Client, Polling, Via, Ws, only_here, wait_until};

/// A server whose handlers hold `probe` in every way there is.
fn busy(probe: &Arc<()>) -> Server {
    let (own, data, late) = (probe.clone(), probe.clone(), probe.clone());
    let namespace = Namespace::new("/")
        .middleware(move |socket: Socket| {
            socket.data().insert(data.clone());
            let keep = (own.clone(), socket.clone());
            // A handler of the socket's own that holds the socket: a circle until it leaves.
            socket.on("own", move || {
                let _keep = &keep;
                async {}
            });
            async move {
                if socket.handshake().auth_json().contains("refuse") {
                    return Err(Refusal::new("no"));
                }
                tokio::task::yield_now().await;
                Ok(())
            }
        })
        .on_connect(async |socket: Socket| {
            socket.join(["a", "b"]);
            let _ = socket.timeout(Duration::from_secs(1)).emit_with_ack::<()>("hello", ()).await;
        })
        .on("work", move |Data(ms): Data<u64>, ack: Ack| {
            let late = late.clone();
            async move {
                sleep(Duration::from_millis(ms)).await;
                drop(late);
                ack.send(&1).unwrap();
            }
        });
    Server::builder().namespace(namespace).build().unwrap()
}

async fn one_life(io: &Server, n: usize) {
    let via = Via::BOTH[n % 2];
    let mut client = Client::open(io, via).await;
    match n % 7 {
        0 => client.send("40{\"refuse\":1}").await,
        1 => client.send_all(&["40", "421[\"work\",20]"]).await,
        2 => client.send_all(&["40", "41", "1"]).await,
        3 => {
            client.send_all(&["40", "420[\"work\",5]"]).await;
            client.take(2).await;
            client.send("9").await;
        }
        4 => {
            client.send("40").await;
            client.next().await;
            io.of("/").disconnect_sockets(true);
        }
        5 => {
            client.send("40").await;
            client.next().await;
            if let Client::Polling(session) = &mut client {
                let mut ws = Ws::in_memory(io, 4096);
                ws.upgrade(&format!("EIO=4&transport=websocket&sid={}", session.sid)).await;
                ws.send_all(&["2probe", "5", "42[\"own\"]"]).await;
                ws.text().await;
            }
        }
        _ => client.send_all(&["451-[\"a\",{\"_placeholder\":true,\"num\":0}]"]).await,
    }
}

#[tokio::test(start_paused = true)]
async fn churn_leaves_nothing_behind() {
    let probe = Arc::new(());
    let io = busy(&probe);
    for n in 0..200 {
        one_life(&io, n).await;
    }
    // Those that are gone without a word are noticed by their heartbeat.
    sleep(Duration::from_secs(100)).await;
    assert_eq!(io.connections(), 0);
    assert_eq!(io.of("/").room_count(), 0);
    wait_until("only what the namespace itself captured", || Arc::strong_count(&probe) == 4).await;
    io.close().await;
    drop(io);
    only_here(&probe).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_socket_is_forgotten() {
    let probe = Arc::new(());
    let io = busy(&probe);
    let mut client = Client::open(&io, Via::WebSocket).await;
    for _ in 0..10 {
        client.send("40{\"refuse\":1}").await;
        assert!(client.next().await.starts_with("44"));
    }
    wait_until("only what the namespace itself captured", || Arc::strong_count(&probe) == 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_ends_its_tasks() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let probe = Arc::new(());
    for _ in 0..5 {
        let io = busy(&probe);
        let client = Client::connect(&io, Via::WebSocket).await;
        drop(client);
        wait_until("it is gone", || io.connections() == 0).await;
        io.close().await;
    }
    only_here(&probe).await;
    wait_until("no task is left", || tokio::runtime::Handle::current().metrics().num_alive_tasks() <= before)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_lives_as_long_as_its_connections() {
    let io = busy(&Arc::new(()));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    assert!(client.next().await.contains("hello"));
    drop(io);
    assert!(timeout(Duration::from_secs(60), client.message()).await.is_err(), "heartbeats only");
    client.send("420[\"work\",1]").await;
    assert_eq!(client.next().await, "430[1]");
}

#[tokio::test(start_paused = true)]
async fn sessions_that_were_opened_and_forgotten_go() {
    let io = busy(&Arc::new(()));
    for _ in 0..100 {
        Polling::open(&io).await;
    }
    assert_eq!(io.connections(), 100);
    sleep(Duration::from_secs(80)).await;
    assert_eq!(io.connections(), 0);
}

/// Real threads and real time: what interleaves here is not what interleaves in one thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn churn_on_several_threads_leaves_nothing_behind() {
    let probe = Arc::new(());
    let io = busy(&probe);
    let lives = (0..8).map(|thread| {
        let io = io.clone();
        tokio::spawn(async move {
            for n in 0..42 {
                // All but the one that waits for what others may have disconnected.
                if (n + thread) % 7 != 3 && (n + thread) % 7 != 4 {
                    one_life(&io, n + thread).await;
                }
                io.of("/").to("a").emit("noise", n).unwrap();
            }
        })
    });
    for life in lives.collect::<Vec<_>>() {
        life.await.unwrap();
    }
    io.close().await;
    assert_eq!(io.connections(), 0);
    assert_eq!(io.of("/").room_count(), 0);
    drop(io);
    only_here(&probe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_ever_for_a_drained_outbox() {
    let io = Server::builder().namespace(Namespace::new("/")).build().unwrap();
    let mut client = Client::connect(&io, Via::WebSocket).await;
    let socket = io.of("/").sockets().remove(0);
    let senders = (0..4).map(|_| {
        let socket = socket.clone();
        tokio::spawn(async move {
            for n in 0..500 {
                socket.emit("n", n).unwrap();
                timeout(Duration::from_secs(10), socket.drained()).await.expect("drained in time");
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    client.take(2_000).await;
    for sender in senders {
        sender.await.unwrap();
    }
}

/// Events that wait for running handlers hold their socket, which holds the connection that they wait in.
#[test]
fn a_runtime_that_ends_takes_the_events_along_that_waited() {
    let probe = Arc::new(());
    let work = probe.clone();
    let io = Server::builder()
        .limits(Limits { max_in_flight_handlers: 1, ..Limits::default() })
        .namespace(Namespace::new("/").on("work", move || {
            let _holds = &work;
            std::future::pending::<()>()
        }))
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let mut client = Client::connect(&io, Via::WebSocket).await;
        client.send_all(&["42[\"work\"]", "42[\"work\",\"waits\"]", "41"]).await;
        wait_until("it has left", || io.of("/").sockets().is_empty()).await;
        client
    });
    drop(runtime);
    drop((client, io));
    assert_eq!(Arc::strong_count(&probe), 1, "the server has gone, and its handlers with it");
}
