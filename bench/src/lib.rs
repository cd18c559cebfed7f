//! The benchmarks of Enchufe: a load generator that checks every message it gets back, the
//! bare epoll floor that shows what the system calls alone cost, a side-by-side comparison of
//! servers, and the gate on what a message and an idle connection cost.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `frame` | RFC 6455 frames, just enough, shared by the generator and the floor |
//! | `connection` | one client of the generator: handshake, join, batches in, batches out |
//! | `scenario` | the workloads, each of which fails on a lost, doubled or wrong message |
//! | `run` | warm-up, window, stop: what one measurement of a scenario is |
//! | `process` | CPU seconds and resident bytes of a server, from the kernel's accounting |
//! | `meter` | system calls and instructions of a server, in a run apart |
//! | `compare` | builds and starts the servers, interleaves the runs, writes the table |
//! | `floor` | the epoll loop that answers by copying bytes |
//! | `million` | many connections to one server: 19,000 real ones, a million in memory |
//! | `gate` | instruction counts of the hot paths, and bytes of idle connections, against recorded baselines |
//! | `idle` | what an idle connection takes of the heap |
//! | `cargo` | builds the binaries that are measured |
//!
//! `README.md` beside this crate tells how to run them and how to read what they print.

mod cargo;
mod compare;
mod connection;
mod error;
mod floor;
mod frame;
mod gate;
mod idle;
mod meter;
pub mod million;
mod process;
mod run;
mod scenario;

pub use compare::{CompareOptions, LoadOptions, compare, load, redraw};
pub use error::{Error, Result};
pub use floor::{FloorOptions, serve as serve_floor};
pub use gate::{GateOptions, HotPath, check as check_gate, run_hot_paths};
pub use idle::{Heap, run as run_idle};
