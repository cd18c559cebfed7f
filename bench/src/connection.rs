//! One client of the load generator: opens a WebSocket, joins the main namespace, then reads and
//! writes in batches (one `read` fills, any number of messages are taken, one `write` flushes).
//! Speaks Engine.IO 4 and Socket.IO 5 as far as the scenarios need it, answers pings by itself,
//! and treats everything it does not expect as an error of the server.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::frame;

/// A read takes at most this much, so a slow reader sees several messages at once.
const READ_BYTES: usize = 64 * 1024;
/// Longest that a server may take to accept, upgrade and admit one client.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// The nonce and its answer of RFC 6455 §1.3: a fixed pair checks the handshake without SHA-1.
pub(crate) const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// Not zero, which a server could skip; the same for all, because its value costs nothing.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

thread_local! {
    /// Read buffers that no connection needs now: with 10,000 clients only a few are in use.
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// What a client says of itself with its upgrade, besides what the upgrade needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Headers {
    /// Nothing.
    Few,
    /// What Chrome sends for a page of another origin, in its order.
    Chrome,
}

impl Headers {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Few => "",
            Self::Chrome => {
                "Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) \
                 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
                 Origin: https://app.example.com\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
                 Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n\
                 Cookie: session=0f8fad5b-d9cb-469f-a165-70867728950e; theme=dark\r\n"
            }
        }
    }
}

/// One message of the server, without its Engine.IO type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// A Socket.IO packet in its text form.
    Text(&'a [u8]),
    /// An attachment.
    Binary(&'a [u8]),
}

/// A joined client.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
    /// Engine.IO pings that came.
    pings: u64,
}

impl Connection {
    /// Opens and joins; resolves when the server's `welcome` event has come.
    pub(crate) async fn open(address: SocketAddr, headers: Headers) -> Result<Self> {
        Self::joined(async { Self::engine(address, headers, None).await }).await
    }

    /// As [`Connection::open`], from this address of the machine: each has ports of its own.
    pub(crate) async fn open_from(address: SocketAddr, headers: Headers, source: Ipv4Addr) -> Result<Self> {
        let opened = async {
            let stream = connect_from(address, None, Some(source)).await?;
            Self::engine_over(stream, address, headers).await
        };
        Self::joined(opened).await
    }

    async fn joined(opened: impl Future<Output = Result<Self>>) -> Result<Self> {
        match timeout(OPEN_TIMEOUT, async { opened.await?.join().await }).await {
            Ok(result) => result,
            Err(_) => Err(Error::Late(format!("a connection did not open within {OPEN_TIMEOUT:?}"))),
        }
    }

    async fn join(self) -> Result<Self> {
        let mut connection = self;
        connection.queue_packet(&[b"0"]);
        connection.flush().await?;
        connection.expect(b"0{").await?;
        connection.expect(b"2[\"welcome\",").await?;
        connection.flush().await?;
        Ok(connection)
    }

    /// Opens the Engine.IO session and joins nothing. A small receive buffer lets the server see soon that
    /// nobody reads.
    pub(crate) async fn engine(
        address: SocketAddr,
        headers: Headers,
        receive_buffer: Option<u32>,
    ) -> Result<Self> {
        let stream = connect(address, receive_buffer).await?;
        Self::engine_over(stream, address, headers).await
    }

    async fn engine_over(stream: TcpStream, address: SocketAddr, headers: Headers) -> Result<Self> {
        let mut connection = Self { stream, input: Vec::new(), taken: 0, output: Vec::new(), pings: 0 };
        connection.upgrade(address, headers).await?;
        connection.expect_open().await?;
        Ok(connection)
    }

    async fn upgrade(&mut self, address: SocketAddr, headers: Headers) -> Result<()> {
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n{}\r\n",
            headers.text()
        );
        self.output.extend_from_slice(request.as_bytes());
        self.flush().await?;
        loop {
            self.fill().await?;
            if let Some(end) = memchr::memmem::find(&self.input, b"\r\n\r\n") {
                let head = self.input.get(..end).unwrap_or_default();
                if !head.starts_with(b"HTTP/1.1 101") || memchr::memmem::find(head, ACCEPT).is_none() {
                    return Err(Error::unexpected("the upgrade was refused", head));
                }
                self.taken = end + 4;
                return Ok(());
            }
        }
    }

    /// Waits for the packet that opens the session.
    async fn expect_open(&mut self) -> Result<()> {
        loop {
            if let Some(header) = self.next_frame()? {
                let payload = self.payload(header);
                let opens = header.opcode == frame::TEXT && payload.starts_with(b"0{");
                return if opens {
                    Ok(())
                } else {
                    Err(Error::unexpected("expected an open packet", payload))
                };
            }
            self.fill().await?;
        }
    }

    /// Waits for the next message, which must be a text with that beginning.
    pub(crate) async fn expect(&mut self, beginning: &[u8]) -> Result<()> {
        loop {
            match self.next()? {
                Some(Message::Text(text)) if text.starts_with(beginning) => return Ok(()),
                Some(Message::Text(other) | Message::Binary(other)) => {
                    let wanted = String::from_utf8_lossy(beginning);
                    return Err(Error::unexpected(&format!("expected {wanted}"), other));
                }
                None => self.fill().await?,
            }
        }
    }

    /// Reads once, as much as there is. Cancel safe.
    pub(crate) async fn fill(&mut self) -> Result<()> {
        loop {
            self.stream.readable().await.map_err(Error::io("waiting for the server"))?;
            if self.fill_if_ready()? {
                return Ok(());
            }
        }
    }

    /// Reads what is there; whether there was something. Costs no system call where the reactor knows of nothing.
    pub(crate) fn fill_if_ready(&mut self) -> Result<bool> {
        if self.input.capacity() == 0 {
            self.input = POOL.with_borrow_mut(Vec::pop).unwrap_or_default();
        } else if self.taken > 0 {
            self.input.drain(..self.taken);
            self.taken = 0;
        }
        self.input.reserve(READ_BYTES);
        match self.stream.try_read_buf(&mut self.input) {
            Ok(0) => Err(Error::Wrong("the server closed the connection".into())),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.recycle();
                Ok(false)
            }
            Err(error) => Err(Error::io("reading from the server")(error)),
        }
    }

    /// Takes the next Socket.IO message out of what `fill` has read. Pings of both layers are
    /// answered with the next `flush`; the `left` event, which the contract sends to everybody when a
    /// client goes, is passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Message<'_>>> {
        while let Some(header) = self.next_frame()? {
            let payload = self.payload(header);
            match (header.opcode, payload.first()) {
                (frame::TEXT, Some(b'2')) if payload.len() == 1 => {
                    self.pings += 1;
                    frame::write(&mut self.output, frame::TEXT, Some(MASK), &[b"3"]);
                }
                (frame::TEXT, Some(b'4')) if payload.starts_with(b"42[\"left\",") => {}
                (frame::TEXT, Some(b'4')) => {
                    return Ok(Some(Message::Text(self.payload(header).get(1..).unwrap_or_default())));
                }
                (frame::BINARY, _) => return Ok(Some(Message::Binary(self.payload(header)))),
                (frame::PING, _) => {
                    let payload = payload.to_vec();
                    frame::write(&mut self.output, frame::PONG, Some(MASK), &[&payload]);
                }
                (frame::PONG, _) => {}
                _ => return Err(Error::unexpected("a message that no scenario expects", payload)),
            }
        }
        Ok(None)
    }

    fn next_frame(&mut self) -> Result<Option<frame::Header>> {
        let rest = self.input.get(self.taken..).unwrap_or_default();
        let Some(mut header) = frame::parse(rest)? else {
            if rest.is_empty() {
                self.recycle();
            }
            return Ok(None);
        };
        if header.key.is_some() {
            return Err(Error::Wrong("the server masks its frames".into()));
        }
        header.payload += self.taken;
        header.end += self.taken;
        self.taken = header.end;
        Ok(Some(header))
    }

    fn payload(&self, header: frame::Header) -> &[u8] {
        self.input.get(header.payload..header.end).unwrap_or_default()
    }

    /// Gives an empty read buffer back, so that idle clients hold none.
    fn recycle(&mut self) {
        if self.taken == self.input.len() && self.input.capacity() > 0 {
            let mut buffer = std::mem::take(&mut self.input);
            self.taken = 0;
            buffer.clear();
            POOL.with_borrow_mut(|pool| pool.push(buffer));
        }
    }

    /// Engine.IO pings that came so far.
    pub(crate) fn pings(&self) -> u64 {
        self.pings
    }

    /// Queues one Socket.IO packet; the Engine.IO type is added.
    pub(crate) fn queue_packet(&mut self, parts: &[&[u8]]) {
        let mut whole: Vec<&[u8]> = Vec::with_capacity(parts.len() + 1);
        whole.push(b"4");
        whole.extend_from_slice(parts);
        frame::write(&mut self.output, frame::TEXT, Some(MASK), &whole);
    }

    /// Queues one attachment.
    pub(crate) fn queue_binary(&mut self, bytes: &[u8]) {
        frame::write(&mut self.output, frame::BINARY, Some(MASK), &[bytes]);
    }

    /// Writes everything queued.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        while !self.flush_some()? {
            self.stream.writable().await.map_err(Error::io("waiting to write"))?;
        }
        Ok(())
    }

    /// Writes as much of what is queued as the socket takes; whether that was all.
    pub(crate) fn flush_some(&mut self) -> Result<bool> {
        let mut written = 0;
        while let Some(rest) = self.output.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.try_write(rest) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(Error::io("writing to the server")(error)),
            }
        }
        self.output.drain(..written);
        Ok(self.output.is_empty())
    }

    /// A question whose answer must be the very next message: whatever the server sent too much
    /// during the run stands before it and is found.
    pub(crate) async fn finish(mut self) -> Result<Self> {
        self.queue_packet(&[b"2999999999[\"echo\",\"bye\"]"]);
        self.flush().await?;
        self.expect(b"3999999999[\"bye\"]").await?;
        Ok(self)
    }
}

/// Connects so that small messages leave at once, and so that dropping frees the port at once.
pub(crate) async fn connect(address: SocketAddr, receive_buffer: Option<u32>) -> Result<TcpStream> {
    connect_from(address, receive_buffer, None).await
}

async fn connect_from(
    address: SocketAddr,
    receive_buffer: Option<u32>,
    source: Option<Ipv4Addr>,
) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4().map_err(Error::io("opening a socket (`ulimit -n` bounds them)"))?;
    socket.set_nodelay(true).map_err(Error::io("setting TCP_NODELAY"))?;
    // Ends with a reset: closing 10,000 clients politely would leave their ports waiting for a minute.
    socket.set_zero_linger().map_err(Error::io("setting SO_LINGER"))?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes).map_err(Error::io("setting SO_RCVBUF"))?;
    }
    if let Some(source) = source {
        let bound = socket.bind(SocketAddr::from((source, 0)));
        bound.map_err(Error::io(format!("taking a port of {source} (`ip_local_port_range` bounds them)")))?;
    }
    socket.connect(address).await.map_err(Error::io(format!("connecting to {address}")))
}
