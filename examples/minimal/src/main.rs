//! A Socket.IO server and its page, at <http://localhost:3000>.
use axum::{Router, response::Html, routing::get};
use enchufe::{Data, Namespace, Server, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let chat = Namespace::new("/")
        .on_connect(async |socket: Socket| socket.join("lobby"))
        .on("chat message", async |socket: Socket, Data(text): Data<String>| {
            socket.to("lobby").emit("chat message", text) // everybody in the room but the sender
        })
        .on("add", async |Data((a, b)): Data<(i64, i64)>| a + b); // the return value answers the ack

    let io = Server::builder().namespace(chat).build()?;
    let page = get(async || Html(include_str!("index.html")));
    let app = Router::new().route("/", page).layer(io.layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
