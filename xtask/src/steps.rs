//! The table of steps. `cargo xtask test` runs them from top to bottom, cheap ones first.

mod client;
mod depth;
mod interop;
mod node;
mod release;
mod rust;

use crate::job::Job;

/// One thing that is checked or done.
pub(crate) struct Step {
    /// What it is called on the command line, in the log's name and in the summary.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether `test --quick` runs it: it needs nothing but Rust.
    pub(crate) quick: bool,
    /// Whether `test` runs it; the others are tasks of their own.
    pub(crate) test: bool,
    pub(crate) run: fn(&mut Job<'_>) -> Result<(), String>,
}

impl Step {
    /// Whether `test` (with `--quick`) runs it.
    pub(crate) fn in_test(&self, quick: bool) -> bool {
        self.test && (self.quick || !quick)
    }
}

const fn quick(name: &'static str, about: &'static str, run: fn(&mut Job<'_>) -> Result<(), String>) -> Step {
    Step { name, about, quick: true, test: true, run }
}

const fn full(name: &'static str, about: &'static str, run: fn(&mut Job<'_>) -> Result<(), String>) -> Step {
    Step { name, about, quick: false, test: true, run }
}

const fn task(name: &'static str, about: &'static str, run: fn(&mut Job<'_>) -> Result<(), String>) -> Step {
    Step { name, about, quick: false, test: false, run }
}

/// Every step, in order.
pub(crate) static ALL: &[Step] = &[
    quick("fmt", "formatting", rust::fmt),
    quick("clippy", "lints, warnings as errors", rust::clippy),
    quick("build", "the whole workspace", rust::build),
    quick("test-rust", "unit, table, virtual-time, property, UI and doc tests", rust::test),
    quick("doc", "documentation, warnings as errors", rust::doc),
    full(
        "client",
        "the browser client: units, types, bundles, against the testbed and the official server",
        client::test,
    ),
    full(
        "runtimes",
        "the client's package in Node 18, 20 and 22, Deno and Bun, against the testbed",
        client::runtimes,
    ),
    full("conformance", "the protocol's rules and hostile input, against the testbed", interop::conformance),
    full("interop", "official clients in Node and Python, against the testbed", interop::interop),
    full("first-event", "no first event lost, no order broken, in great numbers", interop::first_event),
    full("browser", "the served bundles in headless Chromium and Firefox, and the examples", client::browser),
    full("fuzz", "every fuzz target, briefly", depth::fuzz),
    full(
        "bench-gate",
        "instruction counts of the hot paths and bytes of idle connections against the recorded ones",
        depth::bench_gate,
    ),
    full("package", "every crate builds from its own package", release::package),
    full("deny", "licences, bans and sources of the dependencies", release::deny),
    task("check-bundles", "the embedded bundles are what the sources build", client::check_bundles),
    task("build-client", "build packages/client and its bundles", client::build),
];
