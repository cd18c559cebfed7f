//! Runs steps one after another: progress, logs, a summary, and the closing line of counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::args::Options;
use crate::counts::Counts;
use crate::job::{self, Job};
use crate::steps::Step;

/// How many of the last lines of a failed step's log are shown.
const TAIL_LINES: usize = 40;
/// How many lines are shown from where the log first tells of a failure, and of how many failures.
const FAILURE_LINES: usize = 15;
const FAILURES: usize = 8;
/// How a line begins that tells of one: Node's runners, cargo and rustc, Rust's panics, pytest, cargo-deny.
const FAILURE_MARKS: [&str; 7] = ["not ok ", "✖ ", "error:", "error[", "thread '", "FAILED ", "E  "];

struct Outcome {
    name: &'static str,
    counts: Counts,
    notes: Vec<String>,
    took: Duration,
}

/// Runs every step, also after one failed; answers whether all passed.
pub(crate) fn run(steps: &[&'static Step], options: &Options) -> Result<bool, String> {
    let root = root();
    let folder = job::target(&root).join("xtask");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let started = Instant::now();
    let mut outcomes = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("[{:>2}/{}] {} — {}", index + 1, steps.len(), step.name, step.about);
        let outcome = run_step(step, &root, &folder, options)?;
        report(&outcome, &folder);
        outcomes.push(outcome);
    }
    Ok(summarise(&outcomes, started.elapsed()))
}

fn run_step(step: &Step, root: &Path, folder: &Path, options: &Options) -> Result<Outcome, String> {
    let log = folder.join(format!("{}.log", step.name));
    fs::write(&log, "").map_err(|error| format!("{}: {error}", log.display()))?;
    let started = Instant::now();
    let mut job = Job::new(root.to_owned(), log, options);
    if let Err(message) = (step.run)(&mut job) {
        if job.counts.failed == 0 {
            job.count(0, 1);
        }
        job.note(message);
    }
    Ok(Outcome { name: step.name, counts: job.counts, notes: job.notes, took: started.elapsed() })
}

fn report(outcome: &Outcome, folder: &Path) {
    let log = folder.join(format!("{}.log", outcome.name));
    let Counts { passed, failed } = outcome.counts;
    if failed > 0 {
        let text =
            fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        println!("        ---- from {} ----", log.display());
        for line in excerpt(&text.lines().collect::<Vec<_>>()) {
            // Indented, so that no runner's closing line is taken for ours.
            println!("        | {line}");
        }
        println!("        ----");
    }
    for note in &outcome.notes {
        println!("        note: {note}");
    }
    let word = if failed > 0 { "FAILED" } else { "ok" };
    println!("        {word} in {}: {passed} ok, {failed} not", seconds(outcome.took));
}

/// What a reader wants first of a log that tells of failures: where they are told of, and its end.
fn excerpt<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let tail = lines.len().saturating_sub(TAIL_LINES);
    let told = |line: &&str| FAILURE_MARKS.iter().any(|mark| line.trim_start().starts_with(mark));
    let mut shown = Vec::new();
    let mut next = 0;
    for _ in 0..FAILURES {
        let Some(found) = lines[next..tail.max(next)].iter().position(told) else { break };
        let start = next + found;
        next = (start + FAILURE_LINES).min(tail);
        shown.extend_from_slice(&lines[start..next]);
        shown.push("…");
    }
    shown.extend_from_slice(&lines[tail.max(next)..]);
    shown
}

fn summarise(outcomes: &[Outcome], took: Duration) -> bool {
    let mut total = Counts::default();
    println!("\n{:<14} {:>6} {:>7} {:>7} {:>9}", "step", "result", "passed", "failed", "time");
    for outcome in outcomes {
        total.add(outcome.counts);
        let result = if outcome.counts.failed > 0 { "FAILED" } else { "ok" };
        let Counts { passed, failed } = outcome.counts;
        println!("{:<14} {result:>6} {passed:>7} {failed:>7} {:>9}", outcome.name, seconds(outcome.took));
        for note in &outcome.notes {
            println!("{:<14} note: {note}", "");
        }
    }
    println!("{:<14} {:>6} {:>7} {:>7} {:>9}\n", "all", "", total.passed, total.failed, seconds(took));
    println!("{} passed, {} failed", total.passed, total.failed);
    total.failed == 0
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The repository's root: the folder above this crate's.
fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap_or(crate_folder).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_the_middle_of_a_long_log_is_shown() {
        let mut lines = vec!["ok 1"; 500];
        lines[200] = "not ok 2 - the middle";
        lines[201] = "why";
        let shown = excerpt(&lines);
        assert_eq!(shown[..2], ["not ok 2 - the middle", "why"]);
        assert_eq!(shown.len(), FAILURE_LINES + 1 + TAIL_LINES);
    }

    #[test]
    fn a_short_log_is_shown_whole_and_once() {
        let lines = ["a", "error: b", "c"];
        assert_eq!(excerpt(&lines), lines);
        assert!(excerpt(&[]).is_empty());
    }

    #[test]
    fn a_log_of_many_failures_stays_short() {
        let lines = vec!["error: again"; 10_000];
        assert!(excerpt(&lines).len() <= FAILURES * (FAILURE_LINES + 1) + TAIL_LINES);
    }
}
