//! Saying something, in words or pictures, and being seen to type.

use std::sync::Arc;

use bytes::Bytes;
use enchufe::{Data, Socket, State};

use super::rooms::inside;
use super::wire::{self, Refused};
use super::{Answer, chat_room, person_of, tell};
use crate::app::App;
use crate::names;
use crate::storage::{Message, NewMessage, NewPicture, Stored};
use crate::uploads;
use crate::visit::Person;

/// `say`: a message in words. The answer comes when it is on disk; asking again with the same id is harmless.
pub(super) async fn say(
    socket: Socket,
    Data(said): Data<wire::Say>,
    State(app): State<Arc<App>>,
) -> Answer<wire::Said> {
    try_say(&socket, said, &app).await.into()
}

async fn try_say(socket: &Socket, said: wire::Say, app: &App) -> Result<wire::Said, Refused> {
    let person = speaking(socket, app, &said).await?;
    let text = names::message(&said.text)?;
    app.realtime.limits.message(&person.key)?;
    let stored = app.storage.add_message(new_message(&person, &said, text, None)).await?;
    Ok(published(socket, stored))
}

/// `picture`: a picture, its bytes beside the message, with a line of text if there is one.
pub(super) async fn picture(
    socket: Socket,
    Data((said, bytes)): Data<(wire::Say, Bytes)>,
    State(app): State<Arc<App>>,
) -> Answer<wire::Said> {
    try_picture(&socket, said, bytes, &app).await.into()
}

async fn try_picture(
    socket: &Socket,
    said: wire::Say,
    bytes: Bytes,
    app: &App,
) -> Result<wire::Said, Refused> {
    let person = speaking(socket, app, &said).await?;
    if person.guest {
        return Err(Refused::because("guests_may_not"));
    }
    let text = names::caption(&said.text)?;
    // Sent again after a lost answer: nothing is stored twice, nor counted.
    if let Some(message) = app.storage.message_by_client_id(person.key.clone(), said.id.clone()).await? {
        return Ok(wire::Said { message });
    }
    let checked = uploads::check(&bytes, uploads::MAX_PICTURE)?;
    app.realtime.limits.picture(&person.key)?;
    let new = NewPicture {
        owner: person.key.clone(),
        format: checked.format,
        width: checked.width,
        height: checked.height,
        bytes: bytes.into(),
    };
    let picture = app.storage.add_picture(new).await?.map_err(|_| Refused::because("pictures_full"))?;
    let message = new_message(&person, &said, text, Some(picture.clone()));
    match app.storage.add_message(message).await {
        Ok(Stored::Again(message)) => {
            app.storage.drop_picture(picture).await?;
            Ok(wire::Said { message })
        }
        Ok(stored) => Ok(published(socket, stored)),
        Err(error) => {
            app.storage.drop_picture(picture).await?;
            Err(error.into())
        }
    }
}

/// `typing`: nobody answers, and it may get lost.
pub(super) async fn typing(socket: Socket, Data(typing): Data<wire::Typing>, State(app): State<Arc<App>>) {
    let Some(person) = person_of(&socket) else { return };
    if inside(&app, &person, typing.room).is_err() || app.realtime.limits.typing(&person.key).is_err() {
        return;
    }
    let is_typing =
        wire::IsTyping { room: typing.room, person: &person.key, name: &person.name, on: typing.on };
    tell(socket.to(chat_room(typing.room)).volatile().emit("typing", is_typing));
}

/// Who speaks, if they may speak here.
async fn speaking(socket: &Socket, app: &App, said: &wire::Say) -> Result<Person, Refused> {
    let person = person_of(socket).ok_or(Refused::because("internal"))?;
    if !names::is_client_id(&said.id) {
        return Err(Refused::because("bad_request"));
    }
    inside(app, &person, said.room)?;
    if person.guest && !app.storage.room(said.room).await?.is_some_and(|room| room.lobby) {
        return Err(Refused::because("guests_may_not"));
    }
    Ok(person)
}

fn new_message(person: &Person, said: &wire::Say, text: String, picture: Option<String>) -> NewMessage {
    NewMessage {
        room: said.room,
        author: person.key.clone(),
        name: person.name.clone(),
        user_id: person.user_id,
        client_id: said.id.clone(),
        text,
        picture,
    }
}

/// Tells the room of a message that is new; the one who sent it has the answer.
fn published(socket: &Socket, stored: Stored) -> wire::Said {
    let message: Message = match stored {
        Stored::New(message) => {
            tell(socket.to(chat_room(message.room)).emit("message", &message));
            message
        }
        Stored::Again(message) => message,
    };
    wire::Said { message }
}
