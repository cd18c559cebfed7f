//! Who is behind a cookie: users that logged in, and guests with a nickname.

use rusqlite::OptionalExtension;

use super::{Result, Storage, now_ms};

/// A session to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewSession {
    /// SHA-256 of the cookie's value.
    pub(crate) token_hash: [u8; 32],
    /// The session's name towards the outside; says nothing about the cookie.
    pub(crate) public_id: String,
    /// The lifetime in milliseconds.
    pub(crate) lifetime_ms: i64,
}

/// A session that is alive, with the account it belongs to, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) public_id: String,
    pub(crate) user_id: Option<i64>,
    /// The account's name, or the guest's nickname.
    pub(crate) name: String,
    pub(crate) avatar: Option<String>,
    pub(crate) expires_at: i64,
}

impl Storage {
    /// Starts a user's session and ends the one it replaces (`old` is the hash of the former cookie).
    pub(crate) async fn start_session(
        &self,
        session: NewSession,
        user: i64,
        old: Option<[u8; 32]>,
    ) -> Result<()> {
        self.write(move |db| {
            let now = now_ms();
            if let Some(old) = old {
                db.execute("DELETE FROM sessions WHERE token_hash = ?1", [old])?;
            }
            db.execute(
                "INSERT INTO sessions (token_hash, public_id, user_id, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                (session.token_hash, session.public_id, user, now, now + session.lifetime_ms),
            )?;
            Ok(())
        })
        .await
    }

    /// Starts a guest's session. False where a user or another guest has the nickname.
    pub(crate) async fn start_guest_session(
        &self,
        session: NewSession,
        name: String,
        key: String,
        old: Option<[u8; 32]>,
    ) -> Result<bool> {
        self.write(move |db| {
            let now = now_ms();
            if let Some(old) = old {
                db.execute("DELETE FROM sessions WHERE token_hash = ?1", [old])?;
            }
            let taken: bool = db.query_row(
                "SELECT EXISTS (SELECT 1 FROM users WHERE name_key = ?1)
                     OR EXISTS (SELECT 1 FROM sessions WHERE guest_key = ?1 AND expires_at > ?2)",
                (&key, now),
                |row| row.get(0),
            )?;
            if taken {
                return Ok(false);
            }
            db.execute(
                "INSERT INTO sessions (token_hash, public_id, guest_name, guest_key, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (session.token_hash, session.public_id, name, key, now, now + session.lifetime_ms),
            )?;
            Ok(true)
        })
        .await
    }

    /// The session behind a cookie, while it lasts.
    pub(crate) async fn session(&self, token_hash: [u8; 32]) -> Result<Option<SessionRow>> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT s.public_id, s.user_id, coalesce(u.name, s.guest_name), u.avatar, s.expires_at
                 FROM sessions s LEFT JOIN users u ON u.id = s.user_id
                 WHERE s.token_hash = ?1 AND s.expires_at > ?2",
            )?;
            let row = query.query_row((token_hash, now_ms()), |row| {
                Ok(SessionRow {
                    public_id: row.get(0)?,
                    user_id: row.get(1)?,
                    name: row.get(2)?,
                    avatar: row.get(3)?,
                    expires_at: row.get(4)?,
                })
            });
            Ok(row.optional()?)
        })
        .await
    }

    /// Lets a session last longer from now on.
    pub(crate) async fn prolong_session(&self, token_hash: [u8; 32], lifetime_ms: i64) -> Result<()> {
        self.write(move |db| {
            let end = now_ms() + lifetime_ms;
            db.execute("UPDATE sessions SET expires_at = ?2 WHERE token_hash = ?1", (token_hash, end))?;
            Ok(())
        })
        .await
    }

    /// Ends a session.
    pub(crate) async fn end_session(&self, token_hash: [u8; 32]) -> Result<()> {
        self.write(move |db| {
            db.execute("DELETE FROM sessions WHERE token_hash = ?1", [token_hash])?;
            Ok(())
        })
        .await
    }

    /// Forgets sessions that have run out; returns their public names.
    pub(crate) async fn sweep_sessions(&self) -> Result<Vec<String>> {
        self.write(|db| {
            let mut query = db.prepare("DELETE FROM sessions WHERE expires_at <= ?1 RETURNING public_id")?;
            let ended = query.query_map([now_ms()], |row| row.get(0))?;
            Ok(ended.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
