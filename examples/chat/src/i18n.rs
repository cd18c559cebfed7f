//! Spanish and English. The texts are two JSON files, which the pages' scripts read too.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use crate::cookies;

/// A language that the chat speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Spanish,
}

type Texts = HashMap<String, String>;

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| parse(include_str!("../assets/en.json")));
static SPANISH: LazyLock<Texts> = LazyLock::new(|| parse(include_str!("../assets/es.json")));

fn parse(json: &str) -> Texts {
    serde_json::from_str(json).expect("the tests have read the embedded translations")
}

impl Language {
    /// The language of a request: chosen by cookie, else the first of `Accept-Language` that we have, else English.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if let Some(language) = cookies::get(headers, cookies::LANGUAGE).and_then(Self::from_code) {
            return language;
        }
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (0.0, Self::English);
        for item in accepted.split(',').take(32) {
            let mut parts = item.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let quality =
                parts.find_map(|p| p.trim().strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
            let primary = tag.split('-').next().unwrap_or_default();
            if let (Some(language), Some(quality)) = (Self::from_code(&primary.to_ascii_lowercase()), quality)
                && quality > best.0
            {
                best = (quality, language);
            }
        }
        best.1
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        match code {
            "en" => Some(Self::English),
            "es" => Some(Self::Spanish),
            _ => None,
        }
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    /// The one to switch to.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::English => Self::Spanish,
            Self::Spanish => Self::English,
        }
    }

    /// A text by its key. A key that is missing shows itself, and a test has looked for those.
    pub(crate) fn text(self, key: &str) -> &str {
        let texts: &'static Texts = match self {
            Self::English => &ENGLISH,
            Self::Spanish => &SPANISH,
        };
        texts.get(key).map_or(key, String::as_str)
    }

    /// A text with one `{n}` filled in.
    pub(crate) fn text_with(self, key: &str, n: impl std::fmt::Display) -> String {
        self.text(key).replace("{n}", &n.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn language(accept: &'static str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
        Language::of(&headers)
    }

    #[test]
    fn the_browser_says_what_it_reads() {
        assert_eq!(language("es-MX,es;q=0.9,en;q=0.8"), Language::Spanish);
        assert_eq!(language("de, en;q=0.5, es;q=0.4"), Language::English);
        assert_eq!(language("fr, es;q=0.3"), Language::Spanish);
        assert_eq!(language("en;q=x, es;q=0"), Language::English);
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }

    #[test]
    fn a_choice_goes_before_the_browsers() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, "en".parse().unwrap());
        headers.insert(http::header::COOKIE, "chat_language=es".parse().unwrap());
        assert_eq!(Language::of(&headers), Language::Spanish);
    }

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.match_indices('{')
            .filter_map(|(at, _)| text[at..].find('}').map(|end| &text[at..=at + end]))
            .collect()
    }

    #[test]
    fn both_languages_have_the_same_texts() {
        let english: BTreeSet<_> = ENGLISH.keys().collect();
        let spanish: BTreeSet<_> = SPANISH.keys().collect();
        assert_eq!(english.symmetric_difference(&spanish).collect::<Vec<_>>(), Vec::<&&String>::new());
        for (key, text) in ENGLISH.iter() {
            assert_eq!(placeholders(text), placeholders(&SPANISH[key]), "{key}");
            assert!(!SPANISH[key].trim().is_empty(), "{key}");
        }
    }

    /// Every `t.text("key")` of the templates and `t("key"` of the scripts exists.
    #[test]
    fn every_text_that_is_asked_for_exists() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut asked = 0;
        for (folder, call) in
            [("templates", "t.text(\""), ("assets", " t(\""), ("assets", "(t(\""), ("assets", "{t(\"")]
        {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if !path.extension().is_some_and(|e| e == "html" || e == "js") {
                    continue;
                }
                let source = std::fs::read_to_string(&path).unwrap();
                for (at, _) in source.match_indices(call) {
                    let key = source[at + call.len()..].split('"').next().unwrap();
                    assert!(ENGLISH.contains_key(key), "{key} of {} is missing", path.display());
                    asked += 1;
                }
            }
        }
        assert!(asked > 40, "the search itself works: {asked}");
    }

    /// Every code and key that the program itself answers with has a text.
    #[test]
    fn every_refusal_has_words() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut asked = 0;
        let mut check = |text: &str, call: &str, prefix: &str| {
            for (at, _) in text.match_indices(call) {
                let rest = text[at + call.len()..].trim_start_matches(|c: char| c.is_whitespace());
                let Some(key) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                    continue;
                };
                assert!(ENGLISH.contains_key(&format!("{prefix}{key}")), "{prefix}{key}");
                asked += 1;
            }
        };
        for file in ["realtime/rooms.rs", "realtime/talk.rs", "realtime/wire.rs", "realtime/connecting.rs"] {
            let text = std::fs::read_to_string(source.join(file)).unwrap();
            check(&text, "::because(", "problem.");
            check(&text, "Refusal::new(", "problem.");
            check(&text, "Self { error: ", "problem.");
        }
        for file in ["names.rs", "uploads.rs"] {
            let text = std::fs::read_to_string(source.join(file)).unwrap();
            let codes = text.split("fn code(").nth(1).unwrap().split("\n}").next().unwrap();
            check(codes, "=> ", "problem.");
        }
        for file in ["pages/mod.rs", "pages/files.rs", "pages/chat.rs"] {
            let text = std::fs::read_to_string(source.join(file)).unwrap();
            for status in ["NOT_FOUND,", "ERROR,", "BAD_REQUEST,", "FORBIDDEN,", "UNAVAILABLE,"] {
                check(&text, status, "");
            }
        }
        let entrance = std::fs::read_to_string(source.join("pages/entrance.rs")).unwrap();
        check(&entrance, "Refused::Because(", "");
        let account = std::fs::read_to_string(source.join("pages/account.rs")).unwrap();
        for status in ["FORBIDDEN,", "REQUESTS,"] {
            check(&account, status, "problem.");
        }
        assert!(asked > 35, "the search itself works: {asked}");
    }
}
