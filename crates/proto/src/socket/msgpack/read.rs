//! Reads msgpack value by value, out of a slice, without building anything.
//!
//! Specification: <https://github.com/msgpack/msgpack/blob/master/spec.md>, all of it; ext type 0 is notepack's.
//! No length that a peer names makes it allocate or skip anything that has not come.

use crate::socket::MsgpackError;

/// What a value is, or for an array or map what begins: its elements follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Undefined,
    Bool(bool),
    Uint(u64),
    /// Below zero.
    Int(i64),
    Float(f64),
    /// Text, not checked yet to be UTF-8.
    Str(&'a [u8]),
    Bin(&'a [u8]),
    /// Milliseconds since 1970.
    Date(i64),
    Ext(i8, &'a [u8]),
    /// So many values follow.
    Array(u32),
    /// So many pairs of values follow.
    Map(u32),
}

#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next value, or the beginning of the next array or map.
    pub(super) fn token(&mut self) -> Result<Token<'a>, MsgpackError> {
        let marker = u8::from_be_bytes(self.array()?);
        Ok(match marker {
            0x00..=0x7f => Token::Uint(marker.into()),
            0x80..=0x8f => Token::Map((marker & 0x0f).into()),
            0x90..=0x9f => Token::Array((marker & 0x0f).into()),
            0xa0..=0xbf => Token::Str(self.take((marker & 0x1f).into())?),
            0xc0 => Token::Nil,
            0xc1 => return Err(MsgpackError::NeverUsed),
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4 => Token::Bin(self.sized::<1>()?),
            0xc5 => Token::Bin(self.sized::<2>()?),
            0xc6 => Token::Bin(self.sized::<4>()?),
            0xc7 => self.ext::<1>()?,
            0xc8 => self.ext::<2>()?,
            0xc9 => self.ext::<4>()?,
            0xca => Token::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Token::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Token::Uint(u8::from_be_bytes(self.array()?).into()),
            0xcd => Token::Uint(u16::from_be_bytes(self.array()?).into()),
            0xce => Token::Uint(u32::from_be_bytes(self.array()?).into()),
            0xcf => Token::Uint(u64::from_be_bytes(self.array()?)),
            0xd0 => integer(i8::from_be_bytes(self.array()?).into()),
            0xd1 => integer(i16::from_be_bytes(self.array()?).into()),
            0xd2 => integer(i32::from_be_bytes(self.array()?).into()),
            0xd3 => integer(i64::from_be_bytes(self.array()?)),
            0xd4 => match self.fixext(1)? {
                Token::Ext(0, _) => Token::Undefined,
                other => other,
            },
            0xd5 => self.fixext(2)?,
            0xd6 => self.fixext(4)?,
            0xd7 => match self.fixext(8)? {
                Token::Ext(0, millis) => match millis.first_chunk() {
                    Some(millis) => Token::Date(i64::from_be_bytes(*millis)),
                    None => return Err(MsgpackError::Truncated),
                },
                other => other,
            },
            0xd8 => self.fixext(16)?,
            0xd9 => Token::Str(self.sized::<1>()?),
            0xda => Token::Str(self.sized::<2>()?),
            0xdb => Token::Str(self.sized::<4>()?),
            0xdc => Token::Array(self.length::<2>()?),
            0xdd => Token::Array(self.length::<4>()?),
            0xde => Token::Map(self.length::<2>()?),
            0xdf => Token::Map(self.length::<4>()?),
            0xe0..=0xff => integer(i8::from_be_bytes([marker]).into()),
        })
    }

    /// Passes over one value and everything in it, however deep that is.
    pub(super) fn skip(&mut self) -> Result<(), MsgpackError> {
        // A token is one byte at least and adds 2^33 at most: no message is so long that this overflows.
        let mut left: u64 = 1;
        while left > 0 {
            left -= 1;
            left += match self.token()? {
                Token::Array(len) => len.into(),
                Token::Map(len) => 2 * u64::from(len),
                _ => 0,
            };
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], MsgpackError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(MsgpackError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MsgpackError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(MsgpackError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A length of `N` bytes, four at most.
    fn length<const N: usize>(&mut self) -> Result<u32, MsgpackError> {
        Ok(self.array::<N>()?.iter().fold(0, |length, byte| length << 8 | u32::from(*byte)))
    }

    /// As many bytes as the length before them says.
    fn sized<const N: usize>(&mut self) -> Result<&'a [u8], MsgpackError> {
        let length = self.length::<N>()?;
        self.take(usize::try_from(length).map_err(|_| MsgpackError::Truncated)?)
    }

    fn ext<const N: usize>(&mut self) -> Result<Token<'a>, MsgpackError> {
        let length = self.length::<N>()?;
        let token = self.fixext(usize::try_from(length).map_err(|_| MsgpackError::Truncated)?)?;
        Ok(if let Token::Ext(0, data) = token { Token::Bin(data) } else { token })
    }

    fn fixext(&mut self, length: usize) -> Result<Token<'a>, MsgpackError> {
        let kind = i8::from_be_bytes(self.array()?);
        Ok(Token::Ext(kind, self.take(length)?))
    }
}

fn integer<'a>(number: i64) -> Token<'a> {
    u64::try_from(number).map_or(Token::Int(number), Token::Uint)
}
