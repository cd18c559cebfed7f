//! Passwords: argon2id off the async threads, few at a time, and equally long whether an account exists or not.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// Hashes computed at once; each takes 19 MiB and some tens of milliseconds of one core.
const AT_ONCE: usize = 3;
/// How long a login may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    #[error("too many logins at once")]
    Busy,
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    #[error("the hashing task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Hashes and checks passwords; clones share the limit.
#[derive(Clone)]
pub(crate) struct Passwords {
    argon: Argon2<'static>,
    turns: Arc<Semaphore>,
    /// The hash of a password that nobody has, checked when there is no account.
    nobody: Arc<str>,
}

impl Passwords {
    /// With the parameters that OWASP recommends for argon2id: 19 MiB, two passes, one lane.
    pub(crate) fn new() -> Result<Self, PasswordError> {
        Self::with_cost(19 * 1024, 2)
    }

    /// With a memory cost in KiB and a number of passes; tests use small ones.
    pub(crate) fn with_cost(memory: u32, passes: u32) -> Result<Self, PasswordError> {
        let params =
            Params::new(memory, passes, 1, None).map_err(|error| PasswordError::Hash(error.into()))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = argon.hash_password(&crate::random::bytes::<16>()).map_err(PasswordError::Hash)?;
        Ok(Self { argon, turns: Arc::new(Semaphore::new(AT_ONCE)), nobody: nobody.to_string().into() })
    }

    /// The hash of a new password, salted, in PHC form.
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let argon = self.argon.clone();
        self.in_turn(move || {
            let hash = argon.hash_password(password.as_bytes()).map_err(PasswordError::Hash)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether `password` belongs to `hash`. Without a hash (no such account) the answer is no, after the
    /// same work.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, PasswordError> {
        let argon = self.argon.clone();
        let nobody = self.nobody.clone();
        self.in_turn(move || {
            let exists = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&nobody);
            let right = argon.verify_password(password.as_bytes(), hash).is_ok();
            Ok(right && exists)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned());
        let turn = turn.await.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Busy)?;
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        })
        .await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let passwords = Passwords::with_cost(64, 1).unwrap();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse".into()).await.unwrap(), "salted");
        assert!(passwords.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("correct horse".into(), None).await.unwrap());
        assert!(!passwords.verify("x".into(), Some("not a hash".into())).await.unwrap());
    }

    #[tokio::test]
    async fn an_account_that_does_not_exist_costs_the_same_work() {
        let passwords = Passwords::new().unwrap();
        assert!(passwords.nobody.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", passwords.nobody);
    }
}
