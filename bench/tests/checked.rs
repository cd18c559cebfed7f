//! The generator believes nothing: every scenario passes against the floor, and fails when a
//! proxy between the two loses, doubles or changes a single message of a connection.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of the test functions that clippy knows")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The server's frame, counted from 0 on each connection, that the proxy tampers with: behind the
/// handshake, the welcome and the ack of a join, and never the last.
const FRAME: usize = 8;

struct Floor {
    child: Child,
    address: SocketAddr,
}

impl Floor {
    fn start() -> Self {
        Self::with_workers("1")
    }

    fn with_workers(workers: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_floor"));
        let mut child = command.args(["--workers", workers]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
        Self { child, address }
    }

    fn load(&self, address: SocketAddr, scenario: &str) -> Output {
        self.load_with(address, scenario, &[])
    }

    fn load_with(&self, address: SocketAddr, scenario: &str, flags: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_enchufe-bench"))
            .args(["load", "--scenario", scenario, "--warm-up-ms", "0", "--window-ms", "400"])
            .args(flags)
            .args(["--address", &address.to_string(), "--pid", &self.child.id().to_string()])
            .output()
            .unwrap()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[derive(Clone, Copy)]
enum Fault {
    None,
    Lose,
    Double,
    Change,
}

/// A proxy to `server` with one fault on every connection; its threads end with the test process.
fn proxy(server: SocketAddr, fault: Fault) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(relay(client, server, fault));
            }
        });
    });
    told.recv().unwrap()
}

async fn relay(client: TcpStream, server: SocketAddr, fault: Fault) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let (mut input, mut frames) = (Vec::new(), 0);
    let head = loop {
        from_server.read_buf(&mut input).await?;
        if let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    to_client.write_all(&input[..head]).await?;
    input.drain(..head);
    loop {
        while let Some(length) = frame_length(&input) {
            let mut frame: Vec<u8> = input.drain(..length).collect();
            match (fault, frames) {
                (Fault::Lose, FRAME) => frame.clear(),
                (Fault::Double, FRAME) => frame.extend_from_within(..),
                (Fault::Change, FRAME) => {
                    let place = frame.len() - 4;
                    frame[place] ^= 1;
                }
                _ => {}
            }
            frames += 1;
            to_client.write_all(&frame).await?;
        }
        if from_server.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Length of the unmasked frame at the start, once it is complete. Nothing here is 64 KiB long.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let length = match *bytes.get(1)? {
        126 => 4 + usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        short => 2 + usize::from(short),
    };
    (bytes.len() >= length).then_some(length)
}

fn succeeded(scenario: &str, output: &Output) {
    assert!(output.status.success(), "{scenario}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_found_out(scenario: &str, fault: Fault, complaint: &str) {
    let floor = Floor::start();
    let output = floor.load(proxy(floor.address, fault), scenario);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(complaint), "{scenario}: {said}");
}

#[test]
fn the_floor_passes_every_kind_of_scenario() {
    let floor = Floor::start();
    for scenario in [
        "echo-16",
        "echo-16k",
        "echo-64k-binary",
        "broadcast-1000",
        "broadcast-burst",
        "rooms",
        "connect",
        "polling",
        "round-trip",
        "echo-msgpack",
        "namespaces",
        "idle-chrome",
    ] {
        succeeded(scenario, &floor.load(floor.address, scenario));
    }
}

#[test]
fn the_open_loop_keeps_to_its_rate() {
    let floor = Floor::start();
    let output = floor.load_with(floor.address, "open-loop", &["--rate", "2000"]);
    succeeded("open-loop", &output);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("2,000 a second offered"), "{said}");
    let without = floor.load(floor.address, "open-loop");
    assert!(!without.status.success());
}

#[test]
fn the_floor_with_two_threads_delivers_to_the_clients_of_both() {
    let floor = Floor::with_workers("2");
    for scenario in ["echo-16", "broadcast-1000", "broadcast-burst", "rooms", "polling"] {
        succeeded(scenario, &floor.load(floor.address, scenario));
    }
}

#[test]
fn the_proxy_itself_does_no_harm() {
    let floor = Floor::start();
    let honest = proxy(floor.address, Fault::None);
    for scenario in ["echo-16", "broadcast-1000", "rooms"] {
        succeeded(scenario, &floor.load(honest, scenario));
    }
}

#[test]
fn a_lost_ack_is_found_out() {
    is_found_out("echo-16", Fault::Lose, "messages are still missing");
}

#[test]
fn a_doubled_ack_is_found_out() {
    is_found_out("echo-16", Fault::Double, "came twice");
}

#[test]
fn a_changed_ack_is_found_out() {
    is_found_out("echo-16", Fault::Change, "other bytes than were sent");
}

#[test]
fn a_changed_msgpack_ack_is_found_out() {
    is_found_out("echo-msgpack", Fault::Change, "another msgpack packet than was due");
}

#[test]
fn a_doubled_msgpack_ack_is_found_out() {
    is_found_out("echo-msgpack", Fault::Double, "another msgpack packet than was due");
}

#[test]
fn a_doubled_admission_to_a_namespace_is_found_out() {
    // The first frames are those of the thousand joins.
    is_found_out("namespaces", Fault::Double, "expected to be admitted to a namespace");
}

#[test]
fn a_changed_answer_of_the_open_loop_is_found_out() {
    let floor = Floor::start();
    let output = floor.load_with(proxy(floor.address, Fault::Change), "open-loop", &["--rate", "2000"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("other bytes than were sent"), "{said}");
}

#[test]
fn a_lost_room_message_is_found_out() {
    // As a gap, or as a silence where the room waits for what was lost.
    is_found_out("rooms", Fault::Lose, "the server is wrong");
}

#[test]
fn a_doubled_room_message_is_found_out() {
    is_found_out("rooms", Fault::Double, "was due");
}

#[test]
fn a_lost_broadcast_is_found_out() {
    is_found_out("broadcast-1000", Fault::Lose, "the server is wrong");
}

#[test]
fn a_doubled_broadcast_is_found_out() {
    is_found_out("broadcast-1000", Fault::Double, "the server is wrong");
}

#[test]
fn a_doubled_broadcast_of_a_burst_is_found_out() {
    is_found_out("broadcast-burst", Fault::Double, "the server is wrong");
}

#[test]
fn a_changed_broadcast_is_found_out() {
    is_found_out("broadcast-1000", Fault::Change, "the server is wrong");
}
