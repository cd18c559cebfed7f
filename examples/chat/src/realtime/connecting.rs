//! Coming and going.

use std::sync::Arc;
use std::time::Duration;

use enchufe::{DisconnectReason, Handshake, Refusal, Socket, State};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::here::Arrival;
use super::{chat_room, person_of, person_room, session_room, tell, wire};
use crate::app::App;
use crate::storage::{RoomSummary, StorageError, now_ms};
use crate::visit::{Person, live_session};

/// How long somebody may be away before others are told: a reload or a short break is nobody's business.
const GRACE: Duration = Duration::from_secs(4);

/// Middleware: lets in those whose cookie belongs to a session.
pub(super) async fn let_in(
    socket: Socket,
    handshake: Handshake,
    State(app): State<Arc<App>>,
) -> Result<(), Refusal> {
    let session = live_session(&headers(&handshake), &app).await.map_err(|error| {
        tracing::error!(%error, "storage failed");
        Refusal::new("internal")
    })?;
    let Some(session) = session else {
        return Err(Refusal::new("unauthorized"));
    };
    if !app.realtime.here.has_place(&session.person.key) {
        return Err(Refusal::new("too_many_tabs"));
    }
    socket.data().insert(session.person);
    Ok(())
}

/// The headers that a session is found by.
fn headers(handshake: &Handshake) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in [COOKIE.as_str(), "x-forwarded-proto"] {
        let value = handshake.header(name).and_then(|value| HeaderValue::from_str(&value).ok());
        if let Some(value) = value {
            headers.insert(http::HeaderName::from_static(name), value);
        }
    }
    headers
}

/// Puts a socket into its rooms and tells it, first of all, how things stand.
pub(super) async fn connected(socket: Socket, handshake: Handshake, State(app): State<Arc<App>>) {
    let Some(person) = person_of(&socket) else {
        socket.disconnect(true);
        return;
    };
    let arrived = match arrive(&socket, &app, &person).await {
        Ok(()) => live_session(&headers(&handshake), &app).await,
        Err(error) => Err(error),
    };
    match arrived {
        Ok(Some(_)) => {}
        // It ended after the middleware and before the socket was in the session's room, where it would have heard.
        Ok(None) => {
            tell(socket.emit("ended", ()));
            socket.disconnect(true);
        }
        Err(error) => {
            tracing::error!(%error, "storage failed");
            // The page tries again by itself.
            socket.disconnect(false);
        }
    }
}

async fn arrive(socket: &Socket, app: &Arc<App>, person: &Person) -> Result<(), StorageError> {
    let here = &app.realtime.here;
    let mut rooms = app.storage.rooms_for(person.user_id).await?;
    let stored = rooms.iter().filter(|room| room.entered).map(|room| room.room.id);
    let arrival = here.arrive(person, socket.id(), stored);
    if arrival == Arrival::TooMany {
        socket.disconnect(false);
        return Ok(());
    }
    let inside = here.rooms_of(&person.key);
    for room in &mut rooms {
        room.entered = inside.contains(&room.room.id);
    }
    socket.join([person_room(&person.key), session_room(&person.session)]);
    socket.join(inside.iter().copied().map(chat_room).collect::<Vec<_>>());
    tell(socket.emit("state", wire::State { me: person, rooms: &rooms }));
    if arrival == Arrival::First {
        let at = now_ms();
        for room in rooms.iter().filter(|room| room.entered).map(|room| room.room.id) {
            let entered = wire::Entered { room, person, fresh: false, at };
            tell(socket.to(chat_room(room)).emit("entered", entered));
        }
    }
    // It may have gone while the database was asked.
    if !socket.connected() {
        depart(socket, app.clone(), person);
    }
    Ok(())
}

/// A tab has gone; if it was the last, the rooms are told after a while.
pub(super) async fn disconnected(socket: Socket, reason: DisconnectReason, State(app): State<Arc<App>>) {
    let Some(person) = person_of(&socket) else { return };
    tracing::debug!(person = person.key, %reason, "a tab has gone");
    depart(&socket, app, &person);
}

fn depart(socket: &Socket, app: Arc<App>, person: &Person) {
    let Some(departure) = app.realtime.here.depart(&person.key, socket.id()) else { return };
    let key = person.key.clone();
    tokio::spawn(async move {
        tokio::time::sleep(GRACE).await;
        announce_gone(&app, &key, departure);
    });
}

fn announce_gone(app: &App, key: &str, departure: u64) {
    let Some((person, rooms)) = app.realtime.here.let_go(key, departure) else { return };
    let Some(all) = app.realtime.everybody() else { return };
    let at = now_ms();
    for room in rooms {
        let others = all.clone().to(chat_room(room));
        if person.guest {
            tell(others.emit("left", wire::Left { room, person: key, name: &person.name, at }));
        } else {
            tell(others.emit("away", wire::Away { room, person: key }));
        }
    }
}

/// A room in a person's list, as they see it now.
pub(super) async fn summary(
    app: &App,
    person: &Person,
    id: i64,
) -> Result<Option<RoomSummary>, StorageError> {
    let room = app.storage.room_for(person.user_id, id).await?;
    Ok(room.map(|mut room| {
        room.entered = app.realtime.here.is_in(&person.key, id);
        room
    }))
}
