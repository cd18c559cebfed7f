//! JSONP: polling for pages that can only load scripts and submit forms, in both revisions of the protocol.
//!
//! A poll that names a callback (`j=3`) is answered with a script that gives the payload to it; a POST has its payload
//! in a form's field. Nothing of the request but digits is repeated in an answer, and no payload ends the script's
//! string or looks like HTML.
//!
//! Any page can load a script with its reader's cookies: see
//! [`check_origin`](crate::ServerBuilder::check_origin).

use std::borrow::Cow;

use super::query::Asked;

/// Digits of a callback's number: browsers count requests.
const MAX_DIGITS: usize = 16;

/// The callback that a client waits in: `___eio[…]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Jsonp(String);

impl Jsonp {
    /// What a query asks for. Of its callback only the digits count, as with the official server.
    pub(crate) fn of(asked: &Asked<'_>) -> Option<Self> {
        asked.callback.as_deref().map(Self::named)
    }

    fn named(asked: &str) -> Self {
        Self(asked.chars().filter(char::is_ascii_digit).take(MAX_DIGITS).collect())
    }

    /// The script that hands a payload over.
    pub(crate) fn script(&self, payload: &str) -> Vec<u8> {
        // A text is always JSON.
        let json = serde_json::to_string(payload).unwrap_or_default();
        let mut script = Vec::with_capacity(json.len() + 32);
        script.extend_from_slice(b"___eio[");
        script.extend_from_slice(self.0.as_bytes());
        script.extend_from_slice(b"](");
        // JSON may hold line ends that JavaScript's strings could not, and what old browsers take for HTML.
        for piece in json.split_inclusive(['\u{2028}', '\u{2029}', '<']) {
            let special = piece.chars().next_back().and_then(|last| Some((escape(last)?, last.len_utf8())));
            match special {
                Some((escaped, length)) => {
                    script
                        .extend_from_slice(piece.as_bytes().get(..piece.len() - length).unwrap_or_default());
                    script.extend_from_slice(escaped);
                }
                None => script.extend_from_slice(piece.as_bytes()),
            }
        }
        script.extend_from_slice(b");");
        script
    }
}

const fn escape(character: char) -> Option<&'static [u8]> {
    match character {
        '\u{2028}' => Some(b"\\u2028"),
        '\u{2029}' => Some(b"\\u2029"),
        '<' => Some(b"\\u003c"),
        _ => None,
    }
}

/// The payload in a form: its field `d`, without what the client did to keep the browser from changing its lines.
pub(crate) fn payload(form: &[u8]) -> Option<String> {
    form_urlencoded::parse(form).find_map(|(name, value)| (name == "d").then(|| restore_lines(value)))
}

/// `\n` (two characters) is a line end, and each run of several backslashes before an `n` has one too many.
fn restore_lines(text: Cow<'_, str>) -> String {
    if !text.contains("\\n") {
        return text.into_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut backslashes = 0;
    for character in text.chars() {
        if character == 'n' && backslashes > 0 {
            out.pop();
            out.push(if backslashes == 1 { '\n' } else { 'n' });
        } else {
            out.push(character);
        }
        backslashes = if character == '\\' { backslashes + 1 } else { 0 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(j: &str, payload: &str) -> String {
        String::from_utf8(Jsonp::named(j).script(payload)).unwrap()
    }

    #[test]
    fn a_payload_is_handed_to_the_callback_as_a_string() {
        assert_eq!(script("0", r#"40{"a":1}"#), r#"___eio[0]("40{\"a\":1}");"#);
        assert_eq!(script("12", "4a\u{1e}4b\n"), r#"___eio[12]("4a\u001e4b\n");"#);
    }

    #[test]
    fn nothing_but_digits_of_the_callback_is_repeated() {
        for (j, digits) in [
            ("1);alert(2", "12"),
            ("<script>7", "7"),
            ("-1", "1"),
            ("", ""),
            ("x", ""),
            ("99999999999999999999", "9999999999999999"),
        ] {
            assert_eq!(script(j, "6"), format!("___eio[{digits}](\"6\");"), "{j}");
        }
    }

    #[test]
    fn no_payload_ends_the_string_or_looks_like_html() {
        let payload = "4\"</script><!--\u{2028}\u{2029}\\\r\n\u{0}é";
        let script = script("0", payload);
        for forbidden in ['<', '\u{2028}', '\u{2029}', '\n', '\r', '\u{0}'] {
            assert!(!script.contains(forbidden), "{script}");
        }
        let string = script.strip_prefix("___eio[0](").unwrap().strip_suffix(");").unwrap();
        assert_eq!(serde_json::from_str::<String>(string).unwrap(), payload);
    }

    /// What the official client does to a payload before the browser submits it.
    fn escaped(payload: &str) -> String {
        payload.replace("\\n", "\\\n").replace('\n', "\\n")
    }

    // A backslash before a line end is no JSON, and the client's rule loses it.
    #[test]
    fn lines_come_out_as_they_went_in() {
        for text in [
            "4[\"a\"]",
            "line\nline",
            r"two characters: \n",
            r"an escaped backslash and an n: \\n",
            "\\\\\\n\n\\n",
            "n\\",
            "\n\n\\n\\\\n",
        ] {
            assert_eq!(restore_lines(escaped(text).into()), text, "{text:?}");
        }
    }

    #[test]
    fn the_field_is_found_and_decoded() {
        assert_eq!(payload(b"d=40").as_deref(), Some("40"));
        assert_eq!(payload(b"x=1&d=42%5B%22a+b%22%5D").as_deref(), Some("42[\"a b\"]"));
        assert_eq!(payload(b"40"), None);
        assert_eq!(payload(b""), None);
    }
}
