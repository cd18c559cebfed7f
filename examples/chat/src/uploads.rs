//! Pictures from outside: what they are is read from their bytes, never from a name or a declared type.

/// The largest picture, in bytes. The page shrinks what is larger before it sends.
pub(crate) const MAX_PICTURE: usize = 2 * 1024 * 1024;
/// The largest own avatar, in bytes.
pub(crate) const MAX_AVATAR: usize = 512 * 1024;
/// The longest side, in pixels.
const MAX_SIDE: u32 = 10_000;
/// The most pixels: decoding takes four bytes for each in every reader's browser.
const MAX_PIXELS: u64 = 40_000_000;

/// What the bytes of a picture show it to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Its media type.
    pub(crate) format: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Why bytes were not taken as a picture; the text for people is `problem.` + [`code`](Self::code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    TooLarge,
    NotAPicture,
    TooManyPixels,
}

impl NotTaken {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "picture_too_large",
            Self::NotAPicture => "not_a_picture",
            Self::TooManyPixels => "picture_too_many_pixels",
        }
    }
}

/// Checks that `bytes` are a PNG, JPEG, GIF or WebP of a sane size, and reads its measures.
pub(crate) fn check(bytes: &[u8], max_bytes: usize) -> Result<Checked, NotTaken> {
    if bytes.len() > max_bytes {
        return Err(NotTaken::TooLarge);
    }
    let found = png(bytes).or_else(|| gif(bytes)).or_else(|| webp(bytes)).or_else(|| jpeg(bytes));
    let checked = found.ok_or(NotTaken::NotAPicture)?;
    let (width, height) = (checked.width, checked.height);
    if width == 0 || height == 0 {
        return Err(NotTaken::NotAPicture);
    }
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(NotTaken::TooManyPixels);
    }
    Ok(checked)
}

/// PNG (ISO/IEC 15948): the signature, then a header chunk with the measures.
fn png(bytes: &[u8]) -> Option<Checked> {
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?.strip_prefix(b"\0\0\0\x0dIHDR")?;
    Some(Checked { format: "image/png", width: be32(rest)?, height: be32(rest.get(4..)?)? })
}

/// GIF 87a and 89a: the logical screen follows the signature.
fn gif(bytes: &[u8]) -> Option<Checked> {
    let rest = bytes.strip_prefix(b"GIF87a").or_else(|| bytes.strip_prefix(b"GIF89a"))?;
    Some(Checked { format: "image/gif", width: le16(rest)?, height: le16(rest.get(2..)?)? })
}

/// WebP (RFC 9649): a RIFF file whose first chunk is one of three kinds.
fn webp(bytes: &[u8]) -> Option<Checked> {
    let rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WEBP")?;
    let (kind, data) = (rest.get(..4)?, rest.get(8..)?);
    let (width, height) = match kind {
        b"VP8X" => (le24(data.get(4..)?)? + 1, le24(data.get(7..)?)? + 1),
        b"VP8L" => {
            let bits = u32::from_le_bytes(data.strip_prefix(b"\x2f")?.get(..4)?.try_into().ok()?);
            ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)
        }
        b"VP8 " => {
            let frame = data.get(3..)?.strip_prefix(b"\x9d\x01\x2a")?;
            (le16(frame)? & 0x3fff, le16(frame.get(2..)?)? & 0x3fff)
        }
        _ => return None,
    };
    Some(Checked { format: "image/webp", width, height })
}

/// JPEG (ITU T.81): segments up to the one that starts the frame.
fn jpeg(bytes: &[u8]) -> Option<Checked> {
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    loop {
        rest = rest.strip_prefix(b"\xff")?;
        let (&marker, after) = rest.split_first()?;
        match marker {
            0xff => continue,
            0x01 | 0xd0..=0xd7 => rest = after,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let (height, width) = (be16(after.get(3..)?)?, be16(after.get(5..)?)?);
                return Some(Checked { format: "image/jpeg", width, height });
            }
            0xd8..=0xda => return None,
            _ => {
                let length = usize::try_from(be16(after)?).ok().filter(|length| *length >= 2)?;
                rest = after.get(length..)?;
            }
        }
    }
}

fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.first_chunk()?))
}

fn be16(bytes: &[u8]) -> Option<u32> {
    Some(u16::from_be_bytes(*bytes.first_chunk()?).into())
}

fn le16(bytes: &[u8]) -> Option<u32> {
    Some(u16::from_le_bytes(*bytes.first_chunk()?).into())
}

fn le24(bytes: &[u8]) -> Option<u32> {
    let [a, b, c] = *bytes.first_chunk()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A PNG header with these measures; enough for the check, which does not decode.
    pub(crate) fn png_of(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend(b"\x08\x06\0\0\0");
        bytes
    }

    fn shape(bytes: &[u8]) -> Option<(&'static str, u32, u32)> {
        check(bytes, MAX_PICTURE).ok().map(|c| (c.format, c.width, c.height))
    }

    #[test]
    fn each_format_is_known_by_its_bytes() {
        assert_eq!(shape(&png_of(3, 2)), Some(("image/png", 3, 2)));
        assert_eq!(shape(b"GIF89a\x05\0\x04\0\0\0\0"), Some(("image/gif", 5, 4)));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc2\0\x11\x08\0\x07\0\x09\x03";
        assert_eq!(shape(jpeg), Some(("image/jpeg", 9, 7)));
        assert_eq!(
            shape(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x09\0\0\x13\0\0"),
            Some(("image/webp", 10, 20))
        );
        assert_eq!(
            shape(b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x06\0\x08\0"),
            Some(("image/webp", 6, 8))
        );
        let lossless =
            [b"RIFF\0\0\0\0WEBPVP8L\x05\0\0\0\x2f".as_slice(), &(4_u32 | (2 << 14)).to_le_bytes()].concat();
        assert_eq!(shape(&lossless), Some(("image/webp", 5, 3)));
    }

    #[test]
    fn everything_else_is_not_a_picture() {
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".as_slice();
        for bytes in [
            b"".as_slice(),
            svg,
            b"<html>",
            b"%PDF-1.7",
            b"BM\0\0",
            b"\xff\xd8\xff",
            b"GIF89a",
            &png_of(0, 9),
        ] {
            assert_eq!(check(bytes, MAX_PICTURE), Err(NotTaken::NotAPicture), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        assert_eq!(check(&vec![0; MAX_PICTURE + 1], MAX_PICTURE), Err(NotTaken::TooLarge));
        assert_eq!(check(&png_of(20_000, 1), MAX_PICTURE), Err(NotTaken::TooManyPixels));
        assert_eq!(check(&png_of(9_000, 9_000), MAX_PICTURE), Err(NotTaken::TooManyPixels));
    }

    #[test]
    fn every_cut_of_a_picture_is_answered_without_a_panic() {
        let whole = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc2\0\x11\x08\0\x07\0\x09\x03";
        for end in 0..whole.len() {
            let _ = check(&whole[..end], MAX_PICTURE);
            let mut broken = whole.to_vec();
            broken[end] ^= 0xff;
            let _ = check(&broken, MAX_PICTURE);
        }
    }
}
