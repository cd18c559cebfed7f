//! Packets that come with one read: the lock is not taken for each of them, and yet each finds what those before it have
//! made of its socket and its connection.

use enchufe::{Data, Namespace, Server, Socket};

use crate::support::{Log, Ws, serve, serve_with};

/// Events that say what is to be done, and are noted.
fn acting(log: &Log) -> Namespace {
    let log = log.clone();
    Namespace::new("/").on("do", move |socket: Socket, Data((n, what)): Data<(u32, String)>| {
        log.push(format!("{n}"));
        async move {
            match &*what {
                "leave" => socket.disconnect(false),
                "close" => socket.engine().close(),
                "discard" => socket.engine().discard(),
                _ => {}
            }
        }
    })
}

async fn joined(io: &Server, connects: &[&str]) -> Ws {
    let mut ws = Ws::in_memory(io, 1 << 20);
    ws.upgrade("EIO=4&transport=websocket").await;
    ws.text().await;
    for connect in connects {
        ws.send(connect).await;
        ws.text().await;
    }
    ws
}

/// Sends the packets together, and tells which events were handled when the connection is over.
async fn handled_of(packets: &[&str]) -> Vec<String> {
    let log = Log::default();
    let io = serve(acting(&log));
    let mut ws = joined(&io, &["40"]).await;
    ws.send_all(packets).await;
    ws.end().await;
    log.entries()
}

#[tokio::test(start_paused = true)]
async fn behind_what_ends_the_connection_nothing_is_handled() {
    const FIRST: [&str; 2] = [r#"42["do",1,""]"#, r#"42["do",2,""]"#];
    const BEHIND: &str = r#"42["do",9,""]"#;
    for end in [
        // A kind that does not exist, in either layer; base64 that is none; the client's farewell.
        "x",
        "49",
        "b*",
        "1",
        // It leaves its only namespace, and goes on as if it were there.
        "41",
        // A namespace that was never joined.
        r#"42/other,["do",3,""]"#,
    ] {
        assert_eq!(handled_of(&[FIRST[0], FIRST[1], end, BEHIND, BEHIND]).await, ["1", "2"], "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_handler_that_closes_the_connection_nothing_is_handled() {
    for what in ["close", "discard"] {
        let closing = format!(r#"42["do",3,"{what}"]"#);
        let packets = [r#"42["do",1,""]"#, r#"42["do",2,""]"#, &*closing, r#"42["do",9,""]"#];
        assert_eq!(handled_of(&packets).await, ["1", "2", "3"], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_for_a_socket_that_was_disconnected_is_no_fault() {
    let log = Log::default();
    let io = serve(acting(&log));
    let mut ws = joined(&io, &["40"]).await;
    let leave = r#"42["do",2,"leave"]"#;
    ws.send_all(&[r#"42["do",1,""]"#, leave, r#"42["do",3,""]"#, "40", r#"42["do",4,""]"#]).await;
    assert_eq!(ws.text().await, "41");
    assert!(ws.text().await.starts_with(r#"40{"sid":"#));
    assert_eq!(log.wait(3).await, ["1", "2", "4"]);
}

#[tokio::test(start_paused = true)]
async fn each_packet_goes_to_the_socket_of_its_namespace() {
    let log = Log::default();
    let noting = |name: &'static str| {
        let log = log.clone();
        Namespace::new(name).on("do", move |socket: Socket, Data(n): Data<u32>| {
            log.push(format!("{n}{}", socket.namespace_name()));
            async {}
        })
    };
    let io = serve_with(noting("/"), |builder| builder.namespace(noting("/a")).namespace(noting("/b")));
    let mut ws = joined(&io, &["40", "40/a,", "40/b,"]).await;
    let packets = [
        r#"42["do",1]"#,
        r#"42/a,["do",2]"#,
        r#"42/a,["do",3]"#,
        r#"42/b,["do",4]"#,
        r#"42["do",5]"#,
        "3",
        r#"42["do",6]"#,
    ];
    ws.send_all(&packets).await;
    assert_eq!(log.wait(6).await, ["1/", "2/a", "3/a", "4/b", "5/", "6/"]);
}
