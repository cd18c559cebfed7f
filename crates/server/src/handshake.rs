//! What is known of a client from the request that opened its connection, in one compact block.

mod block;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::value::RawValue;

pub(crate) use self::block::{RequestBlock, RequestDraft, size_of};

/// What a client said of itself when it connected: the headers, query and address of its first request, and
/// the `auth` that it sent to this namespace. Cheap to clone; serialises as the official `socket.handshake`.
///
/// ```
/// # use enchufe::*;
/// let admin = Namespace::new("/admin").middleware(async |handshake: Handshake| {
///     #[derive(serde::Deserialize)]
///     struct Credentials { token: String }
///     match handshake.auth::<Credentials>() {
///         Ok(credentials) if credentials.token == "secret" => Ok(()),
///         _ => Err(Refusal::new("unauthorized")),
///     }
/// });
/// ```
#[derive(Clone)]
pub struct Handshake {
    request: RequestBlock,
    auth: Option<Arc<Auth>>,
}

/// Text that is shared through one word, since most handshakes, those of connections among them, have none.
struct Auth(Arc<str>);

impl Handshake {
    pub(crate) const fn new(request: RequestBlock) -> Self {
        Self { request, auth: None }
    }

    /// The same request, with what a client sent to a namespace.
    pub(crate) fn with_auth(&self, auth: Arc<str>) -> Self {
        Self { request: self.request.clone(), auth: Some(Arc::new(Auth(auth))) }
    }

    /// From the official `socket.handshake`, as another node tells it. The port of the address, which is not told, is 0;
    /// what follows from the headers and the address of the request is not read.
    pub(crate) fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        let told: Told = serde_json::from_str(json)?;
        let mut draft = RequestDraft::new(told.issued, told.secure, told.url.len() + told.headers.len() * 48);
        draft.target(&told.url);
        for (name, value) in &told.headers {
            // Of several values Node makes a list.
            draft.header(name, value.as_str().map_or_else(|| value.to_string(), Into::into).as_bytes());
        }
        if let Some(ip) = told.address.and_then(|address| address.parse().ok()) {
            draft.set_address(SocketAddr::new(ip, 0));
        }
        let auth = told.auth.map(|auth| Arc::new(Auth(auth.get().into())));
        Ok(Self { request: draft.finish(), auth })
    }

    /// That of a client of whom nothing is known.
    pub(crate) fn unknown() -> Self {
        Self::new(RequestDraft::new(0, false, 0).finish())
    }

    /// The path and query of the first request.
    #[must_use]
    pub fn url(&self) -> Cow<'_, str> {
        self.request.target().map_or(Cow::Borrowed("/"), lossy)
    }

    /// One query parameter, decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.query_pairs().into_iter().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// All query parameters, decoded, in order.
    #[must_use]
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        let url = self.url();
        let query = url.split_once('?').map_or("", |(_, query)| query);
        crate::http::query::pairs(query)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }

    /// One header, by its lower-case name; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// All headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.request.headers().map(|(name, value)| (lossy(name), lossy(value)))
    }

    /// The address of the peer, or of the last proxy; `None` where the host server does not tell it.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.request.address()
    }

    /// When the connection was opened.
    #[must_use]
    pub fn issued(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.request.issued())
    }

    /// Whether the connection is encrypted, as far as the request itself says: over HTTP/1.1 it does not, so this is
    /// `false` there unless what stands in front of the server writes the scheme into the request's address.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.request.is_secure()
    }

    /// Whether the request had an `Origin` header, as the official server understands `xdomain`: browsers send it to
    /// other origins, and with every WebSocket.
    #[must_use]
    pub fn is_cross_domain(&self) -> bool {
        self.header("origin").is_some()
    }

    /// What the client sent as `auth`; an empty object where it sent none.
    ///
    /// # Errors
    /// What serde says when it is not a `T`.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.auth_json())
    }

    /// The JSON text of what the client sent as `auth`; `{}` where it sent none.
    #[must_use]
    pub fn auth_json(&self) -> &str {
        self.auth.as_ref().map_or("{}", |auth| &*auth.0)
    }
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers and auth hold secrets.
        f.debug_struct("Handshake").field("address", &self.request.address()).finish_non_exhaustive()
    }
}

impl Serialize for Handshake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Handshake", 9)?;
        out.serialize_field("headers", &Pairs(self.headers().collect()))?;
        out.serialize_field("time", &crate::time::http_date_local(self.issued()))?;
        out.serialize_field("address", &self.address().map(|address| address.ip().to_string()))?;
        out.serialize_field("xdomain", &self.is_cross_domain())?;
        out.serialize_field("secure", &self.is_secure())?;
        out.serialize_field("issued", &self.request.issued())?;
        out.serialize_field("url", &self.url())?;
        let query = self.query_pairs();
        out.serialize_field(
            "query",
            &Pairs(query.iter().map(|(k, v)| (Cow::from(k.as_str()), Cow::from(v.as_str()))).collect()),
        )?;
        let auth: Option<&RawValue> = serde_json::from_str(self.auth_json()).ok();
        out.serialize_field("auth", &auth)?;
        out.end()
    }
}

fn lossy(text: Cow<'_, [u8]>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => String::from_utf8_lossy(text),
        Cow::Owned(text) => String::from_utf8_lossy(&text).into_owned().into(),
    }
}

/// What is read of a handshake that another node tells.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    headers: serde_json::Map<String, serde_json::Value>,
    address: Option<String>,
    secure: bool,
    issued: u64,
    url: String,
    auth: Option<Box<RawValue>>,
}

/// Pairs as a map.
struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (index, (name, value)) in self.0.iter().enumerate() {
            // A repeated name stands once, with its first value.
            if !self.0.iter().take(index).any(|(earlier, _)| earlier == name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(uri: &str, auth: Option<&str>) -> Handshake {
        let mut headers = http::HeaderMap::new();
        headers.insert("user-agent", "test".parse().unwrap());
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        let mut request = RequestDraft::of(&uri.parse().unwrap(), &headers, false);
        request.set_address("127.0.0.1:80".parse().unwrap());
        let handshake = Handshake::new(request.finish());
        auth.map_or_else(|| handshake.clone(), |auth| handshake.with_auth(auth.into()))
    }

    #[test]
    fn the_block_gives_back_what_went_in() {
        let handshake = handshake("/socket.io/?EIO=4&name=Jos%C3%A9+P", None);
        assert_eq!(handshake.url(), "/socket.io/?EIO=4&name=Jos%C3%A9+P");
        assert_eq!(handshake.query("name").as_deref(), Some("José P"));
        assert_eq!(handshake.header("User-Agent").as_deref(), Some("test"));
        assert_eq!(handshake.headers().count(), 3);
        assert_eq!(handshake.address(), Some("127.0.0.1:80".parse().unwrap()));
        assert!(handshake.issued() > UNIX_EPOCH + Duration::from_secs(1_600_000_000));
        assert_eq!(handshake.auth_json(), "{}");
    }

    #[test]
    fn what_another_node_tells_is_the_same_again() {
        let here = handshake("/socket.io/?EIO=4&name=Jos%C3%A9", Some(r#"{"token":1}"#));
        let told = Handshake::from_json(&serde_json::to_string(&here).unwrap()).unwrap();
        assert_eq!(serde_json::to_value(&told).unwrap(), serde_json::to_value(&here).unwrap());
        assert_eq!(told.query("name").as_deref(), Some("José"));
        assert_eq!(told.address(), Some("127.0.0.1:0".parse().unwrap()));
        // A Node server may say more, or less.
        let other =
            r#"{"headers":{"x":["a","b"]},"time":"","address":"::1","xdomain":true,"query":{},"more":1}"#;
        let told = Handshake::from_json(other).unwrap();
        assert_eq!(told.header("x").as_deref(), Some(r#"["a","b"]"#));
        assert_eq!(told.auth_json(), "{}");
        assert_eq!(Handshake::unknown().url(), "/");
    }

    #[test]
    fn it_serialises_as_the_official_one() {
        let json = serde_json::to_value(handshake("/socket.io/?EIO=4", Some(r#"{"token":1}"#))).unwrap();
        assert_eq!(json["query"]["EIO"], "4");
        assert_eq!(json["auth"]["token"], 1);
        assert_eq!(json["address"], "127.0.0.1");
        for key in ["headers", "time", "xdomain", "secure", "issued", "url"] {
            assert!(json.get(key).is_some(), "{key}");
        }
    }
}
