//! The hot paths that the gate counts, one small loop each. Inputs are constants, nothing is
//! random, one thread, no clock: `hot-paths NAME COUNT` does the same instructions every time.
//!
//! A path's inputs are made before its loop and passed through `black_box`, so that the compiler
//! can't know them; its result goes into `black_box`, so that it can't be left out.

mod rooms;
mod socket;
mod websocket;

use std::process::ExitCode;

/// One loop.
struct HotPath {
    name: &'static str,
    /// How often it is run to see what one costs: enough that growing buffers no longer count.
    iterations: u64,
    run: fn(u64),
}

fn paths() -> impl Iterator<Item = &'static HotPath> {
    [rooms::PATHS, socket::PATHS, websocket::PATHS].into_iter().flatten()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--list"] => {
            for path in paths() {
                println!("{} {}", path.name, path.iterations);
            }
            ExitCode::SUCCESS
        }
        [name, count] => {
            let path = paths().find(|path| path.name == *name);
            let (Some(path), Ok(count)) = (path, count.parse()) else {
                eprintln!("no hot path `{name}`, or `{count}` is no number");
                return ExitCode::from(2);
            };
            (path.run)(count);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: hot-paths --list | hot-paths NAME COUNT");
            ExitCode::from(2)
        }
    }
}
