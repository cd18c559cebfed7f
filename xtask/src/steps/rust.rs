//! What Rust alone can check.

use crate::job::{Cmd, Job};
use crate::tools;

pub(super) fn fmt(job: &mut Job<'_>) -> Result<(), String> {
    tools::component(job, "fmt", "rustfmt")?;
    job.require(Cmd::cargo("fmt --all --check"))
}

pub(super) fn clippy(job: &mut Job<'_>) -> Result<(), String> {
    tools::component(job, "clippy", "clippy")?;
    job.require(Cmd::cargo("clippy --workspace --all-targets --locked -- -D warnings"))
}

pub(super) fn build(job: &mut Job<'_>) -> Result<(), String> {
    job.require(Cmd::cargo("build --workspace --locked"))
}

/// Library, binary, integration and UI tests, then the examples in the documentation.
pub(super) fn test(job: &mut Job<'_>) -> Result<(), String> {
    job.require(Cmd::cargo("test --workspace --no-fail-fast --locked"))
}

pub(super) fn doc(job: &mut Job<'_>) -> Result<(), String> {
    job.require(Cmd::cargo("doc --workspace --no-deps --locked").env("RUSTDOCFLAGS", "-D warnings"))
}
