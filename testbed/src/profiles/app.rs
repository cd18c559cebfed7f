//! `app`: everything else. The same events in each of its namespaces.

use enchufe::{
    Ack, BuildError, DisconnectReason, EmitError, Emitted, Handshake, Namespace, RawArgs, Refusal, Server,
    Socket, SocketId,
};
use serde::{Deserialize, Serialize};

use super::app_events;
use crate::args::Options;

pub(crate) fn server(options: &Options) -> Result<Server, BuildError> {
    let protected = Namespace::new("/protected").middleware(authenticate);
    let tenants = Namespace::regex("/tenant-[0-9]+");
    options
        .apply(Server::builder())
        .namespace(with_events(Namespace::new("/")))
        .namespace(with_events(Namespace::new("/chat")))
        .namespace(with_events(tenants))
        .namespace(with_events(protected))
        .build()
}

fn with_events(namespace: Namespace) -> Namespace {
    app_events::register(namespace.on_connect(welcome).on_disconnect(left))
}

#[derive(Deserialize)]
struct Credentials {
    token: String,
}

async fn authenticate(handshake: Handshake) -> Result<(), Refusal> {
    match handshake.auth::<Credentials>() {
        Ok(credentials) if credentials.token == "secret" => Ok(()),
        _ => Err(Refusal::new("unauthorized").with_data(serde_json::json!({"code": 401}))),
    }
}

#[derive(Serialize)]
struct Welcome {
    id: SocketId,
    recovered: bool,
}

async fn welcome(socket: Socket) -> Result<Emitted, EmitError> {
    socket.emit("welcome", Welcome { id: socket.id(), recovered: socket.recovered() })
}

async fn left(socket: Socket, reason: DisconnectReason) -> Result<Emitted, EmitError> {
    socket.namespace().emit("left", (socket.id(), reason))
}

/// Answers with the same arguments, as they came.
pub(crate) async fn answer_with_arguments(args: RawArgs, ack: Ack) -> Result<(), EmitError> {
    ack.send(&args)
}
