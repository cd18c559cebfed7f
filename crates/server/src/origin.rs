//! Which pages may talk to the server: cross-origin headers, and the check of the `Origin` header itself.

use http::{HeaderMap, HeaderValue, header};

/// Cross-origin resource sharing: which other origins a browser lets read the server's answers.
///
/// Off by default. It covers HTTP only; a WebSocket is opened whatever CORS says, see
/// [`ServerBuilder::check_origin`](crate::ServerBuilder::check_origin).
///
/// ```
/// use enchufe::{Cors, Server};
///
/// let io = Server::builder().cors(Cors::origins(["https://app.example.com"]).credentials(true)).build()?;
/// # Ok::<_, enchufe::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Allowed,
    credentials: bool,
}

#[derive(Debug, Clone)]
enum Allowed {
    Any,
    List(Vec<String>),
}

impl Cors {
    /// Pages of any origin, without credentials.
    #[must_use]
    pub const fn any() -> Self {
        Self { origins: Allowed::Any, credentials: false }
    }

    /// Pages of these origins, such as `https://example.com`: scheme, host, and port where it is not the scheme's own.
    #[must_use]
    pub fn origins<S: Into<String>>(origins: impl IntoIterator<Item = S>) -> Self {
        Self { origins: Allowed::List(origins.into_iter().map(Into::into).collect()), credentials: false }
    }

    /// Whether requests may carry cookies; default no. With [`Cors::any`] the asking origin is then named in the
    /// answer, which lets every page on the web act with your users' cookies: hardly ever what one wants.
    #[must_use]
    pub const fn credentials(mut self, allowed: bool) -> Self {
        self.credentials = allowed;
        self
    }

    /// Adds the headers of an answer to `request`; of a preflight's answer, where it is one.
    pub(crate) fn write(&self, request: &HeaderMap, preflight: bool, response: &mut HeaderMap) {
        let origin = request.get(header::ORIGIN);
        let allowed = match (&self.origins, origin) {
            (Allowed::Any, _) if !self.credentials => Some(HeaderValue::from_static("*")),
            (Allowed::Any, origin) => origin.cloned(),
            (Allowed::List(list), Some(origin)) => {
                list.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
            }
            (Allowed::List(_), None) => None,
        };
        if !matches!((&self.origins, self.credentials), (Allowed::Any, false)) {
            response.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(allowed) = allowed else { return };
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if preflight {
            let methods = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");
            response.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            if let Some(asked) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                response.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
                response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
        }
    }
}

/// Which origins may open a connection at all, on any transport. A request without an `Origin` header (no
/// browser sends a cross-origin one without) is not concerned.
#[derive(Debug, Clone, Default)]
pub(crate) enum OriginCheck {
    #[default]
    Off,
    /// The page's host must be the request's, or its origin one of these.
    SameHostOr(Vec<String>),
}

impl OriginCheck {
    pub(crate) fn allows(&self, request: &HeaderMap, authority: Option<&str>) -> bool {
        let Self::SameHostOr(others) = self else { return true };
        let Some(origin) = request.get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        if others.iter().any(|other| other.eq_ignore_ascii_case(origin)) {
            return true;
        }
        let host = request.get(header::HOST).and_then(|host| host.to_str().ok()).or(authority);
        let page = origin.split_once("://").map(|(_, page)| page);
        matches!((host, page), (Some(host), Some(page)) if host.eq_ignore_ascii_case(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (http::HeaderName::from_static(k), v.parse().unwrap())).collect()
    }

    #[test]
    fn any_origin_is_a_star_without_credentials_and_a_name_with_them() {
        let request = headers(&[("origin", "http://a.test")]);
        let mut plain = HeaderMap::new();
        Cors::any().write(&request, false, &mut plain);
        assert_eq!(plain[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        let mut named = HeaderMap::new();
        Cors::any().credentials(true).write(&request, false, &mut named);
        assert_eq!(named[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://a.test");
        assert_eq!(named[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(named[header::VARY], "Origin");
    }

    #[test]
    fn a_list_names_only_its_members() {
        let cors = Cors::origins(["https://ok.test"]);
        for (origin, allowed) in [("https://ok.test", true), ("https://no.test", false)] {
            let mut response = HeaderMap::new();
            cors.write(&headers(&[("origin", origin)]), true, &mut response);
            assert_eq!(response.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), allowed, "{origin}");
        }
    }

    #[test]
    fn the_origin_must_be_the_host_or_listed() {
        let check = OriginCheck::SameHostOr(vec!["https://friend.test".into()]);
        for (origin, allowed) in [
            ("http://here.test:3000", true),
            ("https://here.test:3000", true),
            ("https://friend.test", true),
            ("http://here.test", false),
            ("http://evil.test", false),
            ("null", false),
        ] {
            let request = headers(&[("host", "here.test:3000"), ("origin", origin)]);
            assert_eq!(check.allows(&request, None), allowed, "{origin}");
        }
        assert!(check.allows(&headers(&[("host", "here.test")]), None), "no browser, no origin");
    }
}
