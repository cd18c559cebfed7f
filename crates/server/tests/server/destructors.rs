//! Destructors of the application's values that panic: they end nothing but themselves.

use std::cell::Cell;

use bytes::Bytes;
use enchufe::{Namespace, Server, Socket};

use crate::support::{Client, Via, serve, wait_until};

/// What panics when it is dropped; of several types, so that a socket can keep several.
struct Bomb<const N: usize>;

impl<const N: usize> Drop for Bomb<N> {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

/// Has a socket keep bombs wherever it can keep something.
fn arm(socket: &Socket) {
    socket.data().insert(Bomb::<0>);
    socket.data().insert(Bomb::<1>);
    socket.data().insert(Bomb::<2>);
    for event in ["a", "b"] {
        let bomb = Bomb::<3>;
        socket.on(event, move || {
            let _holds = &bomb;
            async {}
        });
    }
    for _ in 0..2 {
        let (first, last) = (Bomb::<4>, Bomb::<5>);
        socket.on_disconnecting(move || {
            let _holds = &first;
            async {}
        });
        socket.on_disconnect(move || {
            let _holds = &last;
            async {}
        });
    }
}

/// Every armed client is in all of these.
const NAMESPACES: [&str; 3] = ["/", "/b", "/c"];

fn server() -> Server {
    let mut io = Server::builder();
    for name in NAMESPACES {
        let namespace = Namespace::new(name)
            .on("arm", async |socket: Socket| arm(&socket))
            .on("close", async |socket: Socket| socket.disconnect(true))
            .on("throw", async || std::panic::panic_any(Bomb::<6>))
            .on("ping", async || "pong");
        io = io.namespace(namespace);
    }
    io.build().unwrap()
}

async fn armed(io: &Server, via: Via) -> Client {
    let mut client = Client::open(io, via).await;
    client.send_all(&["40", "40/b,", "40/c,"]).await;
    client.take(3).await;
    client.send_all(&["420[\"arm\"]", "42/b,0[\"arm\"]", "42/c,0[\"arm\"]"]).await;
    client.take(3).await;
    client
}

/// How many are in each namespace.
fn members(io: &Server) -> Vec<usize> {
    NAMESPACES.iter().map(|name| io.of(name).sockets().len()).collect()
}

async fn serves(client: &mut Client) {
    client.send("421[\"ping\"]").await;
    assert_eq!(client.next().await, "431[\"pong\"]");
}

#[tokio::test(start_paused = true)]
async fn however_a_connection_ends_its_sockets_leave_and_the_others_stay() {
    for via in Via::BOTH {
        let io = server();
        let mut other = Client::connect(&io, via).await;
        // Its own end, an invalid packet, one for a namespace that it is not in, the end by a handler.
        for end in ["1", "4x", "43/nowhere,0[]", "42[\"close\"]"] {
            let mut client = armed(&io, via).await;
            client.send(end).await;
            if end != "1" {
                client.closed().await;
            }
            drop(client);
            wait_until(end, || members(&io) == [1, 0, 0] && io.connections() == 1).await;
            serves(&mut other).await;
        }
        // One after the other.
        let mut client = armed(&io, via).await;
        client.send_all(&["41", "41/b,", "41/c,"]).await;
        wait_until("all were left", || members(&io) == [1, 0, 0]).await;
        serves(&mut other).await;
        // By the server.
        let _client = armed(&io, via).await;
        for (name, left) in NAMESPACES.iter().zip([1, 0, 0]) {
            let sockets = io.of(name).sockets();
            sockets.iter().skip(left).for_each(|socket| socket.disconnect(false));
        }
        wait_until("all were turned out", || members(&io) == [1, 0, 0]).await;
        serves(&mut other).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_breaks_off_leaves_everything() {
    let io = server();
    let mut other = Client::connect(&io, Via::WebSocket).await;
    drop(armed(&io, Via::WebSocket).await);
    wait_until("it has left", || members(&io) == [1, 0, 0]).await;
    serves(&mut other).await;
}

#[tokio::test(start_paused = true)]
async fn events_that_waited_too_long_take_nobody_along() {
    let stuck = Namespace::new("/stuck").middleware(async |socket: Socket| {
        arm(&socket);
        std::future::pending::<()>().await;
        Ok::<(), enchufe::Refusal>(())
    });
    let io = Server::builder()
        .namespace(
            Namespace::new("/").on_connect(async |socket: Socket| arm(&socket)).on("ping", async || "pong"),
        )
        .namespace(stuck)
        .build()
        .unwrap();
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send_all(&["40/stuck,", "42/stuck,[\"n\"]"]).await;
    client.closed().await;
    drop(client);
    wait_until("it has left", || io.of("/").sockets().is_empty() && io.connections() == 0).await;
    serves(&mut Client::connect(&io, Via::WebSocket).await).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_thrown_may_panic_too() {
    let io = server();
    let mut other = Client::connect(&io, Via::WebSocket).await;
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("42[\"throw\"]").await;
    serves(&mut client).await;
    serves(&mut other).await;
}

#[tokio::test(start_paused = true)]
async fn handlers_that_are_taken_back_end_no_handler() {
    let io = serve(Namespace::new("/").on("off", async |socket: Socket| {
        arm(&socket);
        socket.off_all();
        "all"
    }));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    client.send("420[\"off\"]").await;
    assert_eq!(client.next().await, "430[\"all\"]");
}

#[test]
fn a_runtime_that_ends_takes_all_sockets_along() {
    let io = server();
    for via in Via::BOTH {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clients = runtime.block_on(async {
            let clients = [armed(&io, via).await, armed(&io, via).await, armed(&io, via).await];
            // Its driver has no turn any more.
            io.of("/b").sockets()[0].disconnect(false);
            clients
        });
        drop(runtime);
        drop(clients);
        assert_eq!(members(&io), [0, 0, 0], "{via:?}");
        assert_eq!(io.connections(), 0, "{via:?}");
    }
}

/// Says goodbye when its thread ends.
struct Goodbye(Socket);

impl Drop for Goodbye {
    fn drop(&mut self) {
        self.0.emit("bye", (Bytes::from_static(b"\x01"), "text")).unwrap();
    }
}

thread_local! {
    static GOODBYE: Cell<Option<Goodbye>> = const { Cell::new(None) };
}

#[tokio::test]
async fn a_destructor_may_emit_while_its_thread_ends() {
    let io = serve(Namespace::new("/"));
    let mut client = Client::connect(&io, Via::WebSocket).await;
    let socket = io.of("/").sockets().remove(0);
    let thread = std::thread::spawn(move || {
        // Destroyed last, after what emitting keeps for the thread.
        GOODBYE.set(Some(Goodbye(socket.clone())));
        socket.emit("hello", (Bytes::from_static(b"\x02"), "text")).unwrap();
    });
    thread.join().unwrap();
    let heard = client.take(4).await;
    assert_eq!(heard[0], r#"451-["hello",{"_placeholder":true,"num":0},"text"]"#);
    assert_eq!(heard[2], r#"451-["bye",{"_placeholder":true,"num":0},"text"]"#);
}
