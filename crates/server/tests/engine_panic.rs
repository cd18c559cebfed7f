//! A panic in an `EngineHandler` ends that call: the driver that made it has other connections to look after.

use bytes::Bytes;
use enchufe::Server;
use enchufe::engine::{EngineHandler, EngineSocket, Message};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use std::time::Duration;
use tokio::time::timeout;
use tower_service::Service;

struct Fragile;

impl EngineHandler for Fragile {
    fn on_open(&self, _: &EngineSocket) {
        panic!("at the opening, as asked for");
    }

    fn on_message(&self, socket: &EngineSocket, message: Message) {
        assert_ne!(message, Message::Text("boom".into()), "as asked for");
        socket.send(message);
    }
}

async fn call(server: &Server, method: Method, query: &str, body: &'static str) -> String {
    let uri = format!("/engine.io/?EIO=4&transport=polling{query}");
    let request =
        Request::builder().method(method).uri(uri).body(Full::<Bytes>::from(body)).expect("a request");
    let answer = timeout(Duration::from_secs(10), server.service().call(request));
    let answer = answer.await.expect("the driver lives").expect("an answer");
    let body: Bytes = answer.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(body.to_vec()).expect("a text")
}

#[tokio::test]
async fn a_panic_in_an_engine_handler_ends_that_call_only() {
    let server = Server::builder().path("/engine.io").engine(Fragile).build().unwrap();
    let mut sids = Vec::new();
    for _ in 0..2 {
        let open = call(&server, Method::GET, "", "").await;
        let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
        sids.push(format!("&sid={}", open["sid"].as_str().unwrap()));
    }
    assert_eq!(call(&server, Method::POST, &sids[0], "4boom\u{1e}4after").await, "ok");
    assert_eq!(call(&server, Method::POST, &sids[1], "4hello").await, "ok");
    assert_eq!(call(&server, Method::GET, &sids[0], "").await, "4after");
    assert_eq!(call(&server, Method::GET, &sids[1], "").await, "4hello");
}
