//! Masking (RFC 6455 §5.3): every byte a client sends is XORed with a key of four bytes.

/// XORs `data` with the masking key, which masks as well as it unmasks.
///
/// `offset` is the place of `data` within the payload of its frame, for payloads that come in pieces.
pub fn apply_mask(data: &mut [u8], key: [u8; 4], offset: usize) {
    let key = rotated(key, offset);
    let half = u32::from_ne_bytes(key);
    // The same in either byte order.
    let word = u64::from(half) << 32 | u64::from(half);
    // Words rather than bytes: the compiler makes vector instructions of this loop.
    let (words, rest) = data.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    let (halves, rest) = rest.as_chunks_mut::<4>();
    for bytes in halves {
        *bytes = (u32::from_ne_bytes(*bytes) ^ half).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// The key as it falls on the byte at `offset` and those after it.
pub(super) const fn rotated([a, b, c, d]: [u8; 4], offset: usize) -> [u8; 4] {
    match offset % 4 {
        0 => [a, b, c, d],
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        _ => [d, a, b, c],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_offset_is_masked_as_the_specification_says() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..70 {
            for offset in 0..9 {
                let plain: Vec<u8> = (0..len).collect();
                let mut masked = plain.clone();
                apply_mask(&mut masked, key, offset);
                let expected: Vec<u8> =
                    plain.iter().enumerate().map(|(i, byte)| byte ^ key[(i + offset) % 4]).collect();
                assert_eq!(masked, expected, "{len} bytes at {offset}");
            }
        }
    }

    #[test]
    fn the_example_of_the_specification() {
        let mut data = *b"\x7f\x9f\x4d\x51\x58";
        apply_mask(&mut data, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&data, b"Hello");
    }
}
