//! The benchmark's command: `compare` servers side by side, or `load` one that runs.

use std::process::ExitCode;

use clap::Parser;
use enchufe_bench::{CompareOptions, LoadOptions, compare, load, redraw};

/// Measures Socket.IO servers: messages per second of server CPU, latency, bytes per connection.
#[derive(Parser)]
enum Command {
    /// Build, start and measure the floor, Enchufe and its peers in turns.
    Compare(CompareOptions),
    /// Run one scenario against a running server.
    Load(LoadOptions),
    /// Draw the tables and the chart of bench/results.json again.
    Redraw,
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Compare(options) => compare(&options),
        Command::Load(options) => load(&options),
        Command::Redraw => redraw(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
