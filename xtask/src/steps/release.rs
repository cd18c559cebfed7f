//! What must hold before the crates can be published: they package whole, and what they depend on
//! is allowed.

use crate::job::{Cmd, Job};
use crate::process::exists;

/// The version that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Builds each publishable crate from what its package would hold.
pub(super) fn package(job: &mut Job<'_>) -> Result<(), String> {
    // CI checks a clean clone; a developer may want to know before the commit.
    job.require(Cmd::cargo("package --workspace --locked --allow-dirty"))
}

/// Licences, bans and sources of every dependency; known vulnerabilities where the database can be had.
pub(super) fn deny(job: &mut Job<'_>) -> Result<(), String> {
    if !exists("cargo-deny") {
        println!("        installing cargo-deny {CARGO_DENY}, once: this takes some minutes");
        job.prepare(Cmd::cargo("install cargo-deny --locked --version").arg(CARGO_DENY))?;
    }
    job.run(Cmd::cargo("deny --workspace check licenses bans sources"))?;
    let advisories = job.finish(Cmd::cargo("deny --workspace check advisories"))?;
    if advisories.succeeded() {
        job.count(1, 0);
    } else if advisories.output.contains("advisory database") && !advisories.output.contains("error[") {
        job.note("advisories not checked: the advisory database cannot be fetched from here");
    } else {
        job.count(0, 1);
    }
    Ok(())
}
