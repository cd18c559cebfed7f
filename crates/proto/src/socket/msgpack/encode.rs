//! A packet as JSON text with attachments → one binary message.
//!
//! Two walks over the text: the first counts what is in each array and object, which msgpack says before it, the second
//! writes.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::socket::json::string_end;
use crate::socket::placeholder::{self, Placeholder};
use crate::socket::{EncodeError, Kind};

/// 2^64 and 2^63, which no integer form holds any more.
const PAST_U64: f64 = 18_446_744_073_709_551_616.0;
const PAST_I64: f64 = 9_223_372_036_854_775_808.0;

/// A packet that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// What it is for.
    pub kind: Kind,
    /// Namespace.
    pub nsp: &'a str,
    /// Ack id.
    pub id: Option<u64>,
    /// The payload, valid JSON text; empty if there is none.
    pub data: &'a str,
    /// What its placeholders stand for. Where there are none, what looks like placeholders is data.
    pub attachments: &'a [Bytes],
}

/// The keys of a packet's map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `type`.
    Type,
    /// `data`; `undefined` where there is no payload.
    Data,
    /// `nsp`.
    Nsp,
    /// `id`; left out where there is none.
    Id,
}

/// Appends a packet: a map with these `fields` in this order, which decoders don't care about. JavaScript writes them in
/// the order in which they were set.
///
/// After an error `out` is as before. Where `data` is not JSON, what is written is unspecified.
///
/// ```
/// use enchufe_proto::socket::{Kind, msgpack::{self, Field, Outgoing}};
///
/// let mut out = Vec::new();
/// let packet = Outgoing { kind: Kind::Event, nsp: "/", id: None, data: r#"["hello",1]"#, attachments: &[] };
/// msgpack::encode(&mut out, &packet, &[Field::Type, Field::Data, Field::Nsp, Field::Id])?;
/// assert_eq!(out, b"\x83\xa4type\x02\xa4data\x92\xa5hello\x01\xa3nsp\xa1/");
/// # Ok::<(), enchufe_proto::socket::EncodeError>(())
/// ```
pub fn encode(out: &mut Vec<u8>, packet: &Outgoing<'_>, fields: &[Field]) -> Result<(), EncodeError> {
    let before = out.len();
    let result = write_packet(out, packet, fields);
    if result.is_err() {
        out.truncate(before);
    }
    result
}

fn write_packet(out: &mut Vec<u8>, packet: &Outgoing<'_>, fields: &[Field]) -> Result<(), EncodeError> {
    let fields = fields.iter().filter(|field| **field != Field::Id || packet.id.is_some());
    write_map(out, fields.clone().count())?;
    for field in fields {
        match field {
            Field::Type => {
                write_str(out, b"type")?;
                out.push(match packet.kind {
                    Kind::Connect => 0,
                    Kind::Disconnect => 1,
                    Kind::Event => 2,
                    Kind::Ack => 3,
                    Kind::ConnectError => 4,
                });
            }
            Field::Nsp => {
                write_str(out, b"nsp")?;
                write_str(out, packet.nsp.as_bytes())?;
            }
            Field::Id => {
                write_str(out, b"id")?;
                write_uint(out, packet.id.unwrap_or_default());
            }
            Field::Data => {
                write_str(out, b"data")?;
                if packet.data.is_empty() {
                    write_undefined(out);
                } else {
                    write_json(out, packet.data, packet.attachments)?;
                }
            }
        }
    }
    Ok(())
}

fn write_json(out: &mut Vec<u8>, text: &str, attachments: &[Bytes]) -> Result<(), EncodeError> {
    let placeholders =
        if attachments.is_empty() { Vec::new() } else { placeholder::find_legal(text, attachments.len()) };
    let mut lengths = count(text, &placeholders).into_iter();
    let mut scratch = Vec::new();
    for piece in Walk::new(text, &placeholders) {
        match piece {
            Piece::Open { object } => {
                let length = lengths.next().unwrap_or_default();
                if object { write_map(out, length)? } else { write_array(out, length)? }
            }
            Piece::Bytes(num) => {
                if let Some(bytes) = attachments.get(num) {
                    write_bin(out, bytes)?;
                }
            }
            Piece::String(quoted) => write_string(out, quoted, &mut scratch)?,
            Piece::Scalar(word) => write_scalar(out, word),
            Piece::Colon | Piece::Close => {}
        }
    }
    Ok(())
}

/// How many elements or pairs each array and object has, in the order in which they begin.
fn count(text: &str, placeholders: &[Placeholder]) -> SmallVec<[usize; 16]> {
    let mut lengths: SmallVec<[usize; 16]> = SmallVec::new();
    let mut open: SmallVec<[(usize, bool); 16]> = SmallVec::new();
    for piece in Walk::new(text, placeholders) {
        let inner = open.last().copied();
        let counts = match (piece, inner) {
            // Strings in an object are keys and values alike; each key has its colon.
            (Piece::Colon, Some((_, object))) => object,
            (Piece::Close | Piece::Colon, _) => false,
            (_, Some((_, object))) => !object,
            (_, None) => false,
        };
        if let Some((at, _)) = inner.filter(|_| counts)
            && let Some(length) = lengths.get_mut(at)
        {
            *length += 1;
        }
        match piece {
            Piece::Open { object } => {
                open.push((lengths.len(), object));
                lengths.push(0);
            }
            Piece::Close => {
                open.pop();
            }
            _ => {}
        }
    }
    lengths
}

/// What JSON text consists of, but for commas and white space.
#[derive(Debug, Clone, Copy)]
enum Piece<'a> {
    Open {
        object: bool,
    },
    Close,
    Colon,
    /// With its quotes.
    String(&'a str),
    /// A number, `true`, `false` or `null`.
    Scalar(&'a str),
    /// A placeholder for this attachment.
    Bytes(usize),
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
    placeholders: std::slice::Iter<'a, Placeholder>,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str, placeholders: &'a [Placeholder]) -> Self {
        Self { text, at: 0, placeholders: placeholders.iter() }
    }

    fn take(&mut self, end: usize) -> &'a str {
        let piece = self.text.get(self.at..end).unwrap_or_default();
        self.at = end;
        piece
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let bytes = self.text.as_bytes();
        while let Some(b',' | b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        let byte = *bytes.get(self.at)?;
        if byte == b'"' {
            return Some(Piece::String(self.take(string_end(bytes, self.at))));
        }
        if byte == b'{'
            && let Some(placeholder) = self.placeholders.as_slice().first()
            && placeholder.at.start == self.at
        {
            self.placeholders.next();
            self.at = placeholder.at.end;
            return Some(Piece::Bytes(placeholder.num));
        }
        let piece = match byte {
            b'[' | b'{' => Piece::Open { object: byte == b'{' },
            b']' | b'}' => Piece::Close,
            b':' => Piece::Colon,
            _ => {
                let rest = bytes.get(self.at + 1..).unwrap_or_default();
                let len = rest.iter().position(|byte| {
                    matches!(
                        byte,
                        b',' | b']' | b'}' | b':' | b'[' | b'{' | b'"' | b' ' | b'\n' | b'\r' | b'\t'
                    )
                });
                let end = self.at + 1 + len.unwrap_or(rest.len());
                return Some(Piece::Scalar(self.take(end)));
            }
        };
        self.at += 1;
        Some(piece)
    }
}

// ---- values --------------------------------------------------------------------------------------

fn write_undefined(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xd4, 0, 0]);
}

fn write_scalar(out: &mut Vec<u8>, word: &str) {
    match word {
        "null" => out.push(0xc0),
        "false" => out.push(0xc2),
        "true" => out.push(0xc3),
        number => write_number(out, number),
    }
}

/// Integers keep all their digits; floats that are whole are integers too, as in JavaScript, which has no others.
fn write_number(out: &mut Vec<u8>, number: &str) {
    if let Ok(number) = number.parse::<u64>() {
        return write_uint(out, number);
    }
    if let Ok(number) = number.parse::<i64>() {
        return write_int(out, number);
    }
    let number = number.parse::<f64>().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the ranges")]
    if number.fract() == 0.0 && (0.0..PAST_U64).contains(&number) {
        write_uint(out, number as u64);
    } else if number.fract() == 0.0 && (-PAST_I64..0.0).contains(&number) {
        write_int(out, number as i64);
    } else {
        out.push(0xcb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

fn write_uint(out: &mut Vec<u8>, number: u64) {
    let [.., b3, b2, b1, b0] = number.to_be_bytes();
    match number {
        0..=0x7f => out.push(b0),
        0x80..=0xff => out.extend_from_slice(&[0xcc, b0]),
        0x100..=0xffff => out.extend_from_slice(&[0xcd, b1, b0]),
        0x1_0000..=0xffff_ffff => out.extend_from_slice(&[0xce, b3, b2, b1, b0]),
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

/// Below zero; others are for [`write_uint`].
fn write_int(out: &mut Vec<u8>, number: i64) {
    let [.., b3, b2, b1, b0] = number.to_be_bytes();
    match number {
        0.. => write_uint(out, number.unsigned_abs()),
        -0x20..0 => out.push(b0),
        -0x80..-0x20 => out.extend_from_slice(&[0xd0, b0]),
        -0x8000..-0x80 => out.extend_from_slice(&[0xd1, b1, b0]),
        -0x8000_0000..-0x8000 => out.extend_from_slice(&[0xd2, b3, b2, b1, b0]),
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn write_map(out: &mut Vec<u8>, len: usize) -> Result<(), EncodeError> {
    write_length(out, len, Forms { short: Some((0x80, 0x10)), one: None, two: 0xde, four: 0xdf })
}

fn write_array(out: &mut Vec<u8>, len: usize) -> Result<(), EncodeError> {
    write_length(out, len, Forms { short: Some((0x90, 0x10)), one: None, two: 0xdc, four: 0xdd })
}

fn write_str(out: &mut Vec<u8>, text: &[u8]) -> Result<(), EncodeError> {
    let forms = Forms { short: Some((0xa0, 0x20)), one: Some(0xd9), two: 0xda, four: 0xdb };
    write_length(out, text.len(), forms)?;
    out.extend_from_slice(text);
    Ok(())
}

fn write_bin(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    write_length(out, bytes.len(), Forms { short: None, one: Some(0xc4), two: 0xc5, four: 0xc6 })?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// The markers of a kind of value, by how many bytes of length follow; a short length, below the second number, is part
/// of the marker itself.
#[derive(Clone, Copy)]
struct Forms {
    short: Option<(u8, u8)>,
    one: Option<u8>,
    two: u8,
    four: u8,
}

fn write_length(out: &mut Vec<u8>, len: usize, forms: Forms) -> Result<(), EncodeError> {
    let len = u32::try_from(len).map_err(|_| EncodeError::TooLarge)?;
    let [b3, b2, b1, b0] = len.to_be_bytes();
    match (len, forms.short, forms.one) {
        (_, Some((marker, below)), _) if len < below.into() => out.push(marker | b0),
        (..=0xff, _, Some(marker)) => out.extend_from_slice(&[marker, b0]),
        (..=0xffff, _, _) => out.extend_from_slice(&[forms.two, b1, b0]),
        _ => out.extend_from_slice(&[forms.four, b3, b2, b1, b0]),
    }
    Ok(())
}

// ---- strings -------------------------------------------------------------------------------------

/// `scratch` is for strings with escapes, whose length is not known before they are read.
fn write_string(out: &mut Vec<u8>, quoted: &str, scratch: &mut Vec<u8>) -> Result<(), EncodeError> {
    let text = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return write_str(out, text.as_bytes());
    }
    scratch.clear();
    unescape(text, scratch);
    write_str(out, scratch)
}

fn unescape(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        let mut chars = escape.chars();
        let char = match chars.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (char, behind) = unicode(chars.as_str());
                chars = behind.chars();
                char
            }
            Some(itself) => itself,
            None => break,
        };
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// The character whose `\u` escape, with or without a second one for its other surrogate, `text` goes on with, and what
/// is behind. A surrogate that stands alone is U+FFFD.
fn unicode(text: &str) -> (char, &str) {
    let (first, rest) = hex(text);
    if let 0xd800..=0xdbff = first
        && let Some(more) = rest.strip_prefix("\\u")
        && let (second @ 0xdc00..=0xdfff, rest) = hex(more)
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00));
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), rest);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
}

fn hex(text: &str) -> (u32, &str) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, ""));
    (u32::from_str_radix(digits, 16).unwrap_or(0xfffd), rest)
}
