//! What a connection is sent while its driver is at work for it leaves in the order in which it was queued, and counts as
//! all else that waits, though it goes another way.

use bytes::Bytes;
use enchufe::{Ack, Data, DisconnectReason, Limits, Namespace, OutboxPolicy, Server, Socket};
use serde::{Serialize, Serializer};

use crate::support::{Log, Polling, Received, Ws, frame, serve, serve_with};
use enchufe_proto::websocket::Opcode;

const BYTES: Bytes = Bytes::from_static(b"xyz");

async fn joined(io: &Server, capacity: usize) -> Ws {
    let mut ws = Ws::in_memory(io, capacity);
    ws.upgrade("EIO=4&transport=websocket").await;
    ws.send("40").await;
    ws.text().await;
    ws.text().await;
    ws
}

async fn texts(ws: &mut Ws, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(ws.text().await);
    }
    texts
}

fn of_all_kinds() -> Namespace {
    Namespace::new("/").on("all", async |socket: Socket, Data(n): Data<u32>, ack: Ack| {
        socket.emit("one", n).unwrap();
        socket.namespace().emit("many", n).unwrap();
        // Somebody else, whose emit has returned before this one begins.
        let other = socket.clone();
        std::thread::spawn(move || other.emit("elsewhere", n).unwrap()).join().unwrap();
        ack.send(&n).unwrap();
        socket.compress(false).emit("dense", n).unwrap();
        socket.to("nobody").emit("nobody", n).unwrap();
        socket.emit("last", n).unwrap();
    })
}

fn of_all_kinds_expected(n: u32) -> Vec<String> {
    [
        format!(r#"42["one",{n}]"#),
        format!(r#"42["many",{n}]"#),
        format!(r#"42["elsewhere",{n}]"#),
        format!("43{n}[{n}]"),
        format!(r#"42["dense",{n}]"#),
        format!(r#"42["last",{n}]"#),
    ]
    .to_vec()
}

#[tokio::test(start_paused = true)]
async fn whoever_emits_and_however_the_order_is_that_of_the_emits() {
    // A transport that takes what comes, and ones that take a part of it at a time.
    for capacity in [1 << 20, 1000, 7] {
        let io = serve(of_all_kinds());
        let mut ws = joined(&io, capacity).await;
        let events: Vec<String> = (0..40).map(|n| format!(r#"42{n}["all",{n}]"#)).collect();
        let sending = async {
            for event in events.chunks(8) {
                ws.send_all(&event.iter().map(String::as_str).collect::<Vec<_>>()).await;
                for _ in 0..8 {
                    let n: u32 = {
                        let first = ws.text().await;
                        first.trim_start_matches(r#"42["one","#).trim_end_matches(']').parse().unwrap()
                    };
                    assert_eq!(texts(&mut ws, 5).await, of_all_kinds_expected(n)[1..]);
                }
            }
        };
        sending.await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_stands_behind_what_did() {
    let io = serve(Namespace::new("/").on("mix", async |socket: Socket, ack: Ack| {
        socket.emit("small", 1).unwrap();
        socket.emit("bytes", (BYTES,)).unwrap();
        socket.emit("small", 2).unwrap();
        socket.emit("large", "x".repeat(50_000)).unwrap();
        socket.emit("large", "y".repeat(50_000)).unwrap();
        ack.send(&3).unwrap();
    }));
    for capacity in [1 << 20, 1000] {
        let mut ws = joined(&io, capacity).await;
        ws.send_all(&[r#"421["mix"]"#, r#"422["mix"]"#]).await;
        for id in [1, 2] {
            assert_eq!(
                texts(&mut ws, 2).await,
                [r#"42["small",1]"#, r#"451-["bytes",{"_placeholder":true,"num":0}]"#]
            );
            assert_eq!(ws.recv().await, Received::Binary(BYTES));
            assert_eq!(ws.text().await, r#"42["small",2]"#);
            assert_eq!(ws.text().await, format!(r#"42["large","{}"]"#, "x".repeat(50_000)));
            assert_eq!(ws.text().await, format!(r#"42["large","{}"]"#, "y".repeat(50_000)));
            assert_eq!(ws.text().await, format!("43{id}[3]"));
        }
    }
}

/// `42["m",N]` with its header, and what a frame counts with beyond its bytes.
const COST: usize = 9 + 2 + 48;

fn emitting(log: &Log) -> Namespace {
    let log = log.clone();
    Namespace::new("/")
        .on("emit", async |socket: Socket, Data(count): Data<usize>| {
            for n in 0..count {
                socket.emit("m", n % 10).unwrap();
            }
            socket.outbox_bytes()
        })
        .on_disconnect(move |reason: DisconnectReason| {
            log.push(reason.as_str());
            async {}
        })
}

#[tokio::test(start_paused = true)]
async fn what_is_written_ahead_counts_to_the_byte() {
    let log = Log::default();
    let limits = Limits { max_outbox_bytes: 10 * COST, ..Limits::default() };
    let io = serve_with(emitting(&log), |io| io.limits(limits));
    let mut ws = joined(&io, 1 << 20).await;
    // The answer needs room too.
    ws.send(r#"42["emit",10]"#).await;
    assert_eq!(texts(&mut ws, 10).await[9], r#"42["m",9]"#);
    ws.send(r#"421["emit",9]"#).await;
    assert_eq!(texts(&mut ws, 10).await[9], format!("431[{}]", 9 * COST));
    assert!(log.entries().is_empty());
    ws.send(r#"42["emit",11]"#).await;
    assert_eq!(log.wait(1).await, ["slow consumer"]);
}

#[tokio::test(start_paused = true)]
async fn more_than_is_written_ahead_goes_to_the_outbox() {
    let log = Log::default();
    let limits = Limits { max_outbox_bytes: 20_000 * COST, ..Limits::default() };
    let io = serve_with(emitting(&log), |io| io.limits(limits));
    let mut ws = joined(&io, 1000).await;
    ws.send(r#"421["emit",19990]"#).await;
    for n in 0..19_990 {
        assert_eq!(ws.text().await, format!(r#"42["m",{}]"#, n % 10));
    }
    assert_eq!(ws.text().await, format!("431[{}]", 19_990 * COST));
    ws.send(r#"421["emit",20001]"#).await;
    assert_eq!(log.wait(1).await, ["slow consumer"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_takes_nothing_with_it() {
    let io = serve(
        Namespace::new("/")
            .on("panic", async |socket: Socket| {
                socket.emit("before", ()).unwrap();
                if socket.connected() {
                    panic!("as the test wants");
                }
            })
            .on("fine", async || 1),
    );
    let mut ws = joined(&io, 1 << 20).await;
    ws.send_all(&[r#"421["fine"]"#, r#"422["panic"]"#, r#"423["fine"]"#]).await;
    assert_eq!(texts(&mut ws, 3).await, ["431[1]", r#"42["before"]"#, "433[1]"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_emitted_before_the_end_still_goes_out() {
    let io = serve(Namespace::new("/").on("end", async |socket: Socket, ack: Ack| {
        ack.send(&1).unwrap();
        socket.emit("goodbye", ()).unwrap();
        socket.disconnect(true);
        socket.emit("too late", ()).unwrap();
    }));
    let mut ws = joined(&io, 1 << 20).await;
    ws.send_all(&[r#"421["end"]"#, r#"422["end"]"#]).await;
    assert_eq!(texts(&mut ws, 3).await, ["431[1]", r#"42["goodbye"]"#, "41"]);
    assert_eq!(ws.close_code().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_volatile_event_behind_what_was_written_ahead_is_forgotten() {
    let io = serve(Namespace::new("/").on("v", async |socket: Socket, ack: Ack| {
        socket.volatile().emit("first", ()).unwrap();
        socket.volatile().emit("second", ()).unwrap();
        ack.send(&1).unwrap();
        socket.volatile().emit("third", ()).unwrap();
    }));
    let mut ws = joined(&io, 1 << 20).await;
    ws.send(r#"421["v"]"#).await;
    assert_eq!(texts(&mut ws, 2).await, [r#"42["first"]"#, "431[1]"]);
    ws.send(r#"422["v"]"#).await;
    assert_eq!(texts(&mut ws, 2).await, [r#"42["first"]"#, "432[1]"]);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_set_meanwhile_finds_what_was_written_ahead() {
    let namespace = Namespace::new("/").on("give up", async |socket: Socket, ack: Ack| {
        socket.emit("m", 0).unwrap();
        ack.send(&1).unwrap();
        socket.emit("m", 1).unwrap();
        socket.set_outbox_policy(OutboxPolicy::DropOldest);
        for n in 2..12 {
            socket.emit("m", n % 10).unwrap();
        }
    });
    let limits = Limits { max_outbox_bytes: 6 * COST, ..Limits::default() };
    let io = serve_with(namespace, |io| io.limits(limits));
    let mut ws = joined(&io, 1 << 20).await;
    ws.send(r#"421["give up"]"#).await;
    let expected: Vec<String> =
        ["431[1]".into()].into_iter().chain([7, 8, 9, 0, 1].map(|n| format!(r#"42["m",{n}]"#))).collect();
    assert_eq!(texts(&mut ws, 6).await, expected);
    assert_eq!(io.stats().dropped_packets, 7);
}

#[tokio::test(start_paused = true)]
async fn what_takes_anothers_place_does_so_behind_what_was_written_ahead() {
    let io = serve(Namespace::new("/").on("price", async |socket: Socket, ack: Ack| {
        ack.send(&1).unwrap();
        for n in 0..5 {
            socket.conflate("price").emit("price", n).unwrap();
            socket.emit("m", n).unwrap();
        }
    }));
    let mut ws = joined(&io, 1 << 20).await;
    ws.send(r#"421["price"]"#).await;
    let mut expected = vec!["431[1]".to_owned()];
    expected.extend((0..4).map(|n| format!(r#"42["m",{n}]"#)));
    expected.extend([r#"42["price",4]"#.into(), r#"42["m",4]"#.into()]);
    assert_eq!(texts(&mut ws, 7).await, expected);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_everything_to_leave_does_not_wait_in_vain() {
    let log = Log::default();
    let entries = log.clone();
    let io = serve(Namespace::new("/").on("drain", move |socket: Socket, ack: Ack| {
        let log = entries.clone();
        async move {
            ack.send(&1).unwrap();
            assert!(socket.outbox_bytes() > 0);
            socket.drained().await;
            log.push(format!("{} bytes wait", socket.outbox_bytes()));
        }
    }));
    let mut ws = joined(&io, 1 << 20).await;
    ws.send(r#"421["drain"]"#).await;
    assert_eq!(ws.text().await, "431[1]");
    assert_eq!(log.wait(1).await, ["0 bytes wait"]);
}

#[tokio::test(start_paused = true)]
async fn those_who_look_on_are_shown_everything_in_its_order() {
    let log = Log::default();
    let entries = log.clone();
    let io = serve(
        Namespace::new("/")
            .on("two", async |socket: Socket| {
                socket.emit("a", 1).unwrap();
                socket.emit("b", 2).unwrap();
            })
            .on_any_outgoing(move |enchufe::Event(name): enchufe::Event| {
                entries.push(name);
                async {}
            }),
    );
    let mut ws = joined(&io, 1 << 20).await;
    ws.send_all(&[r#"421["two"]"#, r#"42["two"]"#]).await;
    let two = [r#"42["a",1]"#, r#"42["b",2]"#];
    assert_eq!(texts(&mut ws, 5).await, [two[0], two[1], "431[]", two[0], two[1]]);
    assert_eq!(log.entries(), ["a", "b", "a", "b"]);
}

/// Emits while it is being encoded.
struct Chatty(Socket);

impl Serialize for Chatty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.emit("inner", "x".repeat(300)).unwrap();
        serializer.serialize_str("outer")
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_emits_while_it_is_encoded_does_not_mix_the_two() {
    let io = serve(Namespace::new("/").on("chat", async |socket: Socket, ack: Ack| {
        socket.emit("outer", Chatty(socket.clone())).unwrap();
        ack.send(&Chatty(socket)).unwrap();
    }));
    let mut ws = joined(&io, 1 << 20).await;
    ws.send(r#"421["chat"]"#).await;
    let inner = format!(r#"42["inner","{}"]"#, "x".repeat(300));
    assert_eq!(
        texts(&mut ws, 4).await,
        [inner.clone(), r#"42["outer","outer"]"#.into(), inner, r#"431["outer"]"#.into()]
    );
}

#[tokio::test(start_paused = true)]
async fn answers_in_the_segment_of_an_upgrade_wait_for_it() {
    let io = serve(Namespace::new("/").on("echo", async |Data(n): Data<u32>| n));
    let mut polling = Polling::open(&io).await;
    assert_eq!(polling.post("40").await.body, "ok");
    assert!(polling.packet().await.unwrap().starts_with("40"));
    let mut ws = Ws::in_memory(&io, 1 << 20);
    ws.upgrade(&format!("EIO=4&transport=websocket&sid={}", polling.sid)).await;
    ws.send("2probe").await;
    assert_eq!(ws.text().await, "3probe");
    let mut segment = frame(Opcode::Text, b"5");
    for n in 0..3 {
        let event = format!(r#"42{n}["echo",{n}]"#);
        segment.extend(frame(Opcode::Text, event.as_bytes()));
    }
    ws.write(&segment).await;
    assert_eq!(texts(&mut ws, 3).await, ["430[0]", "431[1]", "432[2]"]);
}

/// One client emits to two that do nothing. The thread has corks to spare for them from the second time on.
#[tokio::test(start_paused = true)]
async fn those_who_do_not_have_their_turn_get_everything_in_its_order_too() {
    let io = serve(Namespace::new("/").on("burst", async |socket: Socket, Data(count): Data<usize>| {
        let all = || socket.namespace();
        for n in 0..count {
            all().emit("m", n).unwrap();
            match n % 50 {
                10 => drop(all().emit("dense", "x".repeat(400)).unwrap()),
                20 => drop(all().compress(false).emit("dense", n).unwrap()),
                30 => drop(all().conflate("key").emit("latest", n).unwrap()),
                40 => drop(all().emit("large", "y".repeat(3000)).unwrap()),
                _ => {}
            }
        }
    }));
    for capacity in [1 << 20, 1000, 7] {
        let mut emitting = joined(&io, 1 << 20).await;
        let mut others = [joined(&io, capacity).await, joined(&io, capacity).await];
        for count in [1, 2, 3, 45, 1, 7, 100, 1, 1, 20] {
            emitting.send(&format!(r#"42["burst",{count}]"#)).await;
            let mut expected = Vec::new();
            for n in 0..count {
                expected.push(format!(r#"42["m",{n}]"#));
                match n % 50 {
                    10 => expected.push(format!(r#"42["dense","{}"]"#, "x".repeat(400))),
                    20 => expected.push(format!(r#"42["dense",{n}]"#)),
                    30 if n + 50 >= count => expected.push(format!(r#"42["latest",{n}]"#)),
                    40 => expected.push(format!(r#"42["large","{}"]"#, "y".repeat(3000))),
                    _ => {}
                }
            }
            for client in others.iter_mut().chain([&mut emitting]) {
                assert_eq!(texts(client, expected.len()).await, expected, "{capacity} bytes at a time");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_have_its_turn_has_the_same_bound() {
    let log = Log::default();
    let entries = log.clone();
    let namespace = Namespace::new("/")
        .on("all", async |socket: Socket, Data(count): Data<usize>| {
            for _ in 0..count {
                socket.to("idle").emit("m", 1).unwrap();
            }
        })
        .on("idle", async |socket: Socket| socket.join("idle"))
        .on_disconnect(move |reason: DisconnectReason| {
            entries.push(reason.as_str());
            async {}
        });
    let limits = Limits { max_outbox_bytes: 10 * COST, ..Limits::default() };
    let io = serve_with(namespace, |io| io.limits(limits));
    let mut emitting = joined(&io, 1 << 20).await;
    let mut idle = joined(&io, 1 << 20).await;
    idle.send(r#"421["idle"]"#).await;
    assert_eq!(idle.text().await, "431[]");
    for count in [1, 10, 3, 10] {
        emitting.send(&format!(r#"42["all",{count}]"#)).await;
        assert_eq!(texts(&mut idle, count).await[count - 1], r#"42["m",1]"#);
    }
    assert!(log.entries().is_empty());
    emitting.send(r#"42["all",11]"#).await;
    assert_eq!(log.wait(1).await, ["slow consumer"]);
}

#[tokio::test(start_paused = true)]
async fn a_packet_of_many_keeps_its_place_whatever_follows_it() {
    type Follow = fn(&Server, &Socket);
    // What is emitted behind it before it is sent, and what of that arrives.
    let following: [(Follow, &[&str]); 8] = [
        (|_, _| {}, &[]),
        (|_, socket| drop(socket.emit("own", 1).unwrap()), &[r#"["own",1]"#]),
        (|io, _| drop(io.of("/").emit("many", 2).unwrap()), &[r#"["many",2]"#]),
        (|_, socket| drop(socket.compress(false).emit("dense", 1).unwrap()), &[r#"["dense",1]"#]),
        (|_, socket| drop(socket.volatile().emit("lost", 1).unwrap()), &[]),
        (|io, _| drop(io.of("/").conflate("k").emit("latest", 3).unwrap()), &[r#"["latest",3]"#]),
        (|_, socket| socket.set_outbox_policy(OutboxPolicy::DropOldest), &[]),
        (
            |io, socket| {
                drop(io.of("/").emit("many", 2).unwrap());
                socket.emit("own", "x".repeat(5_000)).unwrap();
                drop(io.of("/").emit("many", 3).unwrap());
            },
            &[r#"["many",2]"#, "5000", r#"["many",3]"#],
        ),
    ];
    for capacity in [1 << 20, 100, 7] {
        for length in [10, 100, 2_000, 20_000] {
            let io = serve(Namespace::new("/"));
            // The first few receivers are given copies.
            let mut others = Vec::new();
            for _ in 0..20 {
                others.push(joined(&io, 4 << 20).await);
            }
            let mut ws = joined(&io, capacity).await;
            let socket = io.of("/").sockets().remove(20);
            let first = format!(r#"42["first","{}"]"#, "x".repeat(length));
            let header = if first.len() < 126 { 2 } else { 4 };
            for (follow, expected) in following {
                io.of("/").emit("first", "x".repeat(length)).unwrap();
                assert_eq!(socket.outbox_bytes(), header + first.len() + 48);
                follow(&io, &socket);
                assert_eq!(ws.text().await, first);
                for packet in expected {
                    let large = "x".repeat(packet.parse().unwrap_or_default());
                    let packet = if large.is_empty() {
                        format!("42{packet}")
                    } else {
                        format!(r#"42["own","{large}"]"#)
                    };
                    assert_eq!(ws.text().await, packet);
                }
                socket.drained().await;
                assert_eq!(socket.outbox_bytes(), 0);
                socket.set_outbox_policy(OutboxPolicy::Close);
            }
        }
    }
}
