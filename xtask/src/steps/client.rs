//! `packages/client`: the browser client, its tests, and the bundles that the server embeds.

use std::path::PathBuf;

use super::node;
use crate::job::{Cmd, Job};
use crate::server::Server;
use crate::tools::CHROMIUM;

/// Builds the client and puts its bundles where the server crate embeds them.
pub(super) fn build(job: &mut Job<'_>) -> Result<(), String> {
    let folder = folder(job);
    node::packages(job, &folder)?;
    job.require(npm("run build").folder(folder))
}

/// Fails when the embedded bundles are not what the sources build.
pub(super) fn check_bundles(job: &mut Job<'_>) -> Result<(), String> {
    let folder = folder(job);
    node::packages(job, &folder)?;
    job.require(npm("run check-bundles").folder(folder))
}

/// Unit and type tests, then the client against the testbed.
pub(super) fn test(job: &mut Job<'_>) -> Result<(), String> {
    let folder = folder(job);
    node::packages(job, &folder)?;
    job.run(npm("test").folder(&folder))?;
    let testbed = node::testbed(job)?;
    let server = Server::start(&testbed, "client", 0)?;
    job.run(npm("run test:server --").arg(server.url()).folder(folder))?;
    Ok(())
}

/// The served bundle and the chat in a real browser.
pub(super) fn browser(job: &mut Job<'_>) -> Result<(), String> {
    CHROMIUM.ensure(job)?;
    let chromium = CHROMIUM.path().ok_or("chromium is not on the PATH")?;
    let testbed = node::testbed(job)?;
    for folder in ["tests/interop", "tests/browser"] {
        let folder = job.root.join(folder);
        node::packages(job, &folder)?;
        let tests = if folder.ends_with("interop") { folder.join("browser") } else { folder.clone() };
        job.run(
            node::test_runner(node::files(&tests, ".test.mjs")?, 1)
                .env("CHROMIUM", &chromium)
                .env("ENCHUFE_TESTBED", &testbed)
                .folder(folder),
        )?;
    }
    Ok(())
}

fn npm(words: &str) -> Cmd {
    Cmd::new("npm").words(words)
}

fn folder(job: &Job<'_>) -> PathBuf {
    job.root.join("packages/client")
}
