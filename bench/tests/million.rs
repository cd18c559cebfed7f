//! `million` with a few connections: that it opens, counts and ends as it says.

use std::process::Command;

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_million")).args(arguments).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).expect("a table of text")
}

#[test]
fn real_connections_from_two_generators_are_opened_held_and_broadcast_to() {
    let table = run(&["sockets", "--connections", "60", "--generators", "2", "--ping-interval", "100"]);
    assert!(table.starts_with("| 60 connections, 1 worker(s) |"), "{table}");
    assert!(table.contains("ms until the last has it |"), "{table}");
}

#[test]
fn sessions_in_memory_are_measured_at_each_size() {
    let table = run(&["sessions", "--counts", "20,40", "--ping-interval", "100"]);
    assert!(table.starts_with("| CPU time | 20 sessions | 40 sessions |"), "{table}");
    assert!(table.contains("heartbeat"), "{table}");
}
