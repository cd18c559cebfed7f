//! Making, entering, leaving and reading rooms.

use std::sync::Arc;

use enchufe::{Data, Socket, State};

use super::connecting::summary;
use super::wire::{self, Refused};
use super::{Answer, chat_room, person_of, person_room, tell};
use crate::app::App;
use crate::names;
use crate::storage::{CreateRoom, Page, now_ms};
use crate::visit::{Person, avatar_url};

/// Messages in one page of history.
const PAGE: u16 = 40;
/// People listed in a room.
const MAX_LISTED: u16 = 500;

/// `create`: a room of one's own, which one enters.
pub(super) async fn create(
    socket: Socket,
    Data(room): Data<wire::Create>,
    State(app): State<Arc<App>>,
) -> Answer<wire::InRoom> {
    try_create(&socket, room, &app).await.into()
}

async fn try_create(socket: &Socket, room: wire::Create, app: &App) -> Result<wire::InRoom, Refused> {
    let person = asking(socket, app)?;
    let Some(user) = person.user_id else { return Err(Refused::because("guests_may_not")) };
    let name = names::room_name(&room.name)?;
    let topic = names::topic(&room.topic)?;
    app.realtime.limits.room(&person.key)?;
    let room = match app.storage.create_room(name.shown, name.key, topic, user).await? {
        CreateRoom::Created(room) => room,
        CreateRoom::NameTaken => return Err(Refused::because("room_taken")),
        CreateRoom::TooMany => return Err(Refused::because("too_many_rooms")),
    };
    tell(socket.broadcast().emit("room", wire::NewRoom { room: &room }));
    admit(socket, app, &person, room.id).await
}

/// `enter`: into a room, or into it again; answers with who is there and what was said last.
pub(super) async fn enter(
    socket: Socket,
    Data(which): Data<wire::Which>,
    State(app): State<Arc<App>>,
) -> Answer<wire::Inside> {
    try_enter(&socket, which.room, &app).await.into()
}

async fn try_enter(socket: &Socket, id: i64, app: &App) -> Result<wire::Inside, Refused> {
    let person = asking(socket, app)?;
    if app.storage.room(id).await?.is_none() {
        return Err(Refused::because("no_such_room"));
    }
    if let Some(user) = person.user_id {
        app.storage.enter_room(user, id).await?;
    }
    let wire::InRoom { room } = admit(socket, app, &person, id).await?;
    let page = app.storage.history_before(id, None, PAGE).await?;
    let people = people(app, id).await?;
    Ok(wire::Inside { room, people, page })
}

/// All tabs of somebody come to be in a room, and the others there see it.
async fn admit(socket: &Socket, app: &App, person: &Person, id: i64) -> Result<wire::InRoom, Refused> {
    let fresh = app.realtime.here.enter(&person.key, id);
    if let Some(all) = app.realtime.everybody() {
        all.to(person_room(&person.key)).sockets_join(chat_room(id));
    }
    socket.join(chat_room(id));
    let room = summary(app, person, id).await?.ok_or(Refused::because("no_such_room"))?;
    let inside = wire::InRoom { room };
    if fresh {
        let entered = wire::Entered { room: id, person, fresh, at: now_ms() };
        tell(socket.to(chat_room(id)).emit("entered", entered));
        tell(socket.to(person_room(&person.key)).emit("joined", &inside));
    }
    Ok(inside)
}

/// Who has entered a room: users, whether connected or not, and the guests who are there.
async fn people(app: &App, room: i64) -> Result<Vec<wire::Present>, Refused> {
    let members = app.storage.members(room, MAX_LISTED.into()).await?;
    let members: Vec<Person> = members
        .into_iter()
        .map(|member| {
            let key = format!("u{}", member.user_id);
            let avatar = avatar_url(&key, &member.name, member.avatar.as_deref());
            let user_id = Some(member.user_id);
            Person { key, name: member.name, guest: false, avatar, user_id, session: String::new() }
        })
        .collect();
    let here = &app.realtime.here;
    let online = here.online(members.iter().map(|person| person.key.as_str()));
    let online: Vec<bool> = members.iter().map(|person| online.contains(person.key.as_str())).collect();
    let members = members.into_iter().zip(online).map(|(person, online)| wire::Present { person, online });
    let guests = here.guests_in(room, MAX_LISTED.into()).into_iter();
    Ok(members.chain(guests.map(|person| wire::Present { person, online: true })).collect())
}

/// `leave`: out of a room, with all tabs.
pub(super) async fn leave(
    socket: Socket,
    Data(which): Data<wire::Which>,
    State(app): State<Arc<App>>,
) -> Answer<wire::Nothing> {
    try_leave(&socket, which.room, &app).await.into()
}

async fn try_leave(socket: &Socket, id: i64, app: &App) -> Result<wire::Nothing, Refused> {
    let person = asking(socket, app)?;
    let room = app.storage.room(id).await?.ok_or(Refused::because("no_such_room"))?;
    if room.lobby {
        return Err(Refused::because("lobby_stays"));
    }
    if let Some(user) = person.user_id {
        app.storage.leave_room(user, id).await?;
    }
    if app.realtime.here.leave(&person.key, id) {
        let left = wire::Left { room: id, person: &person.key, name: &person.name, at: now_ms() };
        tell(socket.to([chat_room(id), person_room(&person.key)]).emit("left", left));
    }
    if let Some(all) = app.realtime.everybody() {
        all.to(person_room(&person.key)).sockets_leave(chat_room(id));
    }
    socket.leave(chat_room(id));
    Ok(wire::Nothing {})
}

/// `history`: a page of messages before or after one.
pub(super) async fn history(
    socket: Socket,
    Data(stretch): Data<wire::Stretch>,
    State(app): State<Arc<App>>,
) -> Answer<Page> {
    try_history(&socket, stretch, &app).await.into()
}

async fn try_history(socket: &Socket, stretch: wire::Stretch, app: &App) -> Result<Page, Refused> {
    let person = asking(socket, app)?;
    inside(app, &person, stretch.room)?;
    let page = match stretch.after {
        Some(after) => app.storage.history_after(stretch.room, after, PAGE).await?,
        None => app.storage.history_before(stretch.room, stretch.before, PAGE).await?,
    };
    Ok(page)
}

/// `read`: how far one has read; one's other tabs are told.
pub(super) async fn read(
    socket: Socket,
    Data(read): Data<wire::ReadUpTo>,
    State(app): State<Arc<App>>,
) -> Answer<wire::HasRead> {
    try_read(&socket, read, &app).await.into()
}

async fn try_read(socket: &Socket, read: wire::ReadUpTo, app: &App) -> Result<wire::HasRead, Refused> {
    let person = asking(socket, app)?;
    inside(app, &person, read.room)?;
    let up_to = match person.user_id {
        // What a guest has read is known to the guest's page alone.
        None => read.up_to,
        Some(user) => {
            let marked = app.storage.mark_read(user, read.room, read.up_to).await?;
            marked.ok_or(Refused::because("not_entered"))?
        }
    };
    let has_read = wire::HasRead { room: read.room, up_to };
    tell(socket.to(person_room(&person.key)).emit("read", &has_read));
    Ok(has_read)
}

/// Who asks, if not too often.
fn asking(socket: &Socket, app: &App) -> Result<Person, Refused> {
    let person = person_of(socket).ok_or(Refused::because("internal"))?;
    app.realtime.limits.question(&person.key)?;
    Ok(person)
}

/// Only those inside a room read and write there.
pub(super) fn inside(app: &App, person: &Person, room: i64) -> Result<(), Refused> {
    if app.realtime.here.is_in(&person.key, room) { Ok(()) } else { Err(Refused::because("not_entered")) }
}
