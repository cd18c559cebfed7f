//! What a step is given: the folders, the options, and commands that are logged and counted.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::args::Options;
use crate::counts::{self, Counts};
use crate::{process, tools};

/// The limit of a command that says nothing else.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// One step under way.
pub(crate) struct Job<'a> {
    pub(crate) root: PathBuf,
    pub(crate) options: &'a Options,
    pub(crate) counts: Counts,
    /// Remarks for the summary, such as something that could not be checked here.
    pub(crate) notes: Vec<String>,
    log: PathBuf,
}

impl<'a> Job<'a> {
    pub(crate) fn new(root: PathBuf, log: PathBuf, options: &'a Options) -> Self {
        Self { root, options, counts: Counts::default(), notes: Vec::new(), log }
    }

    /// Runs a command that the rest of the step needs.
    pub(crate) fn require(&mut self, command: Cmd) -> Result<(), String> {
        let name = command.name();
        if self.run(command)? { Ok(()) } else { Err(format!("`{name}` failed")) }
    }

    /// Runs a command and counts it: its test cases where it prints how many, else as one.
    /// A failure is counted too, and the step goes on.
    pub(crate) fn run(&mut self, command: Cmd) -> Result<bool, String> {
        let finished = self.finish(command)?;
        let mut counts = counts::parse(&finished.output);
        if counts.is_empty() && finished.succeeded() {
            counts.passed = 1;
        }
        if counts.failed == 0 && !finished.succeeded() {
            counts.failed = 1;
        }
        self.counts.add(counts);
        Ok(finished.succeeded())
    }

    /// Runs a command that only prepares: nothing is counted, failing is an error.
    pub(crate) fn prepare(&mut self, command: Cmd) -> Result<String, String> {
        let name = command.name();
        let finished = self.finish(command)?;
        if finished.succeeded() { Ok(finished.output) } else { Err(format!("`{name}` failed")) }
    }

    /// Runs a command and leaves it to the caller what its end means.
    pub(crate) fn finish(&mut self, command: Cmd) -> Result<process::Finished, String> {
        let Cmd { mut inner, limit } = command;
        if inner.get_current_dir().is_none() {
            inner.current_dir(&self.root);
        }
        if let Some(path) = tools::path() {
            inner.env("PATH", path);
        }
        process::run(&mut inner, &self.log, limit)
    }

    /// Says something that the summary must show.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Adds test cases that were counted by other means.
    pub(crate) fn count(&mut self, passed: usize, failed: usize) {
        self.counts.add(Counts { passed, failed });
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// `target/`, or where `CARGO_TARGET_DIR` puts it.
    pub(crate) fn target(&self) -> PathBuf {
        target(&self.root)
    }

    /// A program that `cargo build` left in the development profile's folder.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

/// `target/`, or where `CARGO_TARGET_DIR` puts it.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// A command to be run by a [`Job`]: in the repository's root and within twenty minutes, unless told.
pub(crate) struct Cmd {
    inner: Command,
    limit: Duration,
}

impl Cmd {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { inner: Command::new(program), limit: LIMIT }
    }

    /// The cargo that runs this task.
    pub(crate) fn cargo(words: &str) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(cargo).words(words)
    }

    /// Arguments that hold no spaces, written as one would type them.
    pub(crate) fn words(mut self, words: &str) -> Self {
        self.inner.args(words.split_whitespace());
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.inner.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.inner.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(key, value);
        self
    }

    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.inner.current_dir(folder);
        self
    }

    fn name(&self) -> String {
        let program = Path::new(self.inner.get_program());
        let program = program.file_name().unwrap_or_default().to_string_lossy();
        let first: Vec<_> = self.inner.get_args().take(2).map(|arg| arg.to_string_lossy()).collect();
        format!("{program} {}", first.join(" ")).trim_end().to_owned()
    }
}
