//! Clients that come back as stock clients do.

use enchufe::{Limits, Namespace, Recovery, Server};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::{Client, Via, serve_with, wait_until};

pub(crate) fn recovering(namespace: Namespace) -> Server {
    recovering_with(namespace, Recovery::default(), Limits::default())
}

pub(crate) fn recovering_with(namespace: Namespace, recovery: Recovery, limits: Limits) -> Server {
    serve_with(namespace, |builder| builder.connection_state_recovery(recovery).limits(limits))
}

/// What a stock client remembers of its session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) sid: String,
    pub(crate) pid: String,
    pub(crate) offset: Option<String>,
}

impl Memory {
    pub(crate) fn connect(&self) -> String {
        match &self.offset {
            Some(offset) => format!("40{}", json!({"pid": self.pid, "offset": offset, "token": 1})),
            None => format!("40{}", json!({"pid": self.pid, "token": 1})),
        }
    }

    /// Takes in an event as a stock client does; gives its name and its arguments without the offset.
    pub(crate) fn event(&mut self, packet: &str) -> String {
        let event: Vec<Value> = serde_json::from_str(packet.strip_prefix("42").expect(packet)).unwrap();
        let (offset, event) = event.split_last().unwrap();
        self.offset = Some(offset.as_str().expect("an offset").to_owned());
        event.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
    }
}

/// A session, and everything that came before and with the reply to CONNECT.
pub(crate) async fn join(io: &Server, via: Via, memory: &mut Memory) -> (Client, bool, Vec<String>) {
    let connect = if memory.pid.is_empty() { "40".to_owned() } else { memory.connect() };
    let mut client = Client::open(io, via).await;
    client.send(&connect).await;
    let mut missed = Vec::new();
    loop {
        let packet = client.next().await;
        if let Some(reply) = packet.strip_prefix("40") {
            let reply: Value = serde_json::from_str(reply).unwrap();
            let pid = reply["pid"].as_str().expect("a pid").to_owned();
            let recovered = memory.pid == pid;
            (memory.sid, memory.pid) = (reply["sid"].as_str().unwrap().to_owned(), pid);
            let missed = missed.iter().map(|packet: &String| memory.event(packet)).collect();
            return (client, recovered, missed);
        }
        missed.push(packet);
    }
}

/// The client's connection breaks, and the server sees it.
pub(crate) async fn lose(io: &Server, client: Client) {
    match client {
        // A polling client says so; a WebSocket is dropped.
        Client::Polling(polling) => drop(polling.post("1").await),
        Client::WebSocket(ws) => drop(ws),
    }
    wait_until("the connection is over", || io.connections() == 0).await;
    // Its handlers have been called too.
    sleep(Duration::from_millis(2)).await;
}
