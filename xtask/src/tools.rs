//! The programs that steps need, installed where the machine can (Debian's packages), else asked for.

use std::path::PathBuf;
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
