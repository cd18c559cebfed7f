//! One client for tests that must hold over either transport.

use enchufe::Server;
use tokio::time::{Duration, timeout};

use super::PATIENCE;
use super::http::Polling;
use super::ws::{Received, Ws};

/// How a client travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Polling,
    WebSocket,
}

impl Via {
    pub(crate) const BOTH: [Self; 2] = [Self::Polling, Self::WebSocket];
}

/// A session that answers heartbeats and hands out messages.
pub(crate) enum Client {
    Polling(Polling),
    WebSocket(Box<Ws>),
}

impl Client {
    pub(crate) async fn open(io: &Server, via: Via) -> Self {
        match via {
            Via::Polling => Self::Polling(Polling::open(io).await),
            Via::WebSocket => Self::WebSocket(Box::new(Ws::open(io).await)),
        }
    }

    /// A session that has joined `/`.
    pub(crate) async fn connect(io: &Server, via: Via) -> Self {
        Self::join(io, via, "40").await.0
    }

    /// A session that has sent this CONNECT, and the id it was given.
    pub(crate) async fn join(io: &Server, via: Via, connect: &str) -> (Self, String) {
        let mut client = Self::open(io, via).await;
        client.send(connect).await;
        let reply = client.next().await;
        let (_, json) = reply.split_once('{').expect("a reply");
        let json: serde_json::Value = serde_json::from_str(&format!("{{{json}")).expect("JSON");
        (client, json["sid"].as_str().unwrap_or_else(|| panic!("no id in {reply}")).to_owned())
    }

    /// Sends one packet.
    pub(crate) async fn send(&mut self, packet: &str) {
        match self {
            Self::Polling(polling) => {
                polling.post(packet).await;
            }
            Self::WebSocket(ws) => ws.send(packet).await,
        }
    }

    /// Sends packets in one batch: one payload, one write.
    pub(crate) async fn send_all(&mut self, packets: &[&str]) {
        match self {
            Self::Polling(polling) => {
                polling.post(&packets.join("\u{1e}")).await;
            }
            Self::WebSocket(ws) => ws.send_all(packets).await,
        }
    }

    /// Sends a binary message.
    pub(crate) async fn send_binary(&mut self, data: &[u8]) {
        use base64::Engine as _;
        match self {
            Self::Polling(polling) => {
                let text = base64::engine::general_purpose::STANDARD.encode(data);
                polling.post(&format!("b{text}")).await;
            }
            Self::WebSocket(ws) => ws.send_binary(data).await,
        }
    }

    /// The next message; pings are answered. `None` at the end of the session.
    pub(crate) async fn message(&mut self) -> Option<String> {
        loop {
            let packet = match self {
                Self::Polling(polling) => polling.packet().await?,
                Self::WebSocket(ws) => match ws.recv().await {
                    Received::Text(text) => text,
                    Received::Binary(data) => {
                        use base64::Engine as _;
                        format!("b{}", base64::engine::general_purpose::STANDARD.encode(data))
                    }
                    Received::Close(_) | Received::End => return None,
                    Received::Pong(_) => continue,
                },
            };
            match packet.as_str() {
                "2" => self.send("3").await,
                "6" => {}
                "1" => return None,
                _ => return Some(packet),
            }
        }
    }

    /// The next message, which must come.
    pub(crate) async fn next(&mut self) -> String {
        let message = timeout(PATIENCE, self.message()).await.expect("a message in time");
        message.expect("a message before the session's end")
    }

    /// The next messages.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<String> {
        let mut messages = Vec::new();
        for _ in 0..count {
            messages.push(self.next().await);
        }
        messages
    }

    /// Nothing more comes for a while. (The session cannot be used any more: a poll was broken off.)
    pub(crate) async fn hears_nothing(&mut self) {
        if let Ok(Some(message)) = timeout(Duration::from_millis(500), self.message()).await {
            panic!("unexpected: {message}");
        }
    }

    /// Sends an event that `echo` answers and waits for the answer: everything before it has been handled.
    pub(crate) async fn sync(&mut self) {
        self.send("4299999[\"sync\"]").await;
        let answer = self.next().await;
        assert_eq!(answer, "4399999[]", "an answer to `sync`");
    }

    /// Reads until the server ends the session.
    pub(crate) async fn closed(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        while let Some(message) = timeout(PATIENCE * 20, self.message()).await.expect("the end in time") {
            messages.push(message);
        }
        messages
    }
}
