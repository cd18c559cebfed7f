//! What the comparison prints, and the part of `bench/README.md` that it owns.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::chart;
use super::results::{Column, Results, Row};
use super::servers::{Contender, Server};
use super::statistics::{Median, median};
use crate::error::{Error, Result};
use crate::run::{Note, Outcome};
use crate::scenario::{Goal, Scenario, Unit};

const BEGIN: &str = "<!-- results: begin (written by `compare`) -->";
const END: &str = "<!-- results: end -->";

/// One round in one line.
pub(super) fn describe(scenario: Scenario, outcome: &Outcome) -> String {
    let mut text = figure(scenario.unit(), outcome.figure);
    if scenario.unit() == Unit::PerCpuSecond {
        text.push_str(" per CPU second");
    }
    if let Some(rate) = outcome.rate {
        let _ = write!(text, ", {} a second", thousands(rate));
    }
    if let Some(latency) = &outcome.latency {
        let quantile = |quantile| time(latency.value_at_quantile(quantile) as f64);
        let _ = write!(text, ", p50 {}, p99 {}", quantile(0.5), quantile(0.99));
    }
    for &(note, value) in &outcome.notes {
        let _ = write!(text, ", {}", note_text(note, value));
    }
    text
}

/// The Markdown tables, each under what its figures are.
pub(super) fn tables(results: &Results) -> String {
    let mut text = String::new();
    for workers in worker_counts(results) {
        let heading = match workers {
            1 => "messages per server CPU second · ratio to the floor (95 % interval)".to_owned(),
            _ => format!("the same with {workers} workers, against a floor of {workers} threads"),
        };
        table(&mut text, results, workers, &heading, |row| row.scenario.unit() == Unit::PerCpuSecond);
    }
    let memory = "resident bytes of the server";
    table(&mut text, results, 1, memory, |row| row.scenario.unit() == Unit::Bytes);
    let times = "time of the wall clock · ratio to the floor (95 % interval)";
    for workers in worker_counts(results) {
        let heading =
            if workers == 1 { times.to_owned() } else { format!("the same with {workers} workers") };
        table(&mut text, results, workers, &heading, |row| row.scenario.unit() == Unit::Nanoseconds);
    }
    counts(&mut text, results);
    latencies(&mut text, results);
    failures(&mut text, results);
    text
}

/// All numbers of workers, in order.
fn worker_counts(results: &Results) -> Vec<u16> {
    let columns = results.rows.iter().flat_map(|row| &row.columns);
    let mut counts: Vec<u16> = columns.map(|column| column.contender.workers).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// The contenders of some rows, in the order of the columns.
fn contenders(rows: &[&Row], workers: u16) -> Vec<Contender> {
    let mut all: Vec<Contender> = Vec::new();
    for column in rows.iter().flat_map(|row| &row.columns) {
        if column.contender.workers == workers && !all.contains(&column.contender) {
            all.push(column.contender);
        }
    }
    all
}

fn table(text: &mut String, results: &Results, workers: u16, heading: &str, belongs: impl Fn(&Row) -> bool) {
    let has_workers =
        |row: &&Row| row.columns.iter().any(|column| column.contender.workers == workers) && belongs(row);
    let rows: Vec<&Row> = results.rows.iter().filter(has_workers).collect();
    if rows.is_empty() {
        return;
    }
    let contenders = contenders(&rows, workers);
    head(text, heading, &contenders, workers == 1);
    for row in rows {
        let cells: String =
            contenders.iter().map(|&contender| format!(" {} |", cell(row, contender))).collect();
        let _ = write!(text, "| {} |{cells}", row.scenario.title());
        if workers == 1 {
            let _ = write!(text, " {} |", goal(row));
        }
        text.push('\n');
    }
}

fn head(text: &mut String, heading: &str, contenders: &[Contender], goal: bool) {
    let heads: String = contenders
        .iter()
        .map(|contender| format!(" {} |", Contender::new(contender.server, 1).title()))
        .collect();
    let rules = " --: |".repeat(contenders.len());
    let (goal, rule) = if goal { (" goal |", " --- |") } else { ("", "") };
    let separator = if text.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{separator}| {heading} |{heads}{goal}\n| --- |{rules}{rule}");
}

/// The median, and beside it the ratio to the floor where that tells something.
fn cell(row: &Row, contender: Contender) -> String {
    let Some(column) = row.column(contender) else { return "–".into() };
    if column.failure.is_some() {
        return "failed".into();
    }
    let Some(own) = median(&column.figures) else { return "–".into() };
    let unit = row.scenario.unit();
    let mut text = figure(unit, own.value);
    let other = match row.scenario {
        Scenario::RoundTrip => Some(("p99", &column.p99)),
        Scenario::OpenLoop => Some(("p50", &column.p50)),
        _ => None,
    };
    if let Some((name, Some(value))) = other.map(|(name, values)| (name, median(values))) {
        let _ = write!(text, ", {name} {}", time(value.value));
    }
    for (note, values) in &column.notes {
        if let Some(value) = median(values) {
            let _ = write!(text, ", {}", note_text(*note, value.value));
        }
    }
    // The floor keeps next to nothing for a connection and starts with nothing, so these ratios would tell nothing.
    let tells = unit != Unit::Bytes && row.scenario != Scenario::ColdStart;
    if let Some(Median { value, low, high }) = row.to_floor(column).filter(|_| tells) {
        let _ = write!(text, " · {value:.2} ({low:.2}–{high:.2})");
    }
    text
}

/// What is demanded, and whether it was reached.
fn goal(row: &Row) -> String {
    let goal = match row.scenario.goal() {
        // Past it there is no figure but a failure.
        None => match row.scenario.max_growth() {
            Some(most) => return format!("+{} at most", bytes(most)),
            None => return "–".into(),
        },
        Some(Goal::MinOfFloor(goal)) => format!("≥ {goal:.2}"),
        Some(Goal::MaxOfFloor(goal)) => format!("≤ {goal:.2}"),
        Some(Goal::MinOfBestPeer(goal)) => format!("≥ {goal:.2} × best peer{}", to_best_peer(row, true)),
        Some(Goal::MaxOfBestPeer(goal)) => format!("≤ {goal:.2} × best peer{}", to_best_peer(row, false)),
        Some(Goal::Max(goal)) => format!("≤ {}", figure(row.scenario.unit(), goal)),
    };
    match row.goal_is_met() {
        Some(true) => format!("{goal} ✓"),
        Some(false) => format!("{goal} ✗"),
        None => goal,
    }
}

fn to_best_peer(row: &Row, more: bool) -> String {
    let ours = row.column(Contender::new(Server::Enchufe, 1));
    let ratio = ours.and_then(|ours| row.to_best_peer(ours, more));
    ratio.map_or(String::new(), |ratio| format!(" (is {:.2})", ratio.value))
}

/// What a message costs the server, without the time that it takes.
fn counts(text: &mut String, results: &Results) {
    let columns = || results.rows.iter().flat_map(|row| &row.columns);
    if columns().all(|column| column.counts.is_none()) {
        return;
    }
    for workers in worker_counts(results) {
        let is_counted = |column: &Column| column.contender.workers == workers && column.counts.is_some();
        let rows: Vec<&Row> = results.rows.iter().filter(|row| row.columns.iter().any(is_counted)).collect();
        if rows.is_empty() {
            continue;
        }
        let contenders = contenders(&rows, workers);
        let heading = match workers {
            1 => "instructions in user mode · system calls, per message".to_owned(),
            _ => format!("the same with {workers} workers"),
        };
        head(text, &heading, &contenders, false);
        for row in rows {
            let cell = |&contender| {
                let counts = row.column(contender).and_then(|column| column.counts)?.counts;
                let instructions =
                    counts.instructions.map_or("–".into(), |count| grouped(three_digits(count)));
                let calls = counts.system_calls.map_or("–".into(), |calls| format!("{calls:.2}"));
                Some(format!(" {instructions} · {calls} |"))
            };
            let cells: String =
                contenders.iter().map(|contender| cell(contender).unwrap_or_else(|| " – |".into())).collect();
            let _ = writeln!(text, "| {} |{cells}", row.scenario.title());
        }
    }
    let by_callgrind = columns().filter_map(|column| column.counts).any(|counted| counted.by_callgrind);
    text.push_str("\nSystem calls by the tracepoint `raw_syscalls:sys_enter`; ");
    text.push_str(if by_callgrind {
        "instructions by callgrind, because this machine gives no access to the processor's counters \
         (not for Node, which compiles while it runs, nor for several threads).\n"
    } else {
        "instructions by the processor's counter.\n"
    });
}

/// Latencies of busy servers: folded away, because they tell more about the load than about the server.
fn latencies(text: &mut String, results: &Results) {
    let is_timed = |row: &&Row| {
        row.scenario.unit() == Unit::PerCpuSecond && row.columns.iter().any(|column| !column.p50.is_empty())
    };
    let rows: Vec<&Row> = results.rows.iter().filter(is_timed).collect();
    if rows.is_empty() {
        return;
    }
    let contenders = contenders(&rows, 1);
    text.push_str("\n<details><summary>Latency under that load (closed loop)</summary>\n");
    head(text, "p50 / p99", &contenders, false);
    for row in rows {
        let cells: String = contenders
            .iter()
            .map(|&contender| format!(" {} |", row.column(contender).map_or("–".into(), latency)))
            .collect();
        let _ = writeln!(text, "| {} |{cells}", row.scenario.title());
    }
    text.push_str("\n</details>\n");
}

fn latency(column: &Column) -> String {
    match (median(&column.p50), median(&column.p99)) {
        (Some(p50), Some(p99)) if column.failure.is_none() => {
            format!("{} / {}", time(p50.value), time(p99.value))
        }
        _ => "–".into(),
    }
}

fn failures(text: &mut String, results: &Results) {
    let failures = results.failures();
    if failures.is_empty() {
        return;
    }
    text.push_str("\nFailed:\n\n");
    for failure in failures {
        let _ = writeln!(text, "- {}", failure.replace('\n', " "));
    }
}

/// The raw figures of the last comparison.
pub(super) fn results_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results.json")
}

/// Puts the tables between their markers in `bench/README.md`, and writes the chart and the raw figures.
pub(super) fn write(results: &Results) -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = here.join("README.md");
    let text = fs::read_to_string(&path).map_err(Error::io("reading bench/README.md"))?;
    let Results { date, machine, rounds, window_ms, .. } = results;
    let quick = if results.quick { " A quick look, not a measurement." } else { "" };
    let stamp = format!("{date}, {machine}, {rounds} interleaved rounds of {window_ms} ms.{quick}");
    let chart = "![Messages per server CPU second as a ratio to the bare epoll floor](results.svg)";
    let text = replace_between(&text, &format!("{stamp}\n\n{chart}\n\n{}", tables(results)))
        .ok_or_else(|| Error::Setup("bench/README.md has lost its markers".into()))?;
    fs::write(&path, text).map_err(Error::io("writing bench/README.md"))?;
    fs::write(here.join("results.svg"), chart::draw(results))
        .map_err(Error::io("writing bench/results.svg"))?;
    results.write(&results_path())?;
    eprintln!(
        "the tables are in bench/README.md, the chart in bench/results.svg, the figures in bench/results.json"
    );
    Ok(())
}

fn replace_between(text: &str, new: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{new}\n{END}{after}"))
}

fn note_text(note: Note, value: f64) -> String {
    match note {
        Note::CpuNanoseconds => format!("CPU {}", time(value)),
        Note::GrownBytes => format!("+{}", bytes(value)),
        Note::OfferedRate => format!("{} a second offered", thousands(value)),
        Note::GeneratorLateNanoseconds => format!("generator late by {}", time(value)),
    }
}

pub(super) fn figure(unit: Unit, value: f64) -> String {
    match unit {
        Unit::PerCpuSecond => thousands(value),
        Unit::Bytes => bytes(value),
        Unit::Nanoseconds => time(value),
    }
}

fn bytes(value: f64) -> String {
    match value.abs() {
        large if large >= 100_000.0 => format!("{} KiB", grouped(three_digits(value / 1024.0))),
        _ => format!("{} B", grouped(three_digits(value))),
    }
}

fn thousands(value: f64) -> String {
    if value >= 10_000.0 {
        return format!("{} k", grouped(three_digits(value / 1000.0)));
    }
    grouped(three_digits(value))
}

fn time(nanoseconds: f64) -> String {
    let (value, unit) =
        if nanoseconds < 1e6 { (nanoseconds / 1e3, "µs") } else { (nanoseconds / 1e6, "ms") };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// Three leading digits are what the noise leaves: 1,234,567 becomes 1,230,000.
fn three_digits(value: f64) -> f64 {
    let step = 10f64.powf((value.abs().max(1.0).log10().floor() - 2.0).max(0.0));
    (value / step).round() * step
}

/// A whole number with a comma before every third digit.
fn grouped(value: f64) -> String {
    let digits = value.abs().round().to_string();
    let mut text = String::from(if value <= -0.5 { "−" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{OURS, row};
    use super::*;

    fn results() -> Results {
        let mut results = Results::new(3, 500, false);
        results.rows.push(row(
            Scenario::Echo1,
            [&[200e3, 100e3, 300e3], &[180e3, 95e3, 270e3], &[100e3, 50e3, 150e3], &[20e3, 10e3, 30e3]],
        ));
        results.rows.push(row(Scenario::Idle, [&[100.0], &[1_300.0], &[29_453.0], &[11_749.0]]));
        results
    }

    #[test]
    fn figures_keep_three_digits() {
        assert_eq!(thousands(25.2), "25");
        assert_eq!(thousands(9_704.0), "9,700");
        assert_eq!(thousands(117_400.0), "117 k");
        assert_eq!(thousands(2_684_000.0), "2,680 k");
        assert_eq!(bytes(29_453.0), "29,500 B");
        assert_eq!(bytes(-2_097_152.0), "−2,050 KiB");
        assert_eq!(time(12_345.0), "12.3 µs");
        assert_eq!(time(1_234_567.0), "1.23 ms");
    }

    #[test]
    fn a_row_shows_medians_ratios_and_goals() {
        let text = tables(&results());
        assert!(text.contains("| 200 k | 180 k · 0.90 (0.90–0.95) | 100 k · 0.50 (0.50–0.50) |"), "{text}");
        assert!(text.contains("| ≥ 0.90 ✓ |"), "{text}");
        assert!(text.contains("| 100 B | 1,300 B | 29,500 B | 11,700 B | ≤ 1,200 B ✗ |"), "{text}");
    }

    #[test]
    fn a_failure_is_told_and_spoils_only_its_cell() {
        let mut results = results();
        results.rows[0].columns[2].failure = Some("lost a message".into());
        let text = tables(&results);
        assert!(text.contains("| 180 k · 0.90 (0.90–0.95) | failed | 20 k · 0.10 (0.10–0.10) |"), "{text}");
        assert!(text.contains(
            "- echo with ack, 64 B, 100 connections, 1 in flight: socketioxide 0.18.9 (axum): lost"
        ));
    }

    #[test]
    fn more_workers_get_a_table_of_their_own() {
        let mut results = results();
        let two = Contender::new(Server::Enchufe, 2);
        let mut column = results.rows[0].column(OURS).unwrap().clone();
        column.contender = two;
        results.rows[0].columns.push(column);
        let text = tables(&results);
        assert!(
            text.contains("| the same with 2 workers, against a floor of 2 threads | Enchufe |"),
            "{text}"
        );
    }

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let text = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        assert_eq!(replace_between(&text, "new"), Some(format!("above\n{BEGIN}\nnew\n{END}\nbelow\n")));
        assert_eq!(replace_between("no markers", "new"), None);
    }
}
