//! What the comparison prints, and the part of `bench/README.md` that it owns.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::servers::Server;
use super::statistics::{Median, median};
use crate::error::{Error, Result};
use crate::run::Outcome;
use crate::scenario::Scenario;

const BEGIN: &str = "<!-- results: begin (written by `compare`) -->";
const END: &str = "<!-- results: end -->";

/// One scenario's figures.
pub(super) struct Row {
    scenario: Scenario,
    pub(super) columns: Vec<Column>,
}

/// One server's figures of a scenario, a figure a round.
pub(super) struct Column {
    server: Server,
    figures: Vec<f64>,
    latency: Option<Histogram<u64>>,
    pub(super) failure: Option<String>,
}

impl Row {
    pub(super) fn new(scenario: Scenario, servers: impl Iterator<Item = Server>) -> Self {
        let column = |server| Column { server, figures: Vec::new(), latency: None, failure: None };
        Self { scenario, columns: servers.map(column).collect() }
    }

    /// What went wrong, one line each.
    pub(super) fn failures(&self) -> impl Iterator<Item = String> {
        self.columns.iter().filter_map(|column| {
            let failure = column.failure.as_ref()?;
            Some(format!("{}: {}: {failure}", self.scenario.title(), column.server.title()))
        })
    }

    /// A cell: the median, and beside it the ratio to the floor, taken round by round.
    fn cell(&self, column: &Column) -> String {
        if column.failure.is_some() {
            return "failed".into();
        }
        let Some(own) = median(&column.figures) else { return "–".into() };
        let figure = figure(self.scenario, own.value);
        // The floor keeps next to nothing for a connection, so a ratio of bytes would tell nothing.
        if column.server == Server::Floor || self.scenario.is_memory() {
            return figure;
        }
        let Some(floor) = self.columns.iter().find(|column| column.server == Server::Floor) else {
            return figure;
        };
        let ratios: Vec<f64> =
            column.figures.iter().zip(&floor.figures).map(|(own, floor)| own / floor).collect();
        match median(&ratios) {
            Some(Median { value, low, high }) => {
                format!("{figure} · {value:.2} ({low:.2}–{high:.2})")
            }
            None => figure,
        }
    }

    fn latency_cell(column: &Column) -> String {
        match &column.latency {
            Some(latency) if column.failure.is_none() => {
                format!("{} / {}", quantile(latency, 0.5), quantile(latency, 0.99))
            }
            _ => "–".into(),
        }
    }
}

impl Column {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.figures.push(outcome.figure);
        if let Some(latency) = &outcome.latency {
            match &mut self.latency {
                Some(all) => all.add(latency).expect("both histograms have the same bounds"),
                None => self.latency = Some(latency.clone()),
            }
        }
    }
}

/// One round in one line.
pub(super) fn describe(scenario: Scenario, outcome: &Outcome) -> String {
    let mut text = figure(scenario, outcome.figure);
    text.push_str(if scenario.is_memory() { " a connection" } else { " per CPU second" });
    if let Some(rate) = outcome.rate {
        let _ = write!(text, ", {} a second", thousands(rate));
    }
    if let Some(latency) = &outcome.latency {
        let _ = write!(text, ", p50 {} ms, p99 {} ms", quantile(latency, 0.5), quantile(latency, 0.99));
    }
    text
}

/// Two Markdown tables: figures with ratios, and latencies.
pub(super) fn table(servers: &[Server], rows: &[Row]) -> String {
    let mut text = String::new();
    let heads: String = servers.iter().map(|server| format!(" {} |", server.title())).collect();
    let rule: String = servers.iter().map(|_| " --: |").collect();
    let _ = writeln!(text, "| per server CPU second · ratio to the floor (95 % interval) |{heads}");
    let _ = writeln!(text, "| --- |{rule}");
    for row in rows {
        let cells: String = row.columns.iter().map(|column| format!(" {} |", row.cell(column))).collect();
        let _ = writeln!(text, "| {} |{cells}", row.scenario.title());
    }
    let timed: Vec<&Row> = rows.iter().filter(|row| !row.scenario.is_memory()).collect();
    if !timed.is_empty() {
        let _ = writeln!(text, "\n| latency under that load, p50 / p99 in ms |{heads}");
        let _ = writeln!(text, "| --- |{rule}");
        for row in timed {
            let cells: String =
                row.columns.iter().map(|column| format!(" {} |", Row::latency_cell(column))).collect();
            let _ = writeln!(text, "| {} |{cells}", row.scenario.title());
        }
    }
    text
}

/// Puts the table between its markers in `bench/README.md`, with the date and the machine.
pub(super) fn write_readme(table: &str, rounds: u16) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).map_err(Error::io("reading bench/README.md"))?;
    let stamp = format!("{}, {}, {rounds} interleaved rounds.", today(), machine());
    let text = replace_between(&text, &format!("{stamp}\n\n{table}"))
        .ok_or_else(|| Error::Setup("bench/README.md has lost its markers".into()))?;
    fs::write(&path, text).map_err(Error::io("writing bench/README.md"))?;
    eprintln!("the table is in bench/README.md");
    Ok(())
}

fn replace_between(text: &str, new: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{new}\n{END}{after}"))
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

fn figure(scenario: Scenario, value: f64) -> String {
    if scenario.is_memory() {
        return format!("{} B", grouped(three_digits(value)));
    }
    thousands(value)
}

fn thousands(value: f64) -> String {
    if value >= 10_000.0 {
        return format!("{} k", grouped(three_digits(value / 1000.0)));
    }
    grouped(three_digits(value))
}

/// Three leading digits are what the noise leaves: 1,234,567 becomes 1,230,000.
fn three_digits(value: f64) -> f64 {
    let step = 10f64.powf((value.max(1.0).log10().floor() - 2.0).max(0.0));
    (value / step).round() * step
}

/// A whole number with a comma before every third digit.
fn grouped(value: f64) -> String {
    let digits = value.round().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn quantile(latency: &Histogram<u64>, quantile: f64) -> String {
    let milliseconds = latency.value_at_quantile(quantile) as f64 / 1000.0;
    let digits = if milliseconds < 10.0 { 2 } else { 0 };
    format!("{milliseconds:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(19_782), "2024-02-29");
        assert_eq!(date(20_778), "2026-11-21");
    }

    #[test]
    fn figures_keep_three_digits() {
        assert_eq!(thousands(25.2), "25");
        assert_eq!(thousands(169.4), "169");
        assert_eq!(thousands(9_704.0), "9,700");
        assert_eq!(thousands(117_400.0), "117 k");
        assert_eq!(thousands(2_684_000.0), "2,680 k");
        assert_eq!(figure(Scenario::Idle, 29_453.0), "29,500 B");
    }

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let text = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        assert_eq!(replace_between(&text, "new"), Some(format!("above\n{BEGIN}\nnew\n{END}\nbelow\n")));
        assert_eq!(replace_between("no markers", "new"), None);
    }
}
