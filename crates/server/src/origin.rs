//! The check of the `Origin` header itself: which pages may open a connection at all.

use http::{HeaderMap, header};

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
