//! Sessions in memory, up to a million in one process: what one costs in bytes, what heartbeats, broadcasts and storms
//! of joins cost, and how each grows. Every size is measured in a process of its own, because memory that one size has
//! used is not given back for the next.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use enchufe::Server;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};

use super::client::{Client, Seen, Transport, packet};
use super::server;
use crate::error::{Error, Result};
use crate::process;

/// Handshakes under way at once, so that their HTTP buffers are not taken for memory of sessions.
const OPENING_AT_ONCE: usize = 512;
/// Opened and closed first: tables and code that any session needs are not counted.
const FIRST: usize = 200;
/// Broadcasts; the median of them is told.
const BROADCASTS: usize = 5;
/// Sessions that join and leave, at least, until a figure is made of it.
const LEAST_TIMED: usize = 1_000_000;
/// Members of a room in the storm.
const ROOM: usize = 10;
/// Rooms that are emitted to when all sessions are in one.
const EMITS: usize = 5_000;
/// Bytes of the text that is sent.
const TEXT_BYTES: usize = 128;
/// Longest that anything may take. A million sessions on a busy machine take minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct SessionsOptions {
    /// Sizes to measure, one after another.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    counts: Vec<usize>,
    /// Worker threads of the server.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: u16,
    /// Milliseconds from a pong to the next ping.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    ping_interval: u64,
    /// Measure one size in this process and print it as JSON.
    #[arg(long, hide = true)]
    alone: Option<usize>,
}

/// What one size came to. Times are of the CPU unless they say otherwise.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    sessions: usize,
    bytes_per_session: f64,
    /// Of the clients' side, for each.
    client_bytes: f64,
    open_us: f64,
    heartbeat_ns: f64,
    /// Share of one core that heartbeats take at the official interval of 25 s.
    heartbeat_core: f64,
    delivery_ns: f64,
    broadcast_wall_ms: f64,
    join_ns: f64,
    leave_ns: f64,
    server_join_ns: f64,
    server_leave_ns: f64,
    room_ns: f64,
    close_us: f64,
    left_bytes: f64,
}

/// Measures every size and prints the table.
///
/// # Errors
/// Where a client got something wrong, or too much, or nothing in time.
pub fn sessions(options: &SessionsOptions) -> Result<()> {
    if let Some(count) = options.alone {
        let row = server::runtime(options.workers)?.block_on(measure(options, count))?;
        println!("{}", serde_json::to_string(&row).map_err(|error| Error::Setup(error.to_string()))?);
        return Ok(());
    }
    let program = std::env::current_exe().map_err(Error::io("finding this program"))?;
    let mut rows = Vec::new();
    for count in &options.counts {
        eprintln!("{count} sessions …");
        let output = Command::new(&program)
            .args(["sessions", "--alone", &count.to_string(), "--workers", &options.workers.to_string()])
            .args(["--ping-interval", &options.ping_interval.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(Error::io("starting a process for one size"))?;
        if !output.status.success() {
            return Err(Error::Setup(format!("{count} sessions could not be measured")));
        }
        let row = serde_json::from_slice(&output.stdout);
        rows.push(row.map_err(|error| Error::Setup(format!("a row that cannot be read: {error}")))?);
    }
    print!("{}", table(&rows));
    Ok(())
}

type Line = (&'static str, fn(&Row) -> f64, usize);

/// What the table says, and with how many digits.
const LINES: &[Line] = &[
    ("resident bytes a session", |row| row.bytes_per_session, 0),
    ("(of which the client's end in memory)", |row| row.client_bytes, 0),
    ("open and join, µs", |row| row.open_us, 1),
    ("heartbeat (ping and pong), ns", |row| row.heartbeat_ns, 0),
    ("all heartbeats at 25 s, % of a core", |row| row.heartbeat_core * 100.0, 2),
    ("broadcast to all, ns a delivery", |row| row.delivery_ns, 0),
    ("broadcast to all, ms until the last has it (wall)", |row| row.broadcast_wall_ms, 1),
    ("every client joins a room of ten, ns each", |row| row.join_ns, 0),
    ("every client leaves it, ns each", |row| row.leave_ns, 0),
    ("the server has all join one room, ns each", |row| row.server_join_ns, 1),
    ("the server has all leave it, ns each", |row| row.server_leave_ns, 1),
    ("emit to one of the rooms of ten, ns a delivery", |row| row.room_ns, 0),
    ("close, µs", |row| row.close_us, 1),
    ("resident bytes that stay when all have gone", |row| row.left_bytes, 0),
];

fn table(rows: &[Row]) -> String {
    use std::fmt::Write;
    let mut out = String::from("| CPU time |");
    // Writing to a `String` does not fail.
    for row in rows {
        let _ = write!(out, " {} sessions |", row.sessions);
    }
    out.push_str("\n| --- |");
    out.push_str(&" --: |".repeat(rows.len()));
    for (name, figure, digits) in LINES {
        let _ = write!(out, "\n| {name} |");
        for row in rows {
            let _ = write!(out, " {:.*} |", digits, figure(row));
        }
    }
    out.push('\n');
    out
}

/// One measurement under way.
struct Run {
    pid: u32,
    server: Server,
    seen: Arc<Seen>,
}

async fn measure(options: &SessionsOptions, count: usize) -> Result<Row> {
    let run = Run {
        pid: std::process::id(),
        server: server::server(options.ping_interval, false)?,
        seen: Arc::default(),
    };
    let first: Vec<_> = (0..FIRST).map(|_| Client::new(&run.seen)).collect();
    run.open(&first).await?;
    run.close(&first).await?;
    drop(first);

    let empty = process::resident_bytes(run.pid)?;
    let clients: Vec<_> = (0..count).map(|_| Client::new(&run.seen)).collect();
    let before = process::resident_bytes(run.pid)?;
    let each = |time: Duration, of: usize| time.as_nanos() as f64 / of as f64;
    let (open, _) = run.timed(run.open(&clients)).await?;
    let bytes = process::resident_bytes(run.pid)?;
    let mut row = Row {
        sessions: count,
        bytes_per_session: bytes.saturating_sub(before) as f64 / count as f64,
        client_bytes: before.saturating_sub(empty) as f64 / count as f64,
        open_us: each(open, count) / 1e3,
        heartbeat_ns: 0.0,
        heartbeat_core: 0.0,
        delivery_ns: 0.0,
        broadcast_wall_ms: 0.0,
        join_ns: 0.0,
        leave_ns: 0.0,
        server_join_ns: 0.0,
        server_leave_ns: 0.0,
        room_ns: 0.0,
        close_us: 0.0,
        left_bytes: 0.0,
    };

    let pings = run.seen.pings.get();
    let rounds = 2 * count as u64;
    let (cpu, _) = run.timed(run.reach(&run.seen.pings, pings + rounds)).await?;
    row.heartbeat_ns = each(cpu, 2 * count);
    row.heartbeat_core = row.heartbeat_ns * count as f64 / 25e9;

    let text = "x".repeat(TEXT_BYTES);
    let mut broadcasts = Vec::new();
    for _ in 0..BROADCASTS {
        let all = run.seen.messages.get() + count as u64;
        broadcasts.push(run.timed(run.broadcast("", &text, all)).await?);
    }
    broadcasts.sort();
    if let Some((cpu, wall)) = broadcasts.get(BROADCASTS / 2) {
        row.delivery_ns = each(*cpu, count);
        row.broadcast_wall_ms = wall.as_secs_f64() * 1e3;
    }

    row.join_ns = each(run.timed(run.storm("join", &clients)).await?.0, count);
    let ten = Run::rooms(count);
    let (cpu, _) = run.timed(run.emit_to_rooms(&text, ten)).await?;
    row.room_ns = each(cpu, EMITS * ROOM);
    row.leave_ns = each(run.timed(run.storm("leave", &clients)).await?.0, count);
    (row.server_join_ns, row.server_leave_ns) = run.server_storms(count).await?;
    let expected = BROADCASTS * count + EMITS * ROOM;
    if run.seen.messages.get() != expected as u64 {
        return Err(Error::Wrong(format!("{} messages instead of {expected}", run.seen.messages.get())));
    }
    if let Some(client) = clients.iter().find(|client| (client.messages() as usize) < BROADCASTS) {
        return Err(Error::Wrong(format!("a client got {} of {BROADCASTS} broadcasts", client.messages())));
    }
    let (cpu, _) = run.timed(run.close(&clients)).await?;
    row.close_us = each(cpu, count) / 1e3;
    row.left_bytes = process::resident_bytes(run.pid)?.saturating_sub(before) as f64;
    Ok(row)
}

impl Run {
    /// Runs something: its CPU time, the whole process's, and that of the wall.
    async fn timed(&self, work: impl Future<Output = Result<()>>) -> Result<(Duration, Duration)> {
        let (cpu, begun) = (process::cpu_time(self.pid)?, Instant::now());
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(done) => done?,
            Err(_) => return Err(Error::Late(format!("not done within {PATIENCE:?}"))),
        }
        let wall = begun.elapsed();
        if let Some(fault) = self.seen.fault() {
            return Err(Error::Wrong(fault));
        }
        Ok((process::cpu_time(self.pid)?.saturating_sub(cpu), wall))
    }

    async fn reach(&self, count: &super::client::Count, number: u64) -> Result<()> {
        count.reach(number).await;
        Ok(())
    }

    async fn open(&self, clients: &[Arc<Client>]) -> Result<()> {
        for clients in clients.chunks(OPENING_AT_ONCE) {
            let joined = self.seen.joined.get() + clients.len() as u64;
            for client in clients {
                let service = TowerToHyperService::new(self.server.service());
                let http = hyper::server::conn::http1::Builder::new();
                let transport = TokioIo::new(Transport(client.clone()));
                let connection = http.serve_connection(transport, service).with_upgrades();
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        eprintln!("a handshake failed: {error}");
                    }
                });
            }
            self.seen.joined.reach(joined).await;
            if let Some(fault) = self.seen.fault() {
                return Err(Error::Wrong(fault));
            }
        }
        Ok(())
    }

    async fn broadcast(&self, room: &str, text: &str, until: u64) -> Result<()> {
        let everybody = self.server.of("/");
        let emitted =
            if room.is_empty() { everybody.emit("msg", text) } else { everybody.to(room).emit("msg", text) };
        drop(emitted.map_err(|error| Error::Setup(error.to_string()))?);
        self.seen.messages.reach(until).await;
        Ok(())
    }

    /// Every client asks for its room at once.
    async fn storm(&self, event: &str, clients: &[Arc<Client>]) -> Result<()> {
        let acks = self.seen.acks.get() + clients.len() as u64;
        for (number, client) in clients.iter().enumerate() {
            client.send(&packet(&format!("427[\"{event}\",\"room-{}\"]", number / ROOM)));
        }
        self.seen.acks.reach(acks).await;
        Ok(())
    }

    /// The server has all join one room and leave it, so often that the clock of the CPU, which goes in steps of
    /// milliseconds, tells it: nanoseconds a session, for each.
    async fn server_storms(&self, count: usize) -> Result<(f64, f64)> {
        let (mut joining, mut leaving) = (Duration::ZERO, Duration::ZERO);
        let rounds = LEAST_TIMED.div_ceil(count);
        for _ in 0..rounds {
            joining += self.timed(async { Ok(drop(self.server.of("/").sockets_join("everybody"))) }).await?.1;
            leaving +=
                self.timed(async { Ok(drop(self.server.of("/").sockets_leave("everybody"))) }).await?.1;
        }
        let each = |time: Duration| time.as_nanos() as f64 / (rounds * count) as f64;
        Ok((each(joining), each(leaving)))
    }

    fn rooms(count: usize) -> usize {
        count / ROOM
    }

    /// Emits to rooms that lie all over, so that none is found where the one before was.
    async fn emit_to_rooms(&self, text: &str, rooms: usize) -> Result<()> {
        for number in 0..EMITS {
            let room = format!("room-{}", number * 7_919 % rooms);
            let until = self.seen.messages.get() + ROOM as u64;
            self.broadcast(&room, text, until).await?;
        }
        Ok(())
    }

    async fn close(&self, clients: &[Arc<Client>]) -> Result<()> {
        clients.iter().for_each(|client| client.hang_up());
        while self.server.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}
