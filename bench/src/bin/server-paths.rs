//! The server from end to end: bytes of a client in, bytes to clients out, through HTTP upgrade,
//! session, handlers and outboxes. In memory and on one thread, so that what is read and written
//! together is the same in every run; the clients' side, which only compares bytes, is counted in.
//!
//! A binary of its own: what the server uses of the protocol would change how that is inlined into
//! the protocol's own loops.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use enchufe::{Data, Namespace, Server, Socket};
use enchufe_bench::HotPath;
use enchufe_proto::websocket::{Opcode, encode_frame};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const PATHS: &[HotPath] = &[
    HotPath { name: "server/echo-batch-of-16", iterations: 100, run: echo_batch_of_16 },
    HotPath { name: "server/echo-16k", iterations: 50, run: echo_16k },
    HotPath { name: "server/broadcast-to-100", iterations: 50, run: broadcast_to_100 },
    HotPath { name: "server/room-of-10", iterations: 1_000, run: room_of_10 },
    HotPath { name: "server/room-of-10-among-1000", iterations: 1_000, run: room_of_10_among_1000 },
    HotPath { name: "server/open-and-join", iterations: 50, run: open_and_join },
    HotPath { name: "server/polling-echo", iterations: 100, run: polling_echo },
    // Opening so many is most of what these take, and differs by a few in a thousand: so each does several things, and often.
    HotPath { name: "server/turn-among-100", iterations: 2_000, run: |count| turn_among(count, 100) },
    HotPath { name: "server/turn-among-10000", iterations: 2_000, run: |count| turn_among(count, 10_000) },
    HotPath { name: "server/delivery-to-all-100", iterations: 100_000, run: |count| deliveries(count, 100) },
    HotPath {
        name: "server/delivery-to-all-10000",
        iterations: 100_000,
        run: |count| deliveries(count, 10_000),
    },
    // Not for the gate: what threads do for each other differs from run to run. `callgrind` by hand tells about how much.
    HotPath { name: "workers/rooms-1", iterations: 0, run: |count| rooms_by_workers(count, 1) },
    HotPath { name: "workers/rooms-2", iterations: 0, run: |count| rooms_by_workers(count, 2) },
    HotPath { name: "workers/rooms-4", iterations: 0, run: |count| rooms_by_workers(count, 4) },
];

fn main() -> ExitCode {
    enchufe_bench::run_hot_paths(&[PATHS])
}

const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);
/// Bytes that the pipe between a client and the server holds.
const PIPE: usize = 256 * 1024;

fn server() -> Server {
    let namespace = Namespace::new("/")
        .on("echo", async |Data(text): Data<String>| text)
        .on("join", async |socket: Socket, Data(room): Data<String>| socket.join(&room))
        .on("leave", async |socket: Socket, Data(room): Data<String>| socket.leave(&room))
        .on("room", async |socket: Socket, Data((room, text)): Data<(String, String)>| {
            socket.namespace().to(&room).emit("msg", &text)
        })
        .on("broadcast", async |socket: Socket, Data(text): Data<String>| {
            socket.namespace().emit("msg", &text)
        });
    // Callgrind is slow: with thousands of clients the first heartbeats would fall into what is counted.
    let interval = Duration::from_secs(24 * 3_600);
    let server = Server::builder().namespace(namespace).ping_interval(interval).build();
    server.expect("the server needs no state")
}

/// A joined client on the other end of a pipe.
struct Client(DuplexStream);

impl Client {
    /// A client that has asked for nothing yet.
    fn new(server: &Server) -> Self {
        let (near, far) = tokio::io::duplex(PIPE);
        let service = TowerToHyperService::new(server.service());
        let http = hyper::server::conn::http1::Builder::new();
        let connection = http.serve_connection(TokioIo::new(far), service).with_upgrades();
        tokio::spawn(async move { connection.await.expect("the client keeps to HTTP") });
        Self(near)
    }

    async fn open(server: &Server) -> Self {
        let mut client = Self::new(server);
        let request = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        client.0.write_all(request).await.expect("the pipe is open");
        client.read_past(b"0{\"sid\"").await;
        client.0.write_all(&frames(&["40"])).await.expect("the pipe is open");
        client.read_past(b"40{\"sid\"").await;
        client
    }

    /// Reads until the frame with that beginning has come whole: it ends in `}` as the last thing sent.
    async fn read_past(&mut self, beginning: &[u8]) {
        let mut input = Vec::new();
        while !(input.ends_with(b"}") && memchr::memmem::find(&input, beginning).is_some()) {
            let count = self.0.read_buf(&mut input).await.expect("the pipe is open");
            assert!(count > 0, "the server hung up");
        }
    }

    /// Sends a request of HTTP and gives the answer, whose body is to begin and to end like this.
    async fn request(&mut self, request: &[u8], beginning: &[u8], end: &[u8]) -> Vec<u8> {
        self.0.write_all(request).await.expect("the pipe is open");
        let mut answer = Vec::with_capacity(1024);
        loop {
            let count = self.0.read_buf(&mut answer).await.expect("the pipe is open");
            assert!(count > 0, "the server hung up");
            let Some(head) = memchr::memmem::find(&answer, b"\r\n\r\n") else { continue };
            let body = answer.split_at(head + 4).1;
            if body.len() >= beginning.len() && body.ends_with(end) {
                assert!(
                    answer.starts_with(b"HTTP/1.1 200 ") && body.starts_with(beginning),
                    "another answer"
                );
                return answer;
            }
        }
    }

    /// Sends `question` and expects `answer`, byte for byte.
    async fn ask(&mut self, question: &[u8], answer: &[u8], buffer: &mut [u8]) {
        self.0.write_all(question).await.expect("the pipe is open");
        self.expect(answer, buffer).await;
    }

    async fn expect(&mut self, answer: &[u8], buffer: &mut [u8]) {
        let buffer = buffer.get_mut(..answer.len()).expect("the buffer is as long as any answer");
        self.0.read_exact(buffer).await.expect("the pipe is open");
        assert!(buffer == answer, "another answer than expected");
    }
}

/// A client's frames.
fn frames<T: AsRef<str>>(packets: &[T]) -> Vec<u8> {
    written(packets, MASK)
}

/// The server's frames.
fn replies<T: AsRef<str>>(packets: &[T]) -> Vec<u8> {
    written(packets, None)
}

fn written<T: AsRef<str>>(packets: &[T], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = Vec::new();
    for packet in packets {
        encode_frame(&mut out, Opcode::Text, packet.as_ref().as_bytes(), mask);
    }
    out
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without I/O always starts").block_on(future);
}

fn echo(count: u64, batch: usize, length: usize) {
    let text = "x".repeat(length);
    let question = frames(&vec![format!("427[\"echo\",\"{text}\"]"); batch]);
    let answer = replies(&vec![format!("437[\"{text}\"]"); batch]);
    block_on(async {
        let mut client = Client::open(&server()).await;
        let mut buffer = vec![0; answer.len()];
        for _ in 0..count {
            client.ask(&question, &answer, &mut buffer).await;
        }
    });
}

fn echo_batch_of_16(count: u64) {
    echo(count, 16, 64);
}

fn echo_16k(count: u64) {
    echo(count, 1, 16 * 1024);
}

/// A session of long-polling: a POST that asks, and the GET that fetches the answer.
fn polling_echo(count: u64) {
    let text = "x".repeat(64);
    let answer = format!("437[\"{text}\"]").into_bytes();
    block_on(async {
        let mut client = Client::new(&server());
        let open = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let opened = client.request(open, b"0{\"sid\":\"", b"}").await;
        let opened = String::from_utf8(opened).expect("the handshake is text");
        let sid = opened.split('"').nth(3).expect("the handshake names the session");
        let post = |body: &str| {
            let length = body.len();
            format!(
                "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        };
        let poll = format!(
            "GET /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
        );
        client.request(post("40").as_bytes(), b"ok", b"ok").await;
        client.request(poll.as_bytes(), b"40{\"sid\":\"", b"}").await;
        let question = post(&format!("427[\"echo\",\"{text}\"]"));
        for _ in 0..count {
            client.request(question.as_bytes(), b"ok", b"ok").await;
            client.request(poll.as_bytes(), &answer, &answer).await;
        }
    });
}

fn broadcast_to_100(count: u64) {
    let text = "x".repeat(128);
    let question = frames(&[format!("42[\"broadcast\",\"{text}\"]")]);
    deliver(count, 100, None, &question, &replies(&[format!("42[\"msg\",\"{text}\"]")]));
}

fn room_of_10(count: u64) {
    let text = "x".repeat(128);
    let question = frames(&[format!("42[\"room\",\"ten\",\"{text}\"]")]);
    deliver(count, 10, Some("ten"), &question, &replies(&[format!("42[\"msg\",\"{text}\"]")]));
}

/// As [`room_of_10`], with 990 others who are in rooms of their own: who is not in the room costs nothing.
fn room_of_10_among_1000(count: u64) {
    let text = "x".repeat(128);
    let question = frames(&[format!("42[\"room\",\"ten\",\"{text}\"]")]);
    let delivery = replies(&[format!("42[\"msg\",\"{text}\"]")]);
    block_on(async {
        let server = server();
        let mut buffer = vec![0; 1024];
        let mut others = Vec::new();
        for number in 0..99 {
            others.extend(room_of_ten(&server, &format!("room-{number}")).await);
        }
        let mut clients = room_of_ten(&server, "ten").await;
        for _ in 0..count {
            clients.first_mut().expect("ten").0.write_all(&question).await.expect("the pipe is open");
            for client in &mut clients {
                client.expect(&delivery, &mut buffer).await;
            }
        }
    });
}

/// One client asks, joins a room of its own and leaves it, and emits to its room of ten, while so many are connected, all in
/// rooms of ten: what a message costs does not grow with those whom it does not concern.
fn turn_among(count: u64, connected: usize) {
    let text = "x".repeat(128);
    let steps = [
        (format!("427[\"echo\",\"{text}\"]"), format!("437[\"{text}\"]")),
        ("428[\"join\",\"own\"]".into(), "438[]".into()),
        ("429[\"leave\",\"own\"]".into(), "439[]".into()),
    ];
    let steps = steps.map(|(question, answer)| (frames(&[question]), replies(&[answer])));
    let question = frames(&[format!("42[\"room\",\"room-0\",\"{text}\"]")]);
    let delivery = replies(&[format!("42[\"msg\",\"{text}\"]")]);
    block_on(async {
        let server = server();
        let mut buffer = vec![0; 1024];
        let mut clients = room_of_ten(&server, "room-0").await;
        let mut others = Vec::new();
        for number in 1..connected / 10 {
            others.extend(room_of_ten(&server, &format!("room-{number}")).await);
        }
        for _ in 0..count {
            let first = clients.first_mut().expect("ten");
            for (question, answer) in &steps {
                first.ask(question, answer, &mut buffer).await;
            }
            first.0.write_all(&question).await.expect("the pipe is open");
            for client in &mut clients {
                client.expect(&delivery, &mut buffer).await;
            }
        }
    });
}

/// So many deliveries, each broadcast to all who are connected.
fn deliveries(count: u64, connected: usize) {
    let text = "x".repeat(128);
    let question = frames(&[format!("42[\"broadcast\",\"{text}\"]")]);
    deliver(
        count / connected as u64,
        connected,
        None,
        &question,
        &replies(&[format!("42[\"msg\",\"{text}\"]")]),
    );
}

async fn room_of_ten(server: &Server, room: &str) -> Vec<Client> {
    let (join, joined) = (frames(&[format!("421[\"join\",\"{room}\"]")]), replies(&["431[]"]));
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = Client::open(server).await;
        client.ask(&join, &joined, &mut [0; 64]).await;
        clients.push(client);
    }
    clients
}

/// Ten rooms of ten whose members all emit to their room: a thousand deliveries a turn, by so many workers.
fn rooms_by_workers(count: u64, workers: usize) {
    let text = "x".repeat(128);
    let delivery = replies(&vec![format!("42[\"msg\",\"{text}\"]"); 10]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_time().build();
    runtime.expect("a runtime without I/O always starts").block_on(async {
        let server = server();
        let mut rooms = Vec::new();
        for number in 0..10 {
            let question = frames(&[format!("42[\"room\",\"room-{number}\",\"{text}\"]")]);
            rooms.push((question, room_of_ten(&server, &format!("room-{number}")).await));
        }
        let mut buffer = vec![0; delivery.len()];
        for _ in 0..count {
            for (question, clients) in &mut rooms {
                for client in clients {
                    client.0.write_all(question).await.expect("the pipe is open");
                }
            }
            for client in rooms.iter_mut().flat_map(|(_, clients)| clients) {
                client.expect(&delivery, &mut buffer).await;
            }
        }
    });
}

/// The first client sends, all receive.
fn deliver(count: u64, receivers: usize, room: Option<&str>, question: &[u8], delivery: &[u8]) {
    block_on(async {
        let server = server();
        let mut buffer = vec![0; 1024];
        let mut clients = Vec::with_capacity(receivers);
        for _ in 0..receivers {
            let mut client = Client::open(&server).await;
            if let Some(room) = room {
                let join = frames(&[format!("421[\"join\",\"{room}\"]")]);
                client.ask(&join, &replies(&["431[]"]), &mut buffer).await;
            }
            clients.push(client);
        }
        for _ in 0..count {
            clients
                .first_mut()
                .expect("there is a client")
                .0
                .write_all(question)
                .await
                .expect("the pipe is open");
            for client in &mut clients {
                client.expect(delivery, &mut buffer).await;
            }
        }
    });
}

fn open_and_join(count: u64) {
    block_on(async {
        let server = server();
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(Client::open(&server).await);
        }
    });
}
