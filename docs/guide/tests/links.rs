//! What the project's documents point to is there: files and headings, and in `docs/compatibility.md` the tests and the
//! names of ours as well.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Markdown files of a folder and, where that is asked for, of all below it.
fn markdown(folder: &Path, deep: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            let name = path.file_name().expect("a name");
            if deep && name != "node_modules" && name != "target" {
                markdown(&path, true, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    markdown(&root(), false, &mut found);
    for folder in ["docs", "crates", "examples", "fuzz", "bench", "tests", "packages"] {
        let folder = root().join(folder);
        if folder.is_dir() {
            markdown(&folder, true, &mut found);
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// The text without its blocks of code.
fn prose(text: &str) -> String {
    let mut code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code && !line.starts_with("    ") {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// Text and target of each link.
fn links(text: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        let (target, behind) = after.split_once(')').unwrap_or((after, ""));
        let label = before.rsplit_once('[').map_or("", |(_, label)| label);
        links.push((label.to_owned(), target.to_owned()));
        rest = behind;
    }
    links
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn has_heading(file: &Path, wanted: &str) -> bool {
    let text = fs::read_to_string(file).expect("UTF-8");
    prose(&text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#'))
        .any(|heading| anchor(heading) == wanted)
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (_, target) in links(&prose(&text)) {
            // What is elsewhere, and what rustdoc resolves in the READMEs that crates include.
            let target = target.split_whitespace().next().unwrap_or_default();
            if target.contains("://") || target.contains("::") || target.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = target.split_once('#').map_or((target, None), |(p, h)| (p, Some(h)));
            let file =
                if path.is_empty() { document.clone() } else { document.with_file_name("").join(path) };
            let found = file.exists()
                && heading.is_none_or(|heading| {
                    file.extension().is_none_or(|extension| extension != "md") || has_heading(&file, heading)
                });
            if !found {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

fn compatibility() -> String {
    fs::read_to_string(root().join("docs/compatibility.md")).expect("the table")
}

#[test]
fn the_tests_that_show_compatibility_are_there() {
    let (mut missing, mut count) = (Vec::new(), 0);
    for (label, target) in links(&compatibility()) {
        let Some(name) = label.strip_prefix('`').and_then(|label| label.strip_suffix('`')) else { continue };
        let source = fs::read_to_string(root().join("docs").join(&target)).unwrap_or_default();
        let written = if target.ends_with(".rs") {
            format!("fn {name}(")
        } else if target.ends_with(".py") {
            format!("def {name}(")
        } else {
            format!("(\"{name}\"")
        };
        count += 1;
        if !source.contains(&written) {
            missing.push(format!("{name} in {target}"));
        }
    }
    assert!(count > 100, "only {count} tests are named");
    assert!(missing.is_empty(), "tests that are not there:\n{}", missing.join("\n"));
}

/// All that `crates/server/src` says, file by file.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).expect("UTF-8"));
        }
    }
}

#[test]
fn the_names_that_compatibility_gives_are_there() {
    let mut source = String::new();
    sources(&root().join("crates/server/src"), &mut source);
    let text = compatibility();
    let mut names = BTreeSet::new();
    for code in text.split('`').skip(1).step_by(2) {
        if let Some((owner, name)) = code.split('(').next().unwrap_or_default().split_once("::")
            && owner.chars().all(char::is_alphanumeric)
        {
            names.insert((owner.to_owned(), name.to_owned()));
        }
    }
    assert!(names.len() > 80, "only {} names are given", names.len());
    let missing: Vec<_> = names
        .iter()
        .filter(|(owner, name)| {
            let owned =
                ["struct", "enum", "trait"].iter().any(|kind| source.contains(&format!("{kind} {owner}")));
            let named =
                [format!("fn {name}("), format!("fn {name}<"), format!("pub {name}:"), format!("{name},")];
            !owned || !named.iter().any(|named| source.contains(named))
        })
        .collect();
    assert!(missing.is_empty(), "names that are not there: {missing:?}");
}
