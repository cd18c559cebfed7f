//! The two texts that a client comes back with: the secret id of its session, and the offset of what it saw last.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A place in a log: the first packet is at 1, and 0 is before everything.
pub type Position = u64;

/// The alphabet of the official offsets: in the order of its characters, so that offsets of one log can be compared.
const ALPHABET: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// Few logs come so far while their process lives: an offset of another log has three zeros where a word has letters.
const FAR: Position = 1 << 30;

/// What tells the offsets of one log from those of another: after a restart a client may still hold an old one.
pub(super) type Epoch = [u8; Offset::EPOCH];

/// The text of a position. Opaque to clients.
///
/// Always of the same length, so that its place in an encoded packet can be made before the position is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Offset([u8; Self::LEN]);

impl Offset {
    /// The bytes of every offset.
    pub const LEN: usize = Self::EPOCH + Self::DIGITS;
    /// The characters that name the log: 24 bits.
    const EPOCH: usize = 4;
    /// The characters of the position: 48 bits, enough for a million packets a second for nine years.
    const DIGITS: usize = 8;

    pub(super) fn new(epoch: Epoch, position: Position) -> Self {
        let mut text = [0; Self::LEN];
        let (log, digits) = text.split_at_mut(Self::EPOCH);
        log.copy_from_slice(&epoch);
        let mut rest = position;
        for digit in digits.iter_mut().rev() {
            *digit = character(rest);
            rest >>= 6;
        }
        Self(text)
    }

    /// Its characters, all ASCII.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// The character of the lowest six bits.
fn character(bits: u64) -> u8 {
    // Six bits are below the length of the alphabet.
    ALPHABET[(bits & 63) as usize]
}

/// The name of a log, from random bits.
pub(super) fn epoch(random: u64) -> Epoch {
    [character(random), character(random >> 6), character(random >> 12), character(random >> 18)]
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a client's offset says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing: the client has none.
    Nothing,
    /// Everything up to here.
    UpTo(Position),
    /// It is another log's, so nothing of this one.
    OtherLog,
    /// It is no offset.
    Unknown,
}

impl Seen {
    pub(super) fn read(offset: Option<&str>, epoch: Epoch) -> Self {
        let Some(offset) = offset else { return Self::Nothing };
        let Some((log, digits)) = offset.as_bytes().split_at_checked(Offset::EPOCH) else {
            return Self::Unknown;
        };
        let value = |byte: &u8| ALPHABET.iter().position(|character| character == byte);
        if digits.len() != Offset::DIGITS || !log.iter().all(|byte| value(byte).is_some()) {
            return Self::Unknown;
        }
        let read = digits.iter().try_fold(0, |position, byte| Some(position << 6 | value(byte)? as Position));
        match read {
            Some(position) if log == epoch => Self::UpTo(position),
            // Any word of twelve letters reads as a number: one that no log comes to is a word.
            Some(position) if position < FAR => Self::OtherLog,
            Some(_) | None => Self::Unknown,
        }
    }
}

/// The secret id of a session: whoever shows it is the client that it was given to.
///
/// It is compared in a time that does not depend on where two differ, and does not show itself in `Debug`.
#[derive(Clone)]
pub struct Pid([u8; Self::LEN]);

impl Pid {
    /// The characters of every id.
    pub const LEN: usize = 20;

    /// An id of 120 random bits.
    #[must_use]
    pub fn new(random: [u8; 15]) -> Self {
        let mut text = [0; Self::LEN];
        for (from, to) in random.chunks(3).zip(text.chunks_mut(4)) {
            let bits = from.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
            for (place, character_at) in to.iter_mut().rev().enumerate() {
                *character_at = character(bits >> (6 * place));
            }
        }
        Self(text)
    }

    /// Reads one, if the text can be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; Self::LEN] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| ALPHABET.contains(byte)).then_some(Self(bytes))
    }

    /// The secret itself, to be told to its client alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        // Only characters of the alphabet get in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl PartialEq for Pid {
    fn eq(&self, other: &Self) -> bool {
        let differences = self.0.iter().zip(&other.0).fold(0, |seen, (a, b)| seen | (a ^ b));
        std::hint::black_box(differences) == 0
    }
}

impl Eq for Pid {}

impl Hash for Pid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pid(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_as_it_was_written() {
        let here = epoch(0x12_3456);
        for position in [0, 1, 63, 64, 1_000_000, (1 << 48) - 1] {
            let text = Offset::new(here, position).to_string();
            assert_eq!(text.len(), Offset::LEN);
            assert_eq!(Seen::read(Some(&text), here), Seen::UpTo(position));
            let elsewhere = if position < FAR { Seen::OtherLog } else { Seen::Unknown };
            assert_eq!(Seen::read(Some(&text), epoch(1)), elsewhere);
        }
        let (earlier, later) = (Offset::new(here, 63), Offset::new(here, 64));
        assert!(earlier.as_bytes() < later.as_bytes());
    }

    #[test]
    fn what_is_no_offset_says_nothing() {
        let here = epoch(7);
        assert_eq!(Seen::read(None, here), Seen::Nothing);
        for text in
            ["", "x", "hello", "exactly12byt", "2026-11-21-a", "é€é€é€", "with a space", "0000000000000"]
        {
            assert_eq!(Seen::read(Some(text), here), Seen::Unknown, "{text}");
        }
    }

    #[test]
    fn a_pid_is_twenty_characters_that_stay_secret() {
        let pid = Pid::new([255; 15]);
        assert_eq!(Pid::parse(pid.reveal()), Some(pid.clone()));
        assert_eq!(pid.reveal().len(), 20);
        assert_ne!(pid, Pid::new([254; 15]));
        assert_eq!(format!("{pid:?}"), "Pid(…)");
        for text in ["", "short", "exactly-20-chars-!!!", "ééééééééé€"] {
            assert_eq!(Pid::parse(text), None, "{text}");
        }
    }
}
