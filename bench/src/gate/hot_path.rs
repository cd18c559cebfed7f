//! The other end of the gate: what a binary of hot paths is made of.

use std::process::ExitCode;

/// One loop that the gate counts. Its inputs are made before the loop and passed through `black_box`,
/// so that the compiler can't know them; its result goes into `black_box`, so that it can't be left out.
#[derive(Debug, Clone, Copy)]
pub struct HotPath {
    /// Name in the table, `area/what`.
    pub name: &'static str,
    /// How often it is run to see what one costs: enough that growing buffers no longer count. One that is run never is
    /// not for the gate.
    pub iterations: u64,
    /// Runs it so often.
    pub run: fn(u64),
}

/// The `main` of a binary of hot paths: `--list` names them, `NAME COUNT` runs one.
#[must_use]
pub fn run_hot_paths(paths: &[&[HotPath]]) -> ExitCode {
    let mut paths = paths.iter().copied().flatten();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--list"] => {
            for path in paths.filter(|path| path.iterations > 0) {
                println!("{} {}", path.name, path.iterations);
            }
            ExitCode::SUCCESS
        }
        [name, count] => {
            let path = paths.find(|path| path.name == *name);
            let (Some(path), Ok(count)) = (path, count.parse()) else {
                eprintln!("no hot path `{name}`, or `{count}` is no number");
                return ExitCode::from(2);
            };
            (path.run)(count);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: --list | NAME COUNT");
            ExitCode::from(2)
        }
    }
}
