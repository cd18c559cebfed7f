//! What a server process has used, in the kernel's own words: CPU time from
//! `/proc/PID/task/*/schedstat` (nanoseconds), or `/proc/PID/stat` (clock ticks) where the kernel
//! keeps no schedstat, and resident memory from `/proc/PID/smaps_rollup`. Linux only.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};

/// `USER_HZ`: the unit of `/proc/PID/stat`, 100 on every Linux that Rust's std supports.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time of all threads that live now. A thread that ended takes its time along,
/// so the difference of two readings is exact only for servers that keep their threads.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    match schedstat(pid) {
        Some(time) => Ok(time),
        None => stat(pid),
    }
}

/// A process that uses less than this of [`REST_SPAN`] is at rest: heartbeats and a collector's timer may go on.
const REST_CPU: Duration = Duration::from_millis(2);
const REST_SPAN: Duration = Duration::from_millis(50);
/// Longest wait for a rest: closing thousands of clients takes a server a while, but not for ever.
const REST_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits until a server is done with what the run before has left it, the closing of its clients.
pub(crate) fn wait_for_rest(pid: u32) -> Result<()> {
    wait_for_rest_within(pid, REST_TIMEOUT)
}

/// The same, for so long at most.
pub(crate) fn wait_for_rest_within(pid: u32, patience: Duration) -> Result<()> {
    let mut before = cpu_time(pid)?;
    for _ in 0..patience.as_millis() / REST_SPAN.as_millis() {
        thread::sleep(REST_SPAN);
        let now = cpu_time(pid)?;
        if now.saturating_sub(before) < REST_CPU {
            return Ok(());
        }
        before = now;
    }
    Err(Error::Late(format!("the server is still busy {patience:?} after its clients have gone")))
}

fn schedstat(pid: u32) -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

fn stat(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
    // The command's name stands in parentheses and may hold spaces; utime and stime are the 12th and 13th behind it.
    let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks: Option<u64> =
        behind.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().ok()).sum();
    let ticks = ticks.ok_or_else(|| Error::Setup(format!("{path} reads unlike a stat file")))?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Resident bytes, shared pages included. The roll-up walks the page tables and is exact; the
/// counters behind `statm` are kept per CPU and may lag by a few hundred KiB.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let kib = kib.ok_or_else(|| Error::Setup(format!("{path} reads unlike a roll-up")))?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_agree_about_this_process() {
        let mut work = 0u64;
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(300) {
            work = std::hint::black_box(work.wrapping_mul(31).wrapping_add(7));
        }
        let pid = std::process::id();
        let coarse = stat(pid).unwrap();
        let fine = schedstat(pid).unwrap();
        assert!(fine.abs_diff(coarse) < Duration::from_millis(250), "{fine:?} against {coarse:?}");
        assert!(resident_bytes(pid).unwrap() > 100_000);
    }
}
