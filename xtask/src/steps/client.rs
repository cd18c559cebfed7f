//! `packages/client`: the browser client, its tests, and the bundles that the server embeds.

use std::path::{Path, PathBuf};

use super::node;
use crate::job::{Cmd, Job};
use crate::tools::{CHROMIUM, FIREFOX};

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

/// Unit and type tests and the bundles, then each build of the client against the testbed, and that for Node against the
/// official server.
pub(super) fn test(job: &mut Job<'_>) -> Result<(), String> {
    let folder = folder(job);
    node::packages(job, &folder)?;
    job.run(npm("test").folder(&folder))?;
    let start = start(&node::testbed(job)?);
    for build in ["node", "min", "esm"] {
        let command = npm("run test:server -- --client").arg(build);
        job.run(command.arg("--start").arg(&start).folder(&folder))?;
    }
    job.run(npm("run test:server").folder(&folder))?;
    Ok(())
}

/// The package as npm would have it, in the runtimes that npm has, against the testbed.
pub(super) fn runtimes(job: &mut Job<'_>) -> Result<(), String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        job.note("not checked here: the runtimes are installed for Linux on x64 alone");
        return Ok(());
    }
    let folder = folder(job);
    node::packages(job, &folder)?;
    node::packages(job, &folder.join("test/runtimes"))?;
    // Before the server, which embeds what this writes.
    job.prepare(npm("run build").folder(&folder))?;
    let start = start(&node::testbed(job)?);
    job.run(Cmd::new("node").words("scripts/runtime.mjs --start").arg(start).folder(&folder))?;
    Ok(())
}

/// The served bundles, against the testbed and the official server, and the examples in real browsers.
pub(super) fn browser(job: &mut Job<'_>) -> Result<(), String> {
    CHROMIUM.ensure(job)?;
    FIREFOX.ensure(job)?;
    let chromium = CHROMIUM.path().ok_or("chromium is not on the PATH")?;
    let firefox = FIREFOX.path().ok_or("firefox is not on the PATH")?;
    let testbed = node::testbed(job)?;
    job.prepare(Cmd::cargo(
        "build --package example-chat --package example-echo --package example-ping --locked",
    ))?;
    let chat = job.binary("example-chat");
    // The pages come from another origin than the servers.
    let start = format!("{} --profile app --cors * --port {{port}}", testbed.display());
    let client = folder(job);
    node::packages(job, &client)?;
    let suite =
        || npm("run test:browser --").env("CHROMIUM", &chromium).env("FIREFOX", &firefox).folder(&client);
    for build in ["min", "esm"] {
        job.run(suite().arg("--client").arg(build).arg("--start").arg(&start))?;
    }
    job.run(suite().words("--browser firefox --start").arg(&start))?;
    job.run(suite())?;
    let interop = job.root.join("tests/interop");
    let browser = job.root.join("tests/browser");
    for (folder, tests) in [(&interop, interop.join("browser")), (&browser, browser.clone())] {
        node::packages(job, folder)?;
        job.run(
            node::test_runner(node::files(&tests, ".test.mjs")?, 1)
                .env("CHROMIUM", &chromium)
                .env("ENCHUFE_TESTBED", &testbed)
                .env("ENCHUFE_CHAT", &chat)
                .env("ENCHUFE_EXAMPLES", chat.parent().unwrap_or(&chat))
                .folder(folder),
        )?;
    }
    Ok(())
}

/// How the client's suite starts a testbed.
fn start(testbed: &Path) -> String {
    format!("{} --profile app --port {{port}}", testbed.display())
}

fn npm(words: &str) -> Cmd {
    Cmd::new("npm").words(words)
}

fn folder(job: &Job<'_>) -> PathBuf {
    job.root.join("packages/client")
}
