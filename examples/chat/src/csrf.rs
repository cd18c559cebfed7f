//! Proof that a form was served by us to this very browser.
//!
//! The token is a MAC over the session cookie (or, before there is a session, over a random visitor cookie). It
//! needs no storage, changes with the session, and can't be made by a page that can only make the browser send cookies.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Makes and checks tokens with a key of the database.
pub(crate) struct Csrf {
    key: [u8; 32],
}

/// What a token is bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound<'a> {
    /// The value of the session cookie.
    Session(&'a str),
    /// The value of the cookie of somebody who has no session yet.
    Visitor(&'a str),
}

impl Csrf {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The token that goes into forms.
    pub(crate) fn token(&self, bound: Bound<'_>) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(bound).finalize().into_bytes())
    }

    /// Whether `token` is the right one; compared in constant time.
    pub(crate) fn verify(&self, bound: Bound<'_>, token: &str) -> bool {
        URL_SAFE_NO_PAD.decode(token).is_ok_and(|sent| self.mac(bound).verify_slice(&sent).is_ok())
    }

    /// The visitor cookie that follows a session cookie whose session has ended: the same for all tabs, which may
    /// all come to the entrance at that moment, each about to be given a cookie.
    pub(crate) fn heir(&self, session: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.keyed(b"heir:", session).finalize().into_bytes())
    }

    fn mac(&self, bound: Bound<'_>) -> Hmac<Sha256> {
        match bound {
            Bound::Session(value) => self.keyed(b"session:", value),
            Bound::Visitor(value) => self.keyed(b"visitor:", value),
        }
    }

    fn keyed(&self, kind: &[u8], value: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(kind);
        mac.update(value.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_its_cookie_and_key_alone() {
        let csrf = Csrf::new([7; 32]);
        let token = csrf.token(Bound::Session("abc"));
        assert!(csrf.verify(Bound::Session("abc"), &token));
        assert!(!csrf.verify(Bound::Session("abd"), &token));
        assert!(!csrf.verify(Bound::Visitor("abc"), &token));
        assert!(!Csrf::new([8; 32]).verify(Bound::Session("abc"), &token));
        for junk in ["", "ñ", "AAAA", &token[1..]] {
            assert!(!csrf.verify(Bound::Session("abc"), junk), "{junk}");
        }
    }
}
