//! What a message costs the server in system calls and in instructions of its own, counted in a short run
//! apart from those that are timed, because counting slows a server down.
//!
//! System calls: the tracepoint `raw_syscalls:sys_enter`, by `perf_event_open`. Instructions in user mode: the processor's
//! own counter by the same call, or, where a virtual machine has none, callgrind. Callgrind runs a
//! server some fifty times slower, so what depends on how much one read finds, such as coalescing, may look better than it is.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use perf_event::events::{Event, Hardware, Tracepoint};
use perf_event::{Builder, Counter};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where the kernel tells the number of the tracepoint; readable for root.
const TRACEPOINT: [&str; 2] = [
    "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
    "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id",
];

/// How a run is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meter {
    /// Not at all.
    Off,
    /// By the kernel.
    Kernel,
    /// The instructions of a server that was started under callgrind.
    Callgrind,
}

/// What a window cost, all messages together; `None` is what could not be counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) system_calls: Option<f64>,
    pub(crate) instructions: Option<f64>,
}

impl Counts {
    /// The same for one of so many messages.
    pub(crate) fn per(self, messages: f64) -> Self {
        let each = |count: f64| count / messages;
        Self { system_calls: self.system_calls.map(each), instructions: self.instructions.map(each) }
    }
}

/// Counting that is under way.
#[derive(Debug)]
pub(crate) enum Counting {
    Off,
    Kernel { system_calls: Option<Vec<Counter>>, instructions: Option<Vec<Counter>> },
    Callgrind { pid: u32 },
}

impl Counting {
    /// Begins with all threads that the server has now.
    pub(crate) fn start(meter: Meter, pid: u32) -> Result<Self> {
        match meter {
            Meter::Off => Ok(Self::Off),
            Meter::Kernel => {
                let id =
                    TRACEPOINT.iter().find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
                let instructions = watch(pid, Hardware::INSTRUCTIONS, false)?;
                let system_calls = match id {
                    Some(id) => watch(pid, Tracepoint::with_id(id), true)?,
                    None => None,
                };
                Ok(Self::Kernel { system_calls, instructions })
            }
            Meter::Callgrind => {
                ask_valgrind(pid, &scratch_path(), &["instrumentation", "on"])?;
                Ok(Self::Callgrind { pid })
            }
        }
    }

    /// Ends, and tells what there was.
    pub(crate) fn stop(self) -> Result<Counts> {
        match self {
            Self::Off => Ok(Counts::default()),
            Self::Kernel { system_calls, instructions } => {
                Ok(Counts { system_calls: sum(system_calls)?, instructions: sum(instructions)? })
            }
            Self::Callgrind { pid } => {
                let instructions = counted(pid, &scratch_path(), 1)?;
                Ok(Counts { system_calls: None, instructions: Some(instructions) })
            }
        }
    }
}

/// A counter on each thread; `None` where the kernel does not let us, or has no such counter.
fn watch(pid: u32, event: impl Event + Clone, in_kernel: bool) -> Result<Option<Vec<Counter>>> {
    let mut counters = Vec::new();
    let folder = format!("/proc/{pid}/task");
    for task in fs::read_dir(&folder).map_err(Error::io(&folder))? {
        let task = task.map_err(Error::io(&folder))?;
        let Some(thread) = task.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let mut builder = Builder::new(event.clone());
        let counter = builder.observe_pid(thread).any_cpu().exclude_kernel(!in_kernel).build();
        let Ok(mut counter) = counter else { return Ok(None) };
        counter.enable().map_err(Error::io("starting a counter"))?;
        counters.push(counter);
    }
    Ok(Some(counters))
}

fn sum(counters: Option<Vec<Counter>>) -> Result<Option<f64>> {
    let Some(mut counters) = counters else { return Ok(None) };
    let mut sum = 0;
    for counter in &mut counters {
        sum += counter.read().map_err(Error::io("reading a counter"))?;
    }
    Ok(Some(sum as f64))
}

/// Callgrind's own count of a dump: `totals: 456`. Its `summary` is that of the moment, when it no longer counts.
fn total(dump: &str) -> Option<u64> {
    dump.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
}

/// Has callgrind stop counting: the instructions since it began. It is the process's dump of this number, from 1.
fn counted(pid: u32, scratch: &Path, dump: u32) -> Result<f64> {
    ask_valgrind(pid, scratch, &["instrumentation", "off"])?;
    ask_valgrind(pid, scratch, &["dump"])?;
    let path = scratch.join(format!("out.{pid}.{dump}"));
    let text = fs::read_to_string(&path).map_err(Error::io("reading callgrind's counts"))?;
    let total = total(&text);
    total.map(|total| total as f64).ok_or_else(|| Error::Setup("callgrind's dump has no total".into()))
}

/// This very process under callgrind, started so by [`Scratch::command`].
#[derive(Debug)]
pub(crate) struct Myself {
    scratch: PathBuf,
    dumps: Cell<u32>,
}

impl Myself {
    /// With what callgrind writes in this folder.
    pub(crate) fn new(scratch: PathBuf) -> Self {
        Self { scratch, dumps: Cell::new(0) }
    }

    /// Counts from now on.
    pub(crate) fn start(&self) -> Result<()> {
        ask_valgrind(std::process::id(), &self.scratch, &["instrumentation", "on"])
    }

    /// Instructions since the start.
    pub(crate) fn stop(&self) -> Result<f64> {
        self.dumps.set(self.dumps.get() + 1);
        counted(std::process::id(), &self.scratch, self.dumps.get())
    }
}

fn ask_valgrind(pid: u32, scratch: &Path, command: &[&str]) -> Result<()> {
    let output = Command::new("vgdb")
        .arg(format!("--pid={pid}"))
        .arg(format!("--vgdb-prefix={}", scratch.join("vgdb").display()))
        .args(command)
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("running vgdb, a part of valgrind"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Setup(format!("vgdb: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// Whether callgrind is there, and what talks to it.
pub(crate) fn has_callgrind() -> bool {
    ["valgrind", "vgdb"].iter().all(|program| {
        let mut command = Command::new(program);
        command.arg("--help").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok()
    })
}

/// A folder for what callgrind writes about one server; dropping removes it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn create() -> Result<Self> {
        let path = scratch_path();
        fs::create_dir_all(&path).map_err(Error::io(format!("creating {}", path.display())))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What runs a program under callgrind, which does not count before it is asked to.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("valgrind");
        command
            .args(["--quiet", "--tool=callgrind", "--instr-atstart=no"])
            .arg(format!("--vgdb-prefix={}", self.0.join("vgdb").display()))
            .arg(format!("--callgrind-out-file={}", self.0.join("out.%p").display()))
            .arg(program);
        command
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

/// One server at a time runs under callgrind.
fn scratch_path() -> PathBuf {
    std::env::temp_dir().join(format!("enchufe-bench-{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_in_a_dump() {
        assert_eq!(total("events: Ir\nsummary: 0\n\nfn=(1)\n1 2\ntotals: 12\n"), Some(12));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn counts_are_shared_among_messages() {
        let counts = Counts { system_calls: Some(10.0), instructions: None };
        assert_eq!(counts.per(4.0), Counts { system_calls: Some(2.5), instructions: None });
    }

    #[test]
    fn what_the_kernel_counts_of_this_process_is_something() {
        let counting = Counting::start(Meter::Kernel, std::process::id()).unwrap();
        let calls = (0..100).filter(|_| fs::metadata("/").is_ok()).count();
        let counts = counting.stop().unwrap();
        // Where it is not permitted, it is not told either.
        assert!(calls == 100 && counts.system_calls.is_none_or(|calls| calls >= 100.0), "{counts:?}");
        assert!(counts.instructions.is_none_or(|instructions| instructions > 10_000.0), "{counts:?}");
    }
}
