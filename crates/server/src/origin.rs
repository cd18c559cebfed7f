//! The check of the `Origin` header itself: which pages may open a connection at all.

use http::{HeaderMap, HeaderName, header};

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
        origin.to_str().is_ok_and(|origin| is_allowed(others, origin, request, authority))
    }

    /// As [`OriginCheck::allows`], for what a page can load as a script: browsers send no `Origin` with that, so it must
    /// be known in another way where it comes from.
    pub(crate) fn allows_script(&self, request: &HeaderMap, authority: Option<&str>) -> bool {
        let Self::SameHostOr(others) = self else { return true };
        if request.contains_key(header::ORIGIN) {
            return self.allows(request, authority);
        }
        let text = |name: HeaderName| request.get(name).and_then(|value| value.to_str().ok());
        match text(header::REFERER).and_then(origin_of) {
            Some(origin) => is_allowed(others, origin, request, authority),
            None => text(HeaderName::from_static("sec-fetch-site")) == Some("same-origin"),
        }
    }
}

/// The origin of an address.
fn origin_of(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url.get(host..)?.find(['/', '?', '#']).map_or(url.len(), |length| host + length);
    url.get(..end)
}

fn is_allowed(others: &[String], origin: &str, request: &HeaderMap, authority: Option<&str>) -> bool {
    if others.iter().any(|other| other.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = request.get(header::HOST).and_then(|host| host.to_str().ok()).or(authority);
    let page = origin.split_once("://").map(|(_, page)| page);
    matches!((host, page), (Some(host), Some(page)) if host.eq_ignore_ascii_case(page))
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

    #[test]
    fn a_script_must_say_where_it_is_loaded() {
        let check = OriginCheck::SameHostOr(vec!["https://friend.test".into()]);
        for (name, value, allowed) in [
            ("referer", "http://here.test/page?x=1", true),
            ("referer", "https://friend.test/", true),
            ("referer", "https://friend.test", true),
            ("referer", "https://friend.test.evil.test/", false),
            ("referer", "https://evil.test/https://friend.test/", false),
            ("referer", "https://evil.test?https://friend.test", false),
            ("referer", "nonsense", false),
            ("origin", "https://friend.test", true),
            ("origin", "https://evil.test", false),
            ("origin", "null", false),
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "cross-site", false),
            ("sec-fetch-site", "none", false),
            ("x-nothing", "", false),
        ] {
            let request = headers(&[("host", "here.test"), (name, value)]);
            assert_eq!(check.allows_script(&request, None), allowed, "{name}: {value}");
            assert!(OriginCheck::Off.allows_script(&request, None));
        }
    }
}
