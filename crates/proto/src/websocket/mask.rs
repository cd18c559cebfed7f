//! Masking (RFC 6455 §5.3): every byte a client sends is XORed with a key of four bytes.

/// XORs `data` with the masking key, which masks as well as it unmasks.
///
/// `offset` is the place of `data` within the payload of its frame, for payloads that come in pieces.
pub fn apply_mask(data: &mut [u8], key: [u8; 4], offset: usize) {
    let key = rotated(key, offset);
    let Some(&last) = data.last_chunk::<BLOCK>() else { return apply_short(data, key) };
    let (blocks, rest) = data.as_chunks_mut::<BLOCK>();
    let begun = rest.len();
    // The compiler makes one vector instruction of a block.
    let mask = repeated(key);
    for block in blocks {
        *block = xored(*block, mask);
    }
    // What is left is masked with the end of the block before it, as that was.
    if begun > 0
        && let Some(block) = data.last_chunk_mut()
    {
        *block = xored(last, repeated(rotated(key, begun)));
    }
}

fn apply_short(data: &mut [u8], key: [u8; 4]) {
    let half = u32::from_ne_bytes(key);
    let (halves, rest) = data.as_chunks_mut::<4>();
    for bytes in halves {
        *bytes = (u32::from_ne_bytes(*bytes) ^ half).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Bytes that are masked together: a vector register of the smallest machines.
const BLOCK: usize = 16;

#[inline]
fn repeated(key: [u8; 4]) -> [u8; BLOCK] {
    let word = u128::from(u32::from_ne_bytes(key));
    // The same in either byte order.
    (word << 96 | word << 64 | word << 32 | word).to_ne_bytes()
}

#[inline]
fn xored(block: [u8; BLOCK], mask: [u8; BLOCK]) -> [u8; BLOCK] {
    (u128::from_ne_bytes(block) ^ u128::from_ne_bytes(mask)).to_ne_bytes()
}

/// The key as it falls on the byte at `offset` and those after it.
#[inline]
pub(super) const fn rotated(key: [u8; 4], offset: usize) -> [u8; 4] {
    u32::from_le_bytes(key).rotate_right(8 * (offset % 4) as u32).to_le_bytes()
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
