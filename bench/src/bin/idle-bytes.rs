//! What an idle connection takes of the server's heap: see the library's `idle` module. A process of its own, because its
//! allocator counts.

use std::process::ExitCode;

use dhat::HeapStats;
use enchufe_bench::{Heap, run_idle};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    let profiler = dhat::Profiler::builder().testing().build();
    let ended = run_idle(|| {
        let stats = HeapStats::get();
        Heap { bytes: stats.curr_bytes, blocks: stats.curr_blocks }
    });
    drop(profiler);
    ended
}
