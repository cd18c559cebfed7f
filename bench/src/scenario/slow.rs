//! Slow consumers: of 10,000 connections a hundred never read. They sit in the namespace `/chat`, because
//! the contract tells everybody in a namespace who has left it, and a server may well throw them out. First they are
//! sent 8 MiB each, as broadcasts to `/chat`; while that goes on slowly, the usual broadcast runs on `/`
//! and counts: nobody there may miss a message. Noted beside it: by how much the server's memory grew.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::broadcast;
use super::echo::strip;
use crate::connection::{Connection, Headers, Message};
use crate::error::{Error, Result};
use crate::process;
use crate::run::{Note, Outcome, Plan, Run, Target, open_all};

/// Bytes of one broadcast to `/chat`.
const CHUNK: usize = 64 * 1024;
/// Broadcasts before the window: together twice what Enchufe lets one client's output grow to.
const CHUNKS: u64 = 128;
/// Between two broadcasts to `/chat` during the window.
const PAUSE: Duration = Duration::from_millis(100);
/// The receive buffer of a slow client, so that the kernel does not swallow everything.
const RECEIVE_BUFFER: u32 = 4 * 1024;

pub(crate) async fn run(target: Target, plan: Plan, count: usize) -> Result<Outcome> {
    let slow_count = count / 100;
    let healthy = open_all(target, count - slow_count - 1, Headers::Few).await?;
    let mut feeder = Feeder::open(target.address).await?;
    let slow: Vec<Connection> = stream::iter(0..slow_count)
        .map(|_| join_chat(target.address, Some(RECEIVE_BUFFER)))
        .buffer_unordered(16)
        .try_collect()
        .await?;
    let before = process::resident_bytes(target.pid)?;
    let mut most = before;
    for chunk in 0..CHUNKS {
        feeder.feed().await?;
        if chunk % 8 == 7 {
            most = most.max(process::resident_bytes(target.pid)?);
        }
    }
    let run = Run::new();
    let mut clients = broadcast::spawn(healthy, 1, &run);
    clients.spawn_local(feeder.go_on(Rc::clone(&run)));
    let mut outcome = run.measure(target, broadcast::long_enough(plan, count as u64), clients).await?;
    most = most.max(process::resident_bytes(target.pid)?);
    drop(slow);
    outcome.notes.push((Note::GrownBytes, (most - before) as f64));
    Ok(outcome)
}

async fn join_chat(address: SocketAddr, receive_buffer: Option<u32>) -> Result<Connection> {
    let mut connection = Connection::engine(address, Headers::Few, receive_buffer).await?;
    connection.queue_packet(&[b"0/chat,"]);
    connection.flush().await?;
    connection.expect(b"0/chat,{").await?;
    connection.expect(b"2/chat,[\"welcome\",").await?;
    Ok(connection)
}

/// Who sends to the slow ones, and reads what everybody gets.
struct Feeder {
    connection: Connection,
    text: String,
    sent: u64,
}

impl Feeder {
    async fn open(address: SocketAddr) -> Result<Self> {
        let connection = join_chat(address, None).await?;
        Ok(Self { connection, text: "y".repeat(CHUNK), sent: 0 })
    }

    /// One broadcast; over when its ack and its own copy are there.
    async fn feed(&mut self) -> Result<()> {
        let id = self.sent.to_string();
        self.sent += 1;
        let text = self.text.as_bytes();
        self.connection.queue_packet(&[b"2/chat,", id.as_bytes(), b"[\"broadcast\",\"", text, b"\"]"]);
        self.connection.flush().await?;
        let ack = format!("3/chat,{id}[");
        let (mut acked, mut got) = (false, false);
        while !(acked && got) {
            match self.connection.next()? {
                Some(Message::Text(answer)) if answer.starts_with(ack.as_bytes()) && !acked => acked = true,
                Some(Message::Text(copy)) if is_copy(copy, &self.text) && !got => got = true,
                Some(Message::Text(news)) if news.starts_with(b"2/chat,[\"left\",") => {}
                Some(Message::Text(other) | Message::Binary(other)) => {
                    return Err(Error::unexpected("expected what was sent to /chat", other));
                }
                None => {
                    self.connection.flush().await?;
                    self.connection.fill().await?;
                }
            }
        }
        Ok(())
    }

    async fn go_on(mut self, run: Rc<Run>) -> Result<Connection> {
        while run.sending() {
            self.feed().await?;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(self.connection)
    }
}

fn is_copy(message: &[u8], text: &str) -> bool {
    strip(message, b"2/chat,[\"msg\",\"", b"\"]") == Some(text.as_bytes())
}
