//! What the README shows is this example, word for word.

const README: &str = include_str!("../../../README.md");

/// The content of the first fenced block of a language.
fn block<'a>(markdown: &'a str, language: &str) -> &'a str {
    let start = format!("```{language}\n");
    let (_, rest) = markdown.split_once(&start).expect("the README has such a block");
    rest.split_once("```").expect("it is closed").0
}

#[test]
fn the_server_of_the_readme_is_this_example() {
    assert_eq!(block(README, "rust"), include_str!("../src/main.rs"));
}

#[test]
fn the_page_of_the_readme_is_this_example_s() {
    assert_eq!(block(README, "html"), include_str!("../src/index.html"));
}
