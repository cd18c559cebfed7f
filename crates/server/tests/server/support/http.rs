//! Requests to the tower service, and an Engine.IO client over polling made of them.

use std::collections::VecDeque;

use bytes::Bytes;
use enchufe::{NotFound, Server, SocketIoService};
use http::response::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::time::timeout;
use tower::ServiceExt;

use super::PATIENCE;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("visible ASCII"))
    }
}

/// Requests without a port.
#[derive(Clone)]
pub(crate) struct Http(SocketIoService<NotFound>);

impl Http {
    pub(crate) fn new(io: &Server) -> Self {
        Self(io.service())
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let (head, body) = self.send_raw(request).await;
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).expect("text"),
        }
    }

    /// As [`Http::send`], with the body as it is.
    pub(crate) async fn send_raw(&self, request: Request<Full<Bytes>>) -> (Parts, Bytes) {
        let answer =
            timeout(PATIENCE * 20, self.0.clone().oneshot(request)).await.expect("an answer in time");
        let (head, body) = answer.expect("infallible").into_parts();
        (head, body.collect().await.expect("a whole body").to_bytes())
    }

    pub(crate) async fn request(&self, method: Method, target: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(target);
        self.send(request.body(Full::from(body.to_owned())).expect("a request")).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.request(Method::GET, target, "").await
    }
}

/// An Engine.IO session over polling.
#[derive(Clone)]
pub(crate) struct Polling {
    pub(crate) http: Http,
    pub(crate) sid: String,
    waiting: VecDeque<String>,
}

impl Polling {
    pub(crate) async fn open(io: &Server) -> Self {
        let http = Http::new(io);
        let answer = http.get("/socket.io/?EIO=4&transport=polling").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { http, sid: sid_of(&answer.body), waiting: VecDeque::new() }
    }

    pub(crate) fn target(&self) -> String {
        format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)
    }

    /// POSTs a payload as it is.
    pub(crate) async fn post(&self, payload: &str) -> Answer {
        self.http.request(Method::POST, &self.target(), payload).await
    }

    /// One poll: the payload as it is.
    pub(crate) async fn poll(&self) -> Answer {
        self.http.get(&self.target()).await
    }

    /// The next packet, polling for it if need be; `None` where the server does not know the session any more.
    pub(crate) async fn packet(&mut self) -> Option<String> {
        loop {
            if let Some(packet) = self.waiting.pop_front() {
                return Some(packet);
            }
            let answer = self.poll().await;
            if answer.status != 200 {
                return None;
            }
            self.waiting.extend(answer.body.split('\u{1e}').map(str::to_owned));
        }
    }
}

/// The session's id in a payload that begins with OPEN.
pub(crate) fn sid_of(payload: &str) -> String {
    let open = payload.split('\u{1e}').next().and_then(|packet| packet.strip_prefix('0')).expect("OPEN");
    let open: serde_json::Value = serde_json::from_str(open).expect("JSON");
    open["sid"].as_str().expect("an id").to_owned()
}
