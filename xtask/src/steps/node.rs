//! What the steps in Node and Python share: their packages, and the server they run against.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::job::{Cmd, Job};
use crate::tools::{self, NODE, NPM, PYTHON};

/// Installs a folder's npm packages as its lock file says, unless they are there already.
pub(super) fn packages(job: &mut Job<'_>, folder: &Path) -> Result<(), String> {
    NODE.ensure(job)?;
    NPM.ensure(job)?;
    tools::recent_node(job)?;
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let stamp = folder.join("node_modules/.installed-from");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!(
        "        installing npm's packages for {}",
        folder.strip_prefix(&job.root).unwrap_or(folder).display()
    );
    job.prepare(Cmd::new("npm").words("ci --no-audit --no-fund").folder(folder))?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// A Python with the packages of `requirements`, in a virtual environment under `target/xtask/`.
pub(super) fn python(job: &mut Job<'_>, name: &str, requirements: &Path) -> Result<PathBuf, String> {
    PYTHON.ensure(job)?;
    let wanted = fs::read(requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let folder = job.target().join("xtask").join(name);
    let python = folder.join("bin/python");
    let stamp = folder.join("installed-from");
    if python.is_file() && fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let create =
        |job: &mut Job<'_>| job.prepare(Cmd::new("python3").words("-m venv --clear").arg(&folder)).map(drop);
    if create(job).is_err() {
        // Debian keeps the module in a package of its own.
        tools::install(job, &["python3-venv", "python3-pip"])?;
        create(job)?;
    }
    job.prepare(Cmd::new(&python).words("-m pip install --quiet --requirement").arg(requirements))?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

/// Builds the testbed and answers where it is.
pub(super) fn testbed(job: &mut Job<'_>) -> Result<PathBuf, String> {
    job.prepare(Cmd::cargo("build --package testbed --locked"))?;
    Ok(job.binary("testbed"))
}

/// Node's test runner over some files, one process each, `at_once` of them at a time.
pub(super) fn test_runner<A: AsRef<OsStr>>(files: impl IntoIterator<Item = A>, at_once: usize) -> Cmd {
    Cmd::new("node")
        .words("--test --test-reporter=spec")
        .arg(format!("--test-concurrency={at_once}"))
        .args(files)
}

/// The files of a folder whose names end so, in order.
pub(super) fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let listing = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = listing
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    if files.is_empty() { Err(format!("{} holds no *{ending}", folder.display())) } else { Ok(files) }
}
