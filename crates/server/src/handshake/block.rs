//! The request that opened a connection, as it is kept for the connection's life: in a single allocation, with what all
//! clients send the same written as one byte.
//!
//! The block is the time (six bytes), a byte of flags, the target, the headers in order, and the address. The target,
//! and each header's name and value, are a number in groups of seven bits: below the length of the table of known texts
//! it is one of these, at that length a WebSocket's key follows (RFC 6455 §4.1) as the sixteen bytes that it stands for, and
//! beyond it a text, whose length is counted from there.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

/// The names that clients and proxies send, the commonest first.
const NAMES: &[&str] = &[
    "host",
    "connection",
    "upgrade",
    "sec-websocket-version",
    "sec-websocket-key",
    "user-agent",
    "origin",
    "accept-encoding",
    "accept-language",
    "sec-websocket-extensions",
    "cache-control",
    "pragma",
    "cookie",
    "accept",
    "referer",
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-dest",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
    "forwarded",
    "via",
    "authorization",
    "sec-websocket-protocol",
    "content-type",
    "content-length",
    "dnt",
    "priority",
];

/// Values and targets that many clients send.
const VALUES: &[&str] = &[
    "/socket.io/?EIO=4&transport=websocket",
    "Upgrade",
    "websocket",
    "13",
    "permessage-deflate; client_max_window_bits",
    "gzip, deflate, br, zstd",
    "gzip, deflate, br",
    "gzip, deflate",
    "no-cache",
    "*/*",
    "en-US,en;q=0.9",
    "en-US,en;q=0.5",
    "keep-alive, Upgrade",
    "keep-alive",
    "upgrade",
    "permessage-deflate",
    "same-origin",
    "same-site",
    "cross-site",
    "cors",
    "empty",
    "?0",
    "?1",
    "https",
    "http",
    "1",
];

const SECURE: u8 = 1;
/// The address that stands at the end, if one does.
const V4: u8 = 2;
const V6: u8 = 4;
const V4_LEN: usize = 4 + 2;
/// With the scope of those that are local to a link.
const V6_LEN: usize = 16 + 4 + 2;
/// Milliseconds since 1970, for longer than HTTP can date anything.
const TIME: usize = 6;
/// The time and the flags.
const PREFIX: usize = TIME + 1;
/// What a WebSocket's key stands for, and its own length.
const NONCE: usize = 16;
const NONCE_TEXT: usize = 24;

/// What a key stands for, where it is one and would be written like this again.
fn nonce(text: &[u8]) -> Option<[u8; NONCE]> {
    if text.len() != NONCE_TEXT {
        return None;
    }
    let mut nonce = [0; NONCE + 2];
    let length = STANDARD.decode_slice(text, &mut nonce).ok()?;
    if length == NONCE { nonce.first_chunk().copied() } else { None }
}

/// The block; cloning it shares it.
#[derive(Clone)]
pub(crate) struct RequestBlock(Arc<[u8]>);

/// A block that is being written.
pub(crate) struct RequestDraft(Vec<u8>);

impl RequestDraft {
    /// `issued` in milliseconds since 1970; `texts` is about how long all texts are together.
    pub(super) fn new(issued: u64, secure: bool, texts: usize) -> Self {
        let mut block = Vec::with_capacity(PREFIX + texts + V6_LEN);
        let issued = issued.min((1 << (8 * TIME)) - 1);
        block.extend_from_slice(issued.to_le_bytes().first_chunk::<TIME>().expect("six of eight"));
        block.push(if secure { SECURE } else { 0 });
        Self(block)
    }

    /// Of a request that comes now.
    pub(crate) fn of(uri: &http::Uri, headers: &HeaderMap, secure: bool) -> Self {
        let issued = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let issued = u64::try_from(issued.as_millis()).unwrap_or(u64::MAX);
        let mut draft = Self::new(issued, secure, size_of(uri, headers));
        draft.target(uri.path_and_query().map_or("/", |target| target.as_str()));
        for (name, value) in headers {
            draft.header(name.as_str(), value.as_bytes());
        }
        draft
    }

    pub(super) fn target(&mut self, target: &str) {
        self.text(VALUES, target.as_bytes());
    }

    pub(super) fn header(&mut self, name: &str, value: &[u8]) {
        self.text(NAMES, name.as_bytes());
        self.text(VALUES, value);
    }

    fn text(&mut self, known: &[&str], text: &[u8]) {
        match known.iter().position(|known| known.as_bytes() == text) {
            Some(index) => self.number(index),
            None => match nonce(text) {
                Some(nonce) => {
                    self.number(known.len());
                    self.0.extend_from_slice(&nonce);
                }
                None => {
                    self.number(known.len() + 1 + text.len());
                    self.0.extend_from_slice(text);
                }
            },
        }
    }

    fn number(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.0.push(0x80 | (number & 0x7f) as u8);
            number >>= 7;
        }
        self.0.push((number & 0x7f) as u8);
    }

    pub(crate) fn has_address(&self) -> bool {
        self.0.get(TIME).is_some_and(|flags| flags & (V4 | V6) != 0)
    }

    /// The address of the peer, or of the last proxy. Comes last, and once.
    pub(crate) fn set_address(&mut self, address: SocketAddr) {
        let flag = match address {
            SocketAddr::V4(address) => {
                self.0.extend_from_slice(&address.ip().octets());
                V4
            }
            SocketAddr::V6(address) => {
                self.0.extend_from_slice(&address.ip().octets());
                self.0.extend_from_slice(&address.scope_id().to_le_bytes());
                V6
            }
        };
        self.0.extend_from_slice(&address.port().to_le_bytes());
        if let Some(flags) = self.0.get_mut(TIME) {
            *flags |= flag;
        }
    }

    pub(crate) fn finish(self) -> RequestBlock {
        RequestBlock(self.0.into())
    }
}

/// What is counted of a request's head, in bytes.
pub(crate) fn size_of(uri: &http::Uri, headers: &HeaderMap) -> usize {
    let target = uri.path_and_query().map_or(1, |target| target.as_str().len());
    let headers = headers.iter().map(|(name, value)| 4 + name.as_str().len() + value.len());
    2 + target + headers.sum::<usize>()
}

impl RequestBlock {
    /// Milliseconds since 1970.
    pub(super) fn issued(&self) -> u64 {
        let bytes = self.0.first_chunk::<TIME>().copied().unwrap_or_default();
        bytes.iter().rev().fold(0, |issued, byte| issued << 8 | u64::from(*byte))
    }

    pub(super) fn is_secure(&self) -> bool {
        self.flags() & SECURE != 0
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        let (rest, port) = self.0.split_last_chunk::<2>()?;
        let port = u16::from_le_bytes(*port);
        match self.flags() & (V4 | V6) {
            V4 => Some(SocketAddr::new(Ipv4Addr::from(*rest.last_chunk::<4>()?).into(), port)),
            V6 => {
                let (rest, scope) = rest.split_last_chunk::<4>()?;
                let ip = Ipv6Addr::from(*rest.last_chunk::<16>()?);
                Some(SocketAddrV6::new(ip, port, 0, u32::from_le_bytes(*scope)).into())
            }
            _ => None,
        }
    }

    /// Path and query.
    pub(super) fn target(&self) -> Option<Cow<'_, [u8]>> {
        text(VALUES, &mut self.texts())
    }

    /// Names and values, in order.
    pub(super) fn headers(&self) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
        let mut rest = self.texts();
        text(VALUES, &mut rest);
        std::iter::from_fn(move || Some((text(NAMES, &mut rest)?, text(VALUES, &mut rest)?)))
    }

    fn flags(&self) -> u8 {
        self.0.get(TIME).copied().unwrap_or_default()
    }

    fn texts(&self) -> &[u8] {
        let address = match self.flags() & (V4 | V6) {
            V4 => V4_LEN,
            V6 => V6_LEN,
            _ => 0,
        };
        self.0.get(PREFIX..self.0.len().saturating_sub(address)).unwrap_or_default()
    }
}

/// The next text; `None` at the end.
fn text<'a>(known: &[&'static str], rest: &mut &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    if let Some(known) = known.get(number) {
        return Some(known.as_bytes().into());
    }
    if number == known.len() {
        let (nonce, tail) = rest.split_first_chunk::<NONCE>()?;
        *rest = tail;
        return Some(STANDARD.encode(nonce).into_bytes().into());
    }
    let (text, tail) = rest.split_at_checked(number - known.len() - 1)?;
    *rest = tail;
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> RequestDraft {
        let mut draft = RequestDraft::new(1_700_000_000_000, true, 0);
        draft.target("/socket.io/?EIO=4&transport=websocket");
        headers.iter().for_each(|(name, value)| draft.header(name, value.as_bytes()));
        draft
    }

    #[test]
    fn all_that_goes_in_comes_out() {
        let long = "x".repeat(100_000);
        let mut headers: Vec<_> = NAMES.iter().copied().zip(VALUES.iter().copied().cycle()).collect();
        headers.extend([("x-mine", "1"), ("empty", ""), ("", ""), ("cookie", &long), ("host", "a")]);
        // A key, and what only looks like one: bits that stand for nothing, no padding, longer, or of other characters.
        let keys = ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQAA"];
        let others = ["dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25j-_=="];
        headers.extend(keys.into_iter().chain(others).map(|key| ("sec-websocket-key", key)));
        headers.push(("dGhlIHNhbXBsZSBub25jZQ==", "a key for a name"));
        for address in [None, Some("1.2.3.4:5"), Some("[2001:db8::1]:65535"), Some("[fe80::1%7]:80")] {
            let address = address.map(|address| address.parse().unwrap());
            let mut draft = request(&headers);
            address.into_iter().for_each(|address| draft.set_address(address));
            assert_eq!(draft.has_address(), address.is_some());
            let block = draft.finish();
            assert_eq!((block.issued(), block.is_secure()), (1_700_000_000_000, true));
            assert_eq!(block.address(), address);
            assert_eq!(block.target().as_deref(), Some(&b"/socket.io/?EIO=4&transport=websocket"[..]));
            let out: Vec<_> = block.headers().collect();
            assert_eq!(out.len(), headers.len());
            for ((name, value), expected) in out.into_iter().zip(&headers) {
                assert_eq!((&*name, &*value), (expected.0.as_bytes(), expected.1.as_bytes()));
            }
        }
    }

    #[test]
    fn what_all_clients_send_takes_little() {
        let block = request(&[
            ("host", "127.0.0.1:3000"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]);
        assert_eq!(block.0.len(), PREFIX + 1 + 16 + 2 + 2 + 2 + 18);
    }

    #[test]
    fn a_time_that_has_no_place_is_the_latest_that_has_one() {
        let issued = |issued| RequestDraft::new(issued, false, 0).finish().issued();
        assert_eq!([issued(0), issued(1_763_737_200_123)], [0, 1_763_737_200_123]);
        assert_eq!([issued((1 << 48) - 1), issued(u64::MAX)], [(1 << 48) - 1; 2]);
    }

    #[test]
    fn an_empty_block_says_nothing() {
        let block = RequestDraft::new(0, false, 0).finish();
        assert_eq!((block.target(), block.address(), block.headers().count()), (None, None, 0));
    }
}
