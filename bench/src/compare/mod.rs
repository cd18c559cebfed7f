//! The comparison: every server on the same load, in turns, so that what else the machine does
//! falls on all alike; medians with their interval, and ratios to the floor of the same round.

mod report;
mod servers;
mod statistics;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::LocalSet;

use self::report::Row;
use self::servers::{Built, Server};
use crate::error::{Error, Result};
use crate::process;
use crate::run::{Outcome, Plan, Target};
use crate::scenario::Scenario;

/// How long a scenario is run, and how often.
#[derive(Debug, Clone, clap::Args)]
pub struct CompareOptions {
    /// Scenario to run, may be repeated [default: echo-1, echo-16, broadcast-1000, idle].
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Run every scenario.
    #[arg(long, conflicts_with = "scenario")]
    all: bool,
    /// Server to run, may be repeated [default: all four].
    #[arg(long, value_enum)]
    server: Vec<Server>,
    /// Interleaved rounds of each scenario; `idle` takes three at most.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=99))]
    rounds: u16,
    #[command(flatten)]
    window: Window,
    /// Leave the table in bench/README.md as it is.
    #[arg(long)]
    no_write: bool,
}

/// One scenario against one server that runs already, for profiling.
#[derive(Debug, Clone, clap::Args)]
pub struct LoadOptions {
    /// Where the server listens.
    #[arg(long)]
    address: SocketAddr,
    /// Its process, whose CPU time and memory are read.
    #[arg(long)]
    pid: u32,
    /// What to run.
    #[arg(long, value_enum)]
    scenario: Scenario,
    #[command(flatten)]
    window: Window,
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Window {
    /// Milliseconds that are measured in each round.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    window_ms: u64,
    /// Milliseconds of load before.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    warm_up_ms: u64,
    /// A window ends early after this many messages.
    #[arg(long, default_value_t = 20_000_000)]
    max_messages: u64,
}

impl Window {
    fn plan(self) -> Plan {
        Plan {
            warm_up: Duration::from_millis(self.warm_up_ms),
            window: Duration::from_millis(self.window_ms),
            max_messages: self.max_messages,
        }
    }
}

/// Runs one scenario against a running server and prints what it found.
///
/// # Errors
/// When the server is wrong or late, or its process can't be read.
pub fn load(options: &LoadOptions) -> Result<()> {
    let target = Target { address: options.address, pid: options.pid };
    let outcome = run(options.scenario, target, options.window.plan())?;
    println!("{}: {}", options.scenario.title(), report::describe(options.scenario, &outcome));
    Ok(())
}

/// Builds and starts the servers, runs the rounds, prints the table and writes it into
/// `bench/README.md` when all servers took part in at least the minimal scenarios.
///
/// # Errors
/// When a server can't be built or started, or lost, doubled or changed a message; the others are measured all the same.
pub fn compare(options: &CompareOptions) -> Result<()> {
    if cfg!(debug_assertions) {
        return Err(Error::Setup("a debug build measures itself: run with `cargo run --release`".into()));
    }
    let servers = if options.server.is_empty() { Server::ALL.to_vec() } else { options.server.clone() };
    let scenarios = match (options.all, options.scenario.as_slice()) {
        (true, _) => <Scenario as clap::ValueEnum>::value_variants(),
        (false, []) => &Scenario::MINIMAL,
        (false, chosen) => chosen,
    };
    let mut built = Vec::with_capacity(servers.len());
    for server in &servers {
        eprintln!("building {}", server.title());
        built.push(server.build()?);
    }
    let mut rows = Vec::new();
    for &scenario in scenarios {
        rows.push(measure(scenario, &built, options)?);
    }
    let table = report::table(&servers, &rows);
    println!("\n{table}");
    let complete = Server::ALL.iter().all(|server| servers.contains(server))
        && Scenario::MINIMAL.iter().all(|scenario| scenarios.contains(scenario));
    let failures: Vec<String> = rows.iter().flat_map(Row::failures).collect();
    if !failures.is_empty() {
        return Err(Error::Wrong(failures.join("\n")));
    }
    if complete && !options.no_write {
        report::write_readme(&table, options.rounds)?;
    } else {
        eprintln!(
            "bench/README.md is left as it is (it takes all servers and at least the minimal scenarios)"
        );
    }
    Ok(())
}

/// All rounds of one scenario. A server that failed once is not asked again.
fn measure(scenario: Scenario, servers: &[Built], options: &CompareOptions) -> Result<Row> {
    let rounds = scenario.rounds(options.rounds.into());
    let plan = options.window.plan();
    let mut row = Row::new(scenario, servers.iter().map(|built| built.server));
    let mut running = Vec::new();
    for built in servers {
        running.push(built.start()?);
    }
    for round in 1..=rounds {
        for ((built, process), column) in servers.iter().zip(&mut running).zip(&mut row.columns) {
            if column.failure.is_some() {
                continue;
            }
            if scenario.needs_fresh_server() && round > 1 {
                *process = built.start()?;
            }
            match run(scenario, process.target(), plan) {
                Ok(outcome) => {
                    let text = report::describe(scenario, &outcome);
                    eprintln!("[{round}/{rounds}] {}: {}: {text}", scenario.title(), built.server.title());
                    column.add(&outcome);
                }
                Err(error) => {
                    eprintln!(
                        "[{round}/{rounds}] {}: {}: FAILED: {error}",
                        scenario.title(),
                        built.server.title()
                    );
                    column.failure = Some(error.to_string());
                }
            }
        }
    }
    Ok(row)
}

/// One round on its own single-threaded runtime, once the server is at rest; everything it opened is closed at its end.
fn run(scenario: Scenario, target: Target, plan: Plan) -> Result<Outcome> {
    process::wait_for_rest(target.pid)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::io("starting a runtime"))?;
    LocalSet::new().block_on(&runtime, scenario.run(target, plan))
}
