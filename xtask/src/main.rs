//! `cargo xtask`: the tasks of a developer of Enchufe, and what CI runs.
//!
//! `cargo xtask test` sets up what it needs and checks everything; `cargo xtask help` lists the
//! rest. A task is a [`steps::Step`]; what a step runs is logged under `target/xtask/`, and one
//! that fails shows the end of its log. No dependencies, so that it starts fast on a bare machine.

mod args;
mod counts;
mod job;
mod process;
mod runner;
mod server;
mod steps;
mod tools;

use std::process::ExitCode;

use args::{Invocation, Task};

fn main() -> ExitCode {
    let invocation = match args::parse(std::env::args().skip(1)) {
        Ok(invocation) => invocation,
        Err(message) => {
            eprintln!("error: {message}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    };
    match invocation {
        Invocation::Help => {
            println!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Invocation::List => {
            for step in steps::ALL {
                let kind = if step.quick { "quick" } else { "full" };
                println!("{:<14} {kind:<6} {}", step.name, step.about);
            }
            ExitCode::SUCCESS
        }
        Invocation::Run(task) => run(task),
    }
}

fn run(task: Task) -> ExitCode {
    match runner::run(&task.steps, &task.options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
