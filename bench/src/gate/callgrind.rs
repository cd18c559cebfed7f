//! Counting: runs the `hot-paths` binary under callgrind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::baselines::{Measured, Unit};
use crate::error::{Error, Result};

/// The baseline variants of glibc's string functions, which every x86-64 processor has. Elsewhere
/// the setting means nothing and is ignored.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-ERMS,-FSRM,-BMI2,-RTM,\
                        -AVX_Fast_Unaligned_Load,-Prefer_No_VZEROUPPER";

/// A hot path, and how often it is run to see what one costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    program: PathBuf,
    iterations: u64,
}

/// The paths that a binary offers.
pub(super) fn list(program: &Path) -> Result<Vec<Listed>> {
    let output = Command::new(program).arg("--list").output().map_err(Error::io("listing the hot paths"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let paths = text.lines().map(|line| {
        let (name, iterations) = line.split_once(' ')?;
        Some(Listed { name: name.into(), program: program.into(), iterations: iterations.parse().ok()? })
    });
    let paths: Option<Vec<Listed>> = paths.collect();
    paths
        .filter(|paths| !paths.is_empty())
        .ok_or_else(|| Error::Setup(format!("no list of hot paths in `{text}`")))
}

/// A valgrind that works.
#[derive(Debug)]
pub(super) struct Callgrind;

impl Callgrind {
    /// Looks for valgrind.
    pub(super) fn find() -> Result<Self> {
        let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
        if found.is_ok_and(|status| status.success()) {
            return Ok(Self);
        }
        Err(Error::Setup("the gate counts instructions with valgrind, which is missing: `apt-get install valgrind` on Debian".into()))
    }

    /// Measures all paths, as many at once as there are cores: counts don't mind company.
    pub(super) fn measure(&self, paths: &[Listed]) -> Result<Vec<Measured>> {
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::with_capacity(paths.len()));
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let measured = self.cost(path);
                        results.lock().expect("no worker panics while it holds the lock").push(measured);
                    }
                });
            }
        });
        let results = results.into_inner().expect("no worker panics while it holds the lock");
        let mut measured = results.into_iter().collect::<Result<Vec<Measured>>>()?;
        measured.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(measured)
    }

    fn cost(&self, path: &Listed) -> Result<Measured> {
        let once = self.count(path, path.iterations)?;
        let twice = self.count(path, path.iterations * 2)?;
        let difference = twice.saturating_sub(once);
        if difference == 0 {
            return Err(Error::Setup(format!("{} does nothing more when it is run more often", path.name)));
        }
        let instructions = difference as f64 / path.iterations as f64;
        let cost = (instructions * 10.0).round() / 10.0;
        Ok(Measured { name: path.name.clone(), unit: Unit::Instructions, cost })
    }

    fn count(&self, path: &Listed, iterations: u64) -> Result<u64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(&path.program)
            .args([path.name.as_str(), &iterations.to_string()])
            .env_clear()
            .env("GLIBC_TUNABLES", TUNABLES)
            .stdin(Stdio::null())
            .output()
            .map_err(Error::io("running valgrind"))?;
        let text = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(Error::Setup(format!("{} failed under valgrind:\n{text}", path.name)));
        }
        collected(&text).ok_or_else(|| Error::Setup(format!("no count in what valgrind said:\n{text}")))
    }
}

/// The total in callgrind's summary: `==123== Collected : 456`.
fn collected(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_the_summary() {
        let text =
            "==1== Events    : Ir\n==1== Collected : 2889190\n==1== \n==1== I   refs:      2,889,190\n";
        assert_eq!(collected(text), Some(2_889_190));
        assert_eq!(collected("==1== nothing"), None);
    }
}
