//! The command line: which task, which steps, which options.

use std::path::PathBuf;

use crate::steps::{self, Step};

pub(crate) const HELP: &str = "\
Usage: cargo xtask <task> [options]

  test [--quick] [--only STEP]…   set up what is missing and check everything; --quick: only what
                                  Rust alone can check. Logs are in target/xtask/
  test --list                     the steps of `test`
  STEP                            one step of the list alone, such as `cargo xtask interop`
  conformance --suites DIR        the public protocol suites, from a checkout of the official
                                  repository, against the testbed (see docs/testing.md)
  fuzz [--time SECONDS]           every fuzz target for that long in all (default 60)
  bench-gate [--bless]            instruction counts and idle bytes against the recorded ones; --bless records
  build-client                    build packages/client and put its bundles where they are served
  check-bundles                   fail if the embedded bundles are not what the sources build
  help                            this text";

/// What was asked for.
pub(crate) enum Invocation {
    Help,
    List,
    Run(Task),
}

/// Steps to run, in order, and how.
pub(crate) struct Task {
    pub(crate) steps: Vec<&'static Step>,
    pub(crate) options: Options,
}

/// Options that steps read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The folder with the public protocol suites.
    pub(crate) suites: Option<PathBuf>,
    /// Seconds of fuzzing in all.
    pub(crate) fuzz_seconds: Option<u64>,
    /// Record the instruction counts instead of comparing them.
    pub(crate) bless: bool,
}

/// Reads the arguments after `cargo xtask`.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Invocation, String> {
    let mut args = args.peekable();
    let task = args.next().unwrap_or_else(|| "help".to_owned());
    if matches!(task.as_str(), "help" | "--help" | "-h") {
        return Ok(Invocation::Help);
    }
    let mut options = Options::default();
    let mut only = Vec::new();
    let mut quick = false;
    while let Some(arg) = args.next() {
        match (task.as_str(), arg.as_str()) {
            (_, "--help" | "-h") => return Ok(Invocation::Help),
            ("test", "--list") => return Ok(Invocation::List),
            ("test", "--quick") => quick = true,
            ("test", "--only") => only.push(named(&value(&mut args, "--only")?)?),
            ("conformance", "--suites") => options.suites = Some(value(&mut args, "--suites")?.into()),
            ("fuzz" | "test", "--time") => {
                let text = value(&mut args, "--time")?;
                let seconds = text.parse().map_err(|_| format!("--time wants seconds, not `{text}`"))?;
                options.fuzz_seconds = Some(seconds);
            }
            ("bench-gate", "--bless") => options.bless = true,
            (task, arg) => return Err(format!("`{task}` has no option `{arg}`")),
        }
    }
    let steps = if task != "test" {
        vec![named(&task)?]
    } else if !only.is_empty() {
        only
    } else {
        steps::ALL.iter().filter(|step| step.in_test(quick)).collect()
    };
    Ok(Invocation::Run(Task { steps, options }))
}

fn value(args: &mut impl Iterator<Item = String>, option: &str) -> Result<String, String> {
    args.next().ok_or_else(|| format!("{option} wants a value"))
}

fn named(name: &str) -> Result<&'static Step, String> {
    steps::ALL.iter().find(|step| step.name == name).ok_or_else(|| {
        let names: Vec<&str> = steps::ALL.iter().map(|step| step.name).collect();
        format!("no task or step `{name}`; steps are: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Task, String> {
        match parse(words.split_whitespace().map(str::to_owned))? {
            Invocation::Run(task) => Ok(task),
            Invocation::Help | Invocation::List => Err("no task".to_owned()),
        }
    }

    #[test]
    fn quick_is_a_part_of_the_whole() {
        let quick = parse_words("test --quick").unwrap().steps;
        let full = parse_words("test").unwrap().steps;
        assert!(quick.len() < full.len() || steps::ALL.iter().all(|step| step.quick));
        assert!(quick.iter().all(|step| full.iter().any(|other| other.name == step.name)));
    }

    #[test]
    fn only_picks_steps_in_the_order_given() {
        let steps = parse_words("test --only clippy --only fmt").unwrap().steps;
        assert_eq!(steps.iter().map(|step| step.name).collect::<Vec<_>>(), ["clippy", "fmt"]);
    }

    #[test]
    fn what_is_unknown_is_an_error() {
        for words in ["frobnicate", "test --slow", "test --only", "test --only none", "fmt --quick"] {
            assert!(parse_words(words).is_err(), "{words}");
        }
    }
}
