//! Sessions in memory, up to a million in one process: what one costs in bytes, what heartbeats, broadcasts and storms
//! of joins cost, and how each grows. Every size is measured in a process of its own, because memory that one size has
//! used is not given back for the next.

use std::path::PathBuf;
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
use crate::meter::{Myself, Scratch};
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

/// Milliseconds between heartbeats that are to fall into nothing that is counted: a day.
const NEVER: u64 = 24 * 3_600 * 1_000;

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
    #[arg(long, default_value_t = 25_000, value_parser = clap::value_parser!(u64).range(1..))]
    ping_interval: u64,
    /// Count instructions by callgrind instead, some fifty times slower, and no heartbeats.
    #[arg(long)]
    instructions: bool,
    /// Measure one size in this process and print it as JSON.
    #[arg(long, hide = true)]
    alone: Option<usize>,
    /// This process runs under callgrind, which writes here.
    #[arg(long, hide = true, requires = "alone")]
    scratch: Option<PathBuf>,
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
    broadcast_call_ms: f64,
    join_ns: f64,
    leave_ns: f64,
    server_join_ns: f64,
    server_leave_ns: f64,
    room_ns: f64,
    close_us: f64,
    left_bytes: f64,
    /// Where they were counted, in the order of [`COUNTED`].
    instructions: Vec<f64>,
}

/// What instructions are counted of, each for one session or delivery.
const COUNTED: [&str; 6] = [
    "open and join",
    "broadcast to all, a delivery",
    "every client joins a room of ten",
    "emit to one of the rooms of ten, a delivery",
    "every client leaves it",
    "close",
];

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
        let scratch = if options.instructions { Some(Scratch::create()?) } else { None };
        let mut command = scratch.as_ref().map_or_else(|| Command::new(&program), |it| it.command(&program));
        command.args(["sessions", "--alone", &count.to_string(), "--workers", &options.workers.to_string()]);
        let interval = match &scratch {
            Some(scratch) => {
                command.arg("--scratch").arg(scratch.path());
                NEVER
            }
            None => options.ping_interval,
        };
        let output = command
            .args(["--ping-interval", &interval.to_string()])
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
    print!("{}", if options.instructions { instructions(&rows) } else { table(&rows) });
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
    ("… of which the call of `emit`, which queues for all", |row| row.broadcast_call_ms, 1),
    ("every client joins a room of ten, ns each", |row| row.join_ns, 0),
    ("every client leaves it, ns each", |row| row.leave_ns, 0),
    ("the server has all join one room, ns each", |row| row.server_join_ns, 1),
    ("the server has all leave it, ns each", |row| row.server_leave_ns, 1),
    ("emit to one of the rooms of ten, ns a delivery", |row| row.room_ns, 0),
    ("close, µs", |row| row.close_us, 1),
    ("resident bytes that stay when all have gone", |row| row.left_bytes, 0),
];

fn table(rows: &[Row]) -> String {
    let lines = LINES.iter().map(|&(name, figure, digits)| {
        (name, rows.iter().map(|row| format!("{:.digits$}", figure(row))).collect())
    });
    markdown("CPU time", rows, lines)
}

fn instructions(rows: &[Row]) -> String {
    let lines = COUNTED.iter().enumerate().map(|(place, &name)| {
        let of = |row: &Row| row.instructions.get(place).map_or("–".into(), |count| format!("{count:.0}"));
        (name, rows.iter().map(of).collect())
    });
    markdown("instructions", rows, lines)
}

/// A table with a column for each size.
fn markdown<'a>(what: &str, rows: &[Row], lines: impl Iterator<Item = (&'a str, Vec<String>)>) -> String {
    use std::fmt::Write;
    let mut out = format!("| {what} |");
    // Writing to a `String` does not fail.
    for row in rows {
        let _ = write!(out, " {} sessions |", row.sessions);
    }
    out.push_str("\n| --- |");
    out.push_str(&" --: |".repeat(rows.len()));
    for (name, cells) in lines {
        let _ = write!(out, "\n| {name} | {} |", cells.join(" | "));
    }
    out.push('\n');
    out
}

/// What something took.
#[derive(Debug, Clone, Copy)]
struct Took {
    cpu: Duration,
    wall: Duration,
    /// Heartbeats that fell into it.
    pings: u64,
    instructions: f64,
}

impl Took {
    /// Nanoseconds of CPU for each of so many, without the heartbeats in between, of which one takes so long.
    fn each(self, of: usize, heartbeat_ns: f64) -> f64 {
        (self.cpu.as_nanos() as f64 - self.pings as f64 * heartbeat_ns).max(0.0) / of as f64
    }
}

/// One measurement under way.
struct Run {
    pid: u32,
    server: Server,
    seen: Arc<Seen>,
    callgrind: Option<Myself>,
}

async fn measure(options: &SessionsOptions, count: usize) -> Result<Row> {
    let run = Run {
        pid: std::process::id(),
        server: server::server(options.ping_interval, false)?,
        seen: Arc::default(),
        callgrind: options.scratch.clone().map(Myself::new),
    };
    let first: Vec<_> = (0..FIRST).map(|_| Client::new(&run.seen)).collect();
    run.open(&first).await?;
    run.close(&first).await?;
    drop(first);

    let empty = process::resident_bytes(run.pid)?;
    let clients: Vec<_> = (0..count).map(|_| Client::new(&run.seen)).collect();
    let before = process::resident_bytes(run.pid)?;
    let open = run.timed(run.open(&clients)).await?;
    let bytes = process::resident_bytes(run.pid)?;

    let mut heartbeat_ns = 0.0;
    if run.callgrind.is_none() {
        let rounds = run.seen.pings.get() + 2 * count as u64;
        let beats = run.timed(run.reach(&run.seen.pings, rounds)).await?;
        heartbeat_ns = beats.cpu.as_nanos() as f64 / beats.pings as f64;
    }
    let each = |took: Took, of: usize| took.each(of, heartbeat_ns);

    let text = "x".repeat(TEXT_BYTES);
    let mut broadcasts = Vec::new();
    let mut longest_call = Duration::ZERO;
    for _ in 0..BROADCASTS {
        let all = run.seen.messages.get() + count as u64;
        let broadcast = async {
            let begun = Instant::now();
            run.emit("", &text)?;
            longest_call = longest_call.max(begun.elapsed());
            run.reach(&run.seen.messages, all).await
        };
        broadcasts.push(run.timed(broadcast).await?);
    }
    broadcasts.sort_by_key(|took| took.wall);
    let broadcast = broadcasts.get(BROADCASTS / 2).copied();
    let broadcast = broadcast.ok_or_else(|| Error::Setup("nothing was broadcast".into()))?;

    let join = run.timed(run.storm("join", &clients)).await?;
    let room = run.timed(run.emit_to_rooms(&text, count / ROOM)).await?;
    let leave = run.timed(run.storm("leave", &clients)).await?;
    let (server_join_ns, server_leave_ns) = match run.callgrind {
        Some(_) => (0.0, 0.0),
        None => run.server_storms(count),
    };

    let expected = BROADCASTS * count + EMITS * ROOM;
    if run.seen.messages.get() != expected as u64 {
        return Err(Error::Wrong(format!("{} messages instead of {expected}", run.seen.messages.get())));
    }
    if let Some(client) = clients.iter().find(|client| (client.messages() as usize) < BROADCASTS) {
        return Err(Error::Wrong(format!("a client got {} of {BROADCASTS} broadcasts", client.messages())));
    }
    let close = run.timed(run.close(&clients)).await?;
    let counted = [
        (open, count),
        (broadcast, count),
        (join, count),
        (room, EMITS * ROOM),
        (leave, count),
        (close, count),
    ];
    Ok(Row {
        instructions: counted.iter().map(|(took, of)| took.instructions / *of as f64).collect(),
        sessions: count,
        bytes_per_session: bytes.saturating_sub(before) as f64 / count as f64,
        client_bytes: before.saturating_sub(empty) as f64 / count as f64,
        open_us: each(open, count) / 1e3,
        heartbeat_ns,
        heartbeat_core: heartbeat_ns * count as f64 / 25e9,
        delivery_ns: each(broadcast, count),
        broadcast_wall_ms: broadcast.wall.as_secs_f64() * 1e3,
        broadcast_call_ms: longest_call.as_secs_f64() * 1e3,
        join_ns: each(join, count),
        leave_ns: each(leave, count),
        server_join_ns,
        server_leave_ns,
        room_ns: each(room, EMITS * ROOM),
        close_us: each(close, count) / 1e3,
        left_bytes: process::resident_bytes(run.pid)?.saturating_sub(before) as f64,
    })
}

impl Run {
    /// Runs something, and tells what the process took for it.
    async fn timed(&self, work: impl Future<Output = Result<()>>) -> Result<Took> {
        let (cpu, pings, begun) = (process::cpu_time(self.pid)?, self.seen.pings.get(), Instant::now());
        let patience = match &self.callgrind {
            Some(callgrind) => {
                callgrind.start()?;
                PATIENCE * 10
            }
            None => PATIENCE,
        };
        match tokio::time::timeout(patience, work).await {
            Ok(done) => done?,
            Err(_) => return Err(Error::Late(format!("not done within {patience:?}"))),
        }
        let instructions = self.callgrind.as_ref().map_or(Ok(0.0), Myself::stop)?;
        let wall = begun.elapsed();
        if let Some(fault) = self.seen.fault() {
            return Err(Error::Wrong(fault));
        }
        let cpu = process::cpu_time(self.pid)?.saturating_sub(cpu);
        Ok(Took { cpu, wall, pings: self.seen.pings.get() - pings, instructions })
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

    /// Emits to a room, or to everybody where it has no name.
    fn emit(&self, room: &str, text: &str) -> Result<()> {
        let everybody = self.server.of("/");
        let emitted =
            if room.is_empty() { everybody.emit("msg", text) } else { everybody.to(room).emit("msg", text) };
        emitted.map(drop).map_err(|error| Error::Setup(error.to_string()))
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

    /// The server has all join one room and leave it: nanoseconds of the wall clock a session, for each. The CPU's clock
    /// goes in steps of milliseconds.
    fn server_storms(&self, count: usize) -> (f64, f64) {
        let (mut joining, mut leaving) = (Duration::ZERO, Duration::ZERO);
        let rounds = LEAST_TIMED.div_ceil(count);
        for _ in 0..rounds {
            let begun = Instant::now();
            drop(self.server.of("/").sockets_join("everybody"));
            joining += begun.elapsed();
            let begun = Instant::now();
            drop(self.server.of("/").sockets_leave("everybody"));
            leaving += begun.elapsed();
        }
        let each = |time: Duration| time.as_nanos() as f64 / (rounds * count) as f64;
        (each(joining), each(leaving))
    }

    /// Emits to rooms that lie all over, so that none is found where the one before was.
    async fn emit_to_rooms(&self, text: &str, rooms: usize) -> Result<()> {
        for number in 0..EMITS {
            let room = format!("room-{}", number * 7_919 % rooms);
            let until = self.seen.messages.get() + ROOM as u64;
            self.emit(&room, text)?;
            self.seen.messages.reach(until).await;
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
