//! What an idle connection takes of the server's heap: so many are opened and joined over TCP, through a listener of the
//! server's own, then as many again, and the difference is shared out among these.
//!
//! Promises: the figure is the server's alone. Its clients are on another thread and keep nothing on the heap but their
//! sockets, in a list that is made beforehand; whatever the process needs once is there after the first thousand. Nothing is
//! rounded as an allocator rounds, and no page is counted, so that the figure is the same on every machine; what it varies by
//! are tables and lists that grow by chance, as session ids are hashed with a seed of their own.

use std::io::{Cursor, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use enchufe::{Data, Namespace, Server};
use enchufe_proto::websocket::{Opcode, encode_frame};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::connection::{Headers, NONCE};
use crate::error::{Error, Result};

/// Connections before the first look at the heap, and between it and the second. A power of two, so that lists which grow by
/// doubling are as full at the one as at the other.
const BATCH: usize = 1_024;
/// Files that a process has open meanwhile, at most: both ends of each connection, and a few besides.
pub(crate) const DESCRIPTORS: usize = 4 * BATCH + 64;
/// No heartbeat falls into the measurement: the first would come after half of this.
const PING_INTERVAL: Duration = Duration::from_secs(60);
/// What an allocator keeps beside each block: glibc's has one word.
const HEADER: f64 = 8.0;
/// Longest that the server may let a client wait.
const TIMEOUT: Duration = Duration::from_secs(20);
const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

/// What is allocated at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Heap {
    /// All that was asked for.
    pub bytes: usize,
    /// In so many pieces.
    pub blocks: usize,
}

/// How a client stands there.
#[derive(Debug, Clone, Copy)]
enum Kind {
    WebSocket(Headers),
    /// With a poll that waits.
    Polling,
}

const KINDS: [(&str, Kind); 3] = [
    ("idle/websocket-few-headers", Kind::WebSocket(Headers::Few)),
    ("idle/websocket-chrome-headers", Kind::WebSocket(Headers::Chrome)),
    ("idle/polling", Kind::Polling),
];

/// The `main` of a binary whose allocator counts: `--list` names the kinds of connections, `NAME` measures one.
#[must_use]
pub fn run(heap: fn() -> Heap) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--list"] => {
            KINDS.iter().for_each(|(name, _)| println!("{name}"));
            ExitCode::SUCCESS
        }
        [name] => {
            let Some((_, kind)) = KINDS.iter().find(|(known, _)| known == name) else {
                eprintln!("no kind of connection `{name}`");
                return ExitCode::from(2);
            };
            match measure(*kind, heap) {
                Ok(bytes) => {
                    println!("{bytes:.1}");
                    ExitCode::SUCCESS
                }
                Err(error) => {
                    eprintln!("error: {error}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => {
            eprintln!("usage: --list | NAME");
            ExitCode::from(2)
        }
    }
}

/// Bytes of one connection, its blocks' headers among them.
fn measure(kind: Kind, heap: fn() -> Heap) -> Result<f64> {
    // One thread has the server and what its runtime does; another has the clients.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::io("starting a runtime"))?.block_on(async {
        let namespace = Namespace::new("/").on("echo", async |Data(text): Data<String>| text);
        let server = Server::builder().namespace(namespace).ping_interval(PING_INTERVAL).build();
        let server = server.map_err(|error| Error::Setup(error.to_string()))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Error::io("listening"))?;
        let address = listener.local_addr().map_err(Error::io("asking for the port"))?;
        let serving = tokio::spawn({
            let server = server.clone();
            async move { server.serve(listener).await }
        });
        let clients = Clients::new(kind, address);
        let clients = clients.open_more().await?;
        let before = heap();
        let clients = clients.open_more().await?;
        let after = heap();
        drop(clients);
        server.close().await;
        let served = serving.await.map_err(|error| Error::Setup(error.to_string()))?;
        served.map_err(Error::io("serving"))?;
        let grown = |before: usize, after: usize| (after as f64 - before as f64) / BATCH as f64;
        Ok(grown(before.bytes, after.bytes) + HEADER * grown(before.blocks, after.blocks))
    })
}

/// The other ends.
struct Clients {
    kind: Kind,
    address: SocketAddr,
    /// The first request of each.
    opening: Vec<u8>,
    /// The frame that joins the main namespace.
    join: Vec<u8>,
    streams: Vec<TcpStream>,
}

impl Clients {
    fn new(kind: Kind, address: SocketAddr) -> Self {
        let opening = match kind {
            Kind::WebSocket(headers) => format!(
                "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n{}\r\n",
                headers.text()
            ),
            Kind::Polling => {
                format!("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: {address}\r\n\r\n")
            }
        };
        let mut join = Vec::new();
        encode_frame(&mut join, Opcode::Text, b"40", MASK);
        let streams = Vec::with_capacity(2 * BATCH);
        Self { kind, address, opening: opening.into_bytes(), join, streams }
    }

    /// Opens a batch, and returns when the server has come to rest.
    async fn open_more(mut self) -> Result<Self> {
        let (done, opened) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let opened = (0..BATCH).try_for_each(|_| self.open());
            // Nobody waits any more where the runtime has gone.
            let _ = done.send(opened.map(|()| self));
        });
        let opened = opened.await.map_err(|_| Error::Setup("the clients' thread ended early".into()))?;
        thread.join().map_err(|_| Error::Setup("the clients' thread ended by a panic".into()))?;
        // All that was sent has come: these turns of the runtime read it, and clear up after the connections.
        for _ in 0..BATCH {
            tokio::task::yield_now().await;
        }
        opened
    }

    fn open(&mut self) -> Result<()> {
        let stream = TcpStream::connect(self.address).map_err(Error::io("connecting"))?;
        stream.set_read_timeout(Some(TIMEOUT)).map_err(Error::io("bounding reads"))?;
        let mut client = Client { stream, input: [0; 2048], end: 0 };
        match self.kind {
            Kind::WebSocket(_) => {
                client.ask(&self.opening, b"0{\"sid\":\"", b"}")?;
                client.ask(&self.join, b"40{\"sid\":\"", b"}")?;
            }
            Kind::Polling => {
                client.ask(&self.opening, b"\r\n\r\n0{\"sid\":\"", b"}")?;
                let sid = client.sid()?;
                client.request("POST", &sid, "40")?;
                client.expect(b"\r\n\r\nok", b"ok")?;
                client.request("GET", &sid, "")?;
                client.expect(b"\r\n\r\n40{\"sid\":\"", b"}")?;
                client.request("GET", &sid, "")?;
            }
        }
        self.streams.push(client.stream);
        Ok(())
    }
}

/// A session's id, which is so long.
type Sid = [u8; 20];

/// One of them, while it opens.
struct Client {
    stream: TcpStream,
    input: [u8; 2048],
    end: usize,
}

impl Client {
    fn ask(&mut self, question: &[u8], beginning: &[u8], end: &[u8]) -> Result<()> {
        self.send(question)?;
        self.expect(beginning, end)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.end = 0;
        self.stream.write_all(bytes).map_err(Error::io("writing"))
    }

    /// Reads until what has come has this in it, and ends so.
    fn expect(&mut self, within: &[u8], end: &[u8]) -> Result<()> {
        loop {
            let count = self.stream.read(self.input.get_mut(self.end..).unwrap_or_default());
            match count.map_err(Error::io("reading"))? {
                0 => return Err(Error::unexpected("the end, or too long an answer", self.come())),
                count => self.end += count,
            }
            if self.come().ends_with(end) && memchr::memmem::find(self.come(), within).is_some() {
                return Ok(());
            }
        }
    }

    fn come(&self) -> &[u8] {
        self.input.get(..self.end).unwrap_or_default()
    }

    /// The id in the handshake that has just come.
    fn sid(&self) -> Result<Sid> {
        let key = b"\"sid\":\"";
        let start = memchr::memmem::find(self.come(), key).map(|at| at + key.len());
        let sid = start.and_then(|start| self.come().get(start..)?.first_chunk());
        sid.copied().ok_or_else(|| Error::unexpected("a handshake without an id", self.come()))
    }

    /// A request for this session, written where nothing is allocated.
    fn request(&mut self, method: &str, sid: &Sid, body: &str) -> Result<()> {
        let mut request = Cursor::new([0; 512]);
        let sid = std::str::from_utf8(sid).map_err(|_| Error::Wrong("an id that is no text".into()))?;
        let length = body.len();
        write!(
            request,
            "{method} /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .map_err(Error::io("writing a request"))?;
        let (length, bytes) = (request.position() as usize, request.into_inner());
        self.send(bytes.get(..length).unwrap_or_default())
    }
}
