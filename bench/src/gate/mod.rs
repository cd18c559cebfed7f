//! The gate: what each hot path costs in instructions, and an idle connection in bytes, against recorded
//! baselines. Callgrind counts instead of timing, and an allocator instead of the kernel, so the noise of a
//! machine does not move the figures, and a regression shows in the commit that makes it.
//!
//! A path is run N times and 2N times; the difference over N is the cost of one, without start-up,
//! set-up or the first allocations. What would differ between machines is fixed: valgrind shows
//! every x86-64 machine with AVX2 the same processor; glibc is told not to choose its string
//! functions by processor at all; the environment is empty; inputs and seeds are constants.
//! Bytes are those of the module [`crate::idle`].

mod baselines;
mod bytes;
mod callgrind;
mod hot_path;

use std::path::Path;

pub use self::hot_path::{HotPath, run_hot_paths};

use self::baselines::{Baselines, Verdict};
use self::callgrind::Callgrind;
use crate::cargo;
use crate::error::{Error, Result};

/// What the paths lie in.
const BINARIES: [&str; 2] = ["hot-paths", "server-paths"];
/// What opens idle connections.
const IDLE: &str = "idle-bytes";

/// Paths that do the same among more connections than others do: what a message costs does not grow with them.
const SAME: [(&str, &str); 3] = [
    ("server/room-of-10-among-1000", "server/room-of-10"),
    ("server/turn-among-10000", "server/turn-among-100"),
    ("server/delivery-to-all-10000", "server/delivery-to-all-100"),
];
/// Tables that are larger, and not longer ways.
const SAME_WITHIN: f64 = 1.05;

/// What the gate does.
#[derive(Debug, Clone, clap::Args)]
pub struct GateOptions {
    /// Record what is measured as the new baselines.
    #[arg(long)]
    bless: bool,
    /// Only the paths whose name contains this.
    #[arg(long)]
    filter: Option<String>,
}

/// Measures the hot paths and idle connections, prints the table, and compares or, with `--bless`, records.
///
/// # Errors
/// When something costs more than its baseline allows or has none, or when valgrind is missing.
pub fn check(options: &GateOptions) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let callgrind = Callgrind::find()?;
    let wanted = |name: &str| options.filter.as_deref().is_none_or(|filter| name.contains(filter));
    let mut paths = Vec::new();
    for binary in BINARIES {
        paths.extend(callgrind::list(&cargo::build_release(folder, "enchufe-bench", binary)?)?);
    }
    paths.retain(|path| wanted(&path.name));
    let idle = cargo::build_release(folder, "enchufe-bench", IDLE)?;
    let mut measured = bytes::measure(&idle, wanted)?;
    measured.extend(callgrind.measure(&paths)?);
    let file = folder.join("baselines.json");
    let mut baselines = Baselines::read(&file)?;
    let whole = options.filter.is_none();
    let rows = baselines.compare(&measured, whole);
    println!("{}", baselines::table(&rows));
    if let Some(other) = baselines.other_origin() {
        println!("{other}");
    }
    let cost = |name: &str| measured.iter().find(|path| path.name == name).map(|path| path.cost);
    for (more, fewer) in SAME {
        if let (Some(with), Some(without)) = (cost(more), cost(fewer))
            && with > without * SAME_WITHIN
        {
            return Err(Error::Regression(format!(
                "{more} takes {with} instructions and {fewer} {without}: what a message costs grows with the connections"
            )));
        }
    }
    if options.bless {
        baselines.bless(&measured, whole);
        baselines.write(&file)?;
        println!("recorded in bench/baselines.json");
        return Ok(());
    }
    if rows.iter().any(|row| row.verdict == Verdict::Better) {
        println!("Something got cheaper: record it with `cargo run -p enchufe-bench --bin gate -- --bless`.");
    }
    let failed: Vec<&str> =
        rows.iter().filter(|row| row.verdict.fails()).map(|row| row.name.as_str()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::Regression(format!(
        "{} of {} costs are not as recorded: {}. If that is meant, say why in the commit and run the gate with --bless",
        failed.len(),
        rows.len(),
        failed.join(", ")
    )))
}
