//! Stand-in for the socket until the connection side lands.

use crate::error::EmitError;
use crate::namespace::OwnRoutes;
use crate::state::States;
use enchufe_proto::socket::encode::{write_answer, write_args};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::sync::Arc;

/// A client in a namespace. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Socket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handshake: Handshake,
    acks: Mutex<Vec<(u64, String)>>,
    own_routes: OwnRoutes,
    states: Arc<States>,
}

impl Socket {
    pub(crate) fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    pub(crate) fn own_routes(&self) -> &OwnRoutes {
        &self.0.own_routes
    }

    pub(crate) fn states(&self) -> &States {
        &self.0.states
    }

    pub(crate) fn send_ack<T: Serialize + ?Sized>(
        &self,
        id: u64,
        value: &T,
        returned: bool,
    ) -> Result<(), EmitError> {
        let (mut text, mut attachments) = (b"[".to_vec(), Vec::new());
        if returned {
            write_answer(value, &mut text, &mut attachments)
        } else {
            write_args(value, &mut text, &mut attachments)
        }
        .map_err(|error| EmitError(error.to_string()))?;
        text.push(b']');
        self.0.acks.lock().push((id, String::from_utf8(text).expect("JSON")));
        Ok(())
    }
}

#[cfg(test)]
impl Socket {
    /// A socket without a connection, whose client sent this auth.
    pub(crate) fn unconnected(auth: &str) -> Self {
        Self(Arc::new(Inner {
            handshake: Handshake(auth.into()),
            acks: Mutex::default(),
            own_routes: OwnRoutes::default(),
            states: Arc::default(),
        }))
    }

    /// What was answered, as the id of the ack and its arguments as a JSON array.
    pub(crate) fn sent_acks(&self) -> Vec<(u64, String)> {
        self.0.acks.lock().clone()
    }
}

/// The request that opened a connection.
#[derive(Clone, Debug)]
pub struct Handshake(Arc<str>);

impl Handshake {
    pub(crate) fn auth<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

/// Why a socket left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The client left the namespace.
    ClientNamespaceDisconnect,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("client namespace disconnect")
    }
}

/// An emit that was queued.
#[derive(Debug)]
pub struct Emitted(());

impl Emitted {
    pub(crate) fn locally() -> Self {
        Self(())
    }
}
