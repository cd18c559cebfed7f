//! The OPEN packet's JSON: what the server announces of a new session.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The handshake, in the order in which the official server writes its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// The session's id: a secret, because it lets anyone speak for the session.
    pub sid: String,
    /// The transports that the client may upgrade to.
    pub upgrades: Vec<String>,
    /// Milliseconds between heartbeats.
    pub ping_interval: u64,
    /// Milliseconds that an answer to a heartbeat may take.
    pub ping_timeout: u64,
    /// The largest payload, in bytes, that the server takes at once. Absent with some old servers.
    #[serde(default = "default_max_payload")]
    pub max_payload: u64,
}

/// What the official server takes by default.
const fn default_max_payload() -> u64 {
    1_000_000
}

/// The handshake could not be read.
#[derive(Debug, Error)]
#[error("invalid handshake: {0}")]
pub struct OpenError(#[from] serde_json::Error);

impl Open {
    /// Reads the data of an OPEN packet.
    ///
    /// # Errors
    /// [`OpenError`] when it is not the JSON of a handshake.
    pub fn parse(data: &str) -> Result<Self, OpenError> {
        Ok(serde_json::from_str(data)?)
    }

    /// The data of the OPEN packet.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A struct of strings and integers always serialises.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The OPEN packet.
    #[must_use]
    pub fn packet(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(160);
        packet.push(b'0');
        // As above, and a vector takes all that is written.
        let _ = serde_json::to_writer(&mut packet, self);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_stand_in_the_official_order() {
        let open = Open {
            sid: "abc".into(),
            upgrades: vec!["websocket".into()],
            ping_interval: 25_000,
            ping_timeout: 20_000,
            max_payload: 1_000_000,
        };
        let text = r#"{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        assert_eq!(open.to_json(), text);
        assert_eq!(open.packet(), format!("0{text}").as_bytes());
        assert_eq!(Open::parse(text).unwrap(), open);
    }

    #[test]
    fn old_servers_may_leave_the_limit_out() {
        let text = r#"{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":2}"#;
        assert_eq!(Open::parse(text).unwrap().max_payload, 1_000_000);
        assert!(Open::parse("{}").is_err());
    }
}
