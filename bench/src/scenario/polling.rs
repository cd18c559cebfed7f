//! Echo over long-polling: every session keeps one HTTP connection, posts an event, and polls
//! until its ack is there.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::connection::connect;
use crate::error::{Error, Result};
use crate::run::{Outcome, Payload, Plan, Run, Target, tag};

/// Bytes of the text that is echoed.
const TEXT_BYTES: usize = 64;
/// Between the packets of one payload.
const SEPARATOR: u8 = 0x1e;

pub(crate) async fn run(target: Target, plan: Plan, sessions: usize) -> Result<Outcome> {
    let run = Run::new();
    let mut clients = JoinSet::new();
    for index in 0..sessions {
        let session = Session::open(target.address).await?;
        clients.spawn_local(ask(session, index, Rc::clone(&run)));
    }
    run.measure(target, plan, clients).await
}

async fn ask(mut session: Session, index: usize, run: Rc<Run>) -> Result<Session> {
    let payload = Payload::text(TEXT_BYTES);
    let mut id = 0u64;
    while run.sending() {
        let number = tag((index as u64) << 40 | id);
        let [head, tail] = payload.parts(&number);
        let text = [head, tail].concat();
        let digits = id.to_string();
        let asked = Instant::now();
        session.post(&[b"42", digits.as_bytes(), b"[\"echo\",\"", &text, b"\"]"].concat()).await?;
        let expected = [b"43", digits.as_bytes(), b"[\"", &text, b"\"]"].concat();
        session.expect(|packet| packet == expected).await?;
        run.note_latency(asked.elapsed());
        run.count(1);
        id += 1;
    }
    // A session without a request is only missed by its next heartbeat.
    session.post(b"1").await?;
    Ok(session)
}

/// One Engine.IO session over one HTTP connection that is kept alive.
struct Session {
    stream: TcpStream,
    address: SocketAddr,
    id: String,
    input: Vec<u8>,
}

impl Session {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = connect(address, None).await?;
        let mut session = Self { stream, address, id: String::new(), input: Vec::new() };
        let opened = session.request("GET", b"").await?;
        let open: Option<Open> = opened.strip_prefix(b"0").and_then(|json| serde_json::from_slice(json).ok());
        let open = open.ok_or_else(|| Error::unexpected("expected an open packet", &opened))?;
        session.id = format!("&sid={}", open.sid);
        session.post(b"40").await?;
        // CONNECT's answer and the `welcome` event, in one poll or in two.
        session.expect(|packet| packet.starts_with(b"42[\"welcome\",")).await?;
        Ok(session)
    }

    async fn post(&mut self, body: &[u8]) -> Result<()> {
        let answer = self.request("POST", body).await?;
        if answer == b"ok" { Ok(()) } else { Err(Error::unexpected("expected ok", &answer)) }
    }

    /// Polls until the awaited packet is there; only pings, noops, the CONNECT answer and news of others who
    /// have left may stand before it.
    async fn expect(&mut self, awaited: impl Fn(&[u8]) -> bool) -> Result<()> {
        loop {
            let payload = self.request("GET", b"").await?;
            let mut found = false;
            let mut ping = false;
            for packet in payload.split(|byte| *byte == SEPARATOR) {
                match packet {
                    _ if awaited(packet) && !found => found = true,
                    b"2" => ping = true,
                    b"6" => {}
                    _ if packet.starts_with(b"40{") || packet.starts_with(b"42[\"left\",") => {}
                    _ => return Err(Error::unexpected("a packet that was not asked for", packet)),
                }
            }
            if ping {
                self.post(b"3").await?;
            }
            if found {
                return Ok(());
            }
        }
    }

    /// One exchange; the body of a 200 answer.
    async fn request(&mut self, method: &str, body: &[u8]) -> Result<Vec<u8>> {
        let Self { address, id, .. } = &*self;
        let mut request =
            format!("{method} /socket.io/?EIO=4&transport=polling{id} HTTP/1.1\r\nHost: {address}\r\n");
        if method == "POST" {
            request.push_str(&format!(
                "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n",
                body.len()
            ));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        self.stream.write_all(&bytes).await.map_err(Error::io("writing a request"))?;
        let head = loop {
            if let Some(end) = memchr::memmem::find(&self.input, b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let length = content_length(self.input.get(..head).unwrap_or_default())?;
        while self.input.len() < head + length {
            self.read().await?;
        }
        let rest = self.input.split_off(head + length);
        let mut answer = std::mem::replace(&mut self.input, rest);
        answer.drain(..head);
        Ok(answer)
    }

    async fn read(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.input).await.map_err(Error::io("reading an answer"))? {
            0 => Err(Error::Wrong("the server closed a polling connection".into())),
            _ => Ok(()),
        }
    }
}

#[derive(serde::Deserialize)]
struct Open {
    sid: String,
}

/// The length of a 200 answer's body. Chunked answers are no use here: none of the servers sends them.
fn content_length(head: &[u8]) -> Result<usize> {
    let text = std::str::from_utf8(head).map_err(|_| Error::unexpected("a head that is no text", head))?;
    if !text.starts_with("HTTP/1.1 200") {
        return Err(Error::unexpected("expected 200", head));
    }
    let lengths = text.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lengths.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().and_then(|(_, value)| value.trim().parse().ok());
    length.ok_or_else(|| Error::unexpected("expected a content-length", head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_200_with_a_length_is_read() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-length: 42\r\n\r\n").unwrap(), 42);
        assert!(content_length(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 42\r\n\r\n").is_err());
        assert!(content_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
