//! Styles, scripts, texts and icons, embedded in the binary.
//!
//! Their addresses hold a version made of their content, so that browsers may keep them for good and a new
//! release is seen at once; the modules import each other relative to it.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

macro_rules! embed {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!("../assets/", $name)))),+]
    };
}

const FILES: &[(&str, &[u8])] = embed![
    "chat.css",
    "entrance.css",
    "base.css",
    "theme.js",
    "chat.js",
    "state.js",
    "connection.js",
    "outbox.js",
    "drafts.js",
    "texts.js",
    "dom.js",
    "rooms.js",
    "messages.js",
    "people.js",
    "composer.js",
    "pictures.js",
    "account.js",
    "keys.js",
    "en.json",
    "es.json",
    "logo.svg",
    "icons.svg",
    "manifest.webmanifest",
];

/// The content's version: part of every address.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, bytes) in FILES {
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    let digest = hash.finalize();
    URL_SAFE_NO_PAD.encode(&digest[..9])
});

/// Serves an embedded file. Under another version than ours it is served all the same, but not kept.
pub(crate) async fn serve(Path((version, name)): Path<(String, String)>) -> Response {
    let Some((name, bytes)) = FILES.iter().find(|(known, _)| *known == name) else {
        return (StatusCode::NOT_FOUND, "no such file\n").into_response();
    };
    let keep = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(CONTENT_TYPE, media_type(name)), (CACHE_CONTROL, keep)], *bytes).into_response()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
