//! What a comparison found, round by round: written as JSON while it runs, so that one that was
//! interrupted goes on, and read again by whoever draws the tables and the chart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::servers::{Contender, Server};
use super::statistics::{Median, median};
use crate::error::{Error, Result};
use crate::meter::Counts;
use crate::run::{Note, Outcome};
use crate::scenario::{Goal, Scenario};

/// All rows of one comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Results {
    /// The day in UTC.
    pub(super) date: String,
    /// Cores, processor and kernel.
    pub(super) machine: String,
    /// Rounds that were asked for; a scenario may be worth fewer.
    pub(super) rounds: usize,
    pub(super) window_ms: u64,
    pub(super) quick: bool,
    pub(super) rows: Vec<Row>,
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) scenario: Scenario,
    pub(super) columns: Vec<Column>,
}

/// One server's figures of a scenario, one of each round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) contender: Contender,
    pub(super) figures: Vec<f64>,
    /// Messages per second of the wall clock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rates: Vec<f64>,
    /// Nanoseconds that half of the answers took at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) p50: Vec<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) p99: Vec<f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) notes: BTreeMap<Note, Vec<f64>>,
    /// What a message cost, counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counts: Option<Counted>,
    /// Why there are no more figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

/// What a message cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) counts: Counts,
    /// Whether the instructions are callgrind's, for want of a counter in the processor.
    pub(super) by_callgrind: bool,
}

impl Results {
    pub(super) fn new(rounds: usize, window_ms: u64, quick: bool) -> Self {
        Self { date: today(), machine: machine(), rounds, window_ms, quick, rows: Vec::new() }
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(Error::io(format!("reading {}", path.display())))?;
        serde_json::from_slice(&text)
            .map_err(|error| Error::Setup(format!("{} holds other results: {error}", path.display())))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::Setup(format!("the results are not to be written: {error}")))?;
        text.push('\n');
        fs::write(path, text).map_err(Error::io(format!("writing {}", path.display())))
    }

    /// Whether these were measured in the same way, so that rows may be added.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.machine, self.rounds, self.window_ms, self.quick)
            == (&other.machine, other.rounds, other.window_ms, other.quick)
    }

    pub(super) fn row(&self, scenario: Scenario) -> Option<&Row> {
        self.rows.iter().find(|row| row.scenario == scenario)
    }

    /// What went wrong, one line each.
    pub(super) fn failures(&self) -> Vec<String> {
        self.rows.iter().flat_map(Row::failures).collect()
    }
}

impl Row {
    pub(super) fn new(scenario: Scenario, contenders: impl Iterator<Item = Contender>) -> Self {
        Self { scenario, columns: contenders.map(Column::new).collect() }
    }

    pub(super) fn column(&self, contender: Contender) -> Option<&Column> {
        self.columns.iter().find(|column| column.contender == contender)
    }

    fn failures(&self) -> impl Iterator<Item = String> {
        self.columns.iter().filter_map(|column| {
            let failure = column.failure.as_ref()?;
            Some(format!("{}: {}: {failure}", self.scenario.title(), column.contender.title()))
        })
    }

    /// The ratio to the floor of as many workers, taken round by round: a machine's mood changes.
    pub(super) fn to_floor(&self, column: &Column) -> Option<Median> {
        let floor = self.column(column.contender.floor()).filter(|_| !column.contender.is_floor())?;
        column.ratio(floor)
    }

    /// The ratio to the peer with the best median, round by round; `more` tells what is better.
    pub(super) fn to_best_peer(&self, column: &Column, more: bool) -> Option<Median> {
        let workers = column.contender.workers;
        let peers = self.columns.iter().filter(|other| {
            other.contender.server.is_peer() && other.contender.workers == workers && other.failure.is_none()
        });
        let peers = peers.filter_map(|peer| Some((peer, median(&peer.figures)?.value)));
        let by_value = |a: &(&Column, f64), b: &(&Column, f64)| a.1.total_cmp(&b.1);
        let (best, _) = if more { peers.max_by(by_value) } else { peers.min_by(by_value) }?;
        column.ratio(best)
    }

    /// Whether Enchufe reaches its goal with one worker; `None` without a goal or a figure.
    pub(super) fn goal_is_met(&self) -> Option<bool> {
        let ours = self.column(Contender::new(Server::Enchufe, 1)).filter(|ours| ours.failure.is_none())?;
        // Judged as they are shown: 0.85 is 0.85.
        let shown = |ratio: Median| (ratio.value * 100.0).round() / 100.0;
        Some(match self.scenario.goal()? {
            Goal::MinOfFloor(goal) => shown(self.to_floor(ours)?) >= goal,
            Goal::MaxOfFloor(goal) => shown(self.to_floor(ours)?) <= goal,
            Goal::MinOfBestPeer(goal) => shown(self.to_best_peer(ours, true)?) >= goal,
            Goal::MaxOfBestPeer(goal) => shown(self.to_best_peer(ours, false)?) <= goal,
            Goal::Max(goal) => median(&ours.figures)?.value <= goal,
        })
    }
}

impl Column {
    fn new(contender: Contender) -> Self {
        Self {
            contender,
            figures: Vec::new(),
            rates: Vec::new(),
            p50: Vec::new(),
            p99: Vec::new(),
            notes: BTreeMap::new(),
            counts: None,
            failure: None,
        }
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.figures.push(outcome.figure);
        self.rates.extend(outcome.rate);
        if let Some(latency) = &outcome.latency {
            self.p50.push(latency.value_at_quantile(0.5) as f64);
            self.p99.push(latency.value_at_quantile(0.99) as f64);
        }
        for (note, value) in &outcome.notes {
            self.notes.entry(*note).or_default().push(*value);
        }
    }

    fn ratio(&self, other: &Self) -> Option<Median> {
        if self.failure.is_some() || other.failure.is_some() {
            return None;
        }
        let pairs = self.figures.iter().zip(&other.figures);
        median(&pairs.map(|(own, other)| own / other).collect::<Vec<f64>>())
    }
}

/// Where a comparison that is under way keeps what it has.
pub(super) fn partial_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench-results.json")
}

/// Cores, processor and kernel, as far as the system tells.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel: Vec<&str> = kernel.split('.').take(2).collect();
    format!("{cores} cores ({model}), Linux {}", kernel.join("."))
}

/// The date of today in UTC, from the days since 1970 (Howard Hinnant's `civil_from_days`).
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    date(seconds / 86_400)
}

fn date(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const FLOOR: Contender = Contender { workers: 1, server: Server::Floor };
    pub(crate) const OURS: Contender = Contender { workers: 1, server: Server::Enchufe };
    pub(crate) const PEER: Contender = Contender { workers: 1, server: Server::Socketioxide };
    pub(crate) const NODE: Contender = Contender { workers: 1, server: Server::Node };

    pub(crate) fn row(scenario: Scenario, figures: [&[f64]; 4]) -> Row {
        let mut row = Row::new(scenario, [FLOOR, OURS, PEER, NODE].into_iter());
        for (column, figures) in row.columns.iter_mut().zip(figures) {
            column.figures = figures.to_vec();
        }
        row
    }

    #[test]
    fn days_become_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(59), "1970-03-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_778), "2026-11-21");
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        // The second round was twice as fast for everybody: the ratio does not move.
        let row = row(Scenario::Echo1, [&[100.0, 200.0], &[90.0, 180.0], &[45.0, 90.0], &[10.0, 20.0]]);
        let ratio = row.to_floor(row.column(OURS).unwrap()).unwrap();
        assert_eq!((ratio.value, ratio.low, ratio.high), (0.9, 0.9, 0.9));
        assert_eq!(row.to_best_peer(row.column(OURS).unwrap(), true).unwrap().value, 2.0);
        assert_eq!(row.to_best_peer(row.column(OURS).unwrap(), false).unwrap().value, 9.0);
        assert_eq!(row.goal_is_met(), Some(true));
        assert!(row.to_floor(row.column(FLOOR).unwrap()).is_none());
    }

    #[test]
    fn a_failed_server_has_no_ratio_and_meets_no_goal() {
        let mut row = row(Scenario::Polling, [&[100.0], &[90.0], &[45.0], &[70.0]]);
        assert_eq!(row.goal_is_met(), Some(true));
        row.columns[3].figures = vec![80.0];
        assert_eq!(row.goal_is_met(), Some(false));
        row.columns[3].failure = Some("gone".into());
        assert_eq!(row.goal_is_met(), Some(true));
        row.columns[1].failure = Some("lost a message".into());
        assert_eq!(row.goal_is_met(), None);
        assert_eq!(row.failures().count(), 2);
    }

    #[test]
    fn results_are_read_back_as_they_were_written() {
        let mut results = Results::new(9, 500, false);
        let mut row = row(Scenario::Echo64KBinary, [&[1.5], &[2.25], &[], &[]]);
        row.columns[2].failure = Some("does not build".into());
        row.columns[1].notes.insert(Note::CpuNanoseconds, vec![7.0]);
        results.rows.push(row);
        let text = serde_json::to_string(&results).unwrap();
        let again: Results = serde_json::from_str(&text).unwrap();
        assert_eq!(again, results);
        assert!(again.is_like(&results));
        assert!(!again.is_like(&Results::new(3, 500, false)));
    }
}
