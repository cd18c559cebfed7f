//! The gate on instruction counts and bytes of idle connections: see the library's `gate` module.

use std::process::ExitCode;

use clap::Parser;
use enchufe_bench::{GateOptions, check_gate};

/// Counts the instructions of the hot paths and the bytes of idle connections, and compares them with bench/baselines.json.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: GateOptions,
}

fn main() -> ExitCode {
    match check_gate(&Arguments::parse().options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
