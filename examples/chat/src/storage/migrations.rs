//! The schema, as the list of steps that led to it. A step is never edited once released: a new one is added.

use rusqlite::Connection;

use super::{Result, StorageError};

const STEPS: &[&str] = &[
    // 1: the first release.
    "
    CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;

    CREATE TABLE users (
        id            INTEGER PRIMARY KEY AUTOINCREMENT,
        name          TEXT NOT NULL,
        name_key      TEXT NOT NULL UNIQUE,
        password_hash TEXT NOT NULL,
        avatar        TEXT REFERENCES pictures(id) ON DELETE SET NULL,
        created_at    INTEGER NOT NULL
    ) STRICT;

    -- Only the hash of a session's cookie is kept: who reads this file cannot log in with it.
    CREATE TABLE sessions (
        token_hash BLOB PRIMARY KEY,
        public_id  TEXT NOT NULL UNIQUE,
        user_id    INTEGER REFERENCES users(id) ON DELETE CASCADE,
        guest_name TEXT,
        guest_key  TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        CHECK ((user_id IS NULL) <> (guest_name IS NULL))
    ) STRICT;
    CREATE INDEX sessions_by_user ON sessions(user_id);
    CREATE INDEX sessions_by_guest ON sessions(guest_key);
    CREATE INDEX sessions_by_end ON sessions(expires_at);

    CREATE TABLE rooms (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        name       TEXT NOT NULL,
        name_key   TEXT NOT NULL UNIQUE,
        topic      TEXT NOT NULL,
        lobby      INTEGER NOT NULL DEFAULT 0,
        created_by INTEGER REFERENCES users(id) ON DELETE SET NULL,
        created_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE memberships (
        user_id    INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
        room_id    INTEGER NOT NULL REFERENCES rooms(id) ON DELETE CASCADE,
        entered_at INTEGER NOT NULL,
        read_up_to INTEGER NOT NULL,
        PRIMARY KEY (user_id, room_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX memberships_by_room ON memberships(room_id);

    CREATE TABLE pictures (
        id         TEXT PRIMARY KEY,
        owner      TEXT NOT NULL,
        format     TEXT NOT NULL,
        width      INTEGER NOT NULL,
        height     INTEGER NOT NULL,
        bytes      BLOB NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX pictures_by_owner ON pictures(owner, created_at);

    -- (author, client_id) is what makes sending again harmless: the second time finds the first.
    CREATE TABLE messages (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id     INTEGER NOT NULL REFERENCES rooms(id) ON DELETE CASCADE,
        author      TEXT NOT NULL,
        author_name TEXT NOT NULL,
        author_user INTEGER REFERENCES users(id) ON DELETE SET NULL,
        client_id   TEXT NOT NULL,
        body        TEXT NOT NULL,
        picture     TEXT REFERENCES pictures(id),
        sent_at     INTEGER NOT NULL,
        UNIQUE (author, client_id)
    ) STRICT;
    CREATE INDEX messages_by_room ON messages(room_id, id);

    INSERT INTO rooms (name, name_key, topic, lobby, created_at)
    VALUES ('Lobby', 'lobby', '', 1, unixepoch() * 1000);
    ",
];

/// Brings the schema up to date, each step in a transaction with its number.
pub(super) fn apply(connection: &mut Connection) -> Result<()> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known || found < 0 {
        return Err(StorageError::TooNew { found, known });
    }
    for (step, version) in STEPS.iter().zip(1_i64..) {
        if version <= found {
            continue;
        }
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
        tracing::info!(version, "database migrated");
    }
    Ok(())
}
