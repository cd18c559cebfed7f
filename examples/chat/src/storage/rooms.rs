//! Rooms and who has entered them.

use rusqlite::OptionalExtension;
use serde::Serialize;

use super::{Result, Storage, now_ms};

/// The most rooms there can be; a listing is sent whole to every client.
pub(crate) const MAX_ROOMS: i64 = 500;

/// Unread messages are counted up to here; pages show "99+" anyway.
const MAX_UNREAD: i64 = 200;

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Room {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) topic: String,
    /// The room everybody starts in, and the one where guests may talk.
    pub(crate) lobby: bool,
}

/// A room in somebody's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RoomSummary {
    #[serde(flatten)]
    pub(crate) room: Room,
    pub(crate) entered: bool,
    pub(crate) unread: i64,
    #[serde(rename = "readUpTo")]
    pub(crate) read_up_to: i64,
}

/// A user who has entered a room, connected or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) user_id: i64,
    pub(crate) name: String,
    pub(crate) avatar: Option<String>,
}

/// What became of a new room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CreateRoom {
    Created(Room),
    NameTaken,
    TooMany,
}

impl Storage {
    /// Creates a room, which its creator enters.
    pub(crate) async fn create_room(
        &self,
        name: String,
        key: String,
        topic: String,
        creator: i64,
    ) -> Result<CreateRoom> {
        self.write(move |db| {
            let count: i64 = db.query_row("SELECT count(*) FROM rooms", [], |row| row.get(0))?;
            if count >= MAX_ROOMS {
                return Ok(CreateRoom::TooMany);
            }
            let now = now_ms();
            let added = db.execute(
                "INSERT INTO rooms (name, name_key, topic, created_by, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name_key) DO NOTHING",
                (&name, &key, &topic, creator, now),
            )?;
            if added == 0 {
                return Ok(CreateRoom::NameTaken);
            }
            let id = db.last_insert_rowid();
            db.execute(
                "INSERT INTO memberships (user_id, room_id, entered_at, read_up_to) VALUES (?1, ?2, ?3, 0)",
                (creator, id, now),
            )?;
            Ok(CreateRoom::Created(Room { id, name, topic, lobby: false }))
        })
        .await
    }

    /// The room with this number.
    pub(crate) async fn room(&self, id: i64) -> Result<Option<Room>> {
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT id, name, topic, lobby FROM rooms WHERE id = ?1")?;
            let row = query.query_row([id], |row| {
                Ok(Room { id: row.get(0)?, name: row.get(1)?, topic: row.get(2)?, lobby: row.get(3)? })
            });
            Ok(row.optional()?)
        })
        .await
    }

    /// All rooms, as a user (or, with `None`, a guest) sees them; the lobby first, then by name.
    pub(crate) async fn rooms_for(&self, user: Option<i64>) -> Result<Vec<RoomSummary>> {
        self.summaries(user, None).await
    }

    /// One room, as a user or guest sees it.
    pub(crate) async fn room_for(&self, user: Option<i64>, room: i64) -> Result<Option<RoomSummary>> {
        Ok(self.summaries(user, Some(room)).await?.pop())
    }

    async fn summaries(&self, user: Option<i64>, only: Option<i64>) -> Result<Vec<RoomSummary>> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT r.id, r.name, r.topic, r.lobby, m.user_id IS NOT NULL, coalesce(m.read_up_to, 0),
                        CASE WHEN m.user_id IS NULL THEN 0 ELSE
                            (SELECT count(*) FROM (
                                SELECT 1 FROM messages x
                                WHERE x.room_id = r.id AND x.id > m.read_up_to AND x.author <> 'u' || ?1
                                LIMIT ?3))
                        END
                 FROM rooms r LEFT JOIN memberships m ON m.room_id = r.id AND m.user_id = ?1
                 WHERE ?2 IS NULL OR r.id = ?2
                 ORDER BY r.lobby DESC, r.name_key",
            )?;
            let rows = query.query_map((user, only, MAX_UNREAD), |row| {
                Ok(RoomSummary {
                    room: Room { id: row.get(0)?, name: row.get(1)?, topic: row.get(2)?, lobby: row.get(3)? },
                    entered: row.get(4)?,
                    read_up_to: row.get(5)?,
                    unread: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Enters a room. True where the user was not in it before.
    pub(crate) async fn enter_room(&self, user: i64, room: i64) -> Result<bool> {
        self.write(move |db| {
            let added = db.execute(
                "INSERT INTO memberships (user_id, room_id, entered_at, read_up_to)
                 VALUES (?1, ?2, ?3, coalesce((SELECT max(id) FROM messages WHERE room_id = ?2), 0))
                 ON CONFLICT DO NOTHING",
                (user, room, now_ms()),
            )?;
            Ok(added > 0)
        })
        .await
    }

    /// Leaves a room. True where the user was in it.
    pub(crate) async fn leave_room(&self, user: i64, room: i64) -> Result<bool> {
        self.write(move |db| {
            let gone =
                db.execute("DELETE FROM memberships WHERE user_id = ?1 AND room_id = ?2", (user, room))?;
            Ok(gone > 0)
        })
        .await
    }

    /// The users who have entered a room, by name; at most `limit`.
    pub(crate) async fn members(&self, room: i64, limit: i64) -> Result<Vec<Member>> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT u.id, u.name, u.avatar FROM memberships m JOIN users u ON u.id = m.user_id
                 WHERE m.room_id = ?1 ORDER BY u.name_key LIMIT ?2",
            )?;
            let rows = query.query_map((room, limit), |row| {
                Ok(Member { user_id: row.get(0)?, name: row.get(1)?, avatar: row.get(2)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Marks a room as read up to a message; it never goes back. Returns how far it is read now.
    pub(crate) async fn mark_read(&self, user: i64, room: i64, up_to: i64) -> Result<Option<i64>> {
        self.write(move |db| {
            let row = db.query_row(
                "UPDATE memberships SET read_up_to = max(read_up_to, min(?3,
                     coalesce((SELECT max(id) FROM messages WHERE room_id = ?2), 0)))
                 WHERE user_id = ?1 AND room_id = ?2 RETURNING read_up_to",
                (user, room, up_to),
                |row| row.get(0),
            );
            Ok(row.optional()?)
        })
        .await
    }
}
