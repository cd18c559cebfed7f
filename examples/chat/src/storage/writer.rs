//! The writing thread. What waits when it comes to its queue goes into one transaction: each write in a savepoint of
//! its own, so that one that fails undoes itself alone; all are answered when the transaction is on disk.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{Result, StorageError};

/// The most writes in one transaction: the first of them waits for the last.
const TOGETHER: usize = 64;

/// A write: does its work in the transaction, and gives back how to answer when that is over.
pub(super) type Write = Box<dyn FnOnce(&mut Transaction<'_>) -> Answer + Send>;
/// Answers, with what went wrong in the end, if anything did.
type Answer = Box<dyn FnOnce(Option<&str>)>;

/// Makes a write of a query, and the place where its answer will be.
pub(super) fn job<T: Send + 'static>(
    query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> (Write, oneshot::Receiver<Result<T>>) {
    let (reply, answer) = oneshot::channel();
    let write: Write = Box::new(move |transaction| {
        let result = attempt(transaction, query);
        Box::new(move |failed| {
            let result = match failed {
                None => result,
                Some(why) => Err(StorageError::Commit(why.to_owned())),
            };
            // The asker may have gone away (a closed connection); what was written stays written.
            let _ = reply.send(result);
        })
    });
    (write, answer)
}

fn attempt<T>(transaction: &mut Transaction<'_>, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    // Dropped without a commit, as by an error, it rolls back.
    let savepoint = transaction.savepoint()?;
    let value = query(&savepoint)?;
    savepoint.commit()?;
    Ok(value)
}

/// Writes until the last handle is dropped.
pub(super) fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Write>) {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while jobs.blocking_recv_many(&mut waiting, TOGETHER) > 0 {
        write(&mut connection, &mut waiting);
    }
}

fn write(connection: &mut Connection, waiting: &mut Vec<Write>) {
    let mut transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            // Their askers are told that it did not work by the places for the answers being dropped.
            tracing::error!(%error, writes = waiting.len(), "no transaction could be started");
            waiting.clear();
            return;
        }
    };
    let answers: Vec<Answer> = waiting.drain(..).map(|write| write(&mut transaction)).collect();
    let failed = transaction.commit().err().map(|error| error.to_string());
    for answer in answers {
        answer(failed.as_deref());
    }
}
