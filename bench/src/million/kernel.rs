//! What the kernel keeps for sockets, from its own accounts: of the whole machine, so differences are what counts.

use std::fs;

use crate::error::{Error, Result};

/// What `/proc/net/sockstat` counts in: pages of 4 KiB on x86-64, and as good as everywhere.
const PAGE: u64 = 4096;

/// Bytes that the kernel holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    /// All its small objects, sockets, descriptors and epoll entries among them.
    pub(super) slab: u64,
    /// The buffers of TCP: what was sent and not fetched.
    pub(super) buffers: u64,
}

impl Kernel {
    pub(super) fn now() -> Result<Self> {
        let (meminfo, sockstat) = ("/proc/meminfo", "/proc/net/sockstat");
        let memory = fs::read_to_string(meminfo).map_err(Error::io(meminfo))?;
        let sockets = fs::read_to_string(sockstat).map_err(Error::io(sockstat))?;
        let slab = word_after(&memory, "Slab:", "Slab:");
        let pages = word_after(&sockets, "TCP:", "mem");
        match (slab, pages) {
            (Some(kib), Some(pages)) => Ok(Self { slab: kib * 1024, buffers: pages * PAGE }),
            _ => Err(Error::Setup(format!("{meminfo} or {sockstat} reads unlike itself"))),
        }
    }
}

/// The number behind a word, in the line that begins so.
fn word_after(text: &str, line: &str, word: &str) -> Option<u64> {
    let line = text.lines().find(|found| found.starts_with(line))?;
    let mut words = line.split_whitespace().skip_while(|found| *found != word);
    words.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_found() {
        let sockstat =
            "sockets: used 15\nTCP: inuse 1 orphan 0 tw 22962 alloc 1 mem 246\nUDP: inuse 0 mem 0\n";
        assert_eq!(word_after(sockstat, "TCP:", "mem"), Some(246));
        assert_eq!(word_after("MemFree: 1 kB\nSlab:      12345 kB\n", "Slab:", "Slab:"), Some(12_345));
        assert_eq!(word_after(sockstat, "TCP6:", "mem"), None);
        assert!(Kernel::now().unwrap().slab > 0);
    }
}
