//! Several runtimes that share a server: what belongs to a connection is done in its own, whatever the others do.

use std::sync::Arc;
use std::time::Duration;

use enchufe::cluster::Hub;
use enchufe::{Data, Namespace, Server, ServerSideEvent, Socket};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinHandle, yield_now};

use crate::support::recovery::{Memory, join, recovering};
use crate::support::{Client, Log, Polling, Via, Ws, serve};

/// A runtime that stands still but for `block_on`.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// One that runs beside the test.
fn beside() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn said() -> Namespace {
    Namespace::new("/").on("say", async |socket: Socket, Data(text): Data<String>| socket.emit("said", text))
}

/// Notes in which runtime it goes on when it has waited.
async fn note_where(log: Log) {
    yield_now().await;
    log.push(Handle::current().id().to_string());
}

fn id(runtime: &Runtime) -> String {
    runtime.handle().id().to_string()
}

/// Gives both of them turns until that is done.
fn drive_both(one: &Runtime, other: &Runtime, done: &JoinHandle<Ws>) {
    for _ in 0..1_000_000 {
        if done.is_finished() {
            return;
        }
        for runtime in [one, other] {
            runtime.block_on(yield_now());
        }
    }
    panic!("not in a million turns");
}

/// The client says this and hears it.
async fn echo(mut ws: Ws, before: &[&str], text: &str) -> Ws {
    for packet in before {
        ws.send(packet).await;
    }
    ws.send(&format!("42[\"say\",\"{text}\"]")).await;
    assert_eq!(ws.text().await, format!("42[\"said\",\"{text}\"]"));
    ws
}

#[test]
fn an_upgrade_that_came_in_another_runtime_is_driven_in_that_of_its_connection() {
    let io = serve(said());
    let (first, second, clients) = (runtime(), runtime(), beside());
    let query = first.block_on(async {
        let mut session = Polling::open(&io).await;
        session.post("40").await;
        assert!(session.packet().await.unwrap().starts_with("40{"));
        format!("EIO=4&transport=websocket&sid={}", session.sid)
    });
    let address = second.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, io) = (listener.local_addr().unwrap(), io.clone());
        tokio::spawn(async move { io.serve(listener).await.unwrap() });
        address
    });
    let probed = clients.spawn(async move {
        let mut ws = Ws::tcp(address).await;
        ws.upgrade(&query).await;
        ws.send("2probe").await;
        assert_eq!(ws.text().await, "3probe");
        ws
    });
    drive_both(&first, &second, &probed);
    let ws = clients.block_on(probed).unwrap();
    // From now on the second one stands still: what it was told of the network would reach nobody.
    let ws = first.block_on(clients.spawn(async move { echo(ws, &["5"], "a").await })).unwrap();
    drop(second);
    first.block_on(clients.spawn(async move { echo(ws, &[], "b").await })).unwrap();
    assert_eq!(io.connections(), 1);
}

#[test]
fn handlers_that_see_what_is_emitted_go_on_in_the_runtime_of_the_socket() {
    let log = Log::default();
    let noted = log.clone();
    let io = serve(said().on_any_outgoing(move || note_where(noted.clone())));
    let (first, second) = (runtime(), runtime());
    let resting = first.block_on(Client::connect(&io, Via::WebSocket));
    // The first runtime stands still meanwhile.
    let busy = second.block_on(async {
        let mut client = Client::connect(&io, Via::WebSocket).await;
        client.send("42[\"say\",\"a\"]").await;
        assert_eq!(log.wait(1).await, [id(&second)]);
        client
    });
    // From a thread that belongs to none.
    io.of("/").emit("all", ()).unwrap();
    second.block_on(log.wait(2));
    first.block_on(log.wait(3));
    assert_eq!(log.entries(), [id(&second), id(&second), id(&first)]);
    drop((resting, busy));
}

#[test]
fn the_socket_of_a_client_that_came_back_ends_in_its_own_runtime() {
    let log = Log::default();
    let noted = log.clone();
    let io = recovering(Namespace::new("/").on_disconnect(move || note_where(noted.clone())));
    let (first, second) = (runtime(), runtime());
    let mut memory = Memory::default();
    let (mut lost, ..) = first.block_on(join(&io, Via::WebSocket, &mut memory));
    let event = first.block_on(async {
        io.of("/").emit("offset", ()).unwrap();
        lost.next().await
    });
    memory.event(&event);
    let (_back, recovered, _) = second.block_on(join(&io, Via::WebSocket, &mut memory));
    assert!(recovered);
    first.block_on(log.wait(1));
    assert_eq!(log.entries(), [id(&first)]);
}

fn node(hub: &Hub, name: &str, namespace: Namespace) -> Server {
    Server::builder().namespace(namespace).cluster(hub.join(name)).build().unwrap()
}

#[test]
fn a_server_side_event_is_handled_in_the_runtime_that_it_came_in() {
    let hub = Hub::new();
    let log = Log::default();
    let noted = log.clone();
    let hearing = said().on_server_side("note", move |_: ServerSideEvent| note_where(noted.clone()));
    let (a, b) = (node(&hub, "a", hearing), node(&hub, "b", said()));
    let (first, second) = (runtime(), runtime());
    let resting = first.block_on(Client::connect(&a, Via::WebSocket));
    let busy = second.block_on(async {
        let client = Client::connect(&a, Via::WebSocket).await;
        b.of("/").server_side_emit("note", ()).unwrap();
        assert_eq!(log.wait(1).await, [id(&second)]);
        client
    });
    drop((resting, busy));
}

#[test]
fn answers_are_not_awaited_once_the_runtime_has_gone_that_saw_to_it() {
    let hub = Hub::new();
    let probe = Arc::new(());
    let captured = probe.clone();
    let asked = said().on("probe", move || {
        let _captured = &captured;
        async {}
    });
    let (a, b) = (node(&hub, "a", said()), node(&hub, "b", asked));
    let (first, second) = (runtime(), runtime());
    let resting = first.block_on(Client::connect(&b, Via::WebSocket));
    let mut busy = second.block_on(Client::connect(&b, Via::WebSocket));
    let hour = Duration::from_secs(3_600);
    let answers = {
        let _entered = first.enter();
        a.timeout(hour).emit_with_ack::<u8>("ask", ())
    };
    assert!(second.block_on(busy.next()).ends_with("[\"ask\"]"));
    drop(first);
    drop((resting, busy, b));
    drop(second);
    assert_eq!(Arc::strong_count(&probe), 1, "a question that nobody will answer keeps its namespace");
    drop(answers);
}
