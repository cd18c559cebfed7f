//! CONNECT and what answers it.

use enchufe::{Auth, DisconnectReason, Namespace, Refusal, Server, Socket};
use serde_json::json;

use crate::support::{Client, Log, Via, serve, wait_until};

fn ends(log: &Log, name: &str) -> Namespace {
    let log = log.clone();
    Namespace::new(name).on_disconnect(move |reason: DisconnectReason| {
        log.push(reason.as_str());
        async {}
    })
}

#[tokio::test(start_paused = true)]
async fn connect_is_answered_with_an_id_of_its_own_in_each_namespace() {
    for via in Via::BOTH {
        let io = Server::builder().namespace(Namespace::new("/")).namespace(Namespace::new("/chat"));
        let io = io.build().unwrap();
        let (mut client, main) = Client::join(&io, via, "40").await;
        client.send("40/chat,").await;
        let reply = client.next().await;
        let chat =
            reply.strip_prefix("40/chat,{\"sid\":\"").and_then(|rest| rest.strip_suffix("\"}")).unwrap();
        assert_eq!(chat.len(), 20);
        assert_ne!(chat, main);
        if let Client::Polling(polling) = &client {
            assert!(chat != polling.sid && main != polling.sid, "the session's id is a secret");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_namespace_is_refused_and_the_connection_lives() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/"));
        let mut client = Client::connect(&io, via).await;
        client.send("40/nope,").await;
        assert_eq!(client.next().await, "44/nope,{\"message\":\"Invalid namespace\"}");
        io.of("/").emit("still", ()).unwrap();
        assert_eq!(client.next().await, "42[\"still\"]");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_carries_message_and_data() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/").middleware(async |auth: Auth<serde_json::Value>| {
            if auth.0["token"] == "right" {
                return Ok(());
            }
            Err(Refusal::new("unauthorized").with_data(json!({"code": 401})))
        }));
        let mut client = Client::open(&io, via).await;
        client.send("40{\"token\":\"wrong\"}").await;
        assert_eq!(client.next().await, "44{\"message\":\"unauthorized\",\"data\":{\"code\":401}}");
        assert!(io.of("/").sockets().is_empty());
        client.send("40{\"token\":\"right\"}").await;
        assert!(client.next().await.starts_with("40{"), "a refused client may try again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_middleware_that_panics_refuses() {
    let io = serve(Namespace::new("/").middleware(async || -> Result<(), Refusal> { panic!("on purpose") }));
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40").await;
    assert_eq!(client.next().await, "44{\"message\":\"internal error\"}");
}

#[tokio::test(start_paused = true)]
async fn what_a_middleware_emits_stands_before_the_reply_and_what_a_connect_handler_emits_behind() {
    for via in Via::BOTH {
        let io = serve(
            Namespace::new("/")
                .middleware(async |socket: Socket| {
                    socket.emit("middleware", 1).unwrap();
                    tokio::task::yield_now().await;
                    socket.emit("middleware", 2).unwrap();
                    Ok::<(), Refusal>(())
                })
                .on_connect(async |socket: Socket| {
                    socket.emit("connected", 1).unwrap();
                    tokio::task::yield_now().await;
                    socket.emit("connected", 2).unwrap();
                }),
        );
        let mut client = Client::open(&io, via).await;
        client.send("40").await;
        let messages = client.take(5).await;
        assert_eq!(messages[..2], ["42[\"middleware\",1]", "42[\"middleware\",2]"]);
        assert!(messages[2].starts_with("40{"));
        assert_eq!(messages[3..], ["42[\"connected\",1]", "42[\"connected\",2]"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_does_not_reach_who_was_not_let_in() {
    let io = serve(Namespace::new("/").middleware(async || {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Ok::<(), Refusal>(())
    }));
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send("40").await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    io.of("/").emit("too early", ()).unwrap();
    assert!(client.next().await.starts_with("40{"));
    io.of("/").emit("now", ()).unwrap();
    assert_eq!(client.next().await, "42[\"now\"]");
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_rules_closes_the_connection() {
    for (packets, reason) in [
        (vec!["40"], "forced server close"),
        (vec!["44"], "forced server close"),
        (vec!["42/other,[\"a\"]"], "forced server close"),
        (vec!["4abc"], "forced close"),
        (vec!["47"], "forced close"),
        (vec!["42{}"], "forced close"),
        (vec!["42[]"], "forced close"),
        (vec!["42[\"a\""], "forced close"),
        (vec!["42[\"connect\"]"], "forced close"),
        (vec!["42[\"disconnect\"]"], "forced close"),
        (vec!["451-[\"a\",{\"_placeholder\":true,\"num\":5}]", "bAA=="], "forced close"),
        (vec!["459-[\"a\"]", "42[\"b\"]"], "forced close"),
        (vec!["4511-[\"a\"]"], "forced close"),
    ] {
        let log = Log::default();
        let io = serve(ends(&log, "/"));
        let mut client = Client::connect(&io, Via::Polling).await;
        client.send_all(&packets).await;
        client.closed().await;
        assert_eq!(log.wait(1).await, [reason], "{packets:?}");
        wait_until("it is gone", || io.connections() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_before_connect_closes_the_connection() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/"));
        let mut client = Client::open(&io, via).await;
        client.send("42[\"a\"]").await;
        assert!(client.closed().await.is_empty());
        drop(client);
        wait_until("it is gone", || io.connections() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_joins_no_namespace_is_let_go_after_45_s() {
    for via in Via::BOTH {
        let io = serve(Namespace::new("/"));
        let mut client = Client::open(&io, via).await;
        let before = tokio::time::Instant::now();
        assert!(client.closed().await.is_empty());
        let after = before.elapsed().as_millis();
        assert!((44_900..45_500).contains(&after), "{after} ms");
        drop(client);
        wait_until("it is gone", || io.connections() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn dynamic_namespaces_come_into_being_by_name() {
    let io = serve(
        Namespace::matching(|name| name.starts_with("/tenant-"))
            .on("who", async |socket: Socket| socket.namespace_name().to_owned()),
    );
    let mut client = Client::open(&io, Via::WebSocket).await;
    client.send_all(&["40/tenant-1,", "40/tenant-2,", "40/other,"]).await;
    let replies = client.take(3).await;
    assert!(replies[0].starts_with("40/tenant-1,{") && replies[1].starts_with("40/tenant-2,{"));
    assert_eq!(replies[2], "44/other,{\"message\":\"Invalid namespace\"}");
    client.send("42/tenant-2,7[\"who\"]").await;
    assert_eq!(client.next().await, "43/tenant-2,7[\"/tenant-2\"]");
    assert_eq!(io.of("/tenant-1").sockets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn leaving_one_namespace_leaves_the_others() {
    for via in Via::BOTH {
        let log = Log::default();
        let io = Server::builder().namespace(Namespace::new("/")).namespace(ends(&log, "/chat"));
        let io = io.build().unwrap();
        let mut client = Client::connect(&io, via).await;
        client.send("40/chat,").await;
        client.next().await;
        client.send("41/chat,").await;
        assert_eq!(log.wait(1).await, ["client namespace disconnect"]);
        io.of("/").emit("still", ()).unwrap();
        assert_eq!(client.next().await, "42[\"still\"]");
        client.send("40/chat,").await;
        assert!(client.next().await.starts_with("40/chat,{"), "and it may come back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_hundreds_of_namespaces_finds_each() {
    let io = serve(
        Namespace::matching(|name| name.starts_with("/n"))
            .on("where", async |socket: Socket| socket.namespace_name().to_owned()),
    );
    let mut client = Client::open(&io, Via::WebSocket).await;
    let is_in = |n: usize| !n.is_multiple_of(3);
    for n in 0..300 {
        client.send(&format!("40/n{n},")).await;
        assert!(client.next().await.starts_with(&format!("40/n{n},{{")));
    }
    for n in (0..300).filter(|n| !is_in(*n)) {
        client.send(&format!("41/n{n},")).await;
    }
    for n in (0..300).rev().filter(|n| is_in(*n)) {
        client.send(&format!("42/n{n},7[\"where\"]")).await;
        assert_eq!(client.next().await, format!("43/n{n},7[\"/n{n}\"]"));
    }
    // Few remain, and one of those that were left comes back.
    for n in (4..300).filter(|n| is_in(*n)) {
        client.send(&format!("41/n{n},")).await;
    }
    client.send("40/n9,").await;
    assert!(client.next().await.starts_with("40/n9,{"));
    for n in [1, 2, 9] {
        client.send(&format!("42/n{n},8[\"where\"]")).await;
        assert_eq!(client.next().await, format!("43/n{n},8[\"/n{n}\"]"));
    }
    client.send("42/n4,9[\"where\"]").await;
    assert_eq!(client.closed().await, Vec::<String>::new(), "it has left this one");
}
