//! WebSocket frames (RFC 6455 §5), written a second time and by hand, so that what is measured
//! is not also what measures. Only whole, unfragmented frames: no server here sends others.

use crate::error::{Error, Result};

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// No scenario sends more than 64 KiB, so a longer frame is a server gone wrong.
const MAX_PAYLOAD: u64 = 1 << 20;

/// Where one frame lies in the bytes it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: u8,
    pub(crate) key: Option<[u8; 4]>,
    /// Offset of the payload from the first byte of the frame.
    pub(crate) payload: usize,
    /// Offset of the first byte behind the frame.
    pub(crate) end: usize,
}

/// Finds the frame at the start of `bytes`; `None` while it is not complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Header>> {
    let &[first, second, ..] = bytes else { return Ok(None) };
    if first & 0xf0 != 0x80 {
        return Err(Error::unexpected("a fragment or a reserved bit", bytes));
    }
    let (length, mut at) = match second & 0x7f {
        126 => match bytes.get(2..4) {
            Some(&[a, b]) => (u64::from(u16::from_be_bytes([a, b])), 4),
            _ => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
            Some(long) => (u64::from_be_bytes(long), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    if length > MAX_PAYLOAD {
        return Err(Error::Wrong(format!("a frame of {length} bytes")));
    }
    let key = if second & 0x80 == 0 {
        None
    } else {
        let Some(key) = bytes.get(at..at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok()) else {
            return Ok(None);
        };
        at += 4;
        Some(key)
    };
    let end = at + usize::try_from(length).unwrap_or(usize::MAX);
    Ok((bytes.len() >= end).then_some(Header { opcode: first & 0x0f, key, payload: at, end }))
}

/// Appends one frame whose payload is `parts` in a row, masked when there is a key.
pub(crate) fn write(out: &mut Vec<u8>, opcode: u8, key: Option<[u8; 4]>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let masked = if key.is_some() { 0x80 } else { 0 };
    out.push(0x80 | opcode);
    if length < 126 {
        out.push(masked | length as u8);
    } else if let Ok(short) = u16::try_from(length) {
        out.push(masked | 126);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(masked | 127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    if let Some(key) = key {
        out.extend_from_slice(&key);
    }
    let payload = out.len();
    for part in parts {
        out.extend_from_slice(part);
    }
    if let (Some(key), Some(payload)) = (key, out.get_mut(payload..)) {
        mask(payload, key);
    }
}

/// Masks or unmasks in place, a machine word at a time.
pub(crate) fn mask(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_form_comes_back_as_it_was_written() {
        for length in [0, 1, 7, 125, 126, 127, 65_535, 65_536, 70_001] {
            for key in [None, Some([1, 2, 3, 250])] {
                let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
                let (head, tail) = payload.split_at(length / 3);
                let mut bytes = Vec::new();
                write(&mut bytes, BINARY, key, &[head, tail]);
                let whole = bytes.len();
                assert_eq!(parse(&bytes[..whole - 1]).unwrap(), None);
                let header = parse(&bytes).unwrap().unwrap();
                assert_eq!((header.opcode, header.key, header.end), (BINARY, key, whole));
                let found = &mut bytes[header.payload..header.end];
                if let Some(key) = key {
                    mask(found, key);
                }
                assert_eq!(found, payload);
            }
        }
    }

    #[test]
    fn fragments_and_giants_are_refused() {
        assert!(parse(&[0x01, 0x01, b'a']).is_err());
        assert!(parse(&[0xc1, 0x01, b'a']).is_err());
        assert!(parse(&[0x82, 127, 1, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
