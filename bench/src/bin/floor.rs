//! The floor as a server: see the library's `floor` module.

use clap::Parser;
use enchufe_bench::{FloorOptions, Result, serve_floor};

/// Answers the benchmark's events by copying bytes. For measuring only, never for a network.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: FloorOptions,
}

fn main() -> Result<()> {
    serve_floor(&Arguments::parse().options)
}
