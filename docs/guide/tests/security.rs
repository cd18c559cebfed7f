//! The tests that docs/security.md names are there, and the defaults are what it says.

use std::fs;
use std::path::Path;

use enchufe::Limits;

/// `1024` as `1,024`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[test]
fn the_defaults_that_are_named_are_those_of_the_code() {
    let page = include_str!("../../security.md");
    let limits = Limits::default();
    for (hole, default) in [
        ("CVE-2020-36048", format!("{} MB", limits.max_payload_bytes / 1_000_000)),
        ("not limited: namespaces", format!("{} a connection", grouped(limits.max_namespaces))),
        ("not limited: acknowledgements", format!("{} a socket", grouped(limits.max_pending_acks))),
        ("not limited: what waits", format!("{} MiB", limits.max_outbox_bytes >> 20)),
    ] {
        let row = page.lines().find(|row| row.starts_with(&format!("| {hole}"))).expect(hole);
        assert!(row.split(" | ").nth(1).is_some_and(|here| here.starts_with(&default)), "{default}: {row}");
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut count = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| hole")) {
        let Some((_, named)) = row.trim_end_matches(" |").rsplit_once(" | ") else { continue };
        if named.starts_with("---") {
            continue;
        }
        let mut words = named.split('`').skip(1).step_by(2);
        let (file, test) = (words.next().expect(row), words.next().expect(row));
        let source = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let there = if file.ends_with(".rs") {
            source.contains(&format!("fn {test}("))
        } else {
            source.contains(&format!("\"{test}\""))
        };
        assert!(there, "{file} has no test {test}");
        count += 1;
    }
    assert!(count >= 30, "{count} rows");
}
