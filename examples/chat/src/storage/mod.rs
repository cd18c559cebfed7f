//! The chat's memory: one SQLite file, reached from async code without blocking it.
//!
//! One thread owns the writing connection and a few own reading ones; a query is a closure sent to such a
//! thread over a bounded queue, so that a slow disk slows the callers down rather than filling memory, and no
//! async worker ever waits for a disk. Writes run in the order they were sent. A write that has answered is on
//! disk (write-ahead log with `synchronous = FULL`); those that wait together share one transaction, and with it
//! one wait for the disk, see [`writer`].

mod messages;
mod migrations;
mod pictures;
mod rooms;
mod sessions;
mod users;
mod writer;

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

/// A query on a reading connection.
type Job = Box<dyn FnOnce(&Connection) + Send>;

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
    #[error("the database could not keep what was written: {0}")]
    Commit(String),
    #[error("the database thread has stopped")]
    Stopped,
}

pub(crate) type Result<T, E = StorageError> = std::result::Result<T, E>;

/// Creates the folder for nobody else's eyes: what is in it would let others in under any name.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A handle to the database; clones share it.
#[derive(Clone)]
pub(crate) struct Storage {
    writer: mpsc::Sender<writer::Write>,
    readers: Arc<[mpsc::Sender<Job>]>,
    next_reader: Arc<AtomicUsize>,
    /// Locked as long as it is open: who is connected is known to one program alone.
    _lock: Arc<File>,
}

impl Storage {
    /// Opens (and creates or migrates) `chat.sqlite` in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        create_private(folder)
            .map_err(|source| StorageError::Folder { path: folder.display().to_string(), source })?;
        let lock = lock(folder)?;
        let file = folder.join("chat.sqlite");
        let mut connection = Connection::open(&file)?;
        configure(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrations::apply(&mut connection)?;
        let writer = spawn("chat-db-write", move |jobs| writer::run(connection, jobs))?;
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&file, flags)?;
            configure(&connection)?;
            readers.push(spawn("chat-db-read", move |jobs| read_all(connection, jobs))?);
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
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // The asker may have gone away; then nobody wants to know.
            let _ = reply.send(query(connection));
        });
        reader.send(job).await.map_err(|_| StorageError::Stopped)?;
        answer.await.map_err(|_| StorageError::Stopped)?
    }

    /// Runs `query` on the writing connection; it happens whole or, with an error, not at all.
    async fn write<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (job, answer) = writer::job(query);
        self.writer.send(job).await.map_err(|_| StorageError::Stopped)?;
        answer.await.map_err(|_| StorageError::Stopped)?
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

/// A thread that works off jobs until the last handle is dropped.
fn spawn<J: Send + 'static>(
    name: &str,
    work: impl FnOnce(mpsc::Receiver<J>) + Send + 'static,
) -> Result<mpsc::Sender<J>> {
    let (sender, jobs) = mpsc::channel(QUEUE);
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || work(jobs))
        .map_err(|source| StorageError::Folder { path: name.to_owned(), source })?;
    Ok(sender)
}

fn read_all(connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.blocking_recv() {
        job(&connection);
    }
}

#[cfg(test)]
pub(crate) mod tests;
