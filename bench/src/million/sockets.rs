//! Real connections to one server process: opened, held through heartbeats, broadcast to, and closed.
//!
//! The clients are in processes of their own (`generator`), because a process may hold so many descriptors only, and
//! each has several source addresses, because an address has so many ports only.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::generator;
use super::kernel::Kernel;
use crate::error::{Error, Result};
use crate::process;

/// Broadcasts; the median of them is told.
const BROADCASTS: u64 = 9;
/// Rounds of heartbeats that all are held through.
const ROUNDS: u64 = 2;
/// Clients that open at once, of all generators together: fewer than the server's listener lets wait (1,024), or some are
/// turned away by the kernel and come again a second later, or never.
const OPENING_AT_ONCE: u32 = 512;
/// Heartbeats in a second, when nothing else is said: a fifth of what one worker can do.
const HEARTBEATS: u64 = 20_000;
/// The shortest time between those of one client, when nothing else is said.
const PING_INTERVAL: u64 = 10_000;
/// How long the server may take to close so many clients, which take some 10 µs each.
const CLOSING: Duration = Duration::from_secs(120);

/// What is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct SocketsOptions {
    /// Connections in all.
    #[arg(long, default_value_t = 19_000, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Processes that hold the clients' ends.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    generators: u32,
    /// Source addresses of each generator, 127.0.0.2 and those that follow: each has some 28,000 ports, or what
    /// `net.ipv4.ip_local_port_range` says.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sources: u32,
    /// Worker threads of the server.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: u16,
    /// Milliseconds from a pong to the next ping; 10,000, or as many as make 20,000 heartbeats in a second.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    ping_interval: Option<u64>,
    /// The first source address.
    #[arg(long, default_value = "127.0.0.2")]
    first_source: Ipv4Addr,
}

/// How things stand with the server.
struct Reading {
    cpu: Duration,
    resident: u64,
    kernel: Kernel,
    at: u64,
}

impl Reading {
    fn now(pid: u32) -> Result<Self> {
        let (cpu, resident) = (process::cpu_time(pid)?, process::resident_bytes(pid)?);
        Ok(Self { cpu, resident, kernel: Kernel::now()?, at: generator::now() })
    }
}

/// Runs it all and prints the table.
///
/// # Errors
/// Where a client is refused, loses or gets something wrong, or where the system allows too few descriptors or ports.
pub fn sockets(options: &SocketsOptions) -> Result<()> {
    let total = u64::from(options.connections);
    let interval = options.ping_interval.unwrap_or(PING_INTERVAL.max(total * 1_000 / HEARTBEATS));
    let server = ["--workers", &options.workers.to_string(), "--ping-interval", &interval.to_string()]
        .map(String::from);
    let mut server = Helper::start("serve", &server)?;
    let line = server.line()?;
    let address: SocketAddr = line
        .strip_prefix("listening on ")
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| Error::Setup(format!("the server said `{line}` instead of its port")))?;
    let pid = server.child.id();

    // What any connection needs is not counted.
    let mut first =
        generators(&SocketsOptions { connections: 200, generators: 1, ..options.clone() }, address)?;
    all(&mut first, "")?;
    drop(first);
    process::wait_for_rest(pid)?;

    let start = Reading::now(pid)?;
    let mut clients = generators(options, address)?;
    all(&mut clients, "")?;
    let opened = Reading::now(pid)?;
    eprintln!("{total} connections are open");
    all(&mut clients, &format!("hold {ROUNDS}"))?;
    let held = Reading::now(pid)?;
    eprintln!("{ROUNDS} rounds of heartbeats are over");

    let mut broadcasts = Vec::new();
    for number in 1..=BROADCASTS {
        all(&mut clients, &format!("expect {number}"))?;
        let (begun, cpu) = (generator::now(), process::cpu_time(pid)?);
        if let Some(speaker) = clients.first_mut() {
            speaker.tell(&format!("speak {number}"))?;
            speaker.line()?;
        }
        let last = all(&mut clients, "received 0")?;
        broadcasts.push((last.saturating_sub(begun), process::cpu_time(pid)?.saturating_sub(cpu)));
    }
    broadcasts.sort();
    let (to_last, broadcast) = broadcasts.get(broadcasts.len() / 2).copied().unwrap_or_default();
    eprintln!("{BROADCASTS} broadcasts have come to everybody");
    let before_end = process::cpu_time(pid)?;
    drop(clients);
    process::wait_for_rest_within(pid, CLOSING)?;
    let end = Reading::now(pid)?;

    let each = |value: u64| value as f64 / total as f64;
    let grown = |before: u64, after: u64| each(after.saturating_sub(before));
    let cpu = |before: Duration, after: Duration| each(after.saturating_sub(before).as_nanos() as u64);
    let heartbeat = cpu(opened.cpu, held.cpu) / ROUNDS as f64;
    let slab = grown(start.kernel.slab, opened.kernel.slab) / 2.0;
    let rows = [
        ("opened and joined, all, s", opened.at.saturating_sub(start.at) as f64 / 1e9, 1),
        ("open and join, µs of the server's CPU", cpu(start.cpu, opened.cpu) / 1e3, 1),
        ("resident bytes a connection", grown(start.resident, opened.resident), 0),
        ("… after the heartbeats", grown(start.resident, held.resident), 0),
        ("kernel memory a connection, bytes (half of what both ends take)", slab, 0),
        ("bytes in TCP's buffers, all", held.kernel.buffers.saturating_sub(start.kernel.buffers) as f64, 0),
        ("heartbeat (ping and pong), µs of CPU", heartbeat / 1e3, 2),
        ("all heartbeats at 25 s, % of a core", heartbeat * total as f64 / 25e9 * 100.0, 2),
        ("broadcast of 128 B, µs of CPU a delivery", cpu(Duration::ZERO, broadcast) / 1e3, 2),
        ("broadcast of 128 B, ms until the last has it", to_last as f64 / 1e6, 1),
        ("close, µs of CPU", cpu(before_end, end.cpu) / 1e3, 2),
        (
            "resident bytes that stay when all have gone",
            grown(start.resident, end.resident) * total as f64,
            0,
        ),
    ];
    println!("| {total} connections, {} worker(s) | |\n| --- | --: |", options.workers);
    for (name, value, digits) in rows {
        println!("| {name} | {value:.digits$} |");
    }
    Ok(())
}

/// Starts the generators, each with its share of the connections and its own addresses.
fn generators(options: &SocketsOptions, address: SocketAddr) -> Result<Vec<Helper>> {
    let (total, count) = (options.connections, options.generators);
    let start = |number: u32| {
        let share = total / count + u32::from(number < total % count);
        let first = options.first_source.to_bits().wrapping_add(number * options.sources);
        let arguments = [
            ("--address", address.to_string()),
            ("--connections", share.to_string()),
            ("--source", Ipv4Addr::from_bits(first).to_string()),
            ("--sources", options.sources.to_string()),
            ("--at-once", (OPENING_AT_ONCE / count).max(1).to_string()),
        ];
        let words: Vec<String> =
            arguments.into_iter().flat_map(|(name, value)| [name.into(), value]).collect();
        Helper::start("generate", &words)
    };
    (0..count).map(start).collect()
}

/// Tells all of them something, where there is something to tell, and waits until all have done it. When the last had.
fn all(helpers: &mut [Helper], command: &str) -> Result<u64> {
    if !command.is_empty() {
        for helper in &mut *helpers {
            helper.tell(command)?;
        }
    }
    let mut last = 0;
    for helper in helpers {
        let line = helper.line()?;
        let done = line.parse::<u64>();
        last = last.max(done.map_err(|_| Error::Setup(format!("a generator said `{line}`")))?);
    }
    Ok(last)
}

/// This program, again, in another role; it ends when it is dropped.
struct Helper {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Helper {
    fn start(role: &str, arguments: &[String]) -> Result<Self> {
        let program = std::env::current_exe().map_err(Error::io("finding this program"))?;
        let mut command = Command::new(program);
        command.arg(role).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Error::io(format!("starting `{role}`")))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| Error::Setup("a child without an output".into()))?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    fn tell(&mut self, command: &str) -> Result<()> {
        let Some(input) = &mut self.input else { return Ok(()) };
        writeln!(input, "{command}").and_then(|()| input.flush()).map_err(Error::io("telling a generator"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let count = self.output.read_line(&mut line).map_err(Error::io("listening to a child"))?;
        if count == 0 {
            return Err(Error::Setup("a child process ended before it was told to".into()));
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.input = None;
        // Fails only where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
