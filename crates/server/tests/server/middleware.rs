//! Event middleware: what an event passes before it reaches its handlers.

use std::sync::Arc;

use enchufe::{
    Ack, Bytes, Data, Event, EventVerdict, HandlerError, HandlerId, Namespace, RawArgs, Refusal, Rejection,
    Socket,
};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::{Duration, sleep};

use crate::support::{Client, Log, Via, serve, wait_until};

/// A namespace that notes the events that reach its handlers, and answers `sync`.
fn noting(log: &Log) -> Namespace {
    let log = log.clone();
    Namespace::new("/").on("sync", async || {}).on_fallback(move |Event(name): Event, args: RawArgs| {
        log.push(format!("{name}[{}]", args.json()));
        async {}
    })
}

#[tokio::test(start_paused = true)]
async fn middlewares_run_after_the_catch_alls_and_before_the_handlers_in_order() {
    for via in Via::BOTH {
        let log = Log::default();
        let note = |what: &'static str| {
            let log = log.clone();
            move |Event(name): Event| {
                log.push(format!("{what} {name}"));
                async {}
            }
        };
        let own = (note("own"), note("own any"));
        let io = serve(
            Namespace::new("/")
                .event_middleware(note("first"))
                .event_middleware(note("second"))
                .on_any(note("any"))
                .on_fallback(note("handler"))
                .on_connect(move |socket: Socket| {
                    socket.event_middleware(own.0.clone());
                    socket.on_any(own.1.clone());
                    async {}
                }),
        );
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["42[\"a\"]", "42[\"b\"]"]).await;
        let order = ["any", "own any", "first", "second", "own", "handler"];
        let expected: Vec<_> =
            ["a", "b"].into_iter().flat_map(|event| order.map(|what| format!("{what} {event}"))).collect();
        assert_eq!(log.wait(12).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_answers_tells_the_application_and_ends_the_event() {
    for via in Via::BOTH {
        let log = Log::default();
        let (shared, own) = (log.clone(), log.clone());
        let note = |log: Log, what: &'static str| {
            move |Event(name): Event, args: RawArgs, refusal: Refusal| {
                log.push(format!("{what}: {name}[{}] {}", args.json(), refusal.message()));
                async {}
            }
        };
        let own = note(own, "own");
        let io = serve(
            noting(&log)
                .event_middleware(async |Event(name): Event| match name.as_str() {
                    "no" => Err(Refusal::new("forbidden")),
                    "data" => Err(Refusal::new("forbidden").with_data(json!({"code": 403}))),
                    _ => Ok(()),
                })
                .event_middleware(async |Event(name): Event| {
                    assert!(name != "no", "an event that was refused goes no further");
                })
                .on_error(note(shared, "shared"))
                .on_connect(move |socket: Socket| {
                    socket.on_error(own.clone());
                    async {}
                }),
        );
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["421[\"no\",5]", "422[\"data\"]", "42[\"no\"]", "42[\"yes\",6]"]).await;
        assert_eq!(
            client.take(2).await,
            ["431[{\"error\":\"forbidden\"}]", "432[{\"error\":\"forbidden\",\"data\":{\"code\":403}}]"]
        );
        client.sync().await;
        assert_eq!(
            log.entries(),
            [
                "shared: no[5] forbidden",
                "own: no[5] forbidden",
                "shared: data[] forbidden",
                "own: data[] forbidden",
                "shared: no[] forbidden",
                "own: no[] forbidden",
                "yes[6]",
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_or_panics_or_whose_arguments_do_not_fit_refuses() {
    let log = Log::default();
    let io = serve(
        noting(&log)
            .event_middleware(async |Event(name): Event| -> Result<(), HandlerError> {
                assert!(name != "panic", "on purpose");
                if name == "fail" {
                    let _: u32 = name.parse()?;
                }
                Ok(())
            })
            .on_connect(async |socket: Socket| {
                socket.event_middleware(async |Event(name): Event, data: Result<Data<u32>, Rejection>| {
                    if name == "number" { data.map(drop).map_err(Refusal::from) } else { Ok(()) }
                });
            }),
    );
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["421[\"fail\"]", "422[\"panic\"]", "423[\"number\",\"x\"]", "42[\"number\",5]"]).await;
    assert_eq!(
        client.take(2).await,
        ["431[{\"error\":\"internal error\"}]", "432[{\"error\":\"internal error\"}]"]
    );
    assert!(client.next().await.starts_with("433[{\"error\":\"invalid arguments"));
    client.sync().await;
    assert_eq!(log.entries(), ["number[5]"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_may_be_changed_or_ended_without_a_word() {
    for via in Via::BOTH {
        let log = Log::default();
        let seen = log.clone();
        let io = serve(
            noting(&log)
                .event_middleware(
                    async |Event(name): Event, args: RawArgs| -> Result<EventVerdict, HandlerError> {
                        Ok(match name.as_str() {
                            "trim" => EventVerdict::with_args(args.args().deserialize::<String>()?.trim())?,
                            "old" => EventVerdict::replace("new", &args)?,
                            "connect it" => EventVerdict::replace("connect", ())?,
                            "bytes" => EventVerdict::with_args((Bytes::from_static(b"xy"), 1))?,
                            "spam" => EventVerdict::ignore(),
                            _ => EventVerdict::pass(),
                        })
                    },
                )
                .event_middleware(move |Event(name): Event| {
                    seen.push(format!("then {name}"));
                    async {}
                })
                .on("new", async |socket: Socket, Data(n): Data<u32>| (n + 1, socket.connected())),
        );
        let mut client = Client::connect(&io, via).await;
        client
            .send_all(&[
                "42[\"trim\",\"  a \",7]",
                "425[\"old\",1]",
                "426[\"connect it\"]",
                "42[\"bytes\"]",
                "427[\"spam\"]",
            ])
            .await;
        assert_eq!(client.take(2).await, ["435[[2,true]]", "436[{\"error\":\"internal error\"}]"]);
        client.sync().await;
        let bytes = "bytes[{\"_placeholder\":true,\"num\":0},1]";
        assert_eq!(log.entries(), ["then trim", "trim[\"a\"]", "then new", "then bytes", bytes, "then sync"]);
    }
}

#[tokio::test(start_paused = true)]
async fn attachments_pass_a_middleware_that_takes_its_time() {
    for via in Via::BOTH {
        let log = Log::default();
        let seen = log.clone();
        let io = serve(
            Namespace::new("/")
                .event_middleware(async || sleep(Duration::from_millis(10)).await)
                .on("sync", async || {})
                .on("bin", move |Data((n, bytes)): Data<(u32, Bytes)>| {
                    seen.push(format!("{n} {bytes:?}"));
                    async {}
                }),
        );
        let mut client = Client::connect(&io, via).await;
        for n in 0..3 {
            client.send(&format!("451-[\"bin\",{n},{{\"_placeholder\":true,\"num\":0}}]")).await;
            client.send_binary(&[b'a' + n]).await;
        }
        client.sync().await;
        assert_eq!(log.entries(), ["0 b\"a\"", "1 b\"b\"", "2 b\"c\""]);
    }
}

#[tokio::test(start_paused = true)]
async fn order_holds_while_a_middleware_takes_its_time_and_handlers_go_on_beside_each_other() {
    for via in Via::BOTH {
        let log = Log::default();
        let (any, handled) = (log.clone(), log.clone());
        let io = serve(
            Namespace::new("/")
                .on_any(move |Event(name): Event| {
                    any.push(format!("any {name}"));
                    async {}
                })
                .event_middleware(async |Event(name): Event| {
                    // The earlier, the longer; some not at all.
                    let n: u64 = name.parse().unwrap();
                    if !n.is_multiple_of(3) {
                        sleep(Duration::from_millis(100 - 10 * n)).await;
                    }
                })
                .on_fallback(move |Event(name): Event| {
                    let log = handled.clone();
                    log.push(format!("start {name}"));
                    async move {
                        sleep(Duration::from_secs(3600)).await;
                        log.push(format!("end {name}"));
                    }
                }),
        );
        let mut client = Client::connect(&io, via).await;
        for n in 0..8 {
            client.send(&format!("42[\"{n}\"]")).await;
        }
        let entries = log.wait(16).await;
        let expected: Vec<_> = (0..8).flat_map(|n| [format!("any {n}"), format!("start {n}")]).collect();
        assert_eq!(entries, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_middleware_that_is_taken_back_is_not_overtaken() {
    let log = Log::default();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let io = serve(noting(&log).on_connect(move |socket: Socket| {
        let held = held.clone();
        let id = socket.event_middleware(move || {
            let held = held.clone();
            async move { held.acquire().await.unwrap().forget() }
        });
        socket.data().insert(id);
        async {}
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("42[\"1\"]").await;
    let socket = io.of("/").sockets().pop().unwrap();
    sleep(Duration::from_millis(10)).await;
    assert!(socket.off_handler(socket.data().local::<HandlerId>().unwrap()));
    client.send("42[\"2\"]").await;
    sleep(Duration::from_millis(10)).await;
    assert_eq!(log.entries(), [""; 0]);
    gate.add_permits(1);
    assert_eq!(log.wait(2).await, ["1[]", "2[]"]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_a_middleware_runs_is_past_hearing() {
    for via in Via::BOTH {
        let log = Log::default();
        let gate = Arc::new(Semaphore::new(0));
        let held = gate.clone();
        let io = serve(noting(&log).event_middleware(move || {
            let held = held.clone();
            async move { held.acquire().await.unwrap().forget() }
        }));
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["42[\"1\"]", "42[\"2\"]", "41"]).await;
        wait_until("it has left", || io.of("/").sockets().is_empty()).await;
        gate.add_permits(2);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(log.entries(), [""; 0]);
        assert_eq!(gate.available_permits(), 1, "the second event was forgotten");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_do_not_wait_for_a_middleware() {
    let io = serve(
        Namespace::new("/")
            .event_middleware(async |socket: Socket, Event(name): Event| {
                let allowed = socket.emit_with_ack::<bool>("allow?", name).await;
                if allowed.is_ok_and(|allowed| allowed) { Ok(()) } else { Err(Refusal::new("no")) }
            })
            .on("a", async |ack: Ack| ack.send(&1)),
    );
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["421[\"a\"]", "422[\"a\"]"]).await;
    assert_eq!(client.next().await, "420[\"allow?\",\"a\"]");
    client.send("430[true]").await;
    assert_eq!(client.take(2).await, ["431[1]", "421[\"allow?\",\"a\"]"]);
    client.send("431[false]").await;
    assert_eq!(client.next().await, "432[{\"error\":\"no\"}]");
}
