//! The hot paths of the protocol and the room index, one small loop each. Inputs are constants,
//! nothing is random, one thread, no clock: `hot-paths NAME COUNT` does the same instructions every time.

mod engine;
mod rooms;
mod socket;
mod websocket;

use std::process::ExitCode;

use enchufe_bench::HotPath;

fn main() -> ExitCode {
    enchufe_bench::run_hot_paths(&[engine::PATHS, rooms::PATHS, socket::PATHS, websocket::PATHS])
}
