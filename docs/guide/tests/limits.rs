//! The guide's table of limits is what the code's documentation says. `UPDATE_GUIDE=1` writes it anew.

use std::fs;
use std::path::Path;

const CONFIG: &str = include_str!("../../../crates/server/src/config.rs");
const BEGIN: &str = "<!-- limits: begin";
const END: &str = "<!-- limits: end -->";

/// One line for each field of `Limits`: its name, and its documentation as one paragraph.
fn table() -> String {
    let (_, rest) = CONFIG.split_once("pub struct Limits {").expect("config.rs defines Limits");
    let (fields, _) = rest.split_once("\n}").expect("the struct ends");
    let mut table = String::from("| limit | |\n| --- | --- |\n");
    let mut documentation = Vec::new();
    for line in fields.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            documentation.push(text.trim());
        } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|field| field.split_once(':')) {
            let text = without_links(&documentation.join(" "));
            table.push_str(&format!("| `{name}` | {text} |\n"));
            documentation.clear();
        }
    }
    table
}

/// A link of rustdoc's, [`Server::listen`](crate::Server::listen), leads nowhere in the guide.
fn without_links(text: &str) -> String {
    let mut plain = text.to_owned();
    while let Some(from) = plain.find("](crate::") {
        let until = from + plain[from..].find(')').expect("the link is closed");
        plain.replace_range(from..=until, "");
        let open = plain[..from].rfind('[').expect("the link's text begins");
        plain.remove(open);
    }
    plain
}

#[test]
fn the_table_of_limits_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deployment.md");
    let chapter = fs::read_to_string(&path).unwrap();
    let begin = chapter.find(BEGIN).expect("the table's place is marked");
    let begin = begin + chapter[begin..].find('\n').unwrap() + 1;
    let end = chapter.find(END).expect("the table's end is marked");
    let wanted = format!("\n{}\n", table());
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        let chapter = format!("{}{wanted}{}", &chapter[..begin], &chapter[end..]);
        return fs::write(path, chapter).unwrap();
    }
    assert_eq!(
        &chapter[begin..end],
        wanted,
        "config.rs has changed: run UPDATE_GUIDE=1 cargo test -p enchufe-guide"
    );
}
