//! The testbed: one server with known behaviour, that conformance suites, interop tests and load tests run
//! against. It is built on nothing but the public interface of the server crate.
//!
//! `testbed --profile NAME --port PORT [flags]` prints `listening on 127.0.0.1:PORT`, serves until SIGTERM or
//! SIGINT, and closes in good order.

mod args;
mod profiles;
mod run;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let args = args::Args::parse();
    match run::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testbed: {error}");
            ExitCode::FAILURE
        }
    }
}
