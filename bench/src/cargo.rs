//! Builds a binary with the Cargo that runs this one, and tells where it lies.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::error::{Error, Result};

/// The lines of `--message-format=json` that matter here.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    executable: Option<PathBuf>,
}

/// Builds `binary` of `package` in its release profile, in the workspace that `folder` lies in.
pub(crate) fn build_release(folder: &Path, package: &str, binary: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(folder)
        .args(["build", "--release", "--locked", "--package", package, "--bin", binary])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::io("running cargo"))?;
    if !output.status.success() {
        return Err(Error::Setup(format!("{package} does not build")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let executable = messages.filter_map(|message| message.executable).next_back();
    executable.ok_or_else(|| Error::Setup(format!("cargo did not say where it put {binary}")))
}
