//! How handlers run beside each other: one after another, by keys, and to the end of their socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use enchufe::{Data, Event, EventKey, Execution, Limits, Namespace, Refusal, Server, ServerBuilder, Socket};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant, sleep};

use crate::support::{Client, Log, Via, only_here, serve, serve_with, wait_until};

/// Notes the start and the end of each event `(n, milliseconds)`.
fn timed(log: &Log) -> Namespace {
    let log = log.clone();
    Namespace::new("/").on("sync", async || {}).on("t", move |Data((n, ms)): Data<(u32, u64)>| {
        let log = log.clone();
        log.push(format!("start {n}"));
        async move {
            if ms > 0 {
                sleep(Duration::from_millis(ms)).await;
            }
            log.push(format!("end {n}"));
            n
        }
    })
}

fn in_pairs(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().flat_map(|n| [format!("start {n}"), format!("end {n}")]).collect()
}

#[tokio::test(start_paused = true)]
async fn serial_events_of_a_socket_wait_for_each_other_and_sockets_do_not() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(timed(&log).execution(Execution::serial()));
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["420[\"t\",0,50]", "421[\"t\",1,0]", "422[\"t\",2,10]", "423[\"t\",3,0]"]).await;
        assert_eq!(client.take(4).await, ["430[0]", "431[1]", "432[2]", "433[3]"]);
        assert_eq!(log.entries(), in_pairs(0..4));

        let began = Instant::now();
        let mut other = Client::connect(&io, via).await;
        client.send("424[\"t\",4,1000]").await;
        other.send("424[\"t\",5,1000]").await;
        assert_eq!((client.next().await, other.next().await), ("434[4]".into(), "434[5]".into()));
        assert!(began.elapsed() < Duration::from_millis(1900), "beside each other");
    }
}

#[tokio::test(start_paused = true)]
async fn all_handlers_of_an_event_are_part_of_its_turn() {
    let log = Log::default();
    let slow = |what: &'static str, ms: u64| {
        let log = log.clone();
        move |Event(name): Event| {
            let log = log.clone();
            async move {
                sleep(Duration::from_millis(ms)).await;
                log.push(format!("{what} {name}"));
            }
        }
    };
    let io = serve(
        Namespace::new("/")
            .execution(Execution::serial())
            .on_any(slow("any", 30))
            .event_middleware(slow("middleware", 5))
            .on("a", slow("first", 20))
            .on("a", slow("second", 10))
            .on_fallback(slow("fallback", 10)),
    );
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["42[\"a\"]", "42[\"b\"]", "42[\"a\"]"]).await;
    let a = ["middleware a", "second a", "first a", "any a"];
    let expected: Vec<_> = a.into_iter().chain(["middleware b", "fallback b", "any b"]).chain(a).collect();
    assert_eq!(log.wait(expected.len()).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_panic_a_rejection_and_an_event_without_a_handler_pass_the_turn_on() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(
            timed(&log)
                .execution(Execution::serial())
                .event_middleware(
                    async |Event(name): Event| {
                        if name == "refused" { Err(Refusal::new("no")) } else { Ok(()) }
                    },
                )
                .on("panic", async |Data(ms): Data<u64>| {
                    if ms > 0 {
                        sleep(Duration::from_millis(ms)).await;
                    }
                    panic!("on purpose");
                }),
        );
        let mut client = Client::connect(&io, via).await;
        client
            .send_all(&[
                "42[\"t\",0,5]",
                "42[\"panic\",0]",
                "42[\"panic\",5]",
                "42[\"t\",\"x\"]",
                "42[\"nobody\"]",
                "42[\"refused\"]",
                "42[\"t\",1,5]",
            ])
            .await;
        client.sync().await;
        assert_eq!(log.entries(), in_pairs(0..2));
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_passes_the_turn_on_when_its_handler_has_ended_and_its_other_events_are_forgotten() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(timed(&log).execution(Execution::keyed(|_| Some(EventKey::of("all")))));
        let mut one = Client::connect(&io, via).await;
        let mut two = Client::connect(&io, via).await;
        one.send_all(&["42[\"t\",0,1000]", "42[\"t\",1,0]"]).await;
        log.wait(1).await;
        two.send("42[\"t\",2,0]").await;
        one.send_all(&["42[\"t\",3,0]", "41"]).await;
        wait_until("one has left", || io.of("/").sockets().len() == 1).await;
        two.send("42[\"t\",4,0]").await;
        assert_eq!(log.entries(), ["start 0"], "its handler runs to its end");
        two.sync().await;
        assert_eq!(log.entries(), in_pairs([0, 2, 4]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_does_not_hold_up_those_who_share_its_key() {
    let log = Log::default();
    let io = serve(timed(&log).execution(Execution::keyed(|_| Some(EventKey::of("all")))));
    let mut two = Client::connect(&io, Via::WebSocket).await;
    // Many that go while they wait, one of them while it has the turn.
    let mut gone = Vec::new();
    for n in 0..20 {
        let mut one = Client::connect(&io, Via::WebSocket).await;
        one.send(&format!("42[\"t\",{n},100]")).await;
        gone.push(one);
    }
    log.wait(1).await;
    drop(gone);
    wait_until("they have gone", || io.of("/").sockets().len() == 1).await;
    two.sync().await;
    assert_eq!(log.entries(), in_pairs([0]));
}

#[tokio::test(start_paused = true)]
async fn events_with_one_key_wait_for_each_other_and_others_do_not() {
    for via in Via::BOTH {
        let log = Log::default();
        // By tens; nines have no key, and those of fifty can't be made.
        let io = serve(timed(&log).execution(Execution::keyed(|event| {
            let (n, _): (u32, u64) = event.args().deserialize().ok()?;
            assert!(n / 10 != 5, "on purpose");
            (n / 10 != 9).then(|| EventKey::of(&(event.event(), n / 10)))
        })));
        let mut client = Client::connect(&io, via).await;
        client
            .send_all(&[
                "42[\"t\",10,100]",
                "42[\"t\",11,50]",
                "42[\"t\",20,10]",
                "42[\"t\",90,5]",
                "42[\"t\",91,0]",
                "42[\"t\",21,10]",
                "42[\"t\",50,1]",
                "42[\"t\",51,1]",
            ])
            .await;
        let entries = log.wait(16).await;
        let started = ["start 10", "start 20", "start 90", "start 91", "end 91", "start 50"];
        assert_eq!(entries[..6], started);
        let place = |what: &str| entries.iter().position(|entry| entry == what).unwrap();
        assert!(place("end 10") < place("start 11"));
        assert!(place("end 20") < place("start 21") && place("end 21") < place("end 10"));
        assert!(place("end 50") < place("start 51") && place("end 51") < place("end 10"));
        assert!(place("end 90") < place("end 20"));
    }
}

#[tokio::test(start_paused = true)]
async fn keys_hold_across_sockets_in_the_order_of_arrival() {
    let log = Log::default();
    let io = serve(
        timed(&log).execution(Execution::keyed(|event| Some(EventKey::of(event.socket().namespace_name())))),
    );
    let mut clients = Vec::new();
    for via in [Via::WebSocket, Via::Polling, Via::WebSocket] {
        clients.push(Client::connect(&io, via).await);
    }
    for n in 0..9 {
        let at = n as usize % clients.len();
        clients[at].send(&format!("42[\"t\",{n},{}]", 20 - 2 * n)).await;
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(log.wait(18).await, in_pairs(0..9));
}

/// A handler that runs for as long as a permit is missing.
fn gated(gate: &Arc<Semaphore>, log: &Log) -> Namespace {
    let (gate, log) = (gate.clone(), log.clone());
    Namespace::new("/").on("g", move |Data(n): Data<u32>| {
        let (gate, log) = (gate.clone(), log.clone());
        async move {
            gate.acquire().await.unwrap().forget();
            log.push(n.to_string());
        }
    })
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded_and_the_connection_is_read_on_when_less_does() {
    for via in Via::BOTH {
        let (gate, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let io = serve_with(gated(&gate, &log).execution(Execution::serial()), |builder| {
            builder.limits(Limits { max_early_bytes: 400, max_in_flight_handlers: 2, ..Limits::default() })
        });
        let mut client = Client::connect(&io, via).await;
        let sending = async {
            for n in 0..40 {
                client.send(&format!("42[\"g\",{n}]")).await;
            }
            client
        };
        let releasing = async {
            for n in 0..40 {
                sleep(Duration::from_millis(50)).await;
                gate.add_permits(1);
                log.wait(n + 1).await;
            }
        };
        let _ = tokio::join!(sending, releasing);
        assert_eq!(log.entries(), (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_waits_where_too_many_handlers_run_and_keeps_its_place() {
    for via in Via::BOTH {
        let (gate, log) = (Arc::new(Semaphore::new(0)), Log::default());
        // Odd numbers one after another, even ones as they come.
        let execution = Execution::keyed(|event| {
            let n: u32 = event.args().deserialize().ok()?;
            (n % 2 == 1).then(|| EventKey::of("odd"))
        });
        let io = serve_with(gated(&gate, &log).execution(execution), |builder| {
            builder.limits(Limits { max_in_flight_handlers: 3, ..Limits::default() })
        });
        let mut client = Client::connect(&io, via).await;
        let events: Vec<_> = (0..12).map(|n| format!("42[\"g\",{n}]")).collect();
        client.send_all(&events.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for n in 0..12 {
            sleep(Duration::from_millis(10)).await;
            gate.add_permits(1);
            log.wait(n + 1).await;
        }
        let of = |rest| log.entries().into_iter().filter(move |n| n.parse::<u32>().unwrap() % 2 == rest);
        assert_eq!(of(1).collect::<Vec<_>>(), ["1", "3", "5", "7", "9", "11"]);
        assert_eq!(of(0).count(), 6);
    }
}

#[tokio::test(start_paused = true)]
async fn early_events_take_their_turns_as_well() {
    let log = Log::default();
    let io = serve(
        timed(&log)
            .execution(Execution::serial())
            .on_connect(async || sleep(Duration::from_millis(50)).await),
    );
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send_all(&["40", "42[\"t\",0,20]", "42[\"t\",1,0]"]).await;
    client.send("42[\"t\",2,10]").await;
    assert_eq!(log.wait(6).await, in_pairs(0..3));
}

/// A namespace whose handlers wait for ever, each holding what it is given.
fn endless(held: &Arc<()>) -> Namespace {
    let hold = || {
        let held = held.clone();
        move || {
            let held = held.clone();
            async move {
                sleep(Duration::from_secs(1_000_000)).await;
                drop(held);
            }
        }
    };
    Namespace::new("/").on_connect(hold()).on("wait", hold()).on_any(hold())
}

#[tokio::test(start_paused = true)]
async fn handlers_end_with_their_socket_where_that_was_asked_for() {
    type End = fn(&Server);
    let ends: [End; 2] = [|io| drop(io.disconnect_sockets(false)), |io| drop(io.disconnect_sockets(true))];
    for via in Via::BOTH {
        for end in ends {
            let (held, log) = (Arc::new(()), Log::default());
            let noting = log.clone();
            let waits = {
                let held = held.clone();
                move || {
                    let held = held.clone();
                    async move {
                        sleep(Duration::from_secs(1_000_000)).await;
                        drop(held);
                    }
                }
            };
            let namespace = Namespace::new("/")
                .on("wait", waits.clone())
                .on_any(waits)
                .on_disconnect(move || {
                    let log = noting.clone();
                    async move {
                        sleep(Duration::from_secs(1)).await;
                        log.push("left");
                    }
                })
                .cancel_on_disconnect();
            let io = serve(namespace);
            let mut client = Client::connect(&io, via).await;
            client.send_all(&["42[\"wait\"]", "42[\"other\"]"]).await;
            // The test, two registrations, and three handlers that run.
            wait_until("they run", || Arc::strong_count(&held) == 6).await;
            end(&io);
            wait_until("they have ended", || Arc::strong_count(&held) == 3).await;
            assert_eq!(log.wait(1).await, ["left"], "what runs at its end runs to its own");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_handler_ends_with_its_socket_as_well() {
    let held = Arc::new(());
    let io = serve(endless(&held).cancel_on_disconnect());
    let mut client = Client::connect(&io, Via::WebSocket).await;
    wait_until("it runs", || Arc::strong_count(&held) == 5).await;
    client.send("41").await;
    wait_until("it has ended", || Arc::strong_count(&held) == 4).await;
    drop((client, io));
    only_here(&held).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_cancelled_passes_its_turn_on() {
    let log = Log::default();
    let all = Execution::keyed(|_| Some(EventKey::of("all")));
    let io = serve(timed(&log).execution(all).cancel_on_disconnect());
    let mut one = Client::connect(&io, Via::WebSocket).await;
    let mut two = Client::connect(&io, Via::Polling).await;
    one.send("42[\"t\",0,1000000000]").await;
    log.wait(1).await;
    two.send("42[\"t\",1,0]").await;
    one.send("41").await;
    assert_eq!(log.wait(3).await, ["start 0", "start 1", "end 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_closes_within_its_time_with_events_that_wait_for_their_turn() {
    let log = Log::default();
    let io = serve_with(timed(&log).execution(Execution::serial()), |builder: ServerBuilder| {
        builder.shutdown_timeout(Duration::from_secs(5))
    });
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["42[\"t\",0,1000]", "42[\"t\",1,1000]"]).await;
    log.wait(1).await;
    let began = Instant::now();
    io.close().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(log.entries(), in_pairs([0]), "what has begun ends, what waits is forgotten");
}

#[tokio::test(start_paused = true)]
async fn concurrent_is_the_default() {
    let log = Log::default();
    let io = serve(timed(&log).execution(Execution::default()).on_any(async |_: Socket| {}));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["42[\"t\",0,20]", "42[\"t\",1,0]", "42[\"t\",2,10]"]).await;
    assert_eq!(log.wait(6).await, ["start 0", "start 1", "end 1", "start 2", "end 2", "end 0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_one_key_is_handled_once_at_a_time_and_in_order_whoever_leaves() {
    const CLIENTS: u32 = 8;
    const EVENTS: u32 = 60;
    let inside = Arc::new(AtomicU32::new(0));
    let log = Log::default();
    let (at_work, handled) = (inside.clone(), log.clone());
    let io = serve(
        Namespace::new("/")
            .execution(Execution::keyed(|_| Some(EventKey::of("all"))))
            .event_middleware(async |Data((_, n)): Data<(u32, u32)>| {
                if n.is_multiple_of(3) {
                    tokio::task::yield_now().await;
                }
            })
            .on("n", move |Data((client, n)): Data<(u32, u32)>| {
                let (inside, log) = (at_work.clone(), handled.clone());
                async move {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "another is handled");
                    for _ in 0..n % 4 {
                        tokio::task::yield_now().await;
                    }
                    inside.fetch_sub(1, Ordering::SeqCst);
                    log.push(format!("{client} {n}"));
                    n
                }
            }),
    );
    let clients = (0..CLIENTS).map(|number| {
        let io = io.clone();
        tokio::spawn(async move {
            let via = if number.is_multiple_of(2) { Via::WebSocket } else { Via::Polling };
            let mut client = Client::connect(&io, via).await;
            for n in 0..EVENTS {
                // Every fourth client leaves half way, with events that wait.
                let leaves = number % 4 == 3 && n == EVENTS / 2;
                let last = n == EVENTS - 1;
                client
                    .send(&if leaves {
                        "41".to_owned()
                    } else if last {
                        format!("427[\"n\",{number},{n}]")
                    } else {
                        format!("42[\"n\",{number},{n}]")
                    })
                    .await;
                if leaves {
                    return None;
                }
            }
            Some(client.next().await)
        })
    });
    for (number, client) in clients.collect::<Vec<_>>().into_iter().enumerate() {
        let expected = (number % 4 != 3).then(|| format!("437[{}]", EVENTS - 1));
        assert_eq!(client.await.unwrap(), expected);
    }
    // The lane is free again.
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("427[\"n\",99,0]").await;
    assert_eq!(client.next().await, "437[0]");
    for number in 0..CLIENTS {
        let prefix = format!("{number} ");
        let entries = log.entries();
        let of: Vec<u32> =
            entries.iter().filter_map(|entry| entry.strip_prefix(&prefix)?.parse().ok()).collect();
        assert!(of.is_sorted(), "{of:?}");
        assert!(number % 4 == 3 || of.len() == EVENTS as usize, "{number}: {of:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_with_too_many_handlers_holds_up_nobody_elses_key() {
    let log = Log::default();
    let namespace = timed(&log)
        .on("stuck", async || std::future::pending::<()>().await)
        .execution(Execution::keyed(|event| (event.event() == "t").then(|| EventKey::of("shared"))));
    let limits = Limits { max_in_flight_handlers: 2, ..Limits::default() };
    let io = serve_with(namespace, |io| io.limits(limits));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    let mut greedy = Client::connect(&io, Via::WebSocket).await;
    client.send("421[\"t\",1,1000]").await;
    client.send("42[\"sync\"]").await;
    sleep(Duration::from_millis(10)).await;
    greedy.send_all(&["422[\"t\",2,1000]", "42[\"stuck\"]", "42[\"stuck\"]"]).await;
    sleep(Duration::from_millis(10)).await;
    client.send("423[\"t\",3,0]").await;
    assert_eq!(client.take(2).await, ["431[1]", "433[3]"]);
    assert_eq!(greedy.next().await, "432[2]");
    assert_eq!(log.entries(), in_pairs(1..4));
}
