//! A scanner for JSON text that builds nothing.
//!
//! It validates the grammar of RFC 8259 in one pass, without allocating and without recursion, bounds the
//! nesting, and notes where the elements of a top-level array lie. What it accepts is what `serde_json`
//! accepts when it ignores a value, except for the nesting: an escaped lone surrogate (JavaScript sends them)
//! and a number beyond `f64` are valid text here, and refused only by a type that can't hold them.

use super::text::find_special;

/// The deepest nesting that any setting allows, and the default.
///
/// Data of real applications stays under 30 levels. What is accepted here may be passed on unparsed to
/// clients and other nodes, whose decoders are recursive; 1,024 levels harm none of them, and the scanner
/// keeps one bit a level in 128 bytes of stack.
pub const MAX_DEPTH: usize = 1024;

/// What a text holds at its top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// `null`, `true` or `false`.
    Literal,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array(Array),
    /// An object.
    Object,
}

/// Where the elements of a top-level array lie, as byte offsets into the scanned text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Array {
    /// Number of elements.
    pub len: usize,
    /// Start of the first element; the closing bracket if there is none.
    pub first: usize,
    /// End of the first element.
    pub first_end: usize,
    /// Whether the first element is a string that is written with escapes: one without is what stands between
    /// its quotes.
    pub first_escaped: bool,
    /// Start of the second element; the closing bracket if there is none.
    pub second: usize,
    /// End of the second element, where that is a string that stands between its quotes as it is; else 0.
    pub second_plain: usize,
    /// The closing bracket.
    pub close: usize,
}

impl Array {
    /// `escaped` is that of the last string, which is this element if it is one.
    #[inline]
    fn end_element(&mut self, end: usize, next: usize, escaped: bool, bytes: &[u8]) {
        self.len += 1;
        if self.len == 1 {
            self.first_end = end;
            self.second = next;
            self.first_escaped = escaped;
        } else if self.len == 2 && !escaped && bytes.get(self.second) == Some(&b'"') {
            self.second_plain = end;
        }
    }
}

/// Why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Not JSON; the offset is that of the first byte that fits nowhere, or the text's length.
    #[error("invalid JSON at byte {0}")]
    Syntax(usize),
    /// Arrays and objects are nested deeper than allowed; the offset is that of the bracket.
    #[error("JSON nested too deeply at byte {0}")]
    TooDeep(usize),
}

/// Validates `text` as one JSON value with optional white space around it.
///
/// `max_depth` is the number of arrays and objects that may be open at once, [`MAX_DEPTH`] at most.
#[inline]
pub fn scan(text: &str, max_depth: usize) -> Result<Root, ScanError> {
    match strings(text.as_bytes()) {
        Some(array) if max_depth > 0 => Ok(Root::Array(array)),
        _ => scan_any(text, max_depth),
    }
}

/// An array of nothing but strings, without white space around them and without escapes: most events are, and as long as
/// they are there is little to keep in mind. `None` where it is anything else, or nothing.
#[inline]
fn strings(bytes: &[u8]) -> Option<Array> {
    // What ends otherwise is not even begun with.
    let [b'[', b'"', .., b'"', b']'] = bytes else { return None };
    let mut array = Array { first: 1, ..Array::default() };
    // Behind an opening quote.
    let mut at = 2;
    loop {
        at = find_special(bytes, at);
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        at += 1;
        array.len += 1;
        match array.len {
            1 => array.first_end = at,
            2 => array.second_plain = at,
            _ => {}
        }
        let behind = bytes.get(at..)?;
        let next = match behind {
            [b',', b'"', ..] => at + 1,
            [b']'] => at,
            _ => return None,
        };
        if array.len == 1 {
            array.second = next;
        }
        if next == at {
            array.close = at;
            return Some(array);
        }
        at += 2;
    }
}

fn scan_any(text: &str, max_depth: usize) -> Result<Root, ScanError> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, open: Open::default() };
    scanner.skip_whitespace();
    let root = scanner.value(max_depth.min(MAX_DEPTH))?;
    scanner.skip_whitespace();
    if scanner.at < scanner.bytes.len() { Err(ScanError::Syntax(scanner.at)) } else { Ok(root) }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Open,
}

/// The kinds of the containers that are open: one bit a level, set for an object.
#[derive(Default)]
struct Open {
    depth: usize,
    bits: [u64; MAX_DEPTH / 64],
}

impl Open {
    /// `false` if that is one level too many.
    #[inline]
    fn push(&mut self, object: bool, max_depth: usize) -> bool {
        if self.depth >= max_depth {
            return false;
        }
        let Some(word) = self.bits.get_mut(self.depth / 64) else { return false };
        let bit = 1 << (self.depth % 64);
        *word = if object { *word | bit } else { *word & !bit };
        self.depth += 1;
        true
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
    }

    #[inline]
    fn in_object(&self) -> bool {
        let level = self.depth.wrapping_sub(1);
        self.bits.get(level / 64).is_some_and(|word| word & (1 << (level % 64)) != 0)
    }
}

impl Scanner<'_> {
    fn value(&mut self, max_depth: usize) -> Result<Root, ScanError> {
        let root = match self.peek() {
            Some(b'[') => Root::Array(Array::default()),
            Some(b'{') => Root::Object,
            Some(b'"') => Root::String,
            Some(b'-' | b'0'..=b'9') => Root::Number,
            _ => Root::Literal,
        };
        let mut array = Array::default();
        let mut escaped = false;
        'value: loop {
            match self.peek() {
                Some(b'"') => escaped = self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(bracket @ (b'[' | b'{')) => {
                    let object = bracket == b'{';
                    if !self.open.push(object, max_depth) {
                        return Err(ScanError::TooDeep(self.at));
                    }
                    self.at += 1;
                    self.skip_whitespace();
                    if self.open.depth == 1 {
                        array.first = self.at;
                    }
                    if self.peek() == Some(if object { b'}' } else { b']' }) {
                        if self.open.depth == 1 {
                            array = Array {
                                len: 0,
                                first_end: self.at,
                                second: self.at,
                                close: self.at,
                                ..array
                            };
                        }
                        self.at += 1;
                        self.open.pop();
                    } else {
                        if object {
                            self.key()?;
                        }
                        continue 'value;
                    }
                }
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => return Err(self.syntax()),
            }
            // A value has ended: close what it ends, or go to the next one.
            while self.open.depth > 0 {
                let top = self.open.depth == 1;
                let end = self.at;
                self.skip_whitespace();
                let object = self.open.in_object();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.skip_whitespace();
                        if top {
                            array.end_element(end, self.at, escaped, self.bytes);
                        }
                        if object {
                            self.key()?;
                        }
                        continue 'value;
                    }
                    Some(b']') if !object => {}
                    Some(b'}') if object => {}
                    _ => return Err(self.syntax()),
                }
                if top {
                    array.close = self.at;
                    array.end_element(end, self.at, escaped, self.bytes);
                }
                self.at += 1;
                self.open.pop();
                // What ends next is this array or object, no string.
                escaped = false;
            }
            return Ok(if matches!(root, Root::Array(_)) { Root::Array(array) } else { root });
        }
    }

    /// A key, its colon and the white space before the value.
    #[inline]
    fn key(&mut self) -> Result<(), ScanError> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax());
        }
        self.string()?;
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(self.syntax());
        }
        self.at += 1;
        self.skip_whitespace();
        Ok(())
    }

    /// A string, from its opening quote to behind its closing one; whether there was an escape in it.
    #[inline]
    fn string(&mut self) -> Result<bool, ScanError> {
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at = find_special(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|digit| digit.is_ascii_hexdigit()) {
                        return Err(self.syntax());
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.syntax()),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), ScanError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        // `01` must not pass as two values; no other byte of a number can follow unnoticed.
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) { Err(self.syntax()) } else { Ok(()) }
    }

    /// One digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.syntax()) } else { Ok(()) }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), ScanError> {
        for &expected in word {
            if self.peek() != Some(expected) {
                return Err(self.syntax());
            }
            self.at += 1;
        }
        Ok(())
    }

    #[inline]
    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn syntax(&self) -> ScanError {
        ScanError::Syntax(self.at)
    }
}

/// The elements of a comma separated list (an array without its brackets) that [`scan`] has accepted, each
/// as its own text without white space around it.
///
/// For text that was not scanned the items are unspecified slices of it.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a str,
}

impl<'a> Elements<'a> {
    /// Over `list`, the text between the brackets.
    pub fn new(list: &'a str) -> Self {
        Self { rest: list }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_ascii_start();
        if text.is_empty() {
            return None;
        }
        let end = value_end(text.as_bytes());
        let element = text.get(..end)?;
        let after = text.get(end..)?.trim_ascii_start();
        self.rest = after.strip_prefix(',').unwrap_or(after);
        Some(element)
    }
}

impl std::iter::FusedIterator for Elements<'_> {}

/// End of the value that valid `bytes` begin with. At least 1, so that a walk over invalid text ends too.
fn value_end(bytes: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            // A number or literal at the top level ends here.
            b',' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return at.max(1),
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

/// Offset behind the string whose opening quote is at `at`, in valid text.
pub(super) fn string_end(bytes: &[u8], mut at: usize) -> usize {
    at += 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at + 1;
        }
        at = (at + 2).min(bytes.len());
    }
    bytes.len()
}
