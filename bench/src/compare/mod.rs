//! The comparison: every server on the same load, in turns, so that what else the machine does
//! falls on all alike; medians with their interval, and ratios to the floor of the same round.
//! A server that fails is reported, and the others are measured all the same.

mod chart;
mod progress;
mod report;
mod results;
mod servers;
mod statistics;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::LocalSet;

use self::progress::Progress;
use self::results::{Counted, Results, Row, partial_path};
use self::servers::{Built, Contender, Running, Server};
use crate::error::{Error, Result};
use crate::meter::{Meter, has_callgrind};
use crate::process;
use crate::run::{Outcome, Plan, Target};
use crate::scenario::Scenario;

/// Runs of each peer that tell how much it can do.
const PROBES: usize = 3;

/// A server under callgrind is slow: it needs this long for some thousands of messages.
const CALLGRIND_WINDOW: Duration = Duration::from_secs(1);

/// What is compared, how long and how often.
#[derive(Debug, Clone, clap::Args)]
pub struct CompareOptions {
    /// Scenario to run, may be repeated [default: echo-1, echo-16, broadcast-1000, idle].
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Run every scenario, with one worker and with two: what `bench/README.md` shows.
    #[arg(long, conflicts_with = "scenario")]
    all: bool,
    /// Server to run, may be repeated [default: all four].
    #[arg(long, value_enum)]
    server: Vec<Server>,
    /// Threads of the servers, may be repeated [default: 1, with --all 1 and 2]. Node has always one.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Vec<u16>,
    /// Interleaved rounds of each scenario; those about memory take three at most [default: 9, with --quick 3].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=99))]
    rounds: Option<u16>,
    /// For a first look: three rounds, short windows.
    #[arg(long)]
    quick: bool,
    /// Go on with a comparison that was interrupted: scenarios that it has finished are not run again.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    window: Window,
    /// Leave out what a message costs in system calls and instructions, which is counted in runs of its own.
    #[arg(long)]
    no_counts: bool,
    /// Leave README.md, results.svg and results.json in bench/ as they are.
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
    /// Messages per second that `open-loop` offers.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    #[command(flatten)]
    window: Window,
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Window {
    /// Milliseconds that are measured in each round [default: 500, with --quick 200].
    #[arg(long, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    window_ms: Option<u64>,
    /// Milliseconds of load before [default: 200, with --quick 100].
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    warm_up_ms: Option<u64>,
    /// A window ends early after this many messages.
    #[arg(long, default_value_t = 20_000_000)]
    max_messages: u64,
}

impl Window {
    fn plan(self, quick: bool) -> Plan {
        let (window, warm_up) = if quick { (200, 100) } else { (500, 200) };
        Plan {
            warm_up: Duration::from_millis(self.warm_up_ms.unwrap_or(warm_up)),
            window: Duration::from_millis(self.window_ms.unwrap_or(window)),
            max_messages: self.max_messages,
            min_messages: 1,
            quick,
            rate: None,
        }
    }
}

impl CompareOptions {
    fn scenarios(&self) -> &[Scenario] {
        match (self.all, self.scenario.as_slice()) {
            (true, _) => <Scenario as clap::ValueEnum>::value_variants(),
            (false, []) => &Scenario::MINIMAL,
            (false, chosen) => chosen,
        }
    }

    fn contenders(&self) -> Vec<Contender> {
        let servers = if self.server.is_empty() { &Server::ALL } else { self.server.as_slice() };
        let workers = match self.workers.as_slice() {
            [] if self.all => [1, 2].as_slice(),
            [] => &[1],
            chosen => chosen,
        };
        let all =
            workers.iter().flat_map(|&workers| servers.iter().map(move |&s| Contender::new(s, workers)));
        all.filter(|contender| contender.server != Server::Node || contender.workers == 1).collect()
    }

    fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 3 } else { 9 }, usize::from)
    }
}

/// Runs one scenario against a running server and prints what it found.
///
/// # Errors
/// When the server is wrong or late, or its process can't be read.
pub fn load(options: &LoadOptions) -> Result<()> {
    let target = Target { address: options.address, pid: options.pid, started: None, meter: Meter::Off };
    let plan = Plan { rate: options.rate.map(f64::from), ..options.window.plan(false) };
    let outcome = run(options.scenario, target, plan)?;
    println!("{}: {}", options.scenario.title(), report::describe(options.scenario, &outcome));
    Ok(())
}

/// Draws the tables and the chart of `bench/results.json` once more.
///
/// # Errors
/// When there are no results, or `bench/README.md` has lost its markers.
pub fn redraw() -> Result<()> {
    report::write(&Results::read(&report::results_path())?)
}

/// Builds and starts the servers, runs the rounds, prints the tables, and writes them into
/// `bench/README.md` when all servers took part in at least the minimal scenarios.
///
/// # Errors
/// When a server can't be built or started, or lost, doubled or changed a message; the others are measured all the same.
pub fn compare(options: &CompareOptions) -> Result<()> {
    if cfg!(debug_assertions) {
        return Err(Error::Setup("a debug build measures itself: run with `cargo run --release`".into()));
    }
    let plan = options.window.plan(options.quick);
    let mut results = Results::new(options.rounds(), plan.window.as_millis() as u64, options.quick);
    if options.resume {
        results = resumed(results)?;
    }
    let scenarios: Vec<Scenario> = options.scenarios().to_vec();
    let missing: Vec<Scenario> =
        scenarios.iter().copied().filter(|&scenario| results.row(scenario).is_none()).collect();
    let contestants: Vec<Contestant> = options.contenders().into_iter().map(Contestant::build).collect();
    let counting = match (options.no_counts, options.quick || !has_callgrind()) {
        (true, _) => CountingRuns::None,
        (false, true) => CountingRuns::Kernel,
        (false, false) => CountingRuns::KernelAndCallgrind,
    };
    let rounds = options.rounds();
    let mut contest = Contest { plan, rounds, contestants, counting, progress: Progress::new(0.0) };
    contest.progress = Progress::new(missing.iter().map(|&scenario| contest.seconds(scenario)).sum());
    for scenario in missing {
        results.rows.push(contest.measure(scenario));
        results.write(&partial_path())?;
    }
    results.rows.sort_by_key(|row| scenarios.iter().position(|&scenario| scenario == row.scenario));
    println!("\n{}", report::tables(&results));
    eprintln!("measured in {}", contest.progress.elapsed());
    let contenders = options.contenders();
    let complete = Server::ALL.iter().all(|&server| contenders.contains(&Contender::new(server, 1)))
        && Scenario::MINIMAL.iter().all(|scenario| scenarios.contains(scenario));
    if complete && !options.no_write {
        report::write(&results)?;
    } else {
        eprintln!(
            "bench/README.md is left as it is (it takes all servers and at least the minimal scenarios)"
        );
    }
    match results.failures() {
        failures if failures.is_empty() => Ok(()),
        failures => Err(Error::Wrong(failures.join("\n"))),
    }
}

/// What an interrupted comparison of the same kind has left.
fn resumed(new: Results) -> Result<Results> {
    if !fs::exists(partial_path()).unwrap_or(false) {
        return Ok(new);
    }
    let old = Results::read(&partial_path())?;
    if old.is_like(&new) {
        return Ok(old);
    }
    Err(Error::Setup("the interrupted comparison had other rounds or windows: leave out --resume".into()))
}

/// A server, or why there is none.
struct Contestant {
    contender: Contender,
    built: std::result::Result<Built, String>,
}

impl Contestant {
    fn build(contender: Contender) -> Self {
        eprintln!("building {}", contender.title());
        let built = contender.build().map_err(|error| {
            eprintln!("FAILED: {error}");
            error.to_string()
        });
        Self { contender, built }
    }
}

/// How a message's system calls and instructions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CountingRuns {
    None,
    /// What the kernel counts, and nothing where it doesn't.
    Kernel,
    /// Instructions by callgrind where the processor has no counter.
    KernelAndCallgrind,
}

struct Contest {
    plan: Plan,
    rounds: usize,
    contestants: Vec<Contestant>,
    counting: CountingRuns,
    progress: Progress,
}

impl Contest {
    fn takes_part(scenario: Scenario, contender: Contender) -> bool {
        contender.workers == 1
            || scenario.is_for_many_workers()
                && (!contender.server.is_peer() || scenario.is_for_peers_with_many_workers())
    }

    /// About how long one run takes.
    fn seconds_a_run(&self, scenario: Scenario) -> f64 {
        (self.plan.warm_up + self.plan.window).as_secs_f64() + scenario.weight()
    }

    fn seconds(&self, scenario: Scenario) -> f64 {
        let contenders =
            self.contestants.iter().filter(|contestant| Self::takes_part(scenario, contestant.contender));
        (contenders.count() * scenario.rounds(self.rounds)) as f64 * self.seconds_a_run(scenario)
    }

    /// Half of what the best peer with so many workers does in a closed loop, with as many connections and one
    /// question under way on each: messages per second of the wall clock.
    fn half_of_saturation(&self, workers: u16) -> Result<f64> {
        let peers = self.contestants.iter().filter(|contestant| {
            contestant.contender.server.is_peer() && contestant.contender.workers == workers
        });
        let mut best = 0.0f64;
        for peer in peers {
            let mut process = None;
            let mut rates = Vec::new();
            for _ in 0..PROBES {
                match measure_once(Scenario::Echo1, peer, &mut process, self.plan) {
                    Ok(outcome) => rates.extend(outcome.rate),
                    Err(error) => eprintln!("probing {}: FAILED: {error}", peer.contender.title()),
                }
            }
            best = best.max(statistics::median(&rates).map_or(0.0, |median| median.value));
        }
        if best > 0.0 {
            return Ok(best / 2.0);
        }
        Err(Error::Setup(format!("no peer with {workers} workers tells how fast the open loop should be")))
    }

    /// The plan for each number of workers: only the open loop has its rate from a probe.
    fn plan(&self, scenario: Scenario, workers: u16) -> Result<Plan> {
        let rate = match scenario {
            Scenario::OpenLoop => Some(self.half_of_saturation(workers)?),
            _ => None,
        };
        Ok(Plan { rate, ..self.plan })
    }

    /// All rounds of one scenario. A server that failed once is not asked again.
    fn measure(&mut self, scenario: Scenario) -> Row {
        let rounds = scenario.rounds(self.rounds);
        let seconds = self.seconds_a_run(scenario);
        let entrants: Vec<&Contestant> = self
            .contestants
            .iter()
            .filter(|contestant| Self::takes_part(scenario, contestant.contender))
            .collect();
        let mut row = Row::new(scenario, entrants.iter().map(|contestant| contestant.contender));
        let mut plans: BTreeMap<u16, std::result::Result<Plan, String>> = BTreeMap::new();
        for contestant in &entrants {
            let workers = contestant.contender.workers;
            plans
                .entry(workers)
                .or_insert_with(|| self.plan(scenario, workers).map_err(|error| error.to_string()));
        }
        let mut running: Vec<Option<Running>> = entrants.iter().map(|_| None).collect();
        for round in 1..=rounds {
            for ((contestant, process), column) in entrants.iter().zip(&mut running).zip(&mut row.columns) {
                let heading =
                    format!("{} {round}/{rounds}, {}", scenario.short(), contestant.contender.title());
                if column.failure.is_some() {
                    self.progress.advance(seconds, &format!("{heading}: out"));
                    continue;
                }
                let plan = match plans.get(&contestant.contender.workers) {
                    Some(Ok(plan)) => Ok(*plan),
                    Some(Err(error)) => Err(Error::Setup(error.clone())),
                    None => Ok(self.plan),
                };
                match plan.and_then(|plan| measure_once(scenario, contestant, process, plan)) {
                    Ok(outcome) => {
                        column.add(&outcome);
                        let mut text = report::describe(scenario, &outcome);
                        // What others may grow by is not ours to say.
                        let bound =
                            scenario.max_growth().filter(|_| contestant.contender.server == Server::Enchufe);
                        if let Some(Err(error)) =
                            bound.map(|most| outcome.check_growth(scenario.unit(), most))
                        {
                            text = format!("{text}: FAILED: {error}");
                            column.failure = Some(error.to_string());
                        }
                        self.progress.advance(seconds, &format!("{heading}: {text}"));
                    }
                    Err(error) => {
                        *process = None;
                        column.failure = Some(error.to_string());
                        self.progress.advance(seconds, &format!("{heading}: FAILED: {error}"));
                    }
                }
            }
        }
        drop(running);
        if scenario.is_counted() && self.counting != CountingRuns::None {
            for (contestant, column) in entrants.iter().zip(&mut row.columns) {
                if let (Ok(built), None) = (&contestant.built, &column.failure) {
                    let counted = count(scenario, built, self.plan, self.counting);
                    eprintln!("counted {}, {}", scenario.short(), contestant.contender.title());
                    column.counts =
                        counted.inspect_err(|error| eprintln!("counting is left out: {error}")).ok();
                }
            }
        }
        row
    }
}

/// What a message costs, in one run of a server of its own, or in two.
fn count(scenario: Scenario, built: &Built, plan: Plan, by: CountingRuns) -> Result<Counted> {
    let running = built.start(scenario.flags())?;
    let mut counts = run(scenario, running.target(Meter::Kernel), plan)?.counts;
    drop(running);
    let wanted = by == CountingRuns::KernelAndCallgrind && counts.instructions.is_none();
    // A server of several threads would be run by callgrind one thread at a time, and Node compiles while it runs.
    let by_callgrind = wanted && built.contender.workers == 1 && built.contender.server != Server::Node;
    if by_callgrind {
        match count_by_callgrind(scenario, built, plan) {
            Ok(instructions) => counts.instructions = instructions,
            Err(error) => eprintln!("callgrind is left out: {error}"),
        }
    }
    Ok(Counted { counts, by_callgrind })
}

fn count_by_callgrind(scenario: Scenario, built: &Built, plan: Plan) -> Result<Option<f64>> {
    let running = built.start_under_callgrind(scenario.flags())?;
    let plan = Plan { window: plan.window.max(CALLGRIND_WINDOW), ..plan };
    Ok(run(scenario, running.target(Meter::Callgrind), plan)?.counts.instructions)
}

/// One round of one server, which is started where it does not run yet or has to be a new one.
fn measure_once(
    scenario: Scenario,
    contestant: &Contestant,
    process: &mut Option<Running>,
    plan: Plan,
) -> Result<Outcome> {
    let built = contestant.built.as_ref().map_err(|error| Error::Setup(error.clone()))?;
    if scenario.needs_fresh_server() {
        *process = None;
    }
    let running = match process {
        Some(running) => running,
        None => process.insert(built.start(scenario.flags())?),
    };
    run(scenario, running.target(Meter::Off), plan)
}

/// One round on its own single-threaded runtime, once the server is at rest; everything it opened is closed at its end.
fn run(scenario: Scenario, target: Target, plan: Plan) -> Result<Outcome> {
    if scenario != Scenario::ColdStart {
        process::wait_for_rest(target.pid)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::io("starting a runtime"))?;
    LocalSet::new().block_on(&runtime, async {
        match tokio::time::timeout(
            scenario.timeout() + plan.warm_up + plan.window,
            scenario.run(target, plan),
        )
        .await
        {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Late(format!("the run was not over after {:?}", scenario.timeout()))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> CompareOptions {
        #[derive(clap::Parser)]
        struct Parser {
            #[command(flatten)]
            options: CompareOptions,
        }
        let arguments = std::iter::once("compare").chain(arguments.iter().copied());
        <Parser as clap::Parser>::try_parse_from(arguments).unwrap().options
    }

    #[test]
    fn everything_is_one_flag_and_a_part_is_chosen_by_name() {
        let all = options(&["--all"]);
        // Four with one worker, all but Node with two.
        assert_eq!((all.contenders().len(), all.rounds()), (7, 9));
        let part = options(&["--server", "enchufe", "--workers", "2", "--scenario", "rooms", "--quick"]);
        assert_eq!(part.contenders(), [Contender::new(Server::Enchufe, 2)]);
        assert_eq!((part.scenarios(), part.rounds()), (&[Scenario::Rooms][..], 3));
    }
}
