//! The strings of JSON text: how far one goes as it is written, and writing one (RFC 8259 §7).

/// Bytes that are looked at together: a vector register of the smallest machines.
const BLOCK: usize = 16;
const TWO_BLOCKS: usize = 2 * BLOCK;

/// Blocks that are looked at before the search sets out.
const BLOCKS_FIRST: usize = 6;

/// How far is looked ahead for a quote or a backslash before what lies between is checked, so that text full of control
/// characters costs no more than so much for each.
const WINDOW: usize = 1 << 10;

/// Offset of the first byte from `at` that a string can't hold as itself (a quote, a backslash or a control
/// character), or the length of `bytes`.
#[inline]
pub(super) fn find_special(bytes: &[u8], at: usize) -> usize {
    // Most strings, names above all, end soon: a look at eight bytes is cheaper than to set out for a search.
    match special_in_word(bytes, at) {
        None => find_in_words(bytes, at),
        Some(8) => find_from_blocks(bytes, at + 8),
        Some(found) => at + found,
    }
}

/// As [`find_special`], for what did not end at once: a few blocks more before a search is worth setting out for.
fn find_from_blocks(bytes: &[u8], at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    for _ in 0..BLOCKS_FIRST {
        match rest.split_first_chunk::<BLOCK>() {
            Some((block, behind)) if !has_special(block) => rest = behind,
            _ => return find_in_words(bytes, bytes.len() - rest.len()),
        }
    }
    find_far(bytes, bytes.len() - rest.len())
}

/// As [`find_special`], for what may be far: the quote or backslash is searched for with the widest registers of the
/// machine, and what stands before it is looked through for control characters, which hardly any text has.
fn find_far(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let window = rest.get(..WINDOW).unwrap_or(rest);
        let found = memchr::memchr2(b'"', b'\\', window);
        let plain = found.and_then(|found| window.get(..found)).unwrap_or(window);
        if has_control(plain) {
            return at + find_in_words(plain, 0);
        }
        at += plain.len();
        if found.is_some() || window.len() == rest.len() {
            return at;
        }
    }
}

/// Whether there is a control character. The fold has no branch, so that it is done in vector registers.
#[inline]
fn has_control(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<BLOCK>() else {
        return in_few(bytes, |word| word.wrapping_sub(SPACES) & !word);
    };
    let mut least = *last;
    for block in bytes.as_chunks::<BLOCK>().0 {
        for (least, &byte) in least.iter_mut().zip(block) {
            *least = byte.min(*least);
        }
    }
    least.iter().fold(u8::MAX, |least, &byte| least.min(byte)) < b' '
}

/// Whether a string can hold all of it as it is.
#[inline]
fn is_clean(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk::<TWO_BLOCKS>() {
        let (blocks, _) = bytes.as_chunks::<TWO_BLOCKS>();
        return !blocks.iter().any(has_special)
            && (bytes.len().is_multiple_of(TWO_BLOCKS) || !has_special(last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<BLOCK>(), bytes.last_chunk::<BLOCK>()) {
        return !has_special(first) && !has_special(last);
    }
    !in_few(bytes, special_bits)
}

/// Whether there is something special in a block. The fold has no branch, so that it is done in vector registers.
#[inline]
fn has_special<const N: usize>(block: &[u8; N]) -> bool {
    let special = block.iter().fold(0, |found, &byte| {
        found | u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\')
    });
    special != 0
}

/// Whether `bits` sets the highest bit of a byte of this text, which is shorter than a block.
#[inline]
fn in_few(bytes: &[u8], bits: impl Fn(u64) -> u64) -> bool {
    let found = if let (Some(head), Some(tail)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        bits(u64::from_le_bytes(*head)) | bits(u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        bits(u64::from(u32::from_le_bytes(*head)) << 32 | u64::from(u32::from_le_bytes(*tail)))
    } else {
        // Three bytes at most, among spaces, which are nothing special.
        bits(bytes.iter().fold(SPACES, |word, &byte| word << 8 | u64::from(byte)))
    };
    found & HIGHS != 0
}

/// The place of the first special byte in the eight bytes from `at`: 8 if there is none. `None` where there are
/// no eight bytes.
#[inline]
fn special_in_word(bytes: &[u8], at: usize) -> Option<usize> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some((special_bytes(u64::from_le_bytes(*chunk)).trailing_zeros() / 8) as usize)
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
    let Some(chunk) = bytes.last_chunk::<8>() else {
        let special = |&byte: &u8| byte < b' ' || byte == b'"' || byte == b'\\';
        let rest = bytes.get(at..).unwrap_or_default();
        return at + rest.iter().position(special).unwrap_or(rest.len());
    };
    // What is left, moved to the front; the zeros behind it are not looked at.
    let word = u64::from_le_bytes(*chunk) >> (8 * (8 - left));
    let found = special_bytes(word) & (u64::MAX >> (8 * (8 - left)));
    if found == 0 { bytes.len() } else { at + (found.trailing_zeros() / 8) as usize }
}

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);

/// The highest bit of each byte that is special; above the first such byte others may be set by mistake.
#[inline]
const fn special_bytes(word: u64) -> u64 {
    special_bits(word) & HIGHS
}

/// As [`special_bytes`], with other bits than the highest undefined.
#[inline]
const fn special_bits(word: u64) -> u64 {
    // "Has a byte less than n" of the well-known bit tricks: exact for the lowest byte that matches. None of the three is
    // above 127, so that the highest bits of `word` are those of each difference.
    let control = word.wrapping_sub(SPACES);
    let quote = (word ^ QUOTES).wrapping_sub(ONES);
    let backslash = (word ^ BACKSLASHES).wrapping_sub(ONES);
    (control | quote | backslash) & !word
}

/// Appends `text` as a JSON string, with its quotes: what must be escaped is, and nothing else.
#[inline]
pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    if is_clean(bytes) {
        out.extend_from_slice(bytes);
    } else {
        write_escaped(out, bytes, find_special(bytes, 0));
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
    fn text_is_clean_where_nothing_special_is_found_in_it() {
        for length in 0..70 {
            let clean = vec![b'x'; length];
            assert!(is_clean(&clean) && !has_control(&clean), "{length}");
            for special in (0..=u8::MAX).filter(|byte| !byte.is_ascii_alphanumeric()) {
                for place in 0..length {
                    let mut text = clean.clone();
                    text[place] = special;
                    let at = format!("{special} at {place} of {length}");
                    assert_eq!(is_clean(&text), find_special(&text, 0) == length, "{at}");
                    assert_eq!(has_control(&text), special < b' ', "{at}");
                }
            }
        }
    }

    #[test]
    fn what_is_far_is_found() {
        for length in
            [100, 104, 105, 120, WINDOW - 1, WINDOW, WINDOW + 1, WINDOW + 8, WINDOW + 9, 3 * WINDOW + 8]
        {
            let clean = vec![b'x'; length];
            assert_eq!(find_special(&clean, 0), length);
            for (special, place) in [(b'"', length - 1), (b'\n', length - 1), (b'\\', length / 2), (0, 9)] {
                let mut text = clean.clone();
                text[place] = special;
                assert_eq!(find_special(&text, 0), place, "{special} in {length}");
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
