//! An emit that failed.

/// Why an emit was not sent.
#[derive(Debug, thiserror::Error)]
#[error("the value can't be encoded: {0}")]
pub struct EmitError(pub(crate) String);

impl EmitError {
    pub(crate) fn is_encoding(&self) -> bool {
        true
    }
}
