//! The tests that docs/security.md names are there.

use std::fs;
use std::path::Path;

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
