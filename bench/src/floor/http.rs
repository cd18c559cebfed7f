//! The HTTP that the load generator speaks: one upgrade, or GET and POST of long-polling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Between the packets of one payload.
pub(super) const SEPARATOR: u8 = 0x1e;

/// A complete request.
pub(super) struct Request<'a> {
    pub(super) kind: Kind<'a>,
    /// Bytes of head and body.
    pub(super) length: usize,
}

pub(super) enum Kind<'a> {
    Upgrade { nonce: &'a [u8] },
    Open,
    Post { session: u64, body: &'a [u8] },
    Poll { session: u64 },
}

/// `Some(None)` while the request is not complete, `None` when it is not one of ours.
#[expect(clippy::option_option, reason = "three outcomes, read in one place")]
pub(super) fn parse(input: &[u8]) -> Option<Option<Request<'_>>> {
    let Some(end) = memchr::memmem::find(input, b"\r\n\r\n") else { return Some(None) };
    let head = input.get(..end)?;
    let length = end + 4;
    let line = head.split(|byte| *byte == b'\r').next()?;
    let is_post = line.starts_with(b"POST ");
    if memchr::memmem::find(line, b"transport=websocket").is_some() {
        let nonce = header(head, b"\r\nSec-WebSocket-Key: ")?;
        return Some(Some(Request { kind: Kind::Upgrade { nonce }, length }));
    }
    let Some(at) = memchr::memmem::find(line, b"&sid=") else {
        return Some(Some(Request { kind: Kind::Open, length }));
    };
    let digits = line.get(at + 5..)?.split(|byte| *byte == b' ').next()?;
    let session = number(digits)?;
    if !is_post {
        return Some(Some(Request { kind: Kind::Poll { session }, length }));
    }
    let size = usize::try_from(number(header(head, b"\r\nContent-Length: ")?)?).ok()?;
    let Some(body) = input.get(length..length.checked_add(size)?) else { return Some(None) };
    Some(Some(Request { kind: Kind::Post { session, body }, length: length + size }))
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(head, name)? + name.len();
    head.get(at..)?.split(|byte| *byte == b'\r').next()
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The 101 answer (RFC 6455 §4.2.2).
pub(super) fn switching(nonce: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(nonce);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(hash.finalize());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// Appends a 200 answer.
pub(super) fn answer(replies: &mut Vec<u8>, body: &[u8]) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: {length}\r\n\r\n"
    );
    replies.extend_from_slice(head.as_bytes());
    replies.extend_from_slice(body);
}

/// Adds a packet to a payload.
pub(super) fn queue(waiting: &mut Vec<u8>, parts: &[&[u8]]) {
    if !waiting.is_empty() {
        waiting.push(SEPARATOR);
    }
    for part in parts {
        waiting.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_when_its_body_is_there() {
        let request =
            b"POST /socket.io/?EIO=4&transport=polling&sid=12 HTTP/1.1\r\nContent-Length: 3\r\n\r\n4001";
        assert!(parse(&request[..request.len() - 2]).unwrap().is_none());
        let parsed = parse(request).unwrap().unwrap();
        assert!(matches!(parsed.kind, Kind::Post { session: 12, body: b"400" }));
        assert_eq!(parsed.length, request.len() - 1);
    }

    #[test]
    fn the_accept_key_is_that_of_the_rfc() {
        assert!(switching(b"dGhlIHNhbXBsZSBub25jZQ==").contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}
