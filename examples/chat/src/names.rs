//! What people type, turned into what is stored: names, passwords, room titles and messages, parsed once.

/// Why something typed can't be taken. The text for people is `problem.` + [`code`](Problem::code) in the
/// translations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    NameLength,
    NameCharacters,
    PasswordShort,
    PasswordLong,
    PasswordCommon,
    RoomNameLength,
    TopicLength,
    Empty,
    TooLong,
}

impl Problem {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NameLength => "name_length",
            Self::NameCharacters => "name_characters",
            Self::PasswordShort => "password_short",
            Self::PasswordLong => "password_long",
            Self::PasswordCommon => "password_common",
            Self::RoomNameLength => "room_name_length",
            Self::TopicLength => "topic_length",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
        }
    }
}

/// The longest message, in characters.
pub(crate) const MAX_MESSAGE: usize = 4_000;
/// The longest room title, in characters.
pub(crate) const MAX_ROOM_NAME: usize = 40;
/// The longest line that says what a room is about, in characters.
pub(crate) const MAX_TOPIC: usize = 120;

/// A name that people can be told apart by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// As it is shown.
    pub(crate) shown: String,
    /// In lower case, to compare.
    pub(crate) key: String,
}

/// Two to 24 letters or digits of any script, with single spaces, dots, dashes and underscores between them.
/// Everything that could hide or imitate (controls, marks, other spaces) is refused.
pub(crate) fn name(typed: &str) -> Result<Name, Problem> {
    let shown = typed.trim();
    if !(2..=24).contains(&shown.chars().count()) {
        return Err(Problem::NameLength);
    }
    let mut between = true;
    for letter in shown.chars() {
        let separator = matches!(letter, ' ' | '.' | '-' | '_');
        if !(separator || letter.is_alphanumeric()) || (separator && between) {
            return Err(Problem::NameCharacters);
        }
        between = separator;
    }
    if between {
        return Err(Problem::NameCharacters);
    }
    Ok(Name { shown: shown.to_owned(), key: shown.to_lowercase() })
}

/// The passwords that guessers try first, of those long enough to pass the length check.
const COMMON: &[&str] = &[
    "12345678",
    "123456789",
    "1234567890",
    "password",
    "password1",
    "password123",
    "qwertyuiop",
    "qwerty123",
    "1q2w3e4r",
    "11111111",
    "00000000",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "contraseña",
    "contrasena",
    "abcd1234",
    "abc12345",
    "administrator",
    "welcome1",
    "letmein1",
    "trustno1",
];

/// Checks a new password: 8 characters to 200, neither the name nor one of the first guesses.
pub(crate) fn password<'a>(typed: &'a str, name: &Name) -> Result<&'a str, Problem> {
    let length = typed.chars().count();
    if length < 8 {
        return Err(Problem::PasswordShort);
    }
    if length > 200 {
        return Err(Problem::PasswordLong);
    }
    let lower = typed.to_lowercase();
    if lower == name.key || COMMON.contains(&lower.as_str()) {
        return Err(Problem::PasswordCommon);
    }
    Ok(typed)
}

/// A room's title and the key that must be unique.
pub(crate) fn room_name(typed: &str) -> Result<Name, Problem> {
    let shown = one_line(typed);
    if !(2..=MAX_ROOM_NAME).contains(&shown.chars().count()) {
        return Err(Problem::RoomNameLength);
    }
    let key = shown.to_lowercase();
    Ok(Name { shown, key })
}

/// What a room is about; may be empty.
pub(crate) fn topic(typed: &str) -> Result<String, Problem> {
    let topic = one_line(typed);
    if topic.chars().count() > MAX_TOPIC { Err(Problem::TopicLength) } else { Ok(topic) }
}

/// A message: no empty one, and no control characters but line ends and tabs.
pub(crate) fn message(typed: &str) -> Result<String, Problem> {
    let text = caption(typed)?;
    if text.is_empty() { Err(Problem::Empty) } else { Ok(text) }
}

/// The text under a picture; may be empty.
pub(crate) fn caption(typed: &str) -> Result<String, Problem> {
    if typed.len() > MAX_MESSAGE * 4 {
        return Err(Problem::TooLong);
    }
    let text = typed.replace("\r\n", "\n");
    let text: String = text.trim().chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
    if text.chars().count() > MAX_MESSAGE { Err(Problem::TooLong) } else { Ok(text) }
}

/// Whether a page's own id for a message is one: 8 to 64 letters, digits, dashes or underscores.
pub(crate) fn is_client_id(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Words with single spaces, without the characters that turn the direction of text around.
fn one_line(typed: &str) -> String {
    let visible: String = typed
        .chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_pass() {
        for typed in ["Ana", " José María ", "o-neil", "Ñandú_7", "李雷", "a.b"] {
            assert!(name(typed).is_ok(), "{typed}");
        }
        assert_eq!(name(" José ").unwrap(), Name { shown: "José".into(), key: "josé".into() });
    }

    #[test]
    fn names_that_hide_or_imitate_are_refused() {
        for typed in ["<b>x</b>", "a  b", "-ana", "ana-", "ana\u{202e}", "ana\u{200b}x", "a\nb", "a\u{301}b"]
        {
            assert_eq!(name(typed), Err(Problem::NameCharacters), "{typed:?}");
        }
        for typed in ["", "x", "   y  ", &"x".repeat(25)] {
            assert_eq!(name(typed), Err(Problem::NameLength), "{typed:?}");
        }
    }

    #[test]
    fn weak_passwords_are_refused() {
        let ana = name("Anastasia").unwrap();
        assert_eq!(password("short", &ana), Err(Problem::PasswordShort));
        assert_eq!(password("PassWord", &ana), Err(Problem::PasswordCommon));
        assert_eq!(password("anastasia", &ana), Err(Problem::PasswordCommon));
        assert_eq!(password(&"x".repeat(201), &ana), Err(Problem::PasswordLong));
        assert!(password("correct horse", &ana).is_ok());
    }

    #[test]
    fn messages_keep_their_lines_and_lose_controls() {
        assert_eq!(message("  a\r\nb\u{7}\tc \n").unwrap(), "a\nb\tc");
        assert_eq!(message(" \n "), Err(Problem::Empty));
        assert_eq!(message(&"ñ".repeat(MAX_MESSAGE)).unwrap().chars().count(), MAX_MESSAGE);
        assert_eq!(message(&"ñ".repeat(MAX_MESSAGE + 1)), Err(Problem::TooLong));
        assert_eq!(caption("").unwrap(), "");
    }

    #[test]
    fn room_titles_are_one_visible_line() {
        assert_eq!(room_name(" Sala \n de\u{202e}  estar ").unwrap().shown, "Sala de estar");
        assert_eq!(room_name("\u{200b}\u{200b}"), Err(Problem::RoomNameLength));
        assert_eq!(topic(&"x".repeat(121)), Err(Problem::TopicLength));
    }

    #[test]
    fn client_ids_are_plain() {
        assert!(is_client_id("01890a5d-ac96-774b"));
        for id in ["short", "with space", "ünïcödé8", &"x".repeat(65)] {
            assert!(!is_client_id(id), "{id}");
        }
    }
}
