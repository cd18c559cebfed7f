//! Handlers that come and go while a socket lives, and those that see every event, coming in or going out.

use enchufe::{AckError, Bytes, Data, Event, Namespace, Parser, RawArgs, Recovery, Socket};
use tokio::time::{Duration, sleep};

use crate::support::{Client, Log, Via, only_here, serve, serve_with, wait_until};

/// A namespace whose connect handler is `register`, and that answers `sync`.
fn with(register: impl Fn(&Socket) + Send + Sync + 'static) -> Namespace {
    Namespace::new("/").on("sync", async || {}).on_connect(move |socket: Socket| {
        register(&socket);
        async {}
    })
}

/// A handler that notes this.
fn note(log: &Log, what: &'static str) -> impl Fn() -> std::future::Ready<()> + Send + Sync + use<> {
    let log = log.clone();
    move || {
        log.push(what);
        std::future::ready(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_for_once_is_called_for_the_first_event_alone() {
    for via in Via::BOTH {
        let log = Log::default();
        let noting = log.clone();
        let io = serve(with(move |socket| {
            socket.once("a", note(&noting, "once"));
            socket.on("a", note(&noting, "on"));
            socket.once("a", note(&noting, "once more"));
        }));
        let mut client = Client::connect(&io, via).await;
        client.send_all(&["42[\"a\"]", "42[\"a\"]"]).await;
        client.sync().await;
        assert_eq!(log.entries(), ["once", "on", "once more", "on"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_for_once_answers_once_and_an_event_that_does_not_fit_is_its_event() {
    let io = serve(with(|socket| {
        socket.once("half", async |Data(n): Data<i64>| n / 2);
        socket.once("name", async |Data(name): Data<String>| name);
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("421[\"half\",4]").await;
    assert_eq!(client.next().await, "431[2]");
    client.send_all(&["422[\"half\",4]", "423[\"name\",5]", "424[\"name\",\"Ana\"]"]).await;
    assert!(client.next().await.starts_with("433[{\"error\":\"invalid arguments"));
    client.sync().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_can_register_itself_again() {
    fn again(socket: &Socket, count: u32) {
        let handler = move |socket: Socket| async move {
            again(&socket, count + 1);
            count
        };
        socket.once("a", handler);
    }
    let io = serve(with(|socket| again(socket, 0)));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["421[\"a\"]", "422[\"a\"]", "423[\"a\"]"]).await;
    assert_eq!(client.take(3).await, ["431[0]", "432[1]", "433[2]"]);
}

#[tokio::test(start_paused = true)]
async fn one_handler_of_several_is_taken_back() {
    let log = Log::default();
    let noting = log.clone();
    let io = serve(with(move |socket| {
        socket.on("a", note(&noting, "first"));
        let second = socket.on("a", note(&noting, "second"));
        let never = socket.once("a", note(&noting, "never"));
        let any = socket.on_any(note(&noting, "any"));
        assert_eq!(socket.handler_count("a"), 3);
        assert!(socket.off_handler(never) && socket.off_handler(any));
        assert!(!socket.off_handler(never), "it is gone already");
        socket.on("stop", move |socket: Socket| async move { socket.off_handler(second) });
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["42[\"a\"]", "421[\"stop\"]", "42[\"a\"]", "422[\"stop\"]"]).await;
    assert_eq!(client.take(2).await, ["431[true]", "432[false]"]);
    assert_eq!(log.entries(), ["first", "second", "first"]);
}

#[tokio::test(start_paused = true)]
async fn all_handlers_of_events_are_taken_back_and_no_others() {
    let log = Log::default();
    let noting = log.clone();
    let io = serve(with(move |socket| {
        socket.on("a", note(&noting, "a"));
        socket.on("b", note(&noting, "b"));
        socket.on_any(note(&noting, "any"));
        socket.on_disconnecting(note(&noting, "disconnecting"));
        let disconnect = socket.on_disconnect(note(&noting, "never"));
        socket.on_disconnect(note(&noting, "disconnect"));
        assert!(socket.off_handler(disconnect));
        socket.off_all();
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["42[\"a\"]", "42[\"b\"]"]).await;
    client.sync().await;
    client.send("41").await;
    assert_eq!(log.wait(5).await, ["any", "any", "any", "disconnecting", "disconnect"]);
}

#[tokio::test(start_paused = true)]
async fn those_for_every_event_are_called_in_order_and_can_be_taken_back() {
    let log = Log::default();
    let (shared, own) = (log.clone(), log.clone());
    let namespace = with(move |socket| {
        socket.on_any(note(&own, "own 2"));
        socket.on_any(note(&own, "own 3"));
        socket.prepend_any(note(&own, "own 1"));
        socket.on("a", note(&own, "a"));
        socket.on("quiet", async |socket: Socket| socket.off_any());
    })
    .on_any(note(&shared, "shared 2"))
    .prepend_any(note(&shared, "shared 1"));
    let io = serve(namespace);
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["42[\"a\"]", "42[\"quiet\"]", "42[\"a\"]"]).await;
    let any = ["shared 1", "shared 2", "own 1", "own 2", "own 3"];
    let expected: Vec<&str> =
        any.into_iter().chain(["a"]).chain(any).chain(["shared 1", "shared 2", "a"]).collect();
    assert_eq!(log.wait(expected.len()).await, expected);
}

/// Notes what goes out, and the socket's number if it has one.
fn watch(
    log: &Log,
    who: &'static str,
) -> impl Fn(Socket, Event, RawArgs) -> std::future::Ready<()> + Send + Sync + use<> {
    let log = log.clone();
    move |socket, Event(name), args| {
        let number = socket.data().local::<u32>().map_or(String::new(), |number| number.to_string());
        log.push(format!("{who}{number}: {name}[{}]", args.json()));
        std::future::ready(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_emitted_is_shown_once_for_each_socket_however_it_was_emitted() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = serve(
            Namespace::new("/")
                .on_connect(async |socket: Socket, server: enchufe::Server| {
                    let number = u32::try_from(server.of("/").sockets().len()).unwrap();
                    socket.data().insert(number);
                    socket.join("room");
                })
                .on_any_outgoing(watch(&log, "to ")),
        );
        let mut one = Client::connect(&io, via).await;
        let _two = Client::connect(&io, via).await;
        one.hears_nothing_yet(&io).await;
        let first =
            io.of("/").sockets().into_iter().find(|socket| socket.data().local() == Some(1u32)).unwrap();
        first.emit("direct", (1, "a")).unwrap();
        first.volatile().emit("volatile", ()).unwrap();
        drop(first.emit_with_ack::<()>("asked", 2));
        first.broadcast().emit("others", 3).unwrap();
        assert_eq!(
            log.entries(),
            ["to 1: direct[1,\"a\"]", "to 1: volatile[]", "to 1: asked[2]", "to 2: others[3]"]
        );
        io.of("/").to("room").emit("all", Bytes::from_static(b"x")).unwrap();
        drop(io.of("/").emit_with_ack::<()>("asked all", ()));
        let mut rest = log.entries().split_off(4);
        rest.sort();
        let all = "all[{\"_placeholder\":true,\"num\":0}]";
        assert_eq!(
            rest,
            [
                format!("to 1: {all}"),
                "to 1: asked all[]".into(),
                format!("to 2: {all}"),
                "to 2: asked all[]".into()
            ]
        );
    }
}

impl Client {
    /// Everything that was under way has been handled.
    async fn hears_nothing_yet(&mut self, io: &enchufe::Server) {
        wait_until("both are here", || io.of("/").sockets().len() == 2).await;
        wait_until("both have their number", || {
            io.of("/").sockets().iter().all(|socket| socket.data().local::<u32>().is_some())
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_looks_at_its_own_emits_until_it_does_not() {
    let log = Log::default();
    let noting = log.clone();
    let io = serve(with(move |socket| {
        socket.on_any_outgoing(watch(&noting, "second"));
        socket.prepend_any_outgoing(watch(&noting, "first"));
        socket.on("go", async |socket: Socket| socket.emit("gone", ()));
        socket.on("quiet", async |socket: Socket| socket.off_any_outgoing());
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("42[\"go\"]").await;
    assert_eq!(client.next().await, "42[\"gone\"]");
    io.of("/").emit("all", ()).unwrap();
    assert_eq!(client.next().await, "42[\"all\"]");
    client.send_all(&["42[\"quiet\"]", "42[\"go\"]"]).await;
    assert_eq!(client.next().await, "42[\"gone\"]");
    assert_eq!(log.entries(), ["first: gone[]", "second: gone[]", "first: all[]", "second: all[]"]);
}

#[tokio::test(start_paused = true)]
async fn who_looks_on_may_emit_and_is_not_shown_it() {
    let log = Log::default();
    let io = serve(
        Namespace::new("/")
            .on("go", async |socket: Socket| socket.emit("gone", ()))
            .on_any_outgoing(watch(&log, "seen"))
            .on_any_outgoing(async |socket: Socket, Event(name): Event| {
                socket.emit("at once", &name).unwrap();
                sleep(Duration::from_millis(10)).await;
                socket.namespace().emit("later", &name).unwrap();
            }),
    );
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("42[\"go\"]").await;
    assert_eq!(client.take(3).await, ["42[\"gone\"]", "42[\"at once\",\"gone\"]", "42[\"later\",\"gone\"]"]);
    assert_eq!(log.entries(), ["seen: gone[]"]);
}

#[tokio::test(start_paused = true)]
async fn who_looks_on_may_use_the_namespace_and_panic() {
    let io = serve(Namespace::new("/").on("sync", async || {}).on_any_outgoing(async |socket: Socket| {
        socket.join("seen");
        socket.namespace().sockets_leave("nowhere");
        panic!("on purpose")
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    io.of("/").emit("all", ()).unwrap();
    assert_eq!(client.next().await, "42[\"all\"]");
    assert_eq!(io.of("/").to("seen").sockets().len(), 1);
    client.sync().await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_who_looks_on_is_emitted_all_the_same() {
    let log = Log::default();
    let noting = log.clone();
    let io = serve(Namespace::new("/").on_any_outgoing(move |Data(n): Data<u32>| {
        noting.push(n.to_string());
        async {}
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    io.of("/").emit("a", "x").unwrap();
    io.of("/").emit("a", 5).unwrap();
    assert_eq!(client.take(2).await, ["42[\"a\",\"x\"]", "42[\"a\",5]"]);
    assert_eq!(log.entries(), ["5"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_emitted_to_nobody_is_not_shown() {
    let log = Log::default();
    let io = serve(Namespace::new("/").on_any_outgoing(watch(&log, "")));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    let socket = io.of("/").sockets().pop().unwrap();
    client.send("41").await;
    wait_until("it has left", || !socket.connected()).await;
    socket.emit("late", ()).unwrap();
    assert!(matches!(socket.emit_with_ack::<()>("late", ()).await, Err(AckError::Disconnected)));
    io.of("/").emit("all", ()).unwrap();
    assert_eq!(log.entries(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_a_socket_registered_outlives_it() {
    let held = std::sync::Arc::new(());
    let hold = held.clone();
    let io = serve(with(move |socket| {
        let handler = |socket: &Socket| {
            let captured = (hold.clone(), socket.clone());
            move || {
                let captured = captured.clone();
                async move { drop(captured) }
            }
        };
        socket.on("a", handler(socket));
        socket.once("b", handler(socket));
        socket.on_any(handler(socket));
        socket.on_any_outgoing(handler(socket));
        socket.on_disconnect(handler(socket));
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.sync().await;
    client.send("41").await;
    wait_until("it has left", || io.of("/").sockets().is_empty()).await;
    drop((client, io));
    only_here(&held).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_emitted_is_shown_in_every_form_in_which_it_travels() {
    let log = Log::default();
    let packed = Namespace::new("/packed").parser(Parser::Msgpack).on_any_outgoing(watch(&log, "packed"));
    let io = serve_with(Namespace::new("/").on_any_outgoing(watch(&log, "recovered")), |builder| {
        builder.namespace(packed).connection_state_recovery(Recovery::default())
    });
    let mut client = Client::connect(&io, Via::WebSocket).await;
    // CONNECT of `/packed`, as `socket.io-msgpack-parser` writes it.
    client.send_binary(b"\x82\xa4type\x00\xa3nsp\xa7/packed").await;
    wait_until("both are joined", || io.of("/packed").sockets().len() == 1).await;
    for namespace in ["/", "/packed"] {
        let socket = io.of(namespace).sockets().pop().unwrap();
        socket.emit("direct", 1).unwrap();
        socket.volatile().emit("volatile", ()).unwrap();
        io.of(namespace).emit("all", Bytes::from_static(b"xy")).unwrap();
    }
    let entries = log.entries();
    let bytes = "{\"_placeholder\":true,\"num\":0}";
    for who in ["recovered", "packed"] {
        let of: Vec<_> = entries.iter().filter_map(|entry| entry.strip_prefix(who)).collect();
        // With the offset that its client is told, but for a volatile one.
        let begins = [": direct[1,\"", ": volatile[", &format!(": all[{bytes},\"")];
        assert_eq!(of.len(), 3, "{entries:?}");
        assert!(of.iter().zip(begins).all(|(entry, begin)| entry.starts_with(begin)), "{entries:?}");
    }
}
