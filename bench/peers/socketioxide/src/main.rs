//! socketioxide on axum, on one thread or on several, speaking the events that the benchmark sends. `Value` is
//! the type its documentation recommends for events that may hold binary.

use axum::serve::ListenerExt as _;
use rmpv::Value;
use socketioxide::{ParserConfig, SocketIo};
use socketioxide::extract::{AckSender, Data, SocketRef};

async fn on_connect(socket: SocketRef) {
    let welcome =
        Value::Map(vec![("id".into(), socket.id.as_str().into()), ("recovered".into(), false.into())]);
    report(socket.emit("welcome", &welcome));
    socket.on("echo", async |Data::<Value>(argument), ack: AckSender| report(ack.send(&argument)));
    socket.on("join", async |socket: SocketRef, Data::<String>(room), ack: AckSender| {
        socket.join(room);
        report(ack.send(&()));
    });
    socket.on("room", async |io: SocketIo, Data::<(String, Value)>((room, argument))| {
        report(io.to(room).emit("msg", &argument).await);
    });
    socket.on("broadcast", async |io: SocketIo, socket: SocketRef, Data::<Value>(argument), ack: AckSender| {
        match io.of(socket.ns()) {
            Some(namespace) => report(namespace.emit("msg", &argument).await),
            None => eprintln!("socketioxide: {} is gone", socket.ns()),
        }
        report(ack.send(&()));
    });
}

/// The load generator finds what is missing; this tells why.
fn report<E: std::fmt::Display>(result: Result<(), E>) {
    if let Err(error) = result {
        eprintln!("socketioxide: {error}");
    }
}

fn main() -> std::io::Result<()> {
    let workers = option("--workers").and_then(|workers| workers.parse().ok()).unwrap_or(1);
    let mut builder = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(workers).enable_all().build()?.block_on(serve())
}

/// What stands behind an option of the command line.
fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

async fn serve() -> std::io::Result<()> {
    let port = option("--port").and_then(|port| port.parse().ok()).unwrap_or(0u16);
    let mut builder = SocketIo::builder().max_payload(1_000_000);
    if option("--parser").as_deref() == Some("msgpack") {
        builder = builder.with_parser(ParserConfig::msgpack());
    }
    let (layer, io) = builder.build_layer();
    io.ns("/", on_connect);
    io.ns("/chat", on_connect);
    if let Err(error) = io.dyn_ns("/tenant-{id}", on_connect) {
        eprintln!("socketioxide: {error}");
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("socketioxide: {error}");
        }
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await
}
