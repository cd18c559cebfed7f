//! Bytes of idle connections: runs the `idle-bytes` binary, once for each kind of them.

use std::path::Path;
use std::process::{Command, Stdio};

use super::baselines::{Measured, Unit};
use crate::error::{Error, Result};
use crate::idle::DESCRIPTORS;

/// The kinds that are wanted, one after another: while others wait for the processor a timer of one could run out.
pub(super) fn measure(program: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<Measured>> {
    let kinds = ask(program, "--list")?;
    kinds.lines().filter(|name| wanted(name)).map(|name| cost(program, name)).collect()
}

fn cost(program: &Path, name: &str) -> Result<Measured> {
    let told = ask(program, name)?;
    let cost = told.trim().parse().map_err(|_| Error::Setup(format!("no number of bytes in `{told}`")))?;
    Ok(Measured { name: name.into(), unit: Unit::Bytes, cost })
}

/// What it prints, when it may open as many files as it has to: a shell's default is often less.
fn ask(program: &Path, argument: &str) -> Result<String> {
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -S -n "$1" && exec "$2" "$3""#, "sh", &DESCRIPTORS.to_string()])
        .arg(program)
        .arg(argument)
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("running idle-bytes"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::Setup(format!("measuring idle connections ({argument}) failed: {said}")));
    }
    String::from_utf8(output.stdout).map_err(|_| Error::Setup("idle-bytes prints no text".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_or_prints_no_number_is_an_error() {
        let told = ask(Path::new("/bin/sh"), "-c");
        assert!(matches!(told, Err(Error::Setup(_))), "a shell without a command fails: {told:?}");
        let none = |_: &str| false;
        assert!(measure(Path::new("/bin/echo"), none).unwrap().is_empty());
        let echoed = measure(Path::new("/bin/echo"), |name| name == "--list");
        assert!(matches!(echoed, Err(Error::Setup(said)) if said.contains("no number of bytes")));
    }
}
