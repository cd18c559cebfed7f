//! Clients of Socket.IO 2 (and 1): Engine.IO 3 with the packets of Socket.IO 4, and what differs above the frames.
//!
//! - They are in `/` as soon as they are connected, without asking.
//! - Their auth is the query of the namespace: `/chat?token=1`.
//! - The reply to CONNECT has no id: they make it up themselves ([`SocketId::of_old_client`](crate::SocketId)).
//! - What refuses them is the error's data, or its message, alone.
//!
//! Specification: the Socket.IO protocol, revision 4, as far as the official server still serves it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::http::query;
use crate::server::ServerBuilder;

impl ServerBuilder {
    /// Admits clients of Socket.IO 2 and others that speak Engine.IO 3. Default no: they are answered 400
    /// "Unsupported protocol version". Where it is set, whoever does not say `EIO=4` counts as one of them, as with the
    /// official server; with an [`EngineHandler`](crate::engine::EngineHandler) only who says `EIO=3`.
    ///
    /// Leave it off where nobody needs it. These clients make up their public id themselves, of their namespace and
    /// the id of their session: for them [`Socket::id`](crate::Socket::id) is `/chat#` and the session's id, or in `/`
    /// that id alone. Whoever sees the id of such a client can send in its name and read what is meant for it. To other
    /// clients nothing changes.
    ///
    /// What is different for a handler: [`Handshake::auth`](crate::Handshake::auth) holds the namespace's query (each
    /// value a string), [`Socket::protocol`](crate::Socket::protocol) is 3, and of a
    /// [`Refusal`](crate::Refusal) the client gets the data, or else the message. A client that is connected has
    /// joined `/`, if there is such a namespace.
    ///
    /// Pages of other origins need [`Cors`](crate::Cors) with credentials: these clients always ask for them.
    ///
    /// ```
    /// use enchufe::{Namespace, Server};
    ///
    /// let io = Server::builder().allow_eio3(true).namespace(Namespace::new("/")).build()?;
    /// # Ok::<_, enchufe::BuildError>(())
    /// ```
    pub const fn allow_eio3(mut self, allow: bool) -> Self {
        self.config.allow_eio3 = allow;
        self
    }
}

/// Takes a namespace's query off its name.
pub(crate) fn split_query(namespace: &str) -> (&str, &str) {
    namespace.split_once('?').unwrap_or((namespace, ""))
}

/// A namespace's query as the auth of whoever joins it: an object of strings. Of a name that comes twice the last
/// value counts, as with the official server.
pub(crate) fn auth(query: &str) -> Option<Arc<str>> {
    let pairs: Map<String, Value> =
        query::pairs(query).map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
    (!pairs.is_empty()).then(|| Value::Object(pairs).to_string().into())
}

/// What a refused client is told: the data where there is any to speak of (as JavaScript sees it), else the message.
pub(crate) fn refusal(message: &str, data: Option<&Value>) -> Value {
    match data {
        None | Some(Value::Null | Value::Bool(false)) => message.into(),
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => message.into(),
        Some(Value::String(text)) if text.is_empty() => message.into(),
        Some(data) => data.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_namespaces_query_is_its_auth() {
        for (name, namespace, expected) in [
            ("/chat", "/chat", None),
            ("/chat?", "/chat", None),
            ("/chat?token=1", "/chat", Some(json!({"token": "1"}))),
            ("/?a=1&b=x+y&a=%C3%A9", "/", Some(json!({"a": "é", "b": "x y"}))),
            ("/chat?token", "/chat", Some(json!({"token": ""}))),
            ("/chat?a=b?c", "/chat", Some(json!({"a": "b?c"}))),
        ] {
            let (found, query) = split_query(name);
            let auth = auth(query).map(|auth| serde_json::from_str::<Value>(&auth).unwrap());
            assert_eq!((found, auth), (namespace, expected), "{name}");
        }
    }

    #[test]
    fn the_data_refuses_where_there_is_any() {
        for data in [json!({"code": 401}), json!([]), json!("why"), json!(1), json!(true)] {
            assert_eq!(refusal("no", Some(&data)), data);
        }
        for data in [None, Some(json!(null)), Some(json!(false)), Some(json!(0)), Some(json!(""))] {
            assert_eq!(refusal("no", data.as_ref()), json!("no"));
        }
    }
}
