//! `engine-client`: what the suite of an Engine.IO client expects of its server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use enchufe::engine::{EngineHandler, EngineSocket, Message};
use enchufe::{BuildError, Bytes, DisconnectReason, RequestHead, Server};
use http::{HeaderMap, HeaderValue, Method, header};

const PATH: &str = "/engine.io";

/// The headers of each session's latest POST, as JSON: a message is handled before its POST is answered.
#[derive(Clone, Default)]
struct LastPosts(Arc<Mutex<HashMap<String, String>>>);

impl LastPosts {
    fn note(&self, request: &RequestHead) {
        if *request.method() != Method::POST {
            return;
        }
        if let (Some(sid), Ok(mut posts)) = (request.query("sid"), self.0.lock()) {
            posts.insert(sid.into_owned(), json(request.headers()));
        }
    }

    /// The headers of the request that carried a message: over a WebSocket, of the one that opened it.
    fn of(&self, socket: &EngineSocket) -> String {
        let posted = match socket.transport() {
            "polling" => self.0.lock().ok().and_then(|posts| posts.get(socket.id()).cloned()),
            _ => None,
        };
        posted.unwrap_or_else(|| {
            let handshake = socket.handshake();
            let headers: serde_json::Map<String, serde_json::Value> = handshake
                .headers()
                .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
                .collect();
            serde_json::Value::Object(headers).to_string()
        })
    }

    fn forget(&self, socket: &EngineSocket) {
        if let Ok(mut posts) = self.0.lock() {
            posts.remove(socket.id());
        }
    }
}

fn json(headers: &HeaderMap) -> String {
    let headers: serde_json::Map<String, serde_json::Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    serde_json::Value::Object(headers).to_string()
}

struct Greeter(LastPosts);

impl EngineHandler for Greeter {
    fn on_open(&self, socket: &EngineSocket) {
        socket.send("hi".into());
    }

    fn on_message(&self, socket: &EngineSocket, message: Message) {
        let text = match &message {
            Message::Text(text) => &**text,
            Message::Binary(_) => "",
        };
        socket.send(match text {
            "give binary" => Bytes::from_static(&[0, 1, 2, 3, 4]).into(),
            "give utf8" => "пойду спать всем спокойной ночи".into(),
            "sendHeaders" => self.0.of(socket).into(),
            _ => message,
        });
    }

    fn on_close(&self, socket: &EngineSocket, _: DisconnectReason) {
        self.0.forget(socket);
    }
}

fn set_cookies(headers: &mut HeaderMap) {
    let now = httpdate::fmt_http_date(SystemTime::now());
    for cookie in [
        "1=1; Max-Age=86400",
        "2=2; SameSite=Strict; Path=/; HttpOnly; Secure",
        "3=3; Max-Age=0",
        &format!("4=4; Expires={now}"),
    ] {
        if let Ok(cookie) = HeaderValue::from_str(cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

pub(crate) fn server() -> Result<Server, BuildError> {
    let posts = LastPosts::default();
    let noted = posts.clone();
    Server::builder()
        .path(PATH)
        .ping_interval(Duration::from_millis(500))
        .max_http_buffer_size(100)
        .allow_request(async |request: RequestHead| match request.query("deny") {
            Some(_) => Err("Forbidden"),
            None => Ok(()),
        })
        .initial_headers(|headers, _| set_cookies(headers))
        .headers(move |_, request| noted.note(request))
        .engine(Greeter(posts))
        .build()
}
