//! The browser client, embedded in the server and served beside its endpoint.

use std::fmt::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha1::{Digest, Sha1};

use super::answer::{self, Answer};
use super::coding::{self, Coding, Effort};

/// One file, and what has been made of it so far.
pub(crate) struct ClientFile {
    name: &'static str,
    content: &'static [u8],
    encoded: [OnceLock<Bytes>; 3],
    etag: OnceLock<HeaderValue>,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(ClientFile {
            name: $name,
            content: include_bytes!(concat!("../../client-dist/", $name)),
            encoded: [const { OnceLock::new() }; 3],
            etag: OnceLock::new(),
        }),*]
    };
}

static FILES: [ClientFile; 8] = files![
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
];

/// The file that a path names: exactly one of ours, whatever the query.
pub(crate) fn find(prefix: &str, path: &str) -> Option<&'static ClientFile> {
    let name = path.strip_prefix(prefix)?.strip_prefix('/')?;
    FILES.iter().find(|file| file.name == name)
}

/// Sends a file, compressed where the client takes it, or says that its copy is still good.
pub(crate) fn answer(file: &'static ClientFile, method: &Method, request: &HeaderMap) -> Answer {
    if let Some(known) = request.get(header::IF_NONE_MATCH)
        && known.to_str().is_ok_and(|known| file.is_current(known))
    {
        let mut answer = answer::empty(StatusCode::NOT_MODIFIED);
        answer.headers_mut().insert(header::ETAG, file.etag().clone());
        return answer;
    }
    let kind = if file.name.ends_with(".map") {
        "application/json; charset=utf-8"
    } else {
        "application/javascript; charset=utf-8"
    };
    let coding = coding::negotiate(request, &Coding::ALL);
    let encoded = coding.and_then(|coding| Some((coding, file.encoded(coding)?)));
    let (coding, body) = match encoded {
        Some((coding, body)) => (Some(coding), body),
        None => (None, Bytes::from_static(file.content)),
    };
    let length = body.len();
    let mut answer = answer::with_type(StatusCode::OK, kind, body);
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
    headers.insert(header::ETAG, file.etag().clone());
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, coding.value());
    }
    if method == Method::HEAD {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        *answer.body_mut() = http_body_util::Full::default();
    }
    answer
}

impl ClientFile {
    /// Changes with the content. It is weak, because each coding of the content has the same.
    fn etag(&self) -> &HeaderValue {
        self.etag.get_or_init(|| {
            let mut etag = String::from("W/\"");
            for byte in Sha1::digest(self.content).iter().take(10) {
                // Writing to a string does not fail.
                let _ = write!(etag, "{byte:02x}");
            }
            etag.push('"');
            // Hexadecimal digits in quotes are a valid value.
            HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""))
        })
    }

    fn is_current(&self, known: &str) -> bool {
        let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let ours = strong(self.etag().to_str().unwrap_or_default());
        known.split(',').any(|tag| tag.trim() == "*" || strong(tag) == ours)
    }

    fn encoded(&self, coding: Coding) -> Option<Bytes> {
        let slot = self.encoded.get(coding as usize)?;
        if let Some(encoded) = slot.get() {
            return Some(encoded.clone());
        }
        // Once in a process.
        match coding.encode(self.content, Effort::Best) {
            Ok(encoded) => Some(slot.get_or_init(|| encoded.into()).clone()),
            Err(error) => {
                tracing::error!(%error, coding = coding.name(), "a client file could not be compressed");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_the_exact_names_are_files() {
        assert!(find("/socket.io", "/socket.io/socket.io.js").is_some());
        for path in [
            "/socket.io/",
            "/socket.io/x.js",
            "/socket.io/../socket.io.js",
            "/socket.io.js",
            "/socket.io/SOCKET.IO.js",
        ] {
            assert!(find("/socket.io", path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        let file = find("", "/socket.io.min.js").unwrap();
        let weak = file.etag().to_str().unwrap();
        for known in [weak, weak.trim_start_matches("W/"), "*", &format!("\"x\", {weak}")] {
            let request = HeaderMap::from_iter([(header::IF_NONE_MATCH, known.parse().unwrap())]);
            let answer = answer(file, &Method::GET, &request);
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        let same = FILES.iter().filter(|other| other.etag() == file.etag()).count();
        assert_eq!(same, 1, "each file has its own");
        let answer = answer(file, &Method::GET, &headers(header::IF_NONE_MATCH, "\"old\""));
        assert_eq!(answer.status(), StatusCode::OK);
    }

    #[test]
    fn every_coding_makes_it_smaller() {
        for file in &FILES {
            for coding in Coding::ALL {
                assert!(file.encoded(coding).unwrap().len() < file.content.len(), "{} {coding:?}", file.name);
            }
        }
    }
}
