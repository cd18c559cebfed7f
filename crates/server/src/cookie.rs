//! The cookie that a polling handshake sets, with the session's id as its value, for load balancers that keep a client
//! on its node (RFC 6265, with `Partitioned` and `SameSite` of its successor's draft).

use std::fmt::Write as _;
use std::time::Duration;

use http::HeaderValue;

use crate::error::BuildError;
use crate::id::SocketId;

/// The cookie with a session's id, which the answer to a polling handshake sets.
///
/// ```
/// use enchufe::{Cookie, SameSite, Server};
///
/// let io = Server::builder().cookie(Cookie::new("io").same_site(SameSite::None).secure(true)).build()?;
/// # Ok::<_, enchufe::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cookie {
    name: String,
    path: String,
    domain: Option<String>,
    http_only: bool,
    secure: bool,
    partitioned: bool,
    same_site: Option<SameSite>,
    max_age: Option<Duration>,
}

/// With which requests of other sites browsers send a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// With none.
    Strict,
    /// When a link is followed.
    Lax,
    /// With all; browsers then ask for [`Cookie::secure`].
    None,
}

impl Cookie {
    /// A cookie of this name, with `Path=/; HttpOnly; SameSite=Lax`, for the browser's session.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            path: "/".into(),
            domain: None,
            http_only: true,
            secure: false,
            partitioned: false,
            same_site: Some(SameSite::Lax),
            max_age: None,
        }
    }

    /// The path under which it is sent. Default `/`.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The domain whose hosts it is sent to. Default: the very host.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Whether scripts are kept from reading it. Default yes.
    #[must_use]
    pub const fn http_only(mut self, only: bool) -> Self {
        self.http_only = only;
        self
    }

    /// Whether it is sent over TLS only. Default no.
    #[must_use]
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Whether a page embedded in others has one for each of them. Default no.
    #[must_use]
    pub const fn partitioned(mut self, partitioned: bool) -> Self {
        self.partitioned = partitioned;
        self
    }

    /// With which requests of other sites it is sent; `None` leaves it to the browser. Default [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(mut self, same_site: impl Into<Option<SameSite>>) -> Self {
        self.same_site = same_site.into();
        self
    }

    /// How long it lives, in whole seconds. Default: until the browser is closed.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The header that sets it to a session's id.
    pub(crate) fn header(&self, sid: &SocketId) -> Option<HeaderValue> {
        HeaderValue::try_from(self.text(sid.as_str())).ok()
    }

    /// Checked once, so that no answer lacks it later.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let invalid =
            |reason: &str| Err(BuildError::InvalidOption { option: "cookie", reason: reason.into() });
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if self.name.is_empty() || !self.name.chars().all(token) {
            return invalid("its name is letters, digits and !#$%&'*+-.^_`|~");
        }
        let attribute = |text: &str| text.chars().all(|c| (' '..='~').contains(&c) && c != ';');
        if !attribute(&self.path) || !self.domain.as_deref().is_none_or(attribute) {
            return invalid("its path and domain are ASCII without semicolons");
        }
        Ok(())
    }

    fn text(&self, value: &str) -> String {
        let mut text = format!("{}={value}", self.name);
        // Writing to a string does not fail.
        if let Some(age) = self.max_age {
            let _ = write!(text, "; Max-Age={}", age.as_secs());
        }
        if let Some(domain) = &self.domain {
            let _ = write!(text, "; Domain={domain}");
        }
        let _ = write!(text, "; Path={}", self.path);
        for (flag, name) in
            [(self.http_only, "HttpOnly"), (self.secure, "Secure"), (self.partitioned, "Partitioned")]
        {
            if flag {
                let _ = write!(text, "; {name}");
            }
        }
        if let Some(same_site) = self.same_site {
            let _ = write!(text, "; SameSite={same_site:?}");
        }
        text
    }
}

impl From<&str> for Cookie {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Cookie {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl From<&String> for Cookie {
    fn from(name: &String) -> Self {
        Self::new(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stand_in_the_official_order() {
        assert_eq!(Cookie::new("io").text("abc"), "io=abc; Path=/; HttpOnly; SameSite=Lax");
        let cookie = Cookie::new("sid")
            .path("/chat")
            .domain("example.com")
            .http_only(false)
            .secure(true)
            .partitioned(true)
            .same_site(SameSite::None)
            .max_age(Duration::from_secs(86_400));
        assert_eq!(
            cookie.text("abc"),
            "sid=abc; Max-Age=86400; Domain=example.com; Path=/chat; Secure; Partitioned; SameSite=None"
        );
        assert_eq!(Cookie::new("io").same_site(None).text("abc"), "io=abc; Path=/; HttpOnly");
    }

    #[test]
    fn what_would_be_another_header_is_refused() {
        for cookie in [
            Cookie::new(""),
            Cookie::new("a=b"),
            Cookie::new("io").path("/; Domain=evil.test"),
            Cookie::new("io").domain("a\r\nb"),
        ] {
            assert!(
                matches!(cookie.check(), Err(BuildError::InvalidOption { option: "cookie", .. })),
                "{cookie:?}"
            );
        }
    }
}
