//! One binary message → the packet it holds, as JSON text with attachments beside it.

use std::fmt::Write as _;

use bytes::Bytes;
use smallvec::SmallVec;

use super::date;
use super::read::{Reader, Token};
use crate::data::Binary;
use crate::socket::json::Array;
use crate::socket::packet::check_payload;
use crate::socket::text::find_special;
use crate::socket::{DecodeError, Kind, Limits, MsgpackError, Packet};

/// So many byte arrays may stand in one packet whatever [`Limits::max_attachments`] says: they lie in the message
/// itself, which is bounded, so that only what is noted of each (some 70 bytes) has to be.
pub const MIN_BINARIES: usize = 1_024;

/// 2^53: up to here every whole number has a float of its own, and is what JavaScript calls a safe integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A packet that came as msgpack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    kind: Kind,
    nsp: &'a str,
    id: Option<u64>,
    data: String,
    array: Array,
    attachments: Vec<Bytes>,
}

impl Decoded<'_> {
    /// The packet, as if it had come as text.
    #[must_use]
    pub fn packet(&self) -> Packet<'_> {
        Packet {
            kind: self.kind,
            attachments: self.attachments.len(),
            nsp: self.nsp,
            id: self.id,
            data: &self.data,
            array: self.array,
        }
    }

    /// The bytes that stood in it.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }
}

/// Decodes one binary message.
///
/// The rules for the payload are those of [`Packet::decode`], and `limits` the same, but for the number of attachments:
/// see [`MIN_BINARIES`]. `nil` for `data` or `id` is as if it were not there, which some clients send; keys that are not
/// known are passed over, and of one that stands twice the last counts. Bytes in a payload that can have no attachments
/// become `{"type":"Buffer","data":[…]}`, which Node's clients send in JSON.
///
/// Bytes are shared with the message where that has an allocation of its own of which they are half at least; else they
/// are copied, so that a small array does not keep a large message.
///
/// ```
/// use enchufe_proto::data::Binary;
/// use enchufe_proto::socket::{Limits, msgpack};
///
/// let message = Binary::from(&b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa5hello\xc4\x02\x01\x02"[..]);
/// let decoded = msgpack::decode(&message, &Limits::default())?;
/// assert_eq!(decoded.packet().data, r#"["hello",{"_placeholder":true,"num":0}]"#);
/// assert_eq!(decoded.attachments(), [&[1, 2][..]]);
/// # Ok::<(), enchufe_proto::socket::DecodeError>(())
/// ```
pub fn decode<'a>(message: &'a Binary<'_>, limits: &Limits) -> Result<Decoded<'a>, DecodeError> {
    let fields = Fields::read(message.as_slice())?;
    let kind = fields.kind()?;
    let nsp = fields.nsp()?;
    let id = fields.id()?;
    let mut json = Transcoder::new(message, kind, limits);
    if let Some(data) = fields.data {
        json.value(&mut Reader::new(data))?;
    } else if matches!(kind, Kind::Event | Kind::Ack | Kind::ConnectError) {
        return Err(DecodeError::InvalidPayload);
    }
    let Transcoder { out: data, attachments, .. } = json;
    // What was written is JSON without white space around it: this looks at its shape, and where its elements are.
    let (_, array) = check_payload(kind, &data, limits)?;
    Ok(Decoded { kind, nsp, id, data, array, attachments })
}

/// The values of the known keys, not looked at yet.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<Token<'a>>,
    nsp: Option<Token<'a>>,
    id: Option<Token<'a>>,
    /// The message from this value on.
    data: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(message);
        let Token::Map(len) = reader.token()? else { return Err(MsgpackError::NotAMap.into()) };
        let mut fields = Self::default();
        for _ in 0..len {
            let key = reader.clone().token()?;
            reader.skip()?;
            let value = reader.clone();
            reader.skip()?;
            let token = value.clone().token()?;
            match key {
                Token::Str(b"type") => fields.kind = Some(token),
                Token::Str(b"nsp") => fields.nsp = Some(token),
                Token::Str(b"id") => fields.id = Some(token),
                Token::Str(b"data") => {
                    let absent = matches!(token, Token::Undefined | Token::Nil);
                    fields.data = (!absent).then(|| value.rest());
                }
                _ => {}
            }
        }
        if reader.rest().is_empty() { Ok(fields) } else { Err(MsgpackError::Trailing.into()) }
    }

    fn kind(&self) -> Result<Kind, MsgpackError> {
        match self.kind.and_then(whole) {
            Some(0) => Ok(Kind::Connect),
            Some(1) => Ok(Kind::Disconnect),
            Some(2) => Ok(Kind::Event),
            Some(3) => Ok(Kind::Ack),
            Some(4) => Ok(Kind::ConnectError),
            _ => Err(MsgpackError::Type),
        }
    }

    /// A name that the text form can hold too: a packet may have to be kept in it.
    fn nsp(&self) -> Result<&'a str, MsgpackError> {
        let Some(Token::Str(name)) = self.nsp else { return Err(MsgpackError::Namespace) };
        let name = simdutf8::basic::from_utf8(name).map_err(|_| MsgpackError::NotUtf8)?;
        if name.starts_with('/') && !name.contains(',') { Ok(name) } else { Err(MsgpackError::Namespace) }
    }

    fn id(&self) -> Result<Option<u64>, MsgpackError> {
        match self.id {
            None | Some(Token::Undefined | Token::Nil) => Ok(None),
            Some(token) => whole(token).map(Some).ok_or(MsgpackError::Id),
        }
    }
}

/// A whole number from zero on, in whatever form.
fn whole(token: Token<'_>) -> Option<u64> {
    match token {
        Token::Uint(number) => Some(number),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
        Token::Float(number) if (0.0..=EXACT).contains(&number) && number.fract() == 0.0 => {
            Some(number as u64)
        }
        _ => None,
    }
}

/// An array or map that is open.
struct Open {
    map: bool,
    /// Elements or pairs to come.
    left: u32,
    /// Nothing of it has been written.
    first: bool,
}

/// Writes msgpack as JSON.
struct Transcoder<'a> {
    message: &'a Binary<'a>,
    limits: &'a Limits,
    /// Bytes become attachments.
    attach: bool,
    out: String,
    attachments: Vec<Bytes>,
    attached: usize,
}

impl<'a> Transcoder<'a> {
    fn new(message: &'a Binary<'_>, kind: Kind, limits: &'a Limits) -> Self {
        // The payload's JSON is usually a little longer than all of the message.
        let out = String::with_capacity(message.as_slice().len() + 16);
        let attach = matches!(kind, Kind::Event | Kind::Ack);
        Self { message, limits, attach, out, attachments: Vec::new(), attached: 0 }
    }

    fn value(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let mut open: SmallVec<[Open; 8]> = SmallVec::new();
        let mut token = reader.token()?;
        loop {
            match token {
                Token::Array(left) | Token::Map(left) => {
                    let map = matches!(token, Token::Map(_));
                    if open.len() >= self.limits.max_depth {
                        return Err(DecodeError::TooDeep);
                    }
                    self.out.push(if map { '{' } else { '[' });
                    open.push(Open { map, left, first: true });
                }
                scalar => self.scalar(scalar)?,
            }
            token = loop {
                let Some(inner) = open.last_mut() else { return Ok(()) };
                if inner.left == 0 {
                    self.out.push(if inner.map { '}' } else { ']' });
                    open.pop();
                    continue;
                }
                inner.left -= 1;
                let (before, first) = (self.out.len(), inner.first);
                if !first {
                    self.out.push(',');
                }
                inner.first = false;
                if inner.map {
                    write_key(&mut self.out, reader.token()?)?;
                    self.out.push(':');
                }
                let value = reader.token()?;
                if inner.map && matches!(value, Token::Undefined) {
                    self.out.truncate(before);
                    inner.first = first;
                    continue;
                }
                break value;
            };
        }
    }

    fn scalar(&mut self, token: Token<'_>) -> Result<(), DecodeError> {
        match token {
            Token::Nil | Token::Undefined => self.out.push_str("null"),
            Token::Bool(true) => self.out.push_str("true"),
            Token::Bool(false) => self.out.push_str("false"),
            Token::Uint(number) => self.out.push_str(itoa::Buffer::new().format(number)),
            Token::Int(number) => self.out.push_str(itoa::Buffer::new().format(number)),
            Token::Float(number) => write_float(&mut self.out, number),
            Token::Str(text) => write_string(&mut self.out, text)?,
            Token::Bin(data) => self.binary(data)?,
            Token::Date(millis) => date::write(&mut self.out, millis),
            Token::Ext(kind, data) => {
                // Writing to a String can't fail.
                let _ = write!(self.out, "[{kind},");
                self.binary(data)?;
                self.out.push(']');
            }
            Token::Array(_) | Token::Map(_) => {}
        }
        Ok(())
    }

    fn binary(&mut self, data: &[u8]) -> Result<(), DecodeError> {
        if !self.attach {
            self.out.push_str("{\"type\":\"Buffer\",\"data\":[");
            for (index, byte) in data.iter().enumerate() {
                if index > 0 {
                    self.out.push(',');
                }
                self.out.push_str(itoa::Buffer::new().format(*byte));
            }
            self.out.push_str("]}");
            return Ok(());
        }
        if self.attachments.len() >= self.limits.max_attachments.max(MIN_BINARIES) {
            return Err(DecodeError::TooManyAttachments);
        }
        self.attached += data.len();
        if self.attached > self.limits.max_attachment_bytes {
            return Err(DecodeError::AttachmentsTooLarge);
        }
        let _ = write!(self.out, "{{\"_placeholder\":true,\"num\":{}}}", self.attachments.len());
        self.attachments.push(self.keep(data));
        Ok(())
    }

    /// `data`, which is a part of the message, for keeps.
    fn keep(&self, data: &[u8]) -> Bytes {
        match self.message {
            Binary::Owned(message) if data.len() >= message.len() / 2 => message.slice_ref(data),
            _ => Bytes::copy_from_slice(data),
        }
    }
}

/// A key as a JSON string: text, or a whole number, which JavaScript turns into text.
fn write_key(out: &mut String, key: Token<'_>) -> Result<(), MsgpackError> {
    // Writing to a String can't fail.
    let _ = match key {
        Token::Str(text) => return write_string(out, text),
        Token::Uint(number) => write!(out, "\"{number}\""),
        Token::Int(number) => write!(out, "\"{number}\""),
        _ => return Err(MsgpackError::Key),
    };
    Ok(())
}

fn write_string(out: &mut String, text: &[u8]) -> Result<(), MsgpackError> {
    let text = simdutf8::basic::from_utf8(text).map_err(|_| MsgpackError::NotUtf8)?;
    out.push('"');
    let mut rest = text;
    loop {
        // What is special is ASCII, and so the boundary of a character.
        let (plain, special) = rest.split_at(find_special(rest.as_bytes(), 0));
        out.push_str(plain);
        let mut chars = special.chars();
        let Some(char) = chars.next() else { break };
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
        }
        rest = chars.as_str();
    }
    out.push('"');
    Ok(())
}

/// A float as `JSON.stringify` would have it: whole ones are integers, so that integer types take them.
fn write_float(out: &mut String, number: f64) {
    if !number.is_finite() {
        out.push_str("null");
    } else if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within ±2^53")]
        out.push_str(itoa::Buffer::new().format(number as i64));
    } else {
        // Any finite float is a JSON number.
        out.push_str(&serde_json::Number::from_f64(number).map_or_else(|| "null".into(), |n| n.to_string()));
    }
}
