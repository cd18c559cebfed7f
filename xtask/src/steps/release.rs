//! What must hold before the crates can be published: they package whole, and what they depend on
//! is allowed.

use std::time::Duration;

use crate::job::{Cmd, Job};
use crate::process::exists;

/// The version that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Builds each crate from what its package would hold.
///
/// Cargo serves the crates to each other from a registry inside the target folder, and takes what a
/// registry once served under a version to stay the same for ever: run twice with changes between, it
/// would build against the first run's sources. So each run names the target folder anew, by a link,
/// which makes it another registry, while everything else in there is still shared.
pub(super) fn package(job: &mut Job<'_>) -> Result<(), String> {
    let target = job.target();
    let link = target.join("xtask").join(format!("package-{}", std::process::id()));
    let failed = |error| format!("{}: {error}", link.display());
    #[cfg(unix)]
    std::os::unix::fs::symlink(&target, &link).map_err(failed)?;
    #[cfg(not(unix))]
    std::fs::create_dir_all(&link).map_err(failed)?;
    // CI checks a clean clone; a developer may want to know before the commit.
    let command = Cmd::cargo("package --workspace --locked --allow-dirty --target-dir").arg(&link);
    let result = job.require(command);
    #[cfg(unix)]
    std::fs::remove_file(&link).map_err(failed)?;
    #[cfg(not(unix))]
    std::fs::remove_dir_all(&link).map_err(failed)?;
    result
}

/// Licences, bans and sources of every dependency; known vulnerabilities where the database can be had.
pub(super) fn deny(job: &mut Job<'_>) -> Result<(), String> {
    if !exists("cargo-deny") {
        println!("        installing cargo-deny {CARGO_DENY}, once: this takes some minutes");
        let install = Cmd::cargo("install cargo-deny --locked --version").arg(CARGO_DENY);
        job.prepare(install.within(Duration::from_secs(45 * 60)))?;
    }
    job.run(Cmd::cargo("deny --workspace check licenses bans sources"))?;
    let fetching = Duration::from_secs(3 * 60);
    let advisories = job.finish(Cmd::cargo("deny --workspace check advisories").within(fetching))?;
    if advisories.status.is_none() {
        job.note("advisories not checked: the advisory database did not arrive in time");
    } else if advisories.succeeded() {
        job.count(1, 0);
    } else if advisories.output.contains("advisory database") && !advisories.output.contains("error[") {
        job.note("advisories not checked: the advisory database cannot be fetched from here");
    } else {
        job.count(0, 1);
    }
    Ok(())
}
