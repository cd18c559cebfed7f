//! One load generator: as many clients as a process may hold, from several source addresses, obeying its parent.
//!
//! It opens its clients, says so in a line, and then does what each line of its input says: `hold N` waits until all
//! have answered N more pings, `expect N` until all have got the broadcast of that number, `speak N` has it sent,
//! and the end of the input ends it, with all its clients.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinSet, LocalSet};

use super::server;
use crate::connection::{Connection, Headers, Message};
use crate::error::{Error, Result};
use crate::run::{Payload, tag};

/// Bytes of the text that is broadcast.
const TEXT_BYTES: usize = 128;

/// What a generator is told at its start.
#[derive(Debug, Clone, clap::Args)]
pub struct GenerateOptions {
    /// The server.
    #[arg(long)]
    pub(super) address: SocketAddr,
    /// Clients of this process.
    #[arg(long)]
    pub(super) connections: usize,
    /// The first of its own addresses.
    #[arg(long, default_value = "127.0.0.2")]
    pub(super) source: Ipv4Addr,
    /// How many addresses follow each other from there: each has some 28,000 ports.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) sources: u32,
    /// Clients that open at once.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) at_once: u32,
}

/// What all clients of the process share.
struct Shared {
    payload: Payload,
    clients: usize,
    /// The number of pings that a round ends with, and the clients that have answered so many.
    rounds: Cell<u64>,
    held: Cell<usize>,
    /// The broadcast that is expected, and the clients that have it.
    number: Cell<u64>,
    received: Cell<usize>,
    changed: Notify,
    fault: RefCell<Option<Error>>,
}

/// Opens the clients and obeys until its input ends.
///
/// # Errors
/// Where the server refuses a client, hangs up, or sends something wrong.
pub fn generate(options: &GenerateOptions) -> Result<()> {
    let runtime = server::runtime(1)?;
    LocalSet::new().block_on(&runtime, obey(options))
}

/// Nanoseconds since 1970: parent and generators have one clock.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The address of client `number`.
fn source(options: &GenerateOptions, number: usize) -> Ipv4Addr {
    let offset = (number % options.sources as usize) as u32;
    Ipv4Addr::from_bits(options.source.to_bits().wrapping_add(offset))
}

async fn obey(options: &GenerateOptions) -> Result<()> {
    let shared = Rc::new(Shared {
        payload: Payload::text(TEXT_BYTES),
        clients: options.connections,
        rounds: Cell::new(0),
        held: Cell::new(0),
        number: Cell::new(0),
        received: Cell::new(0),
        changed: Notify::new(),
        fault: RefCell::new(None),
    });
    let (speak, words) = mpsc::unbounded_channel();
    let mut words = Some(words);
    let mut tasks = JoinSet::new();
    // Each listens from the moment when it is open: pings come while the last ones open.
    let mut opening = stream::iter(0..options.connections)
        .map(|number| Connection::open_from(options.address, Headers::Few, source(options, number)))
        .buffer_unordered(options.at_once as usize);
    while let Some(connection) = opening.try_next().await? {
        let (shared, words) = (shared.clone(), words.take());
        tasks.spawn_local(async move {
            let Err(error) = listen(connection, &shared, words).await else { return };
            shared.fault.borrow_mut().get_or_insert(error);
            shared.changed.notify_one();
        });
    }
    drop(opening);
    say(now())?;
    let mut commands = commands();
    while let Some(line) = commands.recv().await {
        let (command, number) = line.split_once(' ').unwrap_or((&line, ""));
        let number: u64 = number.parse().map_err(|_| Error::Setup(format!("what is `{line}`?")))?;
        match command {
            "hold" => {
                shared.held.set(0);
                shared.rounds.set(shared.rounds.get() + number);
                shared.wait(|shared| shared.held.get() >= shared.clients).await?;
            }
            "expect" => {
                shared.received.set(0);
                shared.number.set(number);
            }
            "speak" => {
                // The client that has the other end lives as long as nothing went wrong.
                let _ = speak.send(number);
            }
            "received" => shared.wait(|shared| shared.received.get() >= shared.clients).await?,
            _ => return Err(Error::Setup(format!("what is `{line}`?"))),
        }
        say(now())?;
    }
    Ok(())
}

/// The lines of the input, read by a thread of their own: the runtime has none that may wait.
fn commands() -> mpsc::UnboundedReceiver<String> {
    let (sender, commands) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(std::io::Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    commands
}

/// Tells the parent that what it asked for is done, and when it was.
fn say(done: u64) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{done}").and_then(|()| out.flush()).map_err(Error::io("answering the parent"))
}

impl Shared {
    async fn wait(&self, done: impl Fn(&Self) -> bool) -> Result<()> {
        loop {
            if let Some(error) = self.fault.borrow_mut().take() {
                return Err(error);
            }
            if done(self) {
                return Ok(());
            }
            self.changed.notified().await;
        }
    }

    fn more(&self, count: &Cell<usize>) {
        count.set(count.get() + 1);
        if count.get() >= self.clients {
            self.changed.notify_one();
        }
    }
}

/// One client, until something goes wrong.
async fn listen(
    mut connection: Connection,
    shared: &Shared,
    mut words: Option<mpsc::UnboundedReceiver<u64>>,
) -> Result<()> {
    let (mut held, mut pings_before) = (0, 0);
    loop {
        let said = async {
            match &mut words {
                Some(words) => words.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = connection.fill() => read?,
            Some(number) = said => {
                let number = tag(number);
                let [head, tail] = shared.payload.parts(&number);
                connection.queue_packet(&[b"2[\"broadcast\",\"", head, tail, b"\"]"]);
            }
        }
        while let Some(message) = connection.next()? {
            let text = match message {
                Message::Text(text) | Message::Binary(text) => text,
            };
            let payload = text.strip_prefix(b"2[\"msg\",\"").and_then(|text| text.strip_suffix(b"\"]"));
            match payload.and_then(|payload| shared.payload.number(payload)) {
                Some(number) if number == shared.number.get() => shared.more(&shared.received),
                _ => return Err(Error::unexpected("another broadcast than expected", text)),
            }
        }
        if held != shared.rounds.get() && connection.pings() >= pings_before + shared.rounds.get() - held {
            held = shared.rounds.get();
            shared.more(&shared.held);
        }
        if held == shared.rounds.get() {
            pings_before = connection.pings();
        }
        connection.flush().await?;
    }
}
