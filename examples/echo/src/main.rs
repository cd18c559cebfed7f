//! An echo over Socket.IO and, beside it, one over a plain WebSocket: the same HTTP server answers both.

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::response::Html;
use axum::routing::{any, get};
use clap::Parser;
use enchufe::{Namespace, RawArgs, Server, Socket};
use tokio::net::TcpListener;

/// An echo over Socket.IO and over a plain WebSocket.
#[derive(Parser)]
struct Args {
    /// The port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();

    // Whatever comes goes back: any number of arguments, with bytes anywhere in them.
    let echo =
        Namespace::new("/").on("echo", async |socket: Socket, args: RawArgs| socket.emit("echo", args));
    let io = Server::builder().namespace(echo).build()?;

    let app = Router::new()
        .route("/", get(async || Html(include_str!("index.html"))))
        .route("/plain", any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(plain_echo)))
        .layer(io.layer());

    let listener = TcpListener::bind(("127.0.0.1", args.port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

/// The same by hand: no events, no acks, no reconnection; messages, and nothing else.
async fn plain_echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let is_data = matches!(message, Message::Text(_) | Message::Binary(_)); // axum answers pings by itself
        if is_data && socket.send(message).await.is_err() {
            return;
        }
    }
}
