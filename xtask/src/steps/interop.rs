//! The testbed as others see it: our protocol tests, the official clients, and the public suites.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::node;
use crate::job::{Cmd, Job};
use crate::server::Server;

/// How many connections of the full run send their first event at once with CONNECT.
const FIRST_EVENTS: u32 = 100_000;

/// Where the public suites expect their server.
const SUITES_PORT: u16 = 3000;

/// Our own tests of the protocol's rules and of hostile input.
pub(super) fn conformance(job: &mut Job<'_>) -> Result<(), String> {
    if let Some(suites) = job.options.suites.clone() {
        return public_suites(job, &suites);
    }
    let folder = folder(job);
    node::packages(job, &folder)?;
    let testbed = node::testbed(job)?;
    let files = node::files(&folder.join("conformance"), ".test.mjs")?;
    // One at a time: many of them watch timers of a few hundred milliseconds.
    job.run(node::test_runner(files, 1).env("ENCHUFE_TESTBED", testbed).folder(folder))?;
    Ok(())
}

/// Clients as their authors publish them, several versions, in Node and in Python.
pub(super) fn interop(job: &mut Job<'_>) -> Result<(), String> {
    let folder = folder(job);
    node::packages(job, &folder)?;
    let testbed = node::testbed(job)?;
    let files = node::files(&folder.join("clients"), ".test.mjs")?;
    job.run(node::test_runner(files, 1).env("ENCHUFE_TESTBED", &testbed).folder(&folder))?;
    // The old client's modules have the same names, so that each needs an environment of its own.
    for (tests, requirements) in [("python", "requirements.txt"), ("python-old", "requirements-old.txt")] {
        let python = node::python(job, tests, &folder.join(requirements))?;
        job.run(
            Cmd::new(python)
                .words("-m pytest -q -p no:cacheprovider --color=no")
                .arg(tests)
                .env("ENCHUFE_TESTBED", &testbed)
                .folder(&folder),
        )?;
    }
    Ok(())
}

/// No first event is ever lost, and no order is ever broken, in great numbers.
pub(super) fn first_event(job: &mut Job<'_>) -> Result<(), String> {
    let folder = folder(job);
    node::packages(job, &folder)?;
    let testbed = node::testbed(job)?;
    let files = node::files(&folder.join("volume"), ".test.mjs")?;
    job.run(
        node::test_runner(files, 1)
            .env("ENCHUFE_TESTBED", testbed)
            .env("ENCHUFE_FIRST_EVENTS", FIRST_EVENTS.to_string())
            .folder(folder),
    )?;
    Ok(())
}

/// The public protocol suites, from a checkout of the official repository, or a folder like its `docs`.
fn public_suites(job: &mut Job<'_>, given: &Path) -> Result<(), String> {
    let given = job.root.join(given);
    let docs = if given.join("docs").is_dir() { given.join("docs") } else { given };
    let suites = [
        ("engine", "engine.io-protocol/v3-test-suite"),
        ("engine", "engine.io-protocol/v4-test-suite"),
        ("protocol", "socket.io-protocol/v5-test-suite"),
    ];
    let suites = suites.map(|(profile, suite)| (profile, suite, docs.join(suite)));
    for (_, _, folder) in &suites {
        if !folder.join("test-suite.js").is_file() {
            return Err(format!("{} has no test-suite.js", folder.display()));
        }
    }
    let testbed = node::testbed(job)?;
    for (profile, suite, folder) in suites {
        // A copy, so that nothing is installed into the checkout.
        let copy = job.target().join("xtask/suites").join(suite);
        copy_files(&folder, &copy)?;
        node::packages(job, &copy)?;
        TcpListener::bind(("127.0.0.1", SUITES_PORT)).map_err(|error| {
            format!("the public suites want their server on port {SUITES_PORT}, which is not free: {error}")
        })?;
        let server = Server::start(&testbed, profile, SUITES_PORT)?;
        job.run(
            Cmd::new("npx")
                .words("--no-install mocha --no-color test-suite.js")
                .folder(&copy)
                .within(Duration::from_secs(120)),
        )?;
        drop(server);
    }
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error| format!("copying {}: {error}", from.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed)?;
        }
    }
    Ok(())
}

fn folder(job: &Job<'_>) -> PathBuf {
    job.root.join("tests/interop")
}
