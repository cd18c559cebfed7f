//! The parts of the program that everything shares, and the routes put together.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::config::Config;
use crate::csrf::Csrf;
use crate::guard::guard;
use crate::pages;
use crate::passwords::{PasswordError, Passwords};
use crate::realtime::{self, Realtime};
use crate::storage::{Storage, StorageError};
use crate::throttle::{Limiter, LoginThrottle};

/// Why the chat did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Passwords(#[from] PasswordError),
    #[error(transparent)]
    Sockets(#[from] enchufe::BuildError),
}

/// What all requests and sockets share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) storage: Storage,
    pub(crate) passwords: Passwords,
    pub(crate) csrf: Csrf,
    pub(crate) logins: LoginThrottle,
    pub(crate) registrations: Limiter<IpAddr>,
    pub(crate) guests: Limiter<IpAddr>,
    pub(crate) avatars: Limiter<i64>,
    pub(crate) realtime: Realtime,
}

impl App {
    pub(crate) async fn new(
        config: Config,
        storage: Storage,
        passwords: Passwords,
    ) -> Result<Arc<Self>, StartError> {
        let csrf = Csrf::new(storage.secret("csrf").await?);
        Ok(Arc::new(Self {
            config,
            storage,
            passwords,
            csrf,
            logins: LoginThrottle::default(),
            registrations: Limiter::new(10, Duration::from_secs(5 * 60)),
            guests: Limiter::new(10, Duration::from_secs(60)),
            avatars: Limiter::new(5, Duration::from_secs(30)),
            realtime: Realtime::default(),
        }))
    }

    /// The whole service: the sockets in front, the pages behind, and the guard before both.
    pub(crate) fn router(self: &Arc<Self>) -> Result<Router, StartError> {
        let sockets = realtime::serve(self)?;
        Ok(pages::router()
            .with_state(self.clone())
            .layer(sockets.layer())
            .layer(from_fn_with_state(self.clone(), guard)))
    }

    /// Forgets sessions that have run out, and lets their sockets go.
    pub(crate) async fn sweep(&self) -> Result<(), StorageError> {
        for session in self.storage.sweep_sessions().await? {
            self.realtime.session_ended(&session);
        }
        Ok(())
    }
}
