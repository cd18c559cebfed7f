//! Namespaces that come and go: patterns, predicates that take their time, and a server that changes while it runs.

use std::sync::Arc;

use enchufe::{
    Auth, BuildError, DisconnectReason, HandlerError, Handshake, Limits, Namespace, NamespaceName, Refusal,
    Server, ServerBuilder, Socket, SocketId, State,
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::{Duration, sleep};

use crate::support::{Client, Log, Via, wait_until};

const NOBODY: &str = "Invalid namespace";

fn build(namespaces: impl IntoIterator<Item = Namespace>) -> Server {
    build_with(namespaces, |builder| builder)
}

fn build_with(
    namespaces: impl IntoIterator<Item = Namespace>,
    change: impl FnOnce(ServerBuilder) -> ServerBuilder,
) -> Server {
    let builder = namespaces.into_iter().fold(Server::builder(), ServerBuilder::namespace);
    change(builder).build().unwrap()
}

/// What a client is told that asks for a namespace: "in", or why not.
async fn ask(client: &mut Client, name: &str, auth: &str) -> String {
    client.send(&format!("40{name},{auth}")).await;
    verdict(client, name).await
}

async fn verdict(client: &mut Client, name: &str) -> String {
    let reply = client.next().await;
    if reply.starts_with(&format!("40{name},{{\"sid\":")) {
        return "in".into();
    }
    let json = reply.strip_prefix(&format!("44{name},")).unwrap_or_else(|| panic!("{reply} about {name}"));
    serde_json::from_str::<serde_json::Value>(json).unwrap()["message"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_pattern_and_an_expression_bring_into_being_what_they_match_whole() {
    for via in Via::BOTH {
        let io = build([Namespace::pattern("tenant-*"), Namespace::regex("/(a|ab)[0-9]+")]);
        let mut client = Client::open(&io, via).await;
        for (name, expected) in [
            ("/tenant-7", "in"),
            ("/tenant-x.y", "in"),
            ("/tenant-", NOBODY),
            ("/tenant-7/chat", NOBODY),
            ("/my/tenant-7", NOBODY),
            ("/ab1", "in"),
            ("/ab1x", NOBODY),
            ("/x/ab1", NOBODY),
            ("/ab\u{664}", NOBODY),
        ] {
            assert_eq!(ask(&mut client, name, "").await, expected, "{name}");
        }
        let mut names = io.namespaces();
        names.sort();
        assert_eq!(
            names.iter().map(|name| &**name).collect::<Vec<_>>(),
            ["/ab1", "/tenant-7", "/tenant-x.y"]
        );
    }
}

#[test]
fn what_is_no_expression_fails_the_build() {
    let error = Server::builder().namespace(Namespace::regex("/tenant-(")).build().unwrap_err();
    assert!(
        matches!(&error, BuildError::InvalidPattern { pattern, .. } if pattern == "/tenant-("),
        "{error}"
    );
}

#[test]
fn naming_a_namespace_brings_it_into_being_where_a_pattern_allows_it() {
    let io = build([Namespace::matching_async(async || true), Namespace::regex("/t[0-9]")]);
    assert!(io.namespace("/t1").is_none());
    io.of("t1").emit("hi", ()).unwrap();
    assert!(io.namespace("/t1").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_predicate_may_take_its_time_and_look_at_who_asks() {
    #[derive(Clone)]
    struct Tenants(&'static [&'static str]);

    #[derive(Deserialize)]
    struct Credentials {
        token: String,
    }

    async fn tenant(
        NamespaceName(name): NamespaceName,
        Auth(auth): Auth<Credentials>,
        handshake: Handshake,
        State(tenants): State<Tenants>,
    ) -> Result<bool, Refusal> {
        sleep(Duration::from_secs(1)).await;
        assert!(handshake.auth::<Credentials>().is_ok());
        if auth.token != "secret" {
            return Err(Refusal::new("unauthorized").with_data(json!({"code": 401})));
        }
        Ok(tenants.0.contains(&name.as_str()))
    }

    for via in Via::BOTH {
        let io = build_with([Namespace::matching_async(tenant), Namespace::pattern("/other-*")], |builder| {
            builder.state(Tenants(&["/one", "/two"]))
        });
        let mut client = Client::open(&io, via).await;
        assert_eq!(ask(&mut client, "/one", r#"{"token":"secret"}"#).await, "in");
        assert_eq!(ask(&mut client, "/three", r#"{"token":"secret"}"#).await, NOBODY);
        assert_eq!(ask(&mut client, "/other-1", r#"{"token":"secret"}"#).await, "in", "the next is asked");
        assert!(ask(&mut client, "/two", "{}").await.starts_with("invalid auth"), "it does not fit");
        client.send("40/two,{\"token\":\"x\"}").await;
        assert_eq!(client.next().await, "44/two,{\"message\":\"unauthorized\",\"data\":{\"code\":401}}");
        assert_eq!(
            ask(&mut client, "/two", r#"{"token":"secret"}"#).await,
            "in",
            "a refused client may ask again"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_predicate_that_fails_or_panics_refuses_and_tells_nothing() {
    let failing = Namespace::matching_async(async |name: NamespaceName| -> Result<bool, HandlerError> {
        assert!(name.0 != "/panic", "on purpose");
        let _: u32 = name.0.parse()?;
        Ok(true)
    });
    let io = build([failing]);
    let mut client = Client::open(&io, Via::WebSocket).await;
    assert_eq!(ask(&mut client, "/fails", "").await, "internal error");
    assert_eq!(ask(&mut client, "/panic", "").await, "internal error");
    assert!(io.namespaces().is_empty());
}

#[test]
fn a_predicate_without_its_state_fails_the_build() {
    let tenants = Namespace::matching_async(async |_: State<u64>| true).label("tenants");
    let error = Server::builder().namespace(tenants).build().unwrap_err();
    assert!(
        matches!(&error, BuildError::MissingState { namespace, .. } if namespace == "tenants"),
        "{error}"
    );
}

/// A predicate that says yes when it is let.
fn gated(gate: &Arc<Semaphore>, asked: &Log) -> Namespace {
    let (gate, asked) = (gate.clone(), asked.clone());
    Namespace::matching_async(move |NamespaceName(name): NamespaceName| {
        let gate = gate.clone();
        asked.push(name);
        async move {
            gate.acquire().await.unwrap().forget();
            true
        }
    })
}

#[tokio::test(start_paused = true)]
async fn clients_that_ask_for_one_name_at_the_same_time_are_in_one_namespace() {
    let (gate, asked, made) = (Arc::new(Semaphore::new(0)), Log::default(), Log::default());
    let noting = made.clone();
    let io = build_with([gated(&gate, &asked)], |builder| {
        builder.on_new_namespace(move |_, name| noting.push(name))
    });
    let mut clients = Vec::new();
    for via in [Via::WebSocket, Via::Polling, Via::WebSocket] {
        let mut client = Client::open(&io, via).await;
        client.send("40/x,").await;
        clients.push(client);
    }
    asked.wait(3).await;
    gate.add_permits(3);
    for client in &mut clients {
        assert_eq!(verdict(client, "/x").await, "in");
    }
    io.of("/x").emit("all", ()).unwrap();
    for client in &mut clients {
        assert_eq!(client.next().await, "42/x,[\"all\"]");
    }
    assert_eq!(made.entries(), ["/x"]);
}

#[tokio::test(start_paused = true)]
async fn asking_twice_for_what_is_being_decided_breaks_the_rules() {
    let (gate, asked) = (Arc::new(Semaphore::new(0)), Log::default());
    let io = build([Namespace::new("/"), gated(&gate, &asked)]);
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["40/x,", "40/x,"]).await;
    asked.wait(2).await;
    gate.add_permits(2);
    client.closed().await;
    wait_until("nobody is in it", || io.of("/").sockets().is_empty()).await;
    assert!(io.namespace("/x").unwrap().sockets().is_empty());
}

#[tokio::test(start_paused = true)]
async fn questions_count_among_the_namespaces_of_a_connection() {
    let (gate, asked) = (Arc::new(Semaphore::new(0)), Log::default());
    let io = build_with([gated(&gate, &asked)], |builder| {
        builder.limits(Limits { max_namespaces: 3, ..Limits::default() })
    });
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send_all(&["40/a,", "40/b,", "40/c,", "40/d,"]).await;
    assert_eq!(verdict(&mut client, "/d").await, "too many namespaces");
    gate.add_permits(4);
    let mut inside = Vec::new();
    for reply in client.take(3).await {
        inside.push(reply.split_once(',').unwrap().0.to_owned());
    }
    inside.sort();
    assert_eq!(inside, ["40/a", "40/b", "40/c"]);
    assert_eq!(asked.entries(), ["/a", "/b", "/c"]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_it_is_decided_leaves_nothing_behind() {
    for via in Via::BOTH {
        let (gate, asked) = (Arc::new(Semaphore::new(0)), Log::default());
        let io = build([Namespace::new("/"), gated(&gate, &asked)]);
        let mut client = Client::connect(&io, via).await;
        client.send("40/x,").await;
        asked.wait(1).await;
        io.of("/").disconnect_sockets(true);
        client.closed().await;
        drop(client);
        wait_until("it has gone", || io.connections() == 0).await;
        gate.add_permits(1);
        wait_until("it was decided", || gate.available_permits() == 0).await;
        assert!(io.of("/").sockets().is_empty());
        assert!(io.namespace("/x").is_none_or(|namespace| namespace.sockets().is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_one_definition_made_is_reached_at_once_with_rooms_of_its_own_each() {
    let tenants = || {
        Namespace::pattern("/tenant-*").on_connect(async |socket: Socket| {
            socket.join("room");
            if socket.namespace_name().ends_with('1') {
                socket.join("muted");
            }
        })
    };
    let io = build([tenants(), Namespace::pattern("/other-*").label("others")]);
    assert!(io.children("/tenant-*").is_empty());
    let mut client = Client::open(&io, Via::WebSocket).await;
    for name in ["/tenant-1", "/tenant-2", "/other-1"] {
        assert_eq!(ask(&mut client, name, "").await, "in");
    }
    assert_eq!((io.children("/tenant-*").len(), io.children("others").len()), (2, 1));
    io.children("/tenant-*").to("room").emit("all", 1).unwrap();
    io.children("/tenant-*").in_(["room", "nowhere"]).except("muted").emit("second", (1, 2)).unwrap();
    io.children("/tenant-*").to("nowhere").emit("none", ()).unwrap();
    io.children("/tenant-*").emit("connect", ()).unwrap_err();
    io.children("others").local().send("hi").unwrap();
    let mut all = client.take(2).await;
    all.sort();
    assert_eq!(all, ["42/tenant-1,[\"all\",1]", "42/tenant-2,[\"all\",1]"]);
    assert_eq!(client.take(2).await, ["42/tenant-2,[\"second\",1,2]", "42/other-1,[\"message\",\"hi\"]"]);
    // Nothing else waits for the client, so that it can be taken at once.
    io.children("others").volatile().emit("now", ()).unwrap();
    assert_eq!(client.next().await, "42/other-1,[\"now\"]");
    assert_eq!(io.children("/tenant-*").iter().map(|child| child.sockets().len()).sum::<usize>(), 2);
    io.children("/tenant-*").into_iter().for_each(|child| drop(child.disconnect_sockets(false)));
    let mut left = client.take(2).await;
    left.sort();
    assert_eq!(left, ["41/tenant-1,", "41/tenant-2,"]);
}

#[test]
#[should_panic = "no dynamic namespaces have the label /x"]
fn a_label_that_was_not_given_is_a_mistake() {
    let _ = build([Namespace::new("/x")]).children("/x");
}

#[tokio::test(start_paused = true)]
async fn an_empty_child_goes_where_that_was_asked_for_and_comes_back() {
    for cleanup in [false, true] {
        let made = Log::default();
        let noting = made.clone();
        let io = build_with(
            [Namespace::new("/"), Namespace::new("/fixed"), Namespace::pattern("/t-*")],
            |builder| {
                builder
                    .cleanup_empty_child_namespaces(cleanup)
                    .on_new_namespace(move |_, name| noting.push(name))
            },
        );
        assert_eq!(made.entries(), ["/fixed"]);
        let mut one = Client::connect(&io, Via::WebSocket).await;
        let mut two = Client::connect(&io, Via::Polling).await;
        for client in [&mut one, &mut two] {
            assert_eq!(ask(client, "/t-1", "").await, "in");
            assert_eq!(ask(client, "/fixed", "").await, "in");
        }
        let held = io.of("/t-1");
        for client in [&mut one, &mut two] {
            assert!(io.namespace("/t-1").is_some());
            client.send("41/t-1,").await;
            client.send("41/fixed,").await;
        }
        wait_until("both have left", || io.of("/fixed").sockets().is_empty()).await;
        assert_eq!(io.namespace("/t-1").is_none(), cleanup);
        assert!(io.namespace("/fixed").is_some());
        // Whoever holds it holds the one that comes back.
        assert_eq!(ask(&mut one, "/t-1", "").await, "in");
        held.emit("still", ()).unwrap();
        assert_eq!(one.next().await, "42/t-1,[\"still\"]");
        let again = if cleanup { vec!["/fixed", "/t-1", "/t-1"] } else { vec!["/fixed", "/t-1"] };
        assert_eq!(made.entries(), again);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_was_in_no_namespace_that_stays() {
    let tenants = Namespace::pattern("/t-*").middleware(async || Err::<(), _>(Refusal::new("no")));
    let io = build_with([tenants], |builder| builder.cleanup_empty_child_namespaces(true));
    let mut client = Client::open(&io, Via::WebSocket).await;
    assert_eq!(ask(&mut client, "/t-1", "").await, "no");
    assert!(io.namespaces().is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_namespace_but_the_main_one_is_told_of_and_can_be_used_at_once() {
    let made = Log::default();
    let noting = made.clone();
    let io = build_with([Namespace::new("/b"), Namespace::new("/"), Namespace::new("/a")], |builder| {
        builder.namespace(Namespace::pattern("/t-*")).on_new_namespace(move |io, name| {
            io.of(name).emit("hello", ()).unwrap();
            noting.push(name);
            assert!(name != "/t-panic", "on purpose");
        })
    });
    io.add_namespace(Namespace::new("/later")).unwrap();
    io.of("/t-1").emit("hi", ()).unwrap();
    io.of("/t-1").emit("hi", ()).unwrap();
    let mut client = Client::open(&io, Via::WebSocket).await;
    for name in ["/t-2", "/t-1", "/t-panic", "/later"] {
        assert_eq!(ask(&mut client, name, "").await, "in");
    }
    assert_eq!(made.entries(), ["/b", "/a", "/later", "/t-1", "/t-2", "/t-panic"]);
}

#[tokio::test(start_paused = true)]
async fn namespaces_are_added_and_removed_while_the_server_runs() {
    for via in Via::BOTH {
        let log = Log::default();
        let leaving = || {
            let log = log.clone();
            move |socket: Socket, reason: DisconnectReason| {
                log.push(format!("{} {reason}", socket.namespace_name()));
                async {}
            }
        };
        let io = build([Namespace::new("/")]);
        let mut client = Client::connect(&io, via).await;
        assert_eq!(ask(&mut client, "/new", "").await, NOBODY);
        io.add_namespace(Namespace::new("/new").on("hi", async || 1).on_disconnect(leaving())).unwrap();
        io.add_namespace(Namespace::pattern("/t-*").on_disconnect(leaving())).unwrap();
        for name in ["/new", "/t-1", "/t-2"] {
            assert_eq!(ask(&mut client, name, "").await, "in");
        }
        client.send("42/new,7[\"hi\"]").await;
        assert_eq!(client.next().await, "43/new,7[1]");
        let twice = io.add_namespace(Namespace::new("/new")).unwrap_err();
        assert!(matches!(twice, BuildError::DuplicateNamespace(name) if name == "/new"));

        assert!(io.remove_namespace("/new"));
        assert_eq!(client.next().await, "41/new,");
        assert!(!io.remove_namespace("/new"));
        assert_eq!(ask(&mut client, "/new", "").await, NOBODY);
        assert!(io.remove_namespace("/t-1"), "one child alone");
        assert_eq!(client.next().await, "41/t-1,");
        assert_eq!(ask(&mut client, "/t-1", "").await, "in", "it comes back");
        assert!(io.remove_namespace("/t-*"));
        let mut left = client.take(2).await;
        left.sort();
        assert_eq!(left, ["41/t-1,", "41/t-2,"]);
        assert_eq!(ask(&mut client, "/t-1", "").await, NOBODY);
        io.of("/").emit("still", ()).unwrap();
        assert_eq!(client.next().await, "42[\"still\"]", "the connection lives");
        let mut entries = log.wait(4).await;
        entries.sort();
        let why = "server namespace disconnect";
        let names = ["/new", "/t-1", "/t-1", "/t-2"];
        assert_eq!(entries, names.map(|name| format!("{name} {why}")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_found_by_its_name_with_or_without_the_slash() {
    let io = build([Namespace::new("chat"), Namespace::pattern("tenant-*")]);
    let (mut client, id) = Client::join(&io, Via::WebSocket, "40/chat,").await;
    assert_eq!(ask(&mut client, "/tenant-1", "").await, "in");
    let id = SocketId::parse(&id).unwrap();
    for (chat, tenant, tenants) in [("chat", "tenant-1", "tenant-*"), ("/chat", "/tenant-1", "/tenant-*")] {
        assert_eq!(io.of(chat).namespace_name(), "/chat");
        assert_eq!(io.namespace(chat).unwrap().namespace_name(), "/chat");
        assert!(io.namespace(tenant).is_some());
        assert!(io.socket(chat, &id).is_some());
        assert_eq!(io.children(tenants).len(), 1);
    }
    assert!(io.remove_namespace("chat"));
    assert_eq!(client.next().await, "41/chat,");
    assert!(io.remove_namespace("tenant-*"));
    assert_eq!(client.next().await, "41/tenant-1,");
}

#[tokio::test(start_paused = true)]
async fn who_is_on_the_way_in_when_a_namespace_is_removed_is_told_that_there_is_none() {
    let slow = Namespace::new("/slow").middleware(async || {
        sleep(Duration::from_secs(1)).await;
        Ok::<(), Refusal>(())
    });
    let io = build([Namespace::new("/"), slow]);
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("40/slow,").await;
    sleep(Duration::from_millis(500)).await;
    assert!(io.remove_namespace("/slow"));
    assert_eq!(verdict(&mut client, "/slow").await, NOBODY);
    sleep(Duration::from_secs(1)).await;
    io.of("/").emit("still", ()).unwrap();
    assert_eq!(client.next().await, "42[\"still\"]");
}

#[tokio::test(start_paused = true)]
async fn a_predicate_that_says_yes_too_late_brings_nothing_into_being() {
    let (gate, asked) = (Arc::new(Semaphore::new(0)), Log::default());
    let io = build([gated(&gate, &asked).label("gated")]);
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40/x,").await;
    asked.wait(1).await;
    assert!(io.remove_namespace("gated"));
    gate.add_permits(1);
    assert_eq!(verdict(&mut client, "/x").await, NOBODY);
    assert!(io.namespaces().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_whoever_is_in_a_namespace_that_comes_and_goes_is_found_in_it() {
    let io = build_with([Namespace::new("/"), Namespace::pattern("/t-*")], |builder| {
        builder.cleanup_empty_child_namespaces(true)
    });
    let clients = (0..6).map(|number| {
        let io = io.clone();
        tokio::spawn(async move {
            let via = if number % 3 == 0 { Via::Polling } else { Via::WebSocket };
            let mut client = Client::connect(&io, via).await;
            for round in 0..40 {
                client.send("40/t-1,").await;
                assert!(client.next().await.starts_with("40/t-1,{"));
                io.of("/t-1").emit("round", (number, round)).unwrap();
                let mine = format!("42/t-1,[\"round\",{number},{round}]");
                while client.next().await != mine {}
                client.send("41/t-1,").await;
                // What others emitted before it left is past.
                client.send(&format!("40/t-{number}x,")).await;
                while !client.next().await.starts_with(&format!("40/t-{number}x,{{")) {}
                client.send(&format!("41/t-{number}x,")).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    wait_until("all of them have gone", || *io.namespaces() == [Arc::from("/")]).await;
}
