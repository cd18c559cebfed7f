//! The few cookies there are: read from a request, written safely.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The session; `__Host-` keeps other hosts of the domain from planting one, and needs https.
pub(crate) const SESSION: &str = "chat_session";
/// What the forms of somebody without a session are bound to.
pub(crate) const VISITOR: &str = "chat_visitor";
/// The chosen language.
pub(crate) const LANGUAGE: &str = "chat_language";
/// The chosen colours, written by the page.
pub(crate) const THEME: &str = "chat_theme";

/// The name under which a secret cookie travels.
pub(crate) fn full_name(name: &str, secure: bool) -> String {
    if secure { format!("__Host-{name}") } else { name.to_owned() }
}

/// The value of a cookie.
pub(crate) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// A `Set-Cookie` value: sent to this host alone, unreadable to scripts, not sent along from other sites.
/// `max_age` is in seconds; zero deletes.
pub(crate) fn set(name: &str, value: &str, max_age: i64, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).expect("cookie values are made of base64 or fixed words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; chat_session=x=y;b=2"));
        headers.append(COOKIE, HeaderValue::from_static("c=3"));
        assert_eq!(get(&headers, SESSION), Some("x=y"));
        assert_eq!(get(&headers, "c"), Some("3"));
        assert_eq!(get(&headers, "session"), None);
    }

    #[test]
    fn cookies_are_written_with_all_their_guards() {
        assert_eq!(set("a", "b", 60, false), "a=b; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        let name = full_name(SESSION, true);
        assert_eq!(
            set(&name, "b", 0, true),
            "__Host-chat_session=b; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
