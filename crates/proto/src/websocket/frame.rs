//! The header of a frame, read and written (RFC 6455 §5.2).

use std::ops::Deref;

use super::{CloseCode, Error, Role, apply_mask};

/// Bytes of payload that a control frame may have (§5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;
/// Two bytes, a 64-bit length and a key.
pub(super) const MAX_HEADER: usize = 14;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RESERVED: u8 = 0x70;
const MASK: u8 = 0x80;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// The next piece of the message that is being sent in fragments.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// The last frame of its sender.
    Close = 0x8,
    /// To be answered by a pong.
    Ping = 0x9,
    /// The answer to a ping, or a sign of life.
    Pong = 0xa,
}

impl Opcode {
    /// Close, ping or pong: short, never fragmented, allowed within fragmented messages.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    const fn from_bits(bits: u8) -> Result<Self, Error> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return Err(Error::ReservedOpcode(bits)),
        })
    }
}

/// A received header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) mask: Option<[u8; 4]>,
    /// Bytes of payload that the peer announces; below 2⁶³.
    pub(super) len: u64,
}

impl Head {
    /// Reads a header from the front of `bytes` and says how long it is. `None` if there must be more of it;
    /// what the first two bytes show to be wrong is refused without waiting for the rest.
    pub(super) fn parse(bytes: &[u8], role: Role) -> Result<Option<(Self, usize)>, Error> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
        // Per-message deflate (RFC 7692 §6) belongs here: where it was negotiated, RSV1 is allowed on a first
        // frame of text or binary, and `Head` carries it on.
        if first & RESERVED != 0 {
            return Err(Error::ReservedBits);
        }
        let opcode = Opcode::from_bits(first & 0x0f)?;
        let fin = first & FIN != 0;
        let masked = second & MASK != 0;
        match role {
            Role::Server if !masked => return Err(Error::NotMasked),
            Role::Client if masked => return Err(Error::Masked),
            Role::Server | Role::Client => {}
        }
        let short = second & 0x7f;
        if opcode.is_control() {
            if !fin {
                return Err(Error::ControlFragmented);
            }
            if usize::from(short) > MAX_CONTROL_PAYLOAD {
                return Err(Error::ControlTooLong);
            }
        }
        let (len, rest) = match short {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*len), rest)
            }
            short => (u64::from(short), rest),
        };
        if len > i64::MAX.cast_unsigned() {
            return Err(Error::LengthOverflow);
        }
        if (short == 126 && len < 126) || (short == 127 && len <= 0xffff) {
            return Err(Error::LengthNotMinimal);
        }
        let (mask, rest) = if masked {
            let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (Some(*key), rest)
        } else {
            (None, rest)
        };
        Ok(Some((Self { opcode, fin, mask, len }, bytes.len() - rest.len())))
    }
}

/// A frame's header, ready to be sent: 2 to 14 bytes, as a slice by `Deref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; MAX_HEADER],
    len: u8,
}

impl Header {
    const fn push<const N: usize>(mut self, bytes: [u8; N]) -> Self {
        let mut i = 0;
        while i < N {
            // Two bytes, at most eight of length and four of key are pushed: fourteen.
            self.bytes[self.len as usize + i] = bytes[i];
            i += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "N is at most eight")]
        let pushed = N as u8;
        self.len += pushed;
        self
    }
}

impl Deref for Header {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}

impl AsRef<[u8]> for Header {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// The header of a frame with a payload of `len` bytes, without allocating.
///
/// `fin` marks the last frame of a message; `rsv1` is for a message that an extension has compressed, and
/// else `false`. A client gives a fresh unpredictable mask for each frame and masks the payload with
/// [`apply_mask`]; a server gives none.
#[must_use]
pub const fn header(opcode: Opcode, fin: bool, rsv1: bool, len: usize, mask: Option<[u8; 4]>) -> Header {
    let first = opcode as u8 | if fin { FIN } else { 0 } | if rsv1 { RSV1 } else { 0 };
    let masked = if mask.is_some() { MASK } else { 0 };
    let header = Header { bytes: [0; MAX_HEADER], len: 0 };
    #[expect(clippy::cast_possible_truncation, reason = "each cast is within its range")]
    let header = match len {
        0..=125 => header.push([first, masked | len as u8]),
        126..=0xffff => header.push([first, masked | 126]).push((len as u16).to_be_bytes()),
        _ => header.push([first, masked | 127]).push((len as u64).to_be_bytes()),
    };
    match mask {
        Some(key) => header.push(key),
        None => header,
    }
}

/// Appends a whole unfragmented frame to `out`, the payload masked if `mask` is given.
pub fn encode_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) {
    let header = header(opcode, true, false, payload.len(), mask);
    out.reserve(header.len() + payload.len());
    out.extend_from_slice(&header);
    let start = out.len();
    out.extend_from_slice(payload);
    if let (Some(key), Some(payload)) = (mask, out.get_mut(start..)) {
        apply_mask(payload, key, 0);
    }
}

/// Appends a close frame to `out`. Of a reason longer than 123 bytes the end is left off, between characters.
pub fn close_frame(out: &mut Vec<u8>, code: CloseCode, reason: &str, mask: Option<[u8; 4]>) {
    let reason = &reason.as_bytes()[..reason.floor_char_boundary(MAX_CONTROL_PAYLOAD - 2)];
    let mut payload = [0; MAX_CONTROL_PAYLOAD];
    let (number, rest) = payload.split_at_mut(2);
    number.copy_from_slice(&code.get().to_be_bytes());
    rest[..reason.len()].copy_from_slice(reason);
    encode_frame(out, Opcode::Close, &payload[..2 + reason.len()], mask);
}
