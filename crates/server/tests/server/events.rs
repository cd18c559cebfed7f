//! Handlers: their order, their ends, and what they do when they panic.

use enchufe::{Bytes, Data, Namespace, RawArgs, Socket};
use tokio::time::{Duration, sleep};

use crate::support::{Client, Log, Via, serve, serve_with, wait_until};

#[tokio::test(start_paused = true)]
async fn handlers_start_in_order_and_a_pending_one_does_not_hold_later_events() {
    for via in Via::BOTH {
        let log = Log::default();
        let (slow, fast) = (log.clone(), log.clone());
        let io = serve(
            Namespace::new("/")
                .on("slow", move |Data(n): Data<u32>| {
                    let log = slow.clone();
                    async move {
                        log.push(format!("start {n}"));
                        sleep(Duration::from_millis(100)).await;
                        log.push(format!("end {n}"));
                    }
                })
                .on("fast", move |Data(n): Data<u32>| {
                    fast.push(format!("fast {n}"));
                    async {}
                }),
        );
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["42[\"slow\",1]", "42[\"fast\",2]", "42[\"slow\",3]", "42[\"fast\",4]"]).await;
        let entries = log.wait(6).await;
        assert_eq!(entries[..4], ["start 1", "fast 2", "start 3", "fast 4"]);
        assert_eq!(entries[4..], ["end 1", "end 3"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_handler_only() {
    for via in Via::BOTH {
        let io = serve(
            Namespace::new("/")
                .on("before", async || -> u32 { panic!("at once") })
                .on("after", async || -> u32 {
                    sleep(Duration::from_millis(10)).await;
                    panic!("later")
                })
                .on("fine", async || "still here"),
        );
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["420[\"before\"]", "421[\"after\"]", "422[\"fine\"]"]).await;
        assert_eq!(client.next().await, "432[\"still here\"]");
        sleep(Duration::from_millis(50)).await;
        client.send("423[\"fine\"]").await;
        assert_eq!(client.next().await, "433[\"still here\"]");
    }
}

#[tokio::test(start_paused = true)]
async fn binary_goes_both_ways() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/").on("echo", async |Data(data): Data<(Bytes, String, Bytes)>| data));
        let mut client = Client::connect(&io, via).await;
        let event =
            "452-7[\"echo\",{\"_placeholder\":true,\"num\":1},\"é\",{\"_placeholder\":true,\"num\":0}]";
        client.send(event).await;
        client.send_binary(b"zero").await;
        client.send_binary(b"one").await;
        let answer = client.take(3).await;
        assert_eq!(
            answer[0],
            "462-7[[{\"_placeholder\":true,\"num\":0},\"é\",{\"_placeholder\":true,\"num\":1}]]"
        );
        assert_eq!(answer[1..], ["bb25l", "bemVybw=="]);
    }
}

#[tokio::test(start_paused = true)]
async fn raw_arguments_are_relayed_as_they_came() {
    let io = serve(
        Namespace::new("/").on("relay", async |socket: Socket, args: RawArgs| socket.emit("relayed", args)),
    );
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("42[\"relay\",1.50,{\"b\":  [1e2, \"\\u0041\"]},null]").await;
    assert_eq!(client.next().await, "42[\"relayed\",1.50,{\"b\":  [1e2, \"\\u0041\"]},null]");
}

#[tokio::test(start_paused = true)]
async fn arguments_that_do_not_fit_answer_with_an_error() {
    let io = serve(Namespace::new("/").on("add", async |Data((a, b)): Data<(i64, i64)>| a + b));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("421[\"add\",1,\"two\"]").await;
    let answer = client.next().await;
    assert!(answer.starts_with("431[{\"error\":"), "{answer}");
    client.send("422[\"add\",1,2]").await;
    assert_eq!(client.next().await, "432[3]");
}

#[tokio::test(start_paused = true)]
async fn emits_keep_their_order_whoever_they_are_to() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/").on_connect(async |socket: Socket| socket.join("room")));
        let (mut client, id) = Client::join(&io, via, "40").await;
        let socket = io.of("/").to(id.as_str()).sockets().remove(0);
        for n in 0..300 {
            match n % 4 {
                0 => socket.emit("n", n).unwrap(),
                1 => io.of("/").emit("n", n).unwrap(),
                2 => io.of("/").to("room").emit("n", n).unwrap(),
                _ => io.of("/").to(id.as_str()).emit("n", n).unwrap(),
            };
        }
        for n in 0..300 {
            assert_eq!(client.next().await, format!("42[\"n\",{n}]"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_volatile_emit_to_who_cannot_take_it_is_forgotten() {
    let io = serve(Namespace::new("/"));
    let mut client = Client::connect(&io, Via::Polling).await;
    // No poll is pending.
    io.of("/").volatile().emit("lost", ()).unwrap();
    io.of("/").emit("kept", ()).unwrap();
    assert_eq!(client.next().await, "42[\"kept\"]");
}

#[tokio::test(start_paused = true)]
async fn handlers_run_to_completion_after_their_socket_has_left() {
    for via in Via::BOTH {
        let log = Log::default();
        let done = log.clone();
        let io = serve(Namespace::new("/").on("work", move |socket: Socket| {
            let done = done.clone();
            async move {
                sleep(Duration::from_secs(1)).await;
                done.push(format!("connected: {}", socket.connected()));
                // Without effect, and without a fault.
                socket.emit("late", ()).unwrap();
                socket.join("late");
            }
        }));
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["42[\"work\"]", "1"]).await;
        wait_until("it is gone", || io.connections() == 0).await;
        assert!(log.entries().is_empty());
        assert_eq!(log.wait(1).await, ["connected: false"]);
        assert_eq!(io.of("/").room_count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_running_handlers_stop_reading_until_one_ends() {
    for via in Via::BOTH {
        let log = Log::default();
        let starts = log.clone();
        let limits = enchufe::Limits { max_in_flight_handlers: 3, ..Default::default() };
        let io = serve_with(
            Namespace::new("/").on("work", move |Data(n): Data<u32>| {
                starts.push(n.to_string());
                async { sleep(Duration::from_secs(2)).await }
            }),
            |io| io.limits(limits),
        );
        let mut client = Client::connect(&io, via).await;
        let sender = tokio::spawn(async move {
            for n in 0..12 {
                client.send(&format!("42[\"work\",{n}]")).await;
                sleep(Duration::from_millis(1)).await;
            }
            client
        });
        sleep(Duration::from_millis(1_500)).await;
        assert_eq!(log.entries().len(), 3, "{via:?}");
        let expected: Vec<_> = (0..12).map(|n| n.to_string()).collect();
        sleep(Duration::from_secs(8)).await;
        assert_eq!(log.entries(), expected, "{via:?}");
        drop(sender.await.unwrap());
    }
}
