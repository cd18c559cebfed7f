//! [`RawArgs`]: arguments that are passed on without being turned into values.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::json::{self, Root};
use super::{Args, DecodeError, EncodeError, Limits, Value, encode, handoff, placeholder};

/// Arguments as checked, unparsed JSON text with their attachments: for relays, and to encode once what is sent
/// many times. Cloning shares them.
///
/// As the arguments of an event or ack they are spliced in as they are. Inside another value they are an array.
///
/// ```
/// use enchufe_proto::socket::{encode, RawArgs};
///
/// let args = RawArgs::new(&(1, "a"))?;
/// assert_eq!(args.json(), r#"1,"a""#);
///
/// let (mut text, mut attachments) = (Vec::new(), Vec::new());
/// encode::event(&mut text, &mut attachments, "/", None, "hello", &args)?;
/// assert_eq!(text, br#"2["hello",1,"a"]"#);
/// # Ok::<(), enchufe_proto::socket::EncodeError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawArgs {
    json: ByteString,
    len: usize,
    attachments: Option<Arc<[Bytes]>>,
}

/// The name by which the serializer for arguments recognises them.
pub(super) const TOKEN: &str = "$enchufe::RawArgs";

impl RawArgs {
    /// Encodes `args`: a tuple is several arguments, `()` none, anything else one, as in
    /// [`encode::write_args`].
    pub fn new<T: Serialize + ?Sized>(args: &T) -> Result<Self, EncodeError> {
        let mut json = Vec::new();
        let mut attachments = Vec::new();
        let len = encode::write_args(args, &mut json, &mut attachments)?;
        Self::from_written(json, len, &attachments)
    }

    /// Encodes what a handler returned, as in [`encode::write_answer`]: `()` is no argument, anything else one.
    pub fn from_answer<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let mut json = Vec::new();
        let mut attachments = Vec::new();
        let len = encode::write_answer(value, &mut json, &mut attachments)?;
        Self::from_written(json, len, &attachments)
    }

    /// Encodes each of `values` as one argument, whatever its type: for as many as are known only at run time.
    pub fn from_values<T: Serialize>(values: impl IntoIterator<Item = T>) -> Result<Self, EncodeError> {
        let mut json = Vec::new();
        let mut attachments = Vec::new();
        let mut len = 0;
        for value in values {
            if len > 0 {
                json.push(b',');
            }
            len += encode::write_args(&(value,), &mut json, &mut attachments)?;
        }
        Self::from_written(json, len, &attachments)
    }

    /// Appends `value` as one more argument, whatever its type.
    pub fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let mut json = self.json.as_bytes().to_vec();
        let mut attachments = self.attachments().to_vec();
        if self.len > 0 {
            json.push(b',');
        }
        let len = self.len + encode::write_args(&(value,), &mut json, &mut attachments)?;
        *self = Self::from_written(json, len, &attachments)?;
        Ok(())
    }

    /// From the text of a JSON array and the attachments that placeholders in it stand for.
    ///
    /// With no attachments, what looks like placeholders is data. `limits` bounds nesting and attachments.
    pub fn from_json(array: &str, attachments: &[Bytes], limits: &Limits) -> Result<Self, DecodeError> {
        let Root::Array(elements) = json::scan(array, limits.max_depth)? else {
            return Err(DecodeError::InvalidPayload);
        };
        if attachments.len() > limits.max_attachments {
            return Err(DecodeError::TooManyAttachments);
        }
        let list = array.get(elements.first..elements.close).unwrap_or_default().trim_ascii_end();
        if !attachments.is_empty() {
            placeholder::find(list, attachments.len())?;
        }
        Ok(Self::from_checked(list.into(), elements.len, attachments))
    }

    fn from_written(json: Vec<u8>, len: usize, attachments: &[Bytes]) -> Result<Self, EncodeError> {
        let json = ByteString::try_from(json).map_err(|_| serde_json::Error::custom("not UTF-8"))?;
        Ok(Self::from_checked(json, len, attachments))
    }

    pub(super) fn from_checked(json: ByteString, len: usize, attachments: &[Bytes]) -> Self {
        Self { json, len, attachments: (!attachments.is_empty()).then(|| attachments.into()) }
    }

    /// The arguments as a comma separated list, with placeholders in the place of bytes.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The attachments that the placeholders stand for.
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.as_deref().unwrap_or_default()
    }

    /// Number of arguments.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first argument, and the others; `None` where there are none. Both share the text, and each has all
    /// the attachments, because placeholders name them by their number.
    ///
    /// ```
    /// use enchufe_proto::socket::RawArgs;
    ///
    /// let (room, rest) = RawArgs::new(&("lobby", 1, "a"))?.split_first().expect("there are three");
    /// assert_eq!(room.args().deserialize::<String>()?, "lobby");
    /// assert_eq!(rest.json(), r#"1,"a""#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split_first(&self) -> Option<(Self, Self)> {
        let part = |json: &str, len| Self {
            json: self.json.slice_ref(json),
            len,
            attachments: self.attachments.clone(),
        };
        let first = self.args().get_raw(0)?;
        let behind = self.json.trim_ascii_start().strip_prefix(first)?.trim_ascii_start();
        let rest = behind.strip_prefix(',').unwrap_or_default().trim_ascii();
        Some((part(first, 1), part(rest, self.len - 1)))
    }

    /// As arguments that can be turned into values.
    pub fn args(&self) -> Args<'_> {
        Args::from_list(&self.json, self.len, self.attachments())
    }

    /// Appends the list to `out` and the attachments to `attachments`, of which those from `base` on belong to
    /// the same packet. The text is copied as it is, but for the numbers of its placeholders where other
    /// attachments come before.
    pub(super) fn splice(&self, out: &mut Vec<u8>, attachments: &mut Vec<Bytes>, base: usize) {
        let own = self.attachments();
        let before = attachments.len() - base;
        attachments.extend_from_slice(own);
        let mut rest: &[u8] = self.json.as_bytes();
        if before > 0 && !own.is_empty() {
            let mut placeholders = placeholder::find(&self.json, own.len()).unwrap_or_default();
            // They come in the order in which they end; inside each other there are none.
            placeholders.sort_unstable_by_key(|placeholder| placeholder.num_at.start);
            let mut written = 0;
            for placeholder in placeholders {
                let (text, behind) = rest.split_at(placeholder.num_at.start - written);
                out.extend_from_slice(text);
                out.extend_from_slice(itoa::Buffer::new().format(placeholder.num + before).as_bytes());
                rest = behind.get(placeholder.num_at.len()..).unwrap_or_default();
                written = placeholder.num_at.end;
            }
        }
        out.extend_from_slice(rest);
    }
}

/// The list, and the number of attachments only.
impl fmt::Debug for RawArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawArgs")
            .field("json", &self.json())
            .field("attachments", &self.attachments().len())
            .finish()
    }
}

impl Serialize for RawArgs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TOKEN, &Nested(self))
    }
}

/// The arguments themselves where the serializer asks for them, else the array that they are.
struct Nested<'a>(&'a RawArgs);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let args = self.0;
        if handoff::give_text(args) {
            return serializer.serialize_str(&args.json);
        }
        if handoff::splice(args) {
            return serializer.serialize_unit();
        }
        let mut array = serializer.serialize_seq(Some(args.len))?;
        for element in args.args().iter_raw() {
            if args.attachments.is_none() {
                let raw: &RawValue = serde_json::from_str(element).map_err(S::Error::custom)?;
                array.serialize_element(raw)?;
            } else {
                let mut value: Value = serde_json::from_str(element).map_err(S::Error::custom)?;
                placeholder::fill(&mut value, args.attachments());
                array.serialize_element(&value)?;
            }
        }
        array.end()
    }
}
