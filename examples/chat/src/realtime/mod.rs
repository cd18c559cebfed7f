//! The sockets: who is let in, what they may ask, and what they are told. `README.md` lists every event.
//!
//! A socket is in one room of the server for its person (`person:u7`: all tabs of a user), one for its session
//! (`session:…`, so that logging out reaches every tab), and one for each chat room it has entered (`room:3`).

mod connecting;
mod here;
mod limits;
mod rooms;
mod talk;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::{Arc, OnceLock};

use enchufe::{Broadcast, BuildError, EmitError, Emitted, Limits, Namespace, Server, Socket};
use serde::Serialize;

use self::here::Here;
use self::limits::PersonLimits;
use crate::app::App;
use crate::uploads;
use crate::visit::Person;

/// Bytes of one packet: the largest picture, in base64 (as long-polling sends it), and what goes with it.
const MAX_PACKET: usize = uploads::MAX_PICTURE / 3 * 4 + 64 * 1024;
/// Connections at once; each costs a few kilobytes at rest.
const MAX_CONNECTIONS: usize = 20_000;

/// What the sockets share with the rest of the program.
#[derive(Default)]
pub(crate) struct Realtime {
    pub(crate) here: Here,
    limits: PersonLimits,
    server: OnceLock<Server>,
}

impl Realtime {
    /// Everybody; `None` only while the program starts.
    fn everybody(&self) -> Option<Broadcast> {
        self.server.get().map(|server| server.of("/"))
    }

    /// A session has ended: its sockets are told and let go.
    pub(crate) fn session_ended(&self, session: &str) {
        if let Some(all) = self.everybody() {
            let tabs = all.to(session_room(session));
            tell(tabs.emit("ended", ()));
            tabs.disconnect_sockets(true);
        }
    }

    /// Somebody has another picture.
    pub(crate) fn avatar_changed(&self, person: &str, avatar: &str) {
        self.here.set_avatar(person, avatar);
        let Some(all) = self.everybody() else { return };
        for socket in all.clone().to(person_room(person)).sockets() {
            if let Some(mut who) = socket.data().local::<Person>() {
                avatar.clone_into(&mut who.avatar);
                socket.data().insert(who);
            }
        }
        let mut seen_in: Vec<String> = self.here.rooms_of(person).into_iter().map(chat_room).collect();
        seen_in.push(person_room(person));
        tell(all.to(seen_in).emit("avatar", wire::NewAvatar { person, avatar }));
    }

    /// Closes all sockets in good order; pages reconnect by themselves.
    pub(crate) async fn close(&self) {
        if let Some(server) = self.server.get() {
            server.close().await;
        }
    }
}

/// Builds the Socket.IO server for an app, once.
pub(crate) fn serve(app: &Arc<App>) -> Result<Server, BuildError> {
    let chat = Namespace::new("/")
        .middleware(connecting::let_in)
        .on_connect(connecting::connected)
        .on("create", rooms::create)
        .on("enter", rooms::enter)
        .on("leave", rooms::leave)
        .on("history", rooms::history)
        .on("read", rooms::read)
        .on("say", talk::say)
        .on("picture", talk::picture)
        .on("typing", talk::typing)
        .on_disconnect(connecting::disconnected);
    let limits = Limits {
        max_payload_bytes: MAX_PACKET,
        max_attachments: 1,
        max_attachment_bytes: uploads::MAX_PICTURE,
        max_json_depth: 8,
        max_namespaces: 2,
        max_connections: MAX_CONNECTIONS,
        ..Limits::default()
    };
    let server = Server::builder().namespace(chat).state(app.clone()).limits(limits).build()?;
    Ok(app.realtime.server.get_or_init(|| server).clone())
}

fn chat_room(id: i64) -> String {
    format!("room:{id}")
}

fn person_room(key: &str) -> String {
    format!("person:{key}")
}

fn session_room(id: &str) -> String {
    format!("session:{id}")
}

/// Who is behind a socket. The middleware has let in nobody else, so there always is somebody.
fn person_of(socket: &Socket) -> Option<Person> {
    let person = socket.data().local::<Person>();
    if person.is_none() {
        tracing::error!(socket = %socket.id(), "a socket without a person");
    }
    person
}

/// Emits reach all who are there or fail because of what we sent, which is a bug worth a line in the log.
fn tell(emitted: Result<Emitted, EmitError>) {
    if let Err(error) = emitted {
        tracing::error!(%error, "an event could not be sent");
    }
}

/// What a handler answers: a value, or a code that the page has words for.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Answer<T> {
    Done(T),
    Refused(wire::Refused),
}

impl<T> From<Result<T, wire::Refused>> for Answer<T> {
    fn from(result: Result<T, wire::Refused>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(refused) => Self::Refused(refused),
        }
    }
}
