//! The guide names every option of the server's builder.

use std::fs;
use std::path::{Path, PathBuf};

/// The options that a source file defines: the builder's methods that give a builder.
fn options(source: &str) -> Vec<String> {
    let blocks = source.split("\nimpl ServerBuilder {\n").skip(1);
    let bodies = blocks.filter_map(|block| block.split_once("\n}\n").map(|(body, _)| body));
    bodies
        .flat_map(|body| body.split("\n    pub ").skip(1))
        .filter_map(|method| method.trim_start_matches("const ").strip_prefix("fn "))
        .filter(|method| method.split_once('{').is_some_and(|(head, _)| head.contains("-> Self")))
        .map(|method| method.split(['(', '<']).next().expect("a name").to_owned())
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn every_option_has_its_row() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter = fs::read_to_string(guide.join("options.md")).unwrap();
    let mut count = 0;
    for source in sources(&guide.join("../../crates/server/src")) {
        for option in options(&fs::read_to_string(&source).unwrap()) {
            count += 1;
            let row = chapter.lines().any(|line| {
                let first = line.strip_prefix("| ").and_then(|row| row.split('|').next());
                first.is_some_and(|cell| cell.contains(&format!("`{option}`")))
            });
            assert!(row, "docs/guide/options.md has no row for `{option}` of {}", source.display());
        }
    }
    assert!(count > 25, "only {count} options were found: is the builder elsewhere now?");
}
