//! What was said, and the pages in which it is read back.

use rusqlite::{OptionalExtension, Row};
use serde::Serialize;

use super::{Result, Storage, now_ms};

/// A message as stored and as sent to clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) id: i64,
    pub(crate) room: i64,
    /// Who said it: `u7` is a user, `g…` a guest.
    pub(crate) author: String,
    /// Their name when they said it.
    pub(crate) name: String,
    /// Where their picture is.
    pub(crate) avatar: String,
    /// The id the author's page gave it.
    pub(crate) client_id: String,
    pub(crate) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) picture: Option<PictureRef>,
    /// Milliseconds since 1970, by the server's clock.
    pub(crate) at: i64,
}

/// What a page must know of a picture to leave room for it before it is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PictureRef {
    pub(crate) id: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// A message to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub(crate) room: i64,
    pub(crate) author: String,
    pub(crate) name: String,
    pub(crate) user_id: Option<i64>,
    pub(crate) client_id: String,
    pub(crate) text: String,
    /// A picture stored before, see [`Storage::add_picture`].
    pub(crate) picture: Option<String>,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is new.
    New(Message),
    /// The same author has sent this id before; this is what was stored then.
    Again(Message),
}

/// A stretch of a room's history, oldest first.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Page {
    pub(crate) messages: Vec<Message>,
    /// Whether there are more in the direction that was asked for.
    pub(crate) more: bool,
}

const COLUMNS: &str = "m.id, m.room_id, m.author, m.author_name, m.client_id, m.body, m.sent_at, \
                       p.id, p.width, p.height, u.avatar FROM messages m \
                       LEFT JOIN pictures p ON p.id = m.picture LEFT JOIN users u ON u.id = m.author_user";

impl Storage {
    /// Stores a message once, however often it is sent.
    pub(crate) async fn add_message(&self, new: NewMessage) -> Result<Stored> {
        self.write(move |db| {
            let added = db.execute(
                "INSERT INTO messages (room_id, author, author_name, author_user, client_id, body, picture, sent_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (author, client_id) DO NOTHING",
                (&new.room, &new.author, &new.name, new.user_id, &new.client_id, &new.text, &new.picture, now_ms()),
            )?;
            let sql = format!("SELECT {COLUMNS} WHERE m.author = ?1 AND m.client_id = ?2");
            let stored =
                db.prepare_cached(&sql)?.query_row((&new.author, &new.client_id), message)?;
            if added == 0 { Ok(Stored::Again(stored)) } else { Ok(Stored::New(stored)) }
        })
        .await
    }

    /// The message an author has sent under this id, if it arrived.
    pub(crate) async fn message_by_client_id(
        &self,
        author: String,
        client_id: String,
    ) -> Result<Option<Message>> {
        self.read(move |db| {
            let sql = format!("SELECT {COLUMNS} WHERE m.author = ?1 AND m.client_id = ?2");
            Ok(db.prepare_cached(&sql)?.query_row((author, client_id), message).optional()?)
        })
        .await
    }

    /// The messages of a room just before message `before` (or the newest ones).
    pub(crate) async fn history_before(&self, room: i64, before: Option<i64>, limit: u16) -> Result<Page> {
        self.read(move |db| {
            let sql =
                format!("SELECT {COLUMNS} WHERE m.room_id = ?1 AND m.id < ?2 ORDER BY m.id DESC LIMIT ?3");
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map((room, before.unwrap_or(i64::MAX), i64::from(limit) + 1), message)?;
            let mut messages = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let more = messages.len() > usize::from(limit);
            messages.truncate(limit.into());
            messages.reverse();
            Ok(Page { messages, more })
        })
        .await
    }

    /// The messages of a room just after message `after`: what a page missed while it was away.
    pub(crate) async fn history_after(&self, room: i64, after: i64, limit: u16) -> Result<Page> {
        self.read(move |db| {
            let sql = format!("SELECT {COLUMNS} WHERE m.room_id = ?1 AND m.id > ?2 ORDER BY m.id LIMIT ?3");
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map((room, after, i64::from(limit) + 1), message)?;
            let mut messages = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let more = messages.len() > usize::from(limit);
            messages.truncate(limit.into());
            Ok(Page { messages, more })
        })
        .await
    }
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let picture = match row.get::<_, Option<String>>(7)? {
        Some(id) => Some(PictureRef { id, width: row.get(8)?, height: row.get(9)? }),
        None => None,
    };
    let (author, name): (String, String) = (row.get(2)?, row.get(3)?);
    let avatar = crate::visit::avatar_url(&author, &name, row.get::<_, Option<String>>(10)?.as_deref());
    Ok(Message {
        id: row.get(0)?,
        room: row.get(1)?,
        author,
        name,
        avatar,
        client_id: row.get(4)?,
        text: row.get(5)?,
        at: row.get(6)?,
        picture,
    })
}
