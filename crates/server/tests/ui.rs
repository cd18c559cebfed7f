//! What the compiler says to those who write a handler that can't work: each file in `tests/ui` is a mistake,
//! and the `.stderr` beside it what is to be read. `TRYBUILD=overwrite cargo test -p enchufe --test ui`
//! writes them anew; read the difference before it is committed.
//!
//! Compilers of other versions draw their messages differently. With one of them the mistakes must still be
//! mistakes, and each message must begin with the same sentence.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler whose messages were recorded.
const RECORDED_WITH: &str = "rustc 1.95.";

/// Set in the process that has the messages of another compiler written to this folder.
const ELSEWHERE: &str = "ENCHUFE_UI_FOLDER";

#[test]
fn mistakes_are_explained() {
    if let Some(folder) = env::var_os(ELSEWHERE) {
        trybuild::TestCases::new().compile_fail(Path::new(&folder).join("*.rs"));
    } else if compiler().starts_with(RECORDED_WITH) {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    } else {
        compare_the_first_sentences();
    }
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn compare_the_first_sentences() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui");
    fs::create_dir_all(&folder).unwrap();
    let mistakes = files(&recorded, "rs");
    for mistake in &mistakes {
        fs::copy(mistake, folder.join(mistake.file_name().unwrap())).unwrap();
    }
    let written = Command::new(env::current_exe().unwrap())
        .args(["mistakes_are_explained", "--exact"])
        .env(ELSEWHERE, &folder)
        .env("TRYBUILD", "overwrite")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&written.stdout);
    assert!(written.status.success(), "a mistake was accepted by {}:\n{said}", compiler());
    assert!(!mistakes.is_empty());
    for mistake in mistakes {
        let name = Path::new(mistake.file_name().unwrap()).with_extension("stderr");
        let wanted = fs::read_to_string(recorded.join(&name)).unwrap();
        let first = wanted.lines().next().unwrap();
        let found = fs::read_to_string(folder.join(&name)).unwrap();
        assert!(found.contains(first), "{}: {first:?} is missing in:\n{found}", name.display());
    }
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension() == Some(OsStr::new(extension))).collect()
}
