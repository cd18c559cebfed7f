//! An Engine.IO client over a WebSocket on any stream.

use std::collections::VecDeque;
use std::pin::Pin;

use bytes::{Buf, Bytes, BytesMut};
use enchufe::Server;
use enchufe_proto::websocket::{Decoder, Limits, Message, Opcode, Role, encode_frame};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

use super::PATIENCE;

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// What a WebSocket received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    Text(String),
    Binary(Bytes),
    Pong(Bytes),
    /// A close frame, with its code if it has one.
    Close(Option<u16>),
    /// The end of the stream.
    End,
}

/// The head of an HTTP answer.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// A client's end.
pub(crate) struct Ws {
    stream: Pin<Box<dyn Stream>>,
    decoder: Decoder,
    input: BytesMut,
    received: VecDeque<Received>,
    /// What the last close frame said.
    said: Option<(u16, String)>,
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

impl Ws {
    /// A stream in memory to a server, `capacity` bytes wide in each direction.
    pub(crate) fn in_memory(io: &Server, capacity: usize) -> Self {
        let (near, far) = tokio::io::duplex(capacity);
        Self::between(io, near, far)
    }

    /// A pair of streams, of which the server has the far one.
    pub(crate) fn between(
        io: &Server,
        near: DuplexStream,
        far: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let service = TowerToHyperService::new(io.service());
        let connection = http1::Builder::new().serve_connection(TokioIo::new(far), service).with_upgrades();
        tokio::spawn(async move {
            // A refused upgrade ends it with an error, which the client sees in its own way.
            let _ = connection.await;
        });
        Self::on(near)
    }

    /// A TCP connection.
    pub(crate) async fn tcp(address: impl ToSocketAddrs) -> Self {
        Self::on(TcpStream::connect(address).await.expect("a connection"))
    }

    fn on(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let decoder = Decoder::new(Role::Client);
        Self {
            stream: Box::pin(stream),
            decoder,
            input: BytesMut::new(),
            received: VecDeque::new(),
            said: None,
        }
    }

    /// Writes the request for an upgrade, and in the same write whatever comes after it.
    pub(crate) async fn request(&mut self, query: &str, with: &[u8]) {
        let mut bytes = format!(
            "GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        )
        .into_bytes();
        bytes.extend_from_slice(with);
        self.write(&bytes).await;
    }

    /// Reads the head of the answer; what follows it is kept.
    pub(crate) async fn head(&mut self) -> Head {
        loop {
            if let Some(end) = self.input.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = self.input.split_to(end + 4);
                let text = String::from_utf8(head.to_vec()).expect("text");
                let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
                return Head { status, text };
            }
            assert_ne!(self.fill().await, 0, "the stream ended before the head did: {:?}", self.input);
        }
    }

    /// Everything up to the stream's end, as text: the body of a refusal.
    pub(crate) async fn rest(mut self) -> String {
        while self.fill().await != 0 {}
        String::from_utf8(self.input.to_vec()).expect("text")
    }

    /// Upgrades, which must succeed.
    pub(crate) async fn upgrade(&mut self, query: &str) {
        self.request(query, &[]).await;
        let head = self.head().await;
        assert_eq!(head.status, 101, "{}", head.text);
        assert!(head.text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{}", head.text);
    }

    /// A new session in memory; its OPEN packet has been taken.
    pub(crate) async fn open(io: &Server) -> Self {
        let mut ws = Self::in_memory(io, 1 << 20);
        ws.upgrade("EIO=4&transport=websocket").await;
        let open = ws.text().await;
        assert!(open.starts_with("0{"), "{open}");
        ws
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("written");
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.write(&frame(Opcode::Text, text.as_bytes())).await;
    }

    pub(crate) async fn send_binary(&mut self, data: &[u8]) {
        self.write(&frame(Opcode::Binary, data)).await;
    }

    /// Sends several texts in one write.
    pub(crate) async fn send_all(&mut self, texts: &[&str]) {
        let frames: Vec<_> = texts.iter().flat_map(|text| frame(Opcode::Text, text.as_bytes())).collect();
        self.write(&frames).await;
    }

    async fn fill(&mut self) -> usize {
        let read = timeout(PATIENCE * 100, self.stream.read_buf(&mut self.input)).await;
        // A stream that breaks has ended as well.
        read.expect("something in time").unwrap_or(0)
    }

    /// The next thing, whatever it is.
    pub(crate) async fn recv(&mut self) -> Received {
        loop {
            if let Some(received) = self.received.pop_front() {
                return received;
            }
            if self.input.is_empty() && self.fill().await == 0 {
                return Received::End;
            }
            let mut input = &mut self.input[..];
            let total = input.len();
            let message =
                self.decoder.decode(&mut input, &Limits { max_message: 1 << 26, ..Limits::default() });
            let received = match message.expect("valid frames") {
                None => None,
                Some(Message::Text(text)) => Some(Received::Text(text.as_str().to_owned())),
                Some(Message::Binary(data)) => Some(Received::Binary(Bytes::copy_from_slice(&data))),
                Some(Message::Pong(data)) => Some(Received::Pong(Bytes::copy_from_slice(&data))),
                Some(Message::Ping(_)) => panic!("a server does not ping"),
                Some(Message::Close(close)) => {
                    self.said = close.map(|close| (close.code.get(), close.reason.to_string()));
                    Some(Received::Close(self.said.as_ref().map(|(code, _)| *code)))
                }
            };
            let taken = total - input.len();
            self.input.advance(taken);
            self.received.extend(received);
        }
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        match self.recv().await {
            Received::Text(text) => text,
            other => panic!("a text expected: {other:?}"),
        }
    }

    /// Reads until the close frame, and gives its code.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.recv().await {
                Received::Close(code) => return code,
                Received::End => panic!("the stream ended without a close frame"),
                _ => {}
            }
        }
    }

    /// Reads until the close frame, and gives its code and its words.
    pub(crate) async fn close(&mut self) -> Option<(u16, String)> {
        self.close_code().await;
        self.said.take()
    }

    /// Sends a text and does not mind whether all of it is taken, and then does as [`Ws::close`].
    pub(crate) async fn close_while_sending(&mut self, text: &str) -> Option<(u16, String)> {
        let _ = self.stream.write_all(&frame(Opcode::Text, text.as_bytes())).await;
        self.close().await
    }

    /// Reads until the stream's end.
    pub(crate) async fn end(&mut self) {
        while self.recv().await != Received::End {}
    }
}

/// One masked frame.
pub(crate) fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_frame(&mut out, opcode, payload, Some([1, 2, 3, 4]));
    out
}
