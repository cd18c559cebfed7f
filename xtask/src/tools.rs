//! The programs that steps need, installed where the machine can (Debian's packages), else asked for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::job::{Cmd, Job};
use crate::process::exists;

/// Whether the lists of Debian's packages were renewed in this run.
static UPDATED: AtomicBool = AtomicBool::new(false);

/// Something that must be there before a step can run.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    /// Any of these programs will do.
    programs: &'static [&'static str],
    /// Debian's packages that bring it.
    packages: &'static [&'static str],
}

pub(crate) const NODE: Tool = Tool { programs: &["node"], packages: &["nodejs", "npm"] };
pub(crate) const NPM: Tool = Tool { programs: &["npm"], packages: &["nodejs", "npm"] };
pub(crate) const PYTHON: Tool =
    Tool { programs: &["python3"], packages: &["python3", "python3-venv", "python3-pip"] };
pub(crate) const CHROMIUM: Tool =
    Tool { programs: &["chromium", "chromium-browser"], packages: &["chromium"] };
pub(crate) const FIREFOX: Tool = Tool { programs: &["firefox-esr", "firefox"], packages: &["firefox-esr"] };
pub(crate) const VALGRIND: Tool = Tool { programs: &["valgrind"], packages: &["valgrind", "libc6-dbg"] };
pub(crate) const CXX: Tool = Tool { programs: &["g++", "c++", "clang++"], packages: &["g++"] };

impl Tool {
    /// Installs it if it is missing.
    pub(crate) fn ensure(self, job: &mut Job<'_>) -> Result<(), String> {
        if self.programs.iter().any(|program| exists(program)) {
            return Ok(());
        }
        install(job, self.packages)?;
        if self.programs.iter().any(|program| exists(program)) {
            return Ok(());
        }
        Err(format!(
            "`{}` is still missing after {} was installed",
            self.programs[0],
            self.packages.join(", ")
        ))
    }

    /// Where it is, once it is there.
    pub(crate) fn path(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        self.programs.iter().find_map(|program| {
            std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
        })
    }
}

/// Sees to a part of Rust that a minimal installation leaves out, such as cargo's subcommand `fmt`.
pub(crate) fn component(job: &mut Job<'_>, subcommand: &str, component: &str) -> Result<(), String> {
    let version = format!("{subcommand} --version");
    if job.finish(Cmd::cargo(&version))?.succeeded() {
        return Ok(());
    }
    println!("        adding Rust's component {component}");
    let add = Cmd::new("rustup").words("component add").arg(component);
    let added = exists("rustup") && job.finish(add)?.succeeded();
    if added && job.finish(Cmd::cargo(&version))?.succeeded() {
        return Ok(());
    }
    Err(format!("please install Rust's component `{component}`: `rustup component add {component}`"))
}

/// The oldest Node that the test runners work with.
const OLDEST_NODE: (u32, u32) = (20, 11);
/// What is installed in the place of an older one: npm's own package of Node.
const NODE_PACKAGE: &str = "node@22";

/// The folder of the Node to use, where the machine's own is too old.
static NODE_FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Sees to a Node that is recent enough. Debian's may not be; then one from npm is put under `target/xtask/`.
pub(crate) fn recent_node(job: &mut Job<'_>) -> Result<(), String> {
    if NODE_FOLDER.get().is_some() || node_version(job)?.is_some_and(|version| version >= OLDEST_NODE) {
        return Ok(());
    }
    let folder = job.target().join("xtask/node");
    let bin = folder.join("node_modules/node/bin");
    if !bin.join("node").is_file() {
        println!("        installing {NODE_PACKAGE} from npm: the machine's Node is too old");
        let install = Cmd::new("npm").words("install --no-audit --no-fund --no-save --prefix").arg(&folder);
        job.prepare(install.arg(NODE_PACKAGE))?;
    }
    NODE_FOLDER.get_or_init(|| bin);
    match node_version(job)? {
        Some(version) if version >= OLDEST_NODE => Ok(()),
        _ => Err(format!("please install Node {}.{} or newer", OLDEST_NODE.0, OLDEST_NODE.1)),
    }
}

fn node_version(job: &mut Job<'_>) -> Result<Option<(u32, u32)>, String> {
    let text = job.prepare(Cmd::new("node").arg("--version"))?;
    let mut numbers = text.trim().trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    Ok(numbers.next().zip(numbers.next()))
}

/// The `PATH` for commands, where it is not the machine's own.
pub(crate) fn path() -> Option<OsString> {
    let folder = NODE_FOLDER.get()?;
    let machine = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder.clone()).chain(std::env::split_paths(&machine))).ok()
}

/// Installs Debian's packages without ever asking: as root, or through `sudo` where that wants no password.
pub(crate) fn install(job: &mut Job<'_>, packages: &[&str]) -> Result<(), String> {
    let wanted = packages.join(" ");
    if !exists("apt-get") {
        return Err(format!("please install {wanted}: this machine has no apt-get to do it with"));
    }
    println!("        installing {wanted}");
    let sudo = if is_root(job)? { "" } else { "sudo -n " };
    let update = if UPDATED.swap(true, Ordering::Relaxed) {
        String::new()
    } else {
        format!("{sudo}apt-get update -q && ")
    };
    let script = format!(
        "{update}{sudo}env DEBIAN_FRONTEND=noninteractive \
         apt-get install -y -q --no-install-recommends {wanted}"
    );
    job.prepare(Cmd::new("sh").arg("-c").arg(script))
        .map(drop)
        .map_err(|error| format!("could not install {wanted} ({error}; see {})", job.log().display()))
}

fn is_root(job: &mut Job<'_>) -> Result<bool, String> {
    Ok(job.prepare(Cmd::new("id").arg("-u"))?.trim() == "0")
}
