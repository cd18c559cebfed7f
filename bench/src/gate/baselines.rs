//! The recorded costs, and what a new measurement means beside them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What counts differ by between machines and linkers without any change of the code.
const TOLERANCE_PERCENT: f64 = 3.0;
/// For the shortest paths a few per cent is less than what one call inlined or not makes.
const TOLERANCE_INSTRUCTIONS: f64 = 8.0;
/// A connection has a word more or less of tables that grow by chance.
const TOLERANCE_BYTES: f64 = 8.0;

/// `bench/baselines.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Baselines {
    /// Architecture and system that the counts are of.
    target: String,
    /// The compiler that built them; another one may lawfully build other code.
    compiler: String,
    /// Instructions of one run of each path.
    instructions: BTreeMap<String, f64>,
    /// Bytes of an idle connection of each kind.
    #[serde(default)]
    bytes: BTreeMap<String, f64>,
}

/// What a cost is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Instructions,
    Bytes,
}

/// The cost of a path, or of an idle connection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) cost: f64,
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    Better,
    Worse,
    /// Measured, but never recorded.
    New,
    /// Recorded, but not offered any more.
    Gone,
}

impl Verdict {
    pub(super) fn fails(self) -> bool {
        matches!(self, Self::Worse | Self::New | Self::Gone)
    }
}

/// One path beside its baseline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compared {
    pub(super) name: String,
    baseline: Option<f64>,
    now: Option<f64>,
    pub(super) verdict: Verdict,
}

impl Baselines {
    /// The recorded baselines; none yet when there is no file.
    pub(super) fn read(file: &Path) -> Result<Self> {
        match fs::read(file) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| Error::Setup(format!("bench/baselines.json is broken: {error}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::io("reading bench/baselines.json")(error)),
        }
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).expect("names and numbers always serialise");
        text.push('\n');
        fs::write(file, text).map_err(Error::io("writing bench/baselines.json"))
    }

    /// Takes the measured costs over; when all paths were measured, forgets the others.
    pub(super) fn bless(&mut self, measured: &[Measured], whole: bool) {
        if whole {
            self.instructions.clear();
            self.bytes.clear();
        }
        self.target = target();
        self.compiler = compiler();
        for path in measured {
            self.of_mut(path.unit).insert(path.name.clone(), path.cost);
        }
    }

    /// Every measured path beside its baseline, and, when all were measured, the baselines without a path.
    pub(super) fn compare(&self, measured: &[Measured], whole: bool) -> Vec<Compared> {
        let mut rows: Vec<Compared> = measured
            .iter()
            .map(|path| {
                let baseline = self.of(path.unit).get(&path.name).copied();
                let verdict = baseline.map_or(Verdict::New, |baseline| judge(path.unit, baseline, path.cost));
                Compared { name: path.name.clone(), baseline, now: Some(path.cost), verdict }
            })
            .collect();
        for (name, baseline) in self.instructions.iter().chain(&self.bytes).filter(|_| whole) {
            if !measured.iter().any(|path| path.name == *name) {
                let baseline = Some(*baseline);
                rows.push(Compared { name: name.clone(), baseline, now: None, verdict: Verdict::Gone });
            }
        }
        rows
    }

    fn of(&self, unit: Unit) -> &BTreeMap<String, f64> {
        match unit {
            Unit::Instructions => &self.instructions,
            Unit::Bytes => &self.bytes,
        }
    }

    fn of_mut(&mut self, unit: Unit) -> &mut BTreeMap<String, f64> {
        match unit {
            Unit::Instructions => &mut self.instructions,
            Unit::Bytes => &mut self.bytes,
        }
    }

    /// Why the counts may differ though the code does not.
    pub(super) fn other_origin(&self) -> Option<String> {
        let (target, compiler) = (target(), compiler());
        if self.instructions.is_empty() || (self.target == target && self.compiler == compiler) {
            return None;
        }
        Some(format!(
            "The baselines are of {} with {}, this is {target} with {compiler}: where a count moved, measure the commit before with \
             this compiler first.",
            self.target, self.compiler
        ))
    }
}

fn judge(unit: Unit, baseline: f64, now: f64) -> Verdict {
    let margin = match unit {
        Unit::Instructions => (baseline * TOLERANCE_PERCENT / 100.0).max(TOLERANCE_INSTRUCTIONS),
        Unit::Bytes => TOLERANCE_BYTES,
    };
    if now > baseline + margin {
        Verdict::Worse
    } else if now < baseline - margin {
        Verdict::Better
    } else {
        Verdict::Same
    }
}

fn target() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// `rustc 1.95.0 (hash date)` without the parenthesis.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    match text.split_whitespace().take(2).collect::<Vec<_>>().join(" ") {
        name if name.is_empty() => "an unknown compiler".into(),
        name => name,
    }
}

/// The table for people.
pub(super) fn table(rows: &[Compared]) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("path".len());
    let mut text = format!("{:width$}  {:>12}  {:>12}  {:>8}\n", "path", "baseline", "now", "change");
    for row in rows {
        let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.1}"));
        let change = match (row.baseline, row.now) {
            (Some(baseline), Some(now)) => format!("{:+.1} %", (now / baseline - 1.0) * 100.0),
            _ => "–".into(),
        };
        let remark = match row.verdict {
            Verdict::Same => "",
            Verdict::Better => "  better",
            Verdict::Worse => "  WORSE",
            Verdict::New => "  NOT RECORDED",
            Verdict::Gone => "  GONE",
        };
        let (baseline, now) = (number(row.baseline), number(row.now));
        let _ = writeln!(text, "{:width$}  {baseline:>12}  {now:>12}  {change:>8}{remark}", row.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> Baselines {
        let instructions = [("big", 1000.0), ("gone", 5.0), ("tiny", 10.0)];
        let instructions = instructions.map(|(name, cost)| (name.to_owned(), cost)).into();
        Baselines { instructions, ..Baselines::default() }
    }

    fn measured(name: &str, cost: f64) -> Measured {
        Measured { name: name.into(), unit: Unit::Instructions, cost }
    }

    fn idle(cost: f64) -> Measured {
        Measured { name: "idle".into(), unit: Unit::Bytes, cost }
    }

    fn verdicts(measured: &[Measured], whole: bool) -> Vec<Verdict> {
        recorded().compare(measured, whole).into_iter().map(|row| row.verdict).collect()
    }

    #[test]
    fn the_tolerance_is_three_per_cent_or_eight_instructions() {
        assert_eq!(verdicts(&[measured("big", 1030.0), measured("tiny", 18.0)], false), [Verdict::Same; 2]);
        assert_eq!(verdicts(&[measured("big", 1030.1), measured("tiny", 18.1)], false), [Verdict::Worse; 2]);
        assert_eq!(verdicts(&[measured("big", 969.9), measured("tiny", 1.9)], false), [Verdict::Better; 2]);
    }

    #[test]
    fn an_idle_connection_may_not_grow_by_more_than_a_word() {
        let mut recorded = recorded();
        recorded.bless(&[idle(1000.0)], false);
        let verdict = |now: f64| recorded.compare(&[idle(now)], false).remove(0).verdict;
        assert_eq!([992.0, 1008.0].map(verdict), [Verdict::Same; 2]);
        assert_eq!([991.9, 1008.1].map(verdict), [Verdict::Better, Verdict::Worse]);
        let whole = [measured("big", 1000.0), measured("gone", 5.0), measured("tiny", 10.0)];
        let gone = recorded.compare(&whole, true);
        assert_eq!(gone.last().map(|row| (row.name.as_str(), row.verdict)), Some(("idle", Verdict::Gone)));
    }

    #[test]
    fn a_path_without_a_baseline_and_a_baseline_without_a_path_fail() {
        let all = [measured("big", 1000.0), measured("new", 1.0), measured("tiny", 10.0)];
        let found = verdicts(&all, true);
        assert_eq!(found, [Verdict::Same, Verdict::New, Verdict::Same, Verdict::Gone]);
        assert_eq!(found.iter().filter(|verdict| verdict.fails()).count(), 2);
        assert_eq!(verdicts(&all[..1], false), [Verdict::Same]);
    }

    #[test]
    fn blessing_a_part_keeps_the_rest() {
        let mut part = recorded();
        part.bless(&[measured("big", 900.0)], false);
        assert_eq!((part.instructions.len(), part.instructions["big"]), (3, 900.0));
        let mut whole = recorded();
        whole.bless(&[measured("big", 900.0)], true);
        assert_eq!(whole.instructions.len(), 1);
        assert!(table(&whole.compare(&[measured("big", 950.0)], true)).contains("+5.6 %  WORSE"));
    }
}
