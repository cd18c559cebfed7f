//! Two namespaces over one connection: a `ping` in either is answered with a `pong` there.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use clap::Parser;
use enchufe::{Data, HandlerError, Namespace, Server, Socket};
use tokio::net::TcpListener;

/// Ping and pong in two namespaces over one connection.
#[derive(Parser)]
struct Args {
    /// The port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();

    let io = Server::builder()
        .namespace(Namespace::new("/canal").on("ping", pong))
        .namespace(Namespace::new("/otro").on("ping", pong))
        .build()?;

    let app = Router::new().route("/", get(async || Html(include_str!("index.html")))).layer(io.layer());

    let listener = TcpListener::bind(("127.0.0.1", args.port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

/// Answers with what was sent, and with how many connections the server has at the moment.
async fn pong(socket: Socket, server: Server, Data(sent): Data<f64>) -> Result<(), HandlerError> {
    socket.emit("pong", (sent, server.connections()))?;
    Ok(())
}
