//! Several runtimes that share a server: what belongs to a connection is done in its own, whatever the others do.

use std::sync::Arc;
use std::time::Duration;

use enchufe::cluster::Hub;
use enchufe::{Data, Namespace, Server, ServerSideEvent, Socket};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::yield_now;

use crate::support::{Client, Log, Via, serve};

/// A runtime that stands still but for `block_on`.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
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
