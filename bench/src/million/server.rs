//! The server that is measured: rooms, broadcasts, and a greeting, with nothing that grows with the square of the
//! connections. (The testbed tells everybody who has left: 19,000 clients that go make 180 million messages there.)

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use enchufe::{Data, Limits, Namespace, Server, Socket};

use crate::error::{Error, Result};

/// The server's options.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeOptions {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(super) listen: SocketAddr,
    /// Worker threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) workers: u16,
    /// Milliseconds from a pong to the next ping.
    #[arg(long, default_value_t = 25_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) ping_interval: u64,
}

/// A server, and whether it greets those who come in.
pub(super) fn server(ping_interval: u64, greets: bool) -> Result<Server> {
    let mut namespace = Namespace::new("/")
        .on("echo", async |Data(text): Data<String>| text)
        .on("join", async |socket: Socket, Data(room): Data<String>| socket.join(&room))
        .on("leave", async |socket: Socket, Data(room): Data<String>| socket.leave(&room))
        .on("room", async |socket: Socket, Data((room, text)): Data<(String, String)>| {
            socket.namespace().to(&room).emit("msg", &text)
        })
        .on("broadcast", async |socket: Socket, Data(text): Data<String>| {
            socket.namespace().emit("msg", &text)
        })
        .on("connections", async |server: Server| server.connections());
    if greets {
        namespace = namespace.on_connect(async |socket: Socket| socket.emit("welcome", socket.id()));
    }
    Server::builder()
        .namespace(namespace)
        .ping_interval(Duration::from_millis(ping_interval))
        // Both sides share the machine, and so many open at once.
        .ping_timeout(Duration::from_secs(60))
        .limits(Limits { max_idle_http_connections: usize::MAX, ..Limits::default() })
        .build()
        .map_err(|error| Error::Setup(error.to_string()))
}

/// A runtime of so many workers.
pub(super) fn runtime(workers: u16) -> Result<tokio::runtime::Runtime> {
    let mut builder = if workers == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let built = builder.worker_threads(usize::from(workers)).enable_all().build();
    built.map_err(Error::io("starting a runtime"))
}

/// Serves until it is ended.
///
/// # Errors
/// Where the address cannot be listened on.
pub fn serve(options: &ServeOptions) -> Result<()> {
    let server = server(options.ping_interval, true)?;
    runtime(options.workers)?.block_on(async {
        let listener = tokio::net::TcpListener::bind(options.listen).await;
        let listener = listener.map_err(Error::io(format!("listening on {}", options.listen)))?;
        let address = listener.local_addr().map_err(Error::io("asking for the port"))?;
        println!("listening on {address}");
        std::io::stdout().flush().map_err(Error::io("telling the port"))?;
        server.serve(listener).await.map_err(Error::io("serving"))
    })
}
