//! A request that opens no connection, or does not fit the one it names: the official codes, messages and contexts.
//!
//! Promises: [`ConnectionError::code`] and [`ConnectionError::message`] are what the client is answered; the rest is
//! for the log.

use http::Method;
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use thiserror::Error;

/// Why a request was refused: the official `connection_error` of the engine, which
/// [`ServerBuilder::on_connection_error`](crate::ServerBuilder::on_connection_error) is told of.
///
/// It serialises as `{code, message, context}`, as the official event has them.
///
/// ```
/// use enchufe::ConnectionError;
///
/// let error = ConnectionError::UnknownSid { sid: "zzz".into() };
/// assert_eq!((error.code(), error.message()), (1, "Session ID unknown"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.message())]
#[non_exhaustive]
pub enum ConnectionError {
    /// Code 0: the `transport` of the query is missing, unknown or switched off.
    UnknownTransport {
        /// What was asked for.
        transport: Option<String>,
    },
    /// Code 1: there is no such session on this node (any more): it has ended, or a load balancer sent the
    /// request to another node than the ones before it.
    UnknownSid {
        /// The `sid` of the query.
        sid: String,
    },
    /// Code 2: a connection is opened with GET.
    BadHandshakeMethod {
        /// The method that was used.
        method: Method,
    },
    /// Code 3.
    BadRequest(BadRequest),
    /// Code 4: [`allow_request`](crate::ServerBuilder::allow_request) or
    /// [`check_origin`](crate::ServerBuilder::check_origin) refused it.
    Forbidden {
        /// What the client is told.
        message: String,
    },
    /// Code 5: a revision of Engine.IO that this server does not speak.
    UnsupportedProtocolVersion {
        /// The revision: whatever is not 4 counts as 3, as in the official server.
        protocol: u8,
    },
}

/// What is wrong with a request that is answered "Bad request".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRequest {
    /// `INVALID_ORIGIN`: the `Origin` header holds bytes that none has.
    InvalidOrigin {
        /// The header, with those bytes replaced.
        origin: String,
    },
    /// `TRANSPORT_MISMATCH`: a request over another transport than the session's, without an upgrade.
    TransportMismatch {
        /// The request's transport.
        transport: &'static str,
        /// The session's transport.
        previous_transport: &'static str,
    },
    /// `PROTOCOL_MISMATCH`: a request of another revision of Engine.IO than the session's.
    ProtocolMismatch {
        /// The request's.
        protocol: u8,
        /// The session's.
        previous_protocol: u8,
    },
    /// `TRANSPORT_HANDSHAKE_ERROR`: a WebSocket without a valid upgrade, or an upgrade that asks for polling.
    TransportHandshakeError,
    /// `ID_GENERATION_ERROR`: the server's own [`generate_id`](crate::ServerBuilder::generate_id) failed, or gave
    /// an id that cannot be used.
    IdGenerationError {
        /// What went wrong.
        error: String,
    },
}

impl ConnectionError {
    /// The code that the client is answered.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::UnknownTransport { .. } => 0,
            Self::UnknownSid { .. } => 1,
            Self::BadHandshakeMethod { .. } => 2,
            Self::BadRequest(_) => 3,
            Self::Forbidden { .. } => 4,
            Self::UnsupportedProtocolVersion { .. } => 5,
        }
    }

    /// The message that the client is answered.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::UnknownTransport { .. } => "Transport unknown",
            Self::UnknownSid { .. } => "Session ID unknown",
            Self::BadHandshakeMethod { .. } => "Bad handshake method",
            Self::BadRequest(_) => "Bad request",
            Self::Forbidden { message } => message,
            Self::UnsupportedProtocolVersion { .. } => "Unsupported protocol version",
        }
    }
}

impl BadRequest {
    /// The official name, as in `context.name`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InvalidOrigin { .. } => "INVALID_ORIGIN",
            Self::TransportMismatch { .. } => "TRANSPORT_MISMATCH",
            Self::ProtocolMismatch { .. } => "PROTOCOL_MISMATCH",
            Self::TransportHandshakeError => "TRANSPORT_HANDSHAKE_ERROR",
            Self::IdGenerationError { .. } => "ID_GENERATION_ERROR",
        }
    }
}

impl From<BadRequest> for ConnectionError {
    fn from(error: BadRequest) -> Self {
        Self::BadRequest(error)
    }
}

impl Serialize for ConnectionError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("ConnectionError", 3)?;
        out.serialize_field("code", &self.code())?;
        out.serialize_field("message", self.message())?;
        out.serialize_field("context", &Context(self))?;
        out.end()
    }
}

struct Context<'a>(&'a ConnectionError);

impl Serialize for Context<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            ConnectionError::UnknownTransport { transport } => {
                if let Some(transport) = transport {
                    map.serialize_entry("transport", transport)?;
                }
            }
            ConnectionError::UnknownSid { sid } => map.serialize_entry("sid", sid)?,
            ConnectionError::BadHandshakeMethod { method } => {
                map.serialize_entry("method", method.as_str())?;
            }
            ConnectionError::Forbidden { message } => map.serialize_entry("message", message)?,
            ConnectionError::UnsupportedProtocolVersion { protocol } => {
                map.serialize_entry("protocol", protocol)?;
            }
            ConnectionError::BadRequest(error) => {
                map.serialize_entry("name", error.name())?;
                match error {
                    BadRequest::InvalidOrigin { origin } => map.serialize_entry("origin", origin)?,
                    BadRequest::TransportMismatch { transport, previous_transport } => {
                        map.serialize_entry("transport", transport)?;
                        map.serialize_entry("previousTransport", previous_transport)?;
                    }
                    BadRequest::ProtocolMismatch { protocol, previous_protocol } => {
                        map.serialize_entry("protocol", protocol)?;
                        map.serialize_entry("previousProtocol", previous_protocol)?;
                    }
                    BadRequest::TransportHandshakeError => {}
                    BadRequest::IdGenerationError { error } => map.serialize_entry("error", error)?,
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_serialises_as_the_official_event() {
        for (error, expected) in [
            (
                ConnectionError::UnknownTransport { transport: None },
                json!({"code": 0, "message": "Transport unknown", "context": {}}),
            ),
            (
                ConnectionError::BadHandshakeMethod { method: Method::POST },
                json!({"code": 2, "message": "Bad handshake method", "context": {"method": "POST"}}),
            ),
            (
                BadRequest::ProtocolMismatch { protocol: 3, previous_protocol: 4 }.into(),
                json!({"code": 3, "message": "Bad request",
                       "context": {"name": "PROTOCOL_MISMATCH", "protocol": 3, "previousProtocol": 4}}),
            ),
            (
                ConnectionError::Forbidden { message: "nope".into() },
                json!({"code": 4, "message": "nope", "context": {"message": "nope"}}),
            ),
        ] {
            assert_eq!(serde_json::to_value(&error).unwrap(), expected);
        }
    }
}
