//! Who asks and how: session, language, colours, address; taken from a request once.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::config::Config;
use crate::cookies;
use crate::csrf::Bound;
use crate::i18n::Language;
use crate::pages::Oops;
use crate::storage::{SessionRow, StorageError};

/// Somebody who may use the chat: a user, or a guest with a nickname.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Person {
    /// `u7` for a user, `g` and the session's name for a guest.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) guest: bool,
    /// Changes when the picture does, so that caches notice.
    pub(crate) avatar: String,
    #[serde(skip)]
    pub(crate) user_id: Option<i64>,
    /// The session's public name.
    #[serde(skip)]
    pub(crate) session: String,
}

impl From<SessionRow> for Person {
    fn from(row: SessionRow) -> Self {
        let key = match row.user_id {
            Some(id) => format!("u{id}"),
            None => format!("g{}", row.public_id),
        };
        let avatar = avatar_url(&key, &row.name, row.avatar.as_deref());
        Self {
            key,
            name: row.name,
            guest: row.user_id.is_none(),
            avatar,
            user_id: row.user_id,
            session: row.public_id,
        }
    }
}

/// Where somebody's picture is: their own, or initials drawn for their name.
pub(crate) fn avatar_url(key: &str, name: &str, own: Option<&str>) -> String {
    match own {
        Some(id) => format!("/pictures/{id}"),
        None => crate::avatars::url(key, name),
    }
}

/// What is known of a request before anything is done.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) language: Language,
    /// `light`, `dark`, or empty for what the system prefers.
    pub(crate) theme: &'static str,
    pub(crate) address: IpAddr,
    pub(crate) secure: bool,
    pub(crate) session: Option<LiveSession>,
    visitor: Option<Visitor>,
}

/// What the forms of somebody without a session are bound to.
#[derive(Debug)]
struct Visitor {
    secret: String,
    /// Whether the browser has it already.
    kept: bool,
}

/// A session that was found, with the secret that found it.
#[derive(Debug, Clone)]
pub(crate) struct LiveSession {
    pub(crate) token: String,
    pub(crate) person: Person,
    pub(crate) expires_at: i64,
}

impl Visit {
    /// The token for the forms of a page; and the cookie to set where the browser has none yet.
    pub(crate) fn csrf(&self, app: &App) -> (String, Option<HeaderValue>) {
        if let Some(session) = &self.session {
            return (app.csrf.token(Bound::Session(&session.token)), None);
        }
        if let Some(Visitor { secret, kept: true }) = &self.visitor {
            return (app.csrf.token(Bound::Visitor(secret)), None);
        }
        let fresh = match &self.visitor {
            Some(heir) => heir.secret.clone(),
            None => crate::random::token::<24>(),
        };
        let token = app.csrf.token(Bound::Visitor(&fresh));
        (token, Some(visitor_cookie(&fresh, self.secure)))
    }

    /// Whether a form's token was made for this browser.
    pub(crate) fn csrf_holds(&self, app: &App, token: &str) -> bool {
        match (&self.session, &self.visitor) {
            (Some(session), _) => app.csrf.verify(Bound::Session(&session.token), token),
            (None, Some(visitor)) => app.csrf.verify(Bound::Visitor(&visitor.secret), token),
            (None, None) => false,
        }
    }
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let headers = &parts.headers;
        let secure = is_secure(headers, &app.config);
        let theme = match cookies::get(headers, cookies::THEME) {
            Some("light") => "light",
            Some("dark") => "dark",
            _ => "",
        };
        let session = live_session(headers, app).await.map_err(|error| Oops::from(error).into_response())?;
        let secret =
            |name| cookies::get(headers, &cookies::full_name(name, secure)).filter(|value| is_secret(value));
        let visitor = secret(cookies::VISITOR).map(|value| Visitor { secret: value.to_owned(), kept: true });
        let heir = || secret(cookies::SESSION).map(|old| Visitor { secret: app.csrf.heir(old), kept: false });
        Ok(Self {
            language: Language::of(headers),
            theme,
            address: client_address(headers, &parts.extensions, &app.config),
            secure,
            session,
            visitor: visitor.or_else(heir),
        })
    }
}

/// A request's language alone, for pages that need nothing else.
impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Language::of(&parts.headers))
    }
}

/// Finds the session of a request, be it for a page or for a socket.
pub(crate) async fn live_session(
    headers: &HeaderMap,
    app: &App,
) -> Result<Option<LiveSession>, StorageError> {
    let name = cookies::full_name(cookies::SESSION, is_secure(headers, &app.config));
    let Some(token) = cookies::get(headers, &name).filter(|value| is_secret(value)) else {
        return Ok(None);
    };
    let row = app.storage.session(token_hash(token)).await?;
    Ok(row.map(|row| LiveSession {
        token: token.to_owned(),
        expires_at: row.expires_at,
        person: Person::from(row),
    }))
}

/// The cookie of somebody without a session, for a day.
pub(crate) fn visitor_cookie(secret: &str, secure: bool) -> HeaderValue {
    cookies::set(&cookies::full_name(cookies::VISITOR, secure), secret, 24 * 60 * 60, secure)
}

/// What is stored of a session's secret.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Whether a cookie's value can be one of our secrets, 24 or 32 bytes in base64.
fn is_secret(value: &str) -> bool {
    value.len() <= 64 && URL_SAFE_NO_PAD.decode(value).is_ok_and(|bytes| bytes.len() >= 24)
}

/// Whether the browser came over https.
pub(crate) fn is_secure(headers: &HeaderMap, config: &Config) -> bool {
    if let Some(origin) = &config.public_url {
        return origin.https;
    }
    config.trust_proxy
        && headers
            .get("x-forwarded-proto")
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"))
}

/// The address to count a client by. A proxy appends the one it saw, so the last is the one to believe.
fn client_address(headers: &HeaderMap, extensions: &Extensions, config: &Config) -> IpAddr {
    let forwarded = || {
        let line = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        line.rsplit(',').next()?.trim().parse().ok()
    };
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let trusted = if config.trust_proxy { forwarded() } else { None };
    trusted.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn forwarded_headers_count_only_behind_a_proxy() {
        let sent = headers(&[("x-forwarded-for", "203.0.113.9, 192.0.2.4"), ("x-forwarded-proto", "https")]);
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
        let alone = Config::default();
        assert_eq!(client_address(&sent, &extensions, &alone), IpAddr::from([127, 0, 0, 1]));
        assert!(!is_secure(&sent, &alone));
        let proxied = Config { trust_proxy: true, ..Config::default() };
        assert_eq!(client_address(&sent, &extensions, &proxied), IpAddr::from([192, 0, 2, 4]));
        assert!(is_secure(&sent, &proxied));
    }
}
