//! The strings of JSON text: how far one goes as it is written, and writing one (RFC 8259 §7).

/// Bytes that are looked at together: two vector registers of the smallest machines.
const BLOCK: usize = 32;

/// Words of eight bytes that are looked at before the first block.
const WORDS_FIRST: usize = 2;

/// Offset of the first byte from `at` that a string can't hold as itself (a quote, a backslash or a control
/// character), or the length of `bytes`.
#[inline]
pub(super) fn find_special(bytes: &[u8], mut at: usize) -> usize {
    // Most strings end soon, and a block that holds the end has been looked at in vain.
    for _ in 0..WORDS_FIRST {
        let Some(found) = special_in_word(bytes, at) else { return find_in_words(bytes, at) };
        if found < 8 {
            return at + found;
        }
        at += 8;
    }
    find_in_words(bytes, skip_clean_blocks(bytes, at))
}

/// The place of the first special byte in the eight bytes from `at`: 8 if there is none. `None` where there are
/// no eight bytes.
#[inline]
fn special_in_word(bytes: &[u8], at: usize) -> Option<usize> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some((special_bytes(u64::from_le_bytes(*chunk)).trailing_zeros() / 8) as usize)
}

/// Goes on while whole blocks hold nothing special. The fold has no branch, so that it is done in vector
/// registers: less than half an instruction a byte, where eight bytes at a time take nearly three.
#[inline]
fn skip_clean_blocks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let special = block.iter().fold(0, |found, &byte| {
            found | u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\')
        });
        if special != 0 {
            break;
        }
        at += BLOCK;
    }
    at
}

/// As [`find_special`], eight bytes at a time, the last of them together with what stands before.
#[inline]
fn find_in_words(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = special_in_word(bytes, at) {
        if found < 8 {
            return at + found;
        }
        at += 8;
    }
    let left = bytes.len().saturating_sub(at);
    if left == 0 {
        return bytes.len();
    }
    let Some(chunk) = bytes.last_chunk::<8>() else { return find_in_few(bytes, at) };
    // What is left, moved to the front; the zeros behind it are not looked at.
    let word = u64::from_le_bytes(*chunk) >> (8 * (8 - left));
    let found = special_bytes(word) & (u64::MAX >> (8 * (8 - left)));
    if found == 0 { bytes.len() } else { at + (found.trailing_zeros() / 8) as usize }
}

/// The highest bit of each byte that is special; above the first such byte others may be set by mistake.
#[inline]
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);
    // "Has a byte less than n" of the well-known bit tricks: exact for the lowest byte that matches.
    let control = word.wrapping_sub(SPACES) & !word;
    let quote = word ^ QUOTES;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = word ^ BACKSLASHES;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGHS
}

/// As [`find_special`], in a text of less than eight bytes.
#[inline]
fn find_in_few(bytes: &[u8], at: usize) -> usize {
    // Halves that overlap: as a rule there is nothing special, and one look at them all tells.
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>())
        && special_bytes(u64::from(u32::from_le_bytes(*head)) << 32 | u64::from(u32::from_le_bytes(*tail)))
            == 0
    {
        return bytes.len();
    }
    let special = |&byte: &u8| byte < b' ' || byte == b'"' || byte == b'\\';
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(special).unwrap_or(rest.len())
}

/// Appends `text` as a JSON string, with its quotes: what must be escaped is, and nothing else.
#[inline]
pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    // How long it is is known here: it is worth going by blocks where there is one.
    let clean = find_in_words(bytes, skip_clean_blocks(bytes, 0));
    if clean == bytes.len() {
        out.extend_from_slice(bytes);
    } else {
        write_escaped(out, bytes, clean);
    }
    out.push(b'"');
}

/// Appends what has a special byte at `special`, and may have more.
#[cold]
fn write_escaped(out: &mut Vec<u8>, bytes: &[u8], mut special: usize) {
    let mut start = 0;
    loop {
        out.extend_from_slice(bytes.get(start..special).unwrap_or_default());
        let Some(&byte) = bytes.get(special) else { return };
        write_escape(out, byte);
        start = special + 1;
        // Where one is, others are not far.
        special = find_in_words(bytes, start);
    }
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_special_byte_is_found_wherever_it_stands() {
        for length in [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 100] {
            let clean = vec![b'x'; length];
            assert_eq!(find_special(&clean, 0), length);
            for special in (0..b' ').chain([b'"', b'\\']) {
                for place in 0..length {
                    let mut text = clean.clone();
                    text[place] = special;
                    for from in 0..=place {
                        assert_eq!(find_special(&text, from), place, "{special} at {place} from {from}");
                    }
                    assert_eq!(find_special(&text, place + 1), length);
                }
            }
        }
    }

    #[test]
    fn what_needs_no_escape_is_nothing_special() {
        for byte in (b' '..=u8::MAX).filter(|byte| !matches!(byte, b'"' | b'\\')) {
            assert_eq!(find_special(&[byte; 70], 0), 70, "{byte}");
        }
    }

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn all_that_is_escaped_is_escaped_as_serde_json_does() {
        let all: String = (0..0x250).filter_map(char::from_u32).collect();
        assert_eq!(written(&all), serde_json::to_string(&all).unwrap());
    }

    proptest! {
        #[test]
        fn strings_are_written_as_by_serde_json(text in "(\\PC|[\\x00-\\x7f]){0,200}") {
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
