//! Many connections to one server: see the library's `million` module and docs/million.md.

use std::process::ExitCode;

use clap::Parser;
use enchufe_bench::million::{
    GenerateOptions, ServeOptions, SessionsOptions, SocketsOptions, generate, serve, sessions, sockets,
};

/// How far one process goes, and what each connection costs.
#[derive(Parser)]
enum Command {
    /// Real connections to one server process: memory, heartbeats, broadcasts, the last receiver.
    Sockets(SocketsOptions),
    /// Sessions over transports in memory: bytes, heartbeats, broadcasts, storms of joins, at growing sizes.
    Sessions(SessionsOptions),
    /// The server that the others measure.
    Serve(ServeOptions),
    /// One load generator of `sockets`.
    #[command(hide = true)]
    Generate(GenerateOptions),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Sockets(options) => sockets(&options),
        Command::Generate(options) => generate(&options),
        Command::Sessions(options) => sessions(&options),
        Command::Serve(options) => serve(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
