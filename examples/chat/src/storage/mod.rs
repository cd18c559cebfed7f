//! The chat's memory: one SQLite file, reached from async code without blocking it.
//!
//! One thread owns the writing connection and a few own reading ones; a query is a closure sent to such a
//! thread over a bounded queue, so that a slow disk slows the callers down rather than filling memory, and no
//! async worker ever waits for a disk. Writes run in the order they were sent. A write that has answered is on
//! disk: write-ahead log with `synchronous = FULL`.

mod messages;
mod migrations;
mod pictures;
mod rooms;
mod sessions;
mod users;

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

pub(crate) use messages::{Message, NewMessage, Page, Stored};
pub(crate) use pictures::NewPicture;
pub(crate) use rooms::{CreateRoom, Room, RoomSummary};
pub(crate) use sessions::{NewSession, SessionRow};
pub(crate) use users::CreateUser;

/// Reading connections. Two suffice for a chat: reads are short, and the page cache is the kernel's.
const READERS: usize = 2;
/// Queries that may wait for one thread before their callers wait too.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// What can go wrong with the storage; users only ever see "try again later".
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("cannot use the data folder {path}: {source}")]
    Folder { path: String, source: std::io::Error },
    #[error("the database was written by a newer version of the chat (schema {found}, known {known})")]
    TooNew { found: i64, known: i64 },
    #[error("another chat is running with the data folder {0}")]
    InUse(String),
    #[error("the database thread has stopped")]
    Stopped,
}

pub(crate) type Result<T, E = StorageError> = std::result::Result<T, E>;

/// A handle to the database; clones share it.
#[derive(Clone)]
pub(crate) struct Storage {
    writer: mpsc::Sender<Job>,
    readers: Arc<[mpsc::Sender<Job>]>,
    next_reader: Arc<AtomicUsize>,
    /// Locked as long as it is open: who is connected is known to one program alone.
    _lock: Arc<File>,
}

impl Storage {
    /// Opens (and creates or migrates) `chat.sqlite` in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|source| StorageError::Folder { path: folder.display().to_string(), source })?;
        let lock = lock(folder)?;
        let file = folder.join("chat.sqlite");
        let mut connection = Connection::open(&file)?;
        configure(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrations::apply(&mut connection)?;
        let writer = spawn("chat-db-write", connection)?;
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&file, flags)?;
            configure(&connection)?;
            readers.push(spawn("chat-db-read", connection)?);
        }
        Ok(Self { writer, readers: readers.into(), next_reader: Arc::default(), _lock: Arc::new(lock) })
    }

    /// Runs `query` on a reading connection.
    async fn read<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let index = self.next_reader.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        let reader = self.readers.get(index).ok_or(StorageError::Stopped)?;
        ask(reader, |connection| query(connection)).await
    }

    /// Runs `query` in a transaction of its own on the writing connection; an error rolls back.
    async fn write<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Transaction<'_>) -> Result<T> + Send + 'static,
    {
        ask(&self.writer, |connection| {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let value = query(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
        .await
    }

    /// The secret named `name`: 32 random bytes, made at first use and kept for good.
    pub(crate) async fn secret(&self, name: &'static str) -> Result<[u8; 32]> {
        let fresh = crate::random::bytes::<32>();
        self.write(move |db| {
            db.execute("INSERT OR IGNORE INTO secrets (name, value) VALUES (?1, ?2)", (name, fresh))?;
            Ok(db.query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| row.get(0))?)
        })
        .await
    }
}

/// Milliseconds since 1970, as stored in every `_at` column.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Claims the data folder; the system gives it up when the program ends, however it ends.
fn lock(folder: &Path) -> Result<File> {
    let in_folder = |source| StorageError::Folder { path: folder.display().to_string(), source };
    let file = File::create(folder.join("chat.lock")).map_err(in_folder)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse(folder.display().to_string())),
        Err(TryLockError::Error(error)) => Err(in_folder(error)),
    }
}

fn configure(connection: &Connection) -> Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// A thread that runs jobs on `connection` until the last handle is dropped.
fn spawn(name: &str, mut connection: Connection) -> Result<mpsc::Sender<Job>> {
    let (sender, mut jobs) = mpsc::channel::<Job>(QUEUE);
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            while let Some(job) = jobs.blocking_recv() {
                job(&mut connection);
            }
        })
        .map_err(|source| StorageError::Folder { path: name.to_owned(), source })?;
    Ok(sender)
}

async fn ask<T, F>(thread: &mpsc::Sender<Job>, query: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&mut Connection) -> Result<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let job: Job = Box::new(move |connection| {
        // The asker may have gone away (a closed connection); the work is done all the same.
        let _ = reply.send(query(connection));
    });
    thread.send(job).await.map_err(|_| StorageError::Stopped)?;
    answer.await.map_err(|_| StorageError::Stopped)?
}

#[cfg(test)]
pub(crate) mod tests;
