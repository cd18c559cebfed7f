//! What every request passes: is it from our own pages, and what may the answer do in a browser.
//!
//! CORS does not cover WebSockets, nor forms, so the `Origin` header is checked here, for the pages and for
//! everything under `/socket.io/` alike.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::app::App;
use crate::config::{Config, Origin, parse_origin, without_default_port};
use crate::visit::is_secure;

/// Scripts, styles and connections of our own only; nothing inline; nobody may frame us; and the DOM's ways to
/// turn text into markup are switched off (`trusted-types`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
    connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// How long a page's answer may take, the arrival of the request's body included.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Refuses what comes from other sites, and guards what goes out.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let secure = is_secure(request.headers(), &app.config);
    let mut response = if is_allowed(&request, &app.config) {
        answer(request, next).await
    } else {
        tracing::warn!(method = %request.method(), path = request.uri().path(), "request from a foreign origin refused");
        (StatusCode::FORBIDDEN, "This request came from another site.\n").into_response()
    };
    add_headers(response.headers_mut(), secure);
    response
}

/// The answer, which for a page must not take long: its body has to arrive for it. (Polls wait on purpose.)
async fn answer(request: Request, next: Next) -> Response {
    if is_socket(&request) {
        return next.run(request).await;
    }
    let answer = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await;
    answer.unwrap_or_else(|_| (StatusCode::REQUEST_TIMEOUT, "This took too long.\n").into_response())
}

fn is_socket(request: &Request) -> bool {
    request.uri().path().starts_with("/socket.io")
}

/// A socket's requests may lack an origin (polling GETs and programs send none) but not have a foreign one; what
/// changes something on a page must have ours.
fn is_allowed(request: &Request, config: &Config) -> bool {
    let headers = request.headers();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let socket = is_socket(request);
    match headers.get(ORIGIN) {
        Some(origin) if socket || !reads => is_ours(origin, headers, config),
        None if !reads => socket,
        _ => !socket || !from_elsewhere(headers),
    }
}

/// Where the browser says itself that another site asks.
fn from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| matches!(site.as_bytes(), b"cross-site" | b"same-site"))
}

/// Whether an `Origin` is the public one, or, where none is set, the host that was asked.
fn is_ours(origin: &HeaderValue, headers: &HeaderMap, config: &Config) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(|text| parse_origin(text).ok()) else {
        return false;
    };
    if let Some(public) = &config.public_url {
        return origin == *public;
    }
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let Origin { https, authority } = origin;
    let same_scheme = !config.trust_proxy || https == is_secure(headers, config);
    same_scheme && authority.eq_ignore_ascii_case(without_default_port(host, https))
}

fn add_headers(headers: &mut HeaderMap, secure: bool) {
    let mut add = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    add(CONTENT_SECURITY_POLICY, POLICY);
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(X_FRAME_OPTIONS, "DENY");
    // Not "no-referrer": with that, browsers send `Origin: null` with forms.
    add(REFERRER_POLICY, "same-origin");
    add(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    add(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    add(
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    );
    add(CACHE_CONTROL, "no-store");
    if secure {
        add(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(method: &str, path: &str, pairs: &[(&str, &str)], config: &Config) -> bool {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        is_allowed(&request.body(axum::body::Body::empty()).unwrap(), config)
    }

    #[test]
    fn posts_need_our_own_origin() {
        let config = Config::default();
        let host = ("host", "localhost:3000");
        assert!(allowed("POST", "/login", &[host, ("origin", "http://localhost:3000")], &config));
        assert!(allowed("POST", "/login", &[("host", "a.org"), ("origin", "https://a.org:443")], &config));
        for origin in
            ["http://evil.example", "null", "http://localhost:3001", "http://localhost:3000.evil.org"]
        {
            assert!(!allowed("POST", "/login", &[host, ("origin", origin)], &config), "{origin}");
        }
        assert!(!allowed("POST", "/login", &[host], &config));
        assert!(allowed("GET", "/login", &[host, ("origin", "http://evil.example")], &config));
    }

    #[test]
    fn sockets_may_have_no_origin_but_no_foreign_one() {
        let config = Config::default();
        let host = ("host", "localhost:3000");
        let path = "/socket.io/?EIO=4&transport=websocket";
        assert!(allowed("GET", path, &[host], &config));
        assert!(allowed("POST", path, &[host], &config));
        assert!(allowed("GET", path, &[host, ("origin", "http://localhost:3000")], &config));
        assert!(!allowed("GET", path, &[host, ("origin", "http://evil.example")], &config));
        assert!(!allowed("POST", path, &[host, ("origin", "null")], &config));
        assert!(!allowed("GET", path, &[host, ("sec-fetch-site", "cross-site")], &config));
    }

    #[test]
    fn with_a_public_url_only_that_counts() {
        let config = Config { public_url: Some(parse_origin("https://a.org").unwrap()), trust_proxy: false };
        let host = ("host", "internal:3000");
        assert!(allowed("POST", "/login", &[host, ("origin", "https://a.org")], &config));
        assert!(!allowed("POST", "/login", &[host, ("origin", "http://a.org")], &config));
        assert!(!allowed("POST", "/login", &[host, ("origin", "http://internal:3000")], &config));
    }
}
