//! Rooms and whom a broadcast reaches.

use enchufe::{Data, Limits, Namespace, Socket};

use crate::support::{Client, Via, serve, serve_with};

/// Three clients, of which the first two are in `a` and the last two in `b`; `op` broadcasts from the first.
async fn three(namespace: Namespace) -> (enchufe::Server, Vec<(Client, String)>) {
    let io = serve(namespace.on("sync", async || {}));
    let mut clients = Vec::new();
    for via in [Via::WebSocket, Via::Polling, Via::WebSocket] {
        clients.push(Client::join(&io, via, "40").await);
    }
    let of = |n: usize| io.of("/").to(clients[n].1.as_str());
    of(0).sockets_join("a");
    of(1).sockets_join(["a", "b"]);
    of(2).sockets_join("b");
    (io, clients)
}

/// Who of them got something before a mark that all get.
async fn got(io: &enchufe::Server, clients: &mut [(Client, String)]) -> Vec<usize> {
    io.of("/").emit("mark", ()).unwrap();
    let mut got = Vec::new();
    for (n, (client, _)) in clients.iter_mut().enumerate() {
        let mut messages = 0;
        while client.next().await != "42[\"mark\"]" {
            messages += 1;
        }
        assert!(messages <= 1, "once at most");
        if messages == 1 {
            got.push(n);
        }
    }
    got
}

#[tokio::test(start_paused = true)]
async fn the_server_reaches_rooms_their_union_and_what_is_left_of_it() {
    let (io, mut clients) = three(Namespace::new("/")).await;
    let ids: Vec<_> = clients.iter().map(|(_, id)| id.clone()).collect();
    let of = || io.of("/");
    for (broadcast, expected) in [
        (of(), vec![0, 1, 2]),
        (of().to("a"), vec![0, 1]),
        (of().in_("b"), vec![1, 2]),
        (of().to("a").to("b"), vec![0, 1, 2]),
        (of().to(["a", "b"]), vec![0, 1, 2]),
        (of().except("a"), vec![2]),
        (of().to("a").except("b"), vec![0]),
        (of().to("nobody"), vec![]),
        (of().except("nobody"), vec![0, 1, 2]),
        (of().to(ids[2].as_str()), vec![2]),
        (of().except(ids[2].as_str()), vec![0, 1]),
        (of().to(["a", ids[2].as_str()]).except(ids[0].as_str()), vec![1, 2]),
        (of().local(), vec![0, 1, 2]),
    ] {
        broadcast.emit("m", ()).unwrap();
        assert_eq!(got(&io, &mut clients).await, expected, "{broadcast:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_reaches_all_but_itself() {
    let namespace = Namespace::new("/").on("op", async |socket: Socket, Data(op): Data<String>| {
        let broadcast = match op.as_str() {
            "broadcast" => socket.broadcast(),
            "to a" => socket.to("a"),
            "to b" => socket.in_("b"),
            "except b" => socket.except("b"),
            "own id" => socket.to(socket.id()),
            "local" => socket.local(),
            "namespace" => socket.namespace(),
            other => panic!("{other}"),
        };
        broadcast.emit("m", ()).unwrap();
    });
    let (io, mut clients) = three(namespace).await;
    for (op, expected) in [
        ("broadcast", vec![1, 2]),
        ("to a", vec![1]),
        ("to b", vec![1, 2]),
        ("except b", vec![]),
        ("own id", vec![]),
        ("local", vec![1, 2]),
        ("namespace", vec![0, 1, 2]),
    ] {
        clients[0].0.send(&format!("42[\"op\",\"{op}\"]")).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(got(&io, &mut clients).await, expected, "{op}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_socket_is_in_the_room_of_its_id_until_it_leaves_it() {
    let (io, mut clients) = three(Namespace::new("/")).await;
    let id = clients[0].1.clone();
    let socket = io.of("/").to(id.as_str()).sockets().remove(0);
    assert_eq!(socket.rooms(), [id.as_str(), "a"]);
    socket.leave(id.as_str());
    assert_eq!(socket.rooms(), ["a"]);
    io.of("/").to(id.as_str()).emit("m", ()).unwrap();
    assert_eq!(got(&io, &mut clients).await, Vec::<usize>::new());
    socket.join(id.as_str());
    io.of("/").to(id.as_str()).emit("m", ()).unwrap();
    assert_eq!(got(&io, &mut clients).await, [0]);
    // Another one may listen in.
    io.of("/").to(clients[1].1.as_str()).sockets_join(id.as_str());
    io.of("/").to(id.as_str()).emit("m", ()).unwrap();
    assert_eq!(got(&io, &mut clients).await, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn sockets_can_be_moved_and_disconnected_by_selection() {
    let (io, mut clients) = three(Namespace::new("/")).await;
    io.of("/").to("a").sockets_join("c");
    io.of("/").to("b").sockets_leave("c");
    assert_eq!(io.of("/").to("c").sockets().len(), 1);
    io.of("/").to("b").disconnect_sockets(false);
    assert_eq!(clients[2].0.next().await, "41");
    assert_eq!(io.of("/").sockets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rooms_past_the_limit_are_not_joined() {
    let limits = Limits { max_rooms: 3, ..Default::default() };
    let io = serve_with(Namespace::new("/"), |io| io.limits(limits));
    let (_client, id) = Client::join(&io, Via::WebSocket, "40").await;
    let socket = io.of("/").sockets().remove(0);
    socket.join(["1", "2", "3", "4"]);
    socket.join("5");
    assert_eq!(socket.rooms(), [id.as_str(), "1", "2", "3"]);
    socket.leave("1");
    socket.join("5");
    assert_eq!(socket.rooms().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn who_has_left_joins_nothing() {
    let io = serve(Namespace::new("/"));
    let client = Client::connect(&io, Via::WebSocket).await;
    let socket = io.of("/").sockets().remove(0);
    drop(client);
    crate::support::wait_until("it has left", || !socket.connected()).await;
    socket.join("room");
    assert!(socket.rooms().is_empty());
    assert_eq!(io.of("/").room_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_room_at_all_is_everybody_and_a_room_named_twice_is_one() {
    let (io, mut clients) = three(Namespace::new("/")).await;
    io.to(Vec::<String>::new()).emit("hit", ()).unwrap();
    assert_eq!(got(&io, &mut clients).await, [0, 1, 2]);
    let first = clients[0].1.clone();
    io.to([first.as_str(); 2]).to(Vec::<String>::new()).emit("hit", ()).unwrap();
    assert_eq!(got(&io, &mut clients).await, [0]);
    io.except(Vec::<String>::new()).except([first.as_str(); 2]).emit("hit", ()).unwrap();
    assert_eq!(got(&io, &mut clients).await, [1, 2]);
}
