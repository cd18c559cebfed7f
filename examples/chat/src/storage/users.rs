//! Accounts.

use rusqlite::{OptionalExtension, Row};

use super::{Result, Storage, now_ms};

/// An account as the rest of the program sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) password_hash: String,
    /// The id of the user's own picture; without one the initials are drawn.
    pub(crate) avatar: Option<String>,
}

/// What became of a registration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CreateUser {
    Created(i64),
    NameTaken,
}

impl Storage {
    /// Creates an account and lets it enter the lobby. `own` is the hash of the cookie of whoever registers: a
    /// guest may keep the nickname.
    pub(crate) async fn create_user(
        &self,
        name: String,
        key: String,
        hash: String,
        own: Option<[u8; 32]>,
    ) -> Result<CreateUser> {
        self.write(move |db| {
            let now = now_ms();
            let guest_has_it = db
                .prepare_cached("SELECT 1 FROM sessions WHERE guest_key = ?1 AND expires_at > ?2 AND token_hash IS NOT ?3")?
                .exists((&key, now, own))?;
            if guest_has_it {
                return Ok(CreateUser::NameTaken);
            }
            let added = db.execute(
                "INSERT INTO users (name, name_key, password_hash, created_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (name_key) DO NOTHING",
                (&name, &key, &hash, now),
            )?;
            if added == 0 {
                return Ok(CreateUser::NameTaken);
            }
            let id = db.last_insert_rowid();
            db.execute(
                "INSERT INTO memberships (user_id, room_id, entered_at, read_up_to)
                 SELECT ?1, id, ?2, coalesce((SELECT max(id) FROM messages WHERE room_id = rooms.id), 0)
                 FROM rooms WHERE lobby = 1",
                (id, now),
            )?;
            Ok(CreateUser::Created(id))
        })
        .await
    }

    /// The account with this lower-case name.
    pub(crate) async fn user_by_key(&self, key: String) -> Result<Option<User>> {
        self.read(move |db| {
            let mut query =
                db.prepare_cached("SELECT id, name, password_hash, avatar FROM users WHERE name_key = ?1")?;
            Ok(query.query_row([key], user).optional()?)
        })
        .await
    }

    /// Sets or takes away the user's own picture; the one it replaces is deleted.
    pub(crate) async fn set_avatar(&self, user: i64, picture: Option<String>) -> Result<()> {
        self.write(move |db| {
            let old: Option<String> =
                db.query_row("SELECT avatar FROM users WHERE id = ?1", [user], |row| row.get(0))?;
            db.execute("UPDATE users SET avatar = ?2 WHERE id = ?1", (user, &picture))?;
            if let Some(old) = old.filter(|old| picture.as_ref() != Some(old)) {
                db.execute("DELETE FROM pictures WHERE id = ?1", [old])?;
            }
            Ok(())
        })
        .await
    }
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, name: row.get(1)?, password_hash: row.get(2)?, avatar: row.get(3)? })
}
