//! How many test cases passed and failed, read from what test runners print at their end.
//!
//! Each runner has its own closing lines; those that are used here are known: cargo test, Node's
//! test runner, pytest, vitest, mocha, and the plain `N passed, N failed`.

/// Test cases that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// Adds up the closing lines in a runner's output; empty where there are none.
pub(crate) fn parse(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        counts.add(closing_line(&without_colours(line)));
    }
    counts
}

fn closing_line(line: &str) -> Counts {
    let line = line.trim();
    // cargo test: `test result: ok. 3 passed; 0 failed; 0 ignored; …`
    if let Some(rest) = line.strip_prefix("test result:") {
        return Counts { passed: before(rest, "passed"), failed: before(rest, "failed") };
    }
    // node --test: `ℹ pass 3` or `# pass 3`, and `fail`, `cancelled` each on a line of its own
    if let Some(rest) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) {
        return match rest.split_once(' ') {
            Some(("pass", n)) => Counts { passed: n.parse().unwrap_or(0), failed: 0 },
            Some(("fail" | "cancelled", n)) => Counts { passed: 0, failed: n.parse().unwrap_or(0) },
            _ => Counts::default(),
        };
    }
    // mocha: `25 passing (3s)`, `1 failing`
    if let Some((number, rest)) = line.split_once(' ')
        && let Ok(number) = number.parse()
    {
        if rest == "passing" || rest.starts_with("passing (") {
            return Counts { passed: number, failed: 0 };
        }
        if rest == "failing" {
            return Counts { passed: 0, failed: number };
        }
    }
    // pytest: `==== 3 passed, 1 failed in 2.1s ====`; vitest: `Tests  1 failed | 3 passed (4)`;
    // plain: `3 passed, 0 failed`
    let pytest = line.starts_with("==") && line.contains(" in ");
    let vitest = line.starts_with("Tests ");
    let plain = line.starts_with(|c: char| c.is_ascii_digit()) && is_plain(line);
    if pytest || vitest || plain {
        return Counts {
            passed: before(line, "passed"),
            failed: before(line, "failed") + before(line, "error") + before(line, "errors"),
        };
    }
    Counts::default()
}

/// `N passed, N failed`, with `, N skipped` allowed behind.
fn is_plain(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    matches!(words.as_slice(), [_, "passed,", _, "failed"] | [_, "passed,", _, "failed,", ..])
}

/// The number before `word`; 0 where there is none.
fn before(line: &str, word: &str) -> usize {
    let words: Vec<&str> = line.split_whitespace().collect();
    words
        .windows(2)
        .find(|pair| pair[1].trim_end_matches([',', ';']) == word)
        .and_then(|pair| pair[0].trim_start_matches('=').parse().ok())
        .unwrap_or(0)
}

/// The line without terminal escape sequences (`ESC [ … letter`).
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            for escaped in chars.by_ref() {
                if escaped.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_each_runner_are_read() {
        let cases = [
            (
                "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
                12,
                0,
            ),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured", 3, 2),
            ("ℹ tests 5\nℹ pass 4\nℹ fail 1\nℹ cancelled 1\n", 4, 2),
            ("# pass 7\n# fail 0", 7, 0),
            ("======= 3 failed, 97 passed, 2 warnings in 12.34s =======", 97, 3),
            ("\u{1b}[32m===== 1 passed, 1 error in 0.12s ====\u{1b}[0m", 1, 1),
            ("      Tests  1 failed | 11 passed (12)", 11, 1),
            ("  25 passing (3s)\n  1 failing\n", 25, 1),
            ("9 passed, 1 failed", 9, 1),
            ("9 passed, 0 failed, 2 skipped", 9, 0),
            ("3 passed by on the road", 0, 0),
            ("nothing to see", 0, 0),
        ];
        for (output, passed, failed) in cases {
            assert_eq!(parse(output), Counts { passed, failed }, "{output}");
        }
    }

    #[test]
    fn several_closing_lines_add_up() {
        let output = "test result: ok. 2 passed; 0 failed;\n…\ntest result: ok. 3 passed; 1 failed;";
        assert_eq!(parse(output), Counts { passed: 5, failed: 1 });
    }
}
