//! What can go wrong while measuring, grouped by whose fault it is: the system, the server
//! under test, or the set-up of the benchmark.

use std::io;

/// Result of a benchmark step.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a benchmark stopped without a figure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system answered.
        source: io::Error,
    },
    /// The server lost, doubled, reordered or changed a message, or broke the protocol.
    #[error("the server is wrong: {0}")]
    Wrong(String),
    /// The server did not answer in time.
    #[error("no answer in time: {0}")]
    Late(String),
    /// Something that the benchmark needs is missing or does not build.
    #[error("{0}")]
    Setup(String),
    /// A hot path costs more instructions, or an idle connection more bytes, than its baseline allows.
    #[error("{0}")]
    Regression(String),
}

impl Error {
    /// Turns an I/O error into one that tells what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// A message that is not the expected one, shortened so that a broken 64 KiB one stays readable.
    pub(crate) fn unexpected(what: &str, got: &[u8]) -> Self {
        let shown = String::from_utf8_lossy(got.get(..120).unwrap_or(got));
        Self::Wrong(format!("{what}; got {} bytes: {shown}", got.len()))
    }
}
