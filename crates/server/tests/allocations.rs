//! How often the hot paths ask for memory: a number for each, which may not grow.
//!
//! What is counted is all that the process allocates while a path is taken many times, growing included; clients keep their
//! buffers and compare bytes. It has a process of its own, whose allocator counts, and one thread.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use dhat::HeapStats;
use enchufe::{Ack, Data, EmitError, Namespace, RawArgs, Server, Socket};
use enchufe_proto::websocket::{Opcode, encode_frame};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// How often a path is taken before it is measured, so that whatever is kept is there.
const WARM_UP: usize = 50;
const TURNS: usize = 200;
/// What all turns together may take above their numbers: now and then something kept has to grow.
const SLACK: u64 = 20;
/// Questions of a client that come together.
const BATCH: usize = 16;
/// Clients of a broadcast.
const RECEIVERS: usize = 20;

/// As an argument and in an answer.
const TEXT: &str = "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"";

/// An event, its arguments, the answer's, and the allocations of each message.
const ECHOES: &[(&str, &str, &str, usize)] = &[
    // The cork takes the answer, and the box of the handler's future is there from the time before.
    ("none", "", "", 0),
    ("number", "12345", "12345", 0),
    // The argument itself, which is the handler's.
    ("text", TEXT, TEXT, 1),
    ("unparsed", TEXT, TEXT, 1),
];

/// Of a broadcast, however many get it: the arguments, and the text that all share; for more than a few, the bytes as WebSockets
/// carry them, what each keeps a pointer to, and what counts the text's owners.
const BROADCAST: usize = 5;
/// Of an echo over long-polling, a POST and a GET, nearly all of them the HTTP server's.
const POLLING: usize = 18;

fn server() -> Server {
    let namespace = Namespace::new("/")
        .on("none", async || {})
        .on("number", async |Data(number): Data<u64>| number)
        .on("text", async |Data(text): Data<String>| text)
        .on("unparsed", async |args: RawArgs, ack: Ack| -> Result<(), EmitError> { ack.send(&args) })
        .on("broadcast", async |socket: Socket, args: RawArgs| socket.namespace().emit("all", args));
    Server::builder().namespace(namespace).build().unwrap()
}

#[tokio::test]
async fn messages_allocate_no_more_than_is_said() {
    let profiler = dhat::Profiler::builder().testing().build();
    for &(event, argument, answer, allowed) in ECHOES {
        let comma = if argument.is_empty() { "" } else { "," };
        let question = frames(&format!("427[\"{event}\"{comma}{argument}]"), BATCH, MASK);
        let answer = frames(&format!("437[{answer}]"), BATCH, None);
        let mut client = Client::websocket(&server()).await;
        let counted = count(async || client.ask(&question, &answer).await).await;
        check(&format!("{event}, answered"), counted, allowed * BATCH);
    }
    check("a broadcast", broadcast().await, BROADCAST);
    check("an echo over long-polling", polling_echo().await, POLLING);
    drop(profiler);
}

async fn broadcast() -> u64 {
    let server = server();
    let question = frames(&format!("42[\"broadcast\",{TEXT}]"), 1, MASK);
    let delivery = frames(&format!("42[\"all\",{TEXT}]"), 1, None);
    let mut clients = Vec::new();
    for _ in 0..RECEIVERS {
        clients.push(Client::websocket(&server).await);
    }
    count(async || {
        clients[0].stream.write_all(&question).await.unwrap();
        for client in &mut clients {
            client.expect(&delivery).await;
        }
    })
    .await
}

async fn polling_echo() -> u64 {
    let (mut client, sid) = Client::polling(&server()).await;
    let body = format!("427[\"text\",{TEXT}]");
    let post = request("POST", &sid, &body);
    let get = request("GET", &sid, "");
    let answer = format!("\r\n\r\n437[\"{}\"]", &TEXT[1..TEXT.len() - 1]);
    count(async || {
        client.stream.write_all(post.as_bytes()).await.unwrap();
        client.read_to(b"\r\n\r\nok").await;
        client.stream.write_all(get.as_bytes()).await.unwrap();
        client.read_to(answer.as_bytes()).await;
    })
    .await
}

/// The allocations of all turns, when nothing is new to them any more.
async fn count(mut turn: impl AsyncFnMut()) -> u64 {
    for _ in 0..WARM_UP {
        turn().await;
    }
    let before = HeapStats::get().total_blocks;
    for _ in 0..TURNS {
        turn().await;
    }
    HeapStats::get().total_blocks - before
}

#[track_caller]
fn check(path: &str, counted: u64, allowed: usize) {
    let per_turn = counted as f64 / TURNS as f64;
    println!("{path}: {per_turn:.2} allocations a turn of {allowed}");
    assert!(
        counted <= (allowed * TURNS) as u64 + SLACK,
        "{path}: {per_turn:.2} allocations a turn, not {allowed}"
    );
}

const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

fn frames(packet: &str, count: usize, mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..count {
        encode_frame(&mut out, Opcode::Text, packet.as_bytes(), mask);
    }
    out
}

fn request(method: &str, sid: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!(
        "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: text/plain\r\n{length}\r\n{body}"
    )
}

/// The other end of a connection in memory.
struct Client {
    stream: DuplexStream,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(server: &Server) -> Self {
        let (near, far) = tokio::io::duplex(64 << 10);
        let service = TowerToHyperService::new(server.service());
        let http = hyper::server::conn::http1::Builder::new();
        let connection = http.serve_connection(TokioIo::new(far), service).with_upgrades();
        tokio::spawn(async move { connection.await.unwrap() });
        Self { stream: near, buffer: Vec::with_capacity(64 << 10) }
    }

    /// Joined, over a WebSocket.
    async fn websocket(server: &Server) -> Self {
        let mut client = Self::connect(server);
        let upgrade = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        client.stream.write_all(upgrade).await.unwrap();
        client.read_to(b"}").await;
        client.stream.write_all(&frames("40", 1, MASK)).await.unwrap();
        client.read_to(b"}").await;
        client
    }

    /// Joined, over long-polling; and what its requests say of its session.
    async fn polling(server: &Server) -> (Self, String) {
        let mut client = Self::connect(server);
        client.stream.write_all(request("GET", "", "").as_bytes()).await.unwrap();
        client.read_to(b"}").await;
        let text = String::from_utf8(client.buffer.clone()).unwrap();
        let (_, rest) = text.split_once("\"sid\":\"").unwrap();
        let sid = format!("&sid={}", rest.split('"').next().unwrap());
        client.stream.write_all(request("POST", &sid, "40").as_bytes()).await.unwrap();
        client.read_to(b"\r\n\r\nok").await;
        client.stream.write_all(request("GET", &sid, "").as_bytes()).await.unwrap();
        client.read_to(b"}").await;
        (client, sid)
    }

    async fn ask(&mut self, question: &[u8], answer: &[u8]) {
        self.stream.write_all(question).await.unwrap();
        self.expect(answer).await;
    }

    async fn expect(&mut self, answer: &[u8]) {
        self.buffer.resize(answer.len(), 0);
        self.stream.read_exact(&mut self.buffer).await.unwrap();
        assert!(self.buffer == answer, "another answer than expected");
    }

    /// Reads until what has come ends like that.
    async fn read_to(&mut self, end: &[u8]) {
        self.buffer.clear();
        while !self.buffer.ends_with(end) {
            let count = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(count > 0, "the server hung up");
        }
    }
}
