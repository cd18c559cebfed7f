//! Pictures, kept in the database so that one file is the whole chat.

use rusqlite::OptionalExtension;

use super::{Result, Storage, now_ms};

/// How many bytes of pictures one person may store within a day.
pub(crate) const DAILY_BYTES: i64 = 40 * 1024 * 1024;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A picture whose bytes have been checked.
#[derive(Debug, Clone)]
pub(crate) struct NewPicture {
    /// Who sent it: `u7` or `g…`.
    pub(crate) owner: String,
    /// The media type that its content shows, for example `image/png`.
    pub(crate) format: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A picture as it is served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) format: String,
    pub(crate) bytes: Vec<u8>,
}

/// The owner has stored [`DAILY_BYTES`] today.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PictureRefused;

impl Storage {
    /// Stores a picture under a new id that can't be guessed.
    pub(crate) async fn add_picture(&self, new: NewPicture) -> Result<Result<String, PictureRefused>> {
        let id = crate::random::token::<16>();
        self.write(move |db| {
            let now = now_ms();
            let today: i64 = db.query_row(
                "SELECT coalesce(sum(length(bytes)), 0) FROM pictures WHERE owner = ?1 AND created_at > ?2",
                (&new.owner, now - DAY_MS),
                |row| row.get(0),
            )?;
            if today.saturating_add(i64::try_from(new.bytes.len()).unwrap_or(i64::MAX)) > DAILY_BYTES {
                return Ok(Err(PictureRefused));
            }
            db.execute(
                "INSERT INTO pictures (id, owner, format, width, height, bytes, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (&id, &new.owner, new.format, new.width, new.height, &new.bytes, now),
            )?;
            Ok(Ok(id))
        })
        .await
    }

    /// The picture with this id.
    pub(crate) async fn picture(&self, id: String) -> Result<Option<Picture>> {
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT format, bytes FROM pictures WHERE id = ?1")?;
            let row = query.query_row([id], |row| Ok(Picture { format: row.get(0)?, bytes: row.get(1)? }));
            Ok(row.optional()?)
        })
        .await
    }

    /// Deletes a picture that no message came to show.
    pub(crate) async fn drop_picture(&self, id: String) -> Result<()> {
        self.write(move |db| {
            db.execute("DELETE FROM pictures WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }
}
