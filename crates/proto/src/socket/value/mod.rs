//! [`Value`]: JSON that can also hold bytes.
//!
//! It goes through serde in both directions. Bytes in it are shared by reference count, also through
//! [`encode`](super::encode) and [`Args::deserialize`](super::Args::deserialize), never copied.

mod de;
mod ser;

use indexmap::IndexMap;
use std::fmt;

use bytes::Bytes;
pub(in crate::socket) use de::RAW_VALUE;
use serde_json::Number;

/// The object of a [`Value`]: by key, in the order in which the keys came, as in JavaScript.
pub type Map = IndexMap<String, Value>;

/// Anything that can be an argument: JSON, with bytes anywhere.
///
/// ```
/// use enchufe_proto::socket::Value;
/// use serde_json::json;
///
/// let value = Value::from(json!({"text": "hi", "tags": [1, 2]}));
/// assert_eq!(value.get("text").and_then(Value::as_str), Some("hi"));
/// assert_eq!(value.get("tags").and_then(|tags| tags.get(1)).and_then(Value::as_i64), Some(2));
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Map),
    /// Bytes; they travel as an attachment.
    Binary(Bytes),
}

/// What [`Value::get`] takes: a key of an object or an index of an array.
pub trait Index: sealed::Sealed {
    #[doc(hidden)]
    fn find(self, value: &Value) -> Option<&Value>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for usize {}
}

impl Index for &str {
    fn find(self, value: &Value) -> Option<&Value> {
        value.as_object()?.get(self)
    }
}

impl Index for usize {
    fn find(self, value: &Value) -> Option<&Value> {
        value.as_array()?.get(self)
    }
}

impl Value {
    /// The member of an object or element of an array; `None` if there is no such, or this is neither.
    pub fn get(&self, index: impl Index) -> Option<&Self> {
        index.find(self)
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The number, if it is one that was written as an integer and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The number, if it is one that was written as an integer and fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The number, if it is one; rounded to the nearest where that is needed.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.as_f64()
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(string) => Some(string),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members, if it is an object.
    pub fn as_object(&self) -> Option<&Map> {
        match self {
            Self::Object(map) => Some(map),
            _ => None,
        }
    }

    /// The bytes, if it is binary.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether there are bytes anywhere in it.
    pub fn has_binary(&self) -> bool {
        match self {
            Self::Binary(_) => true,
            Self::Array(items) => items.iter().any(Self::has_binary),
            Self::Object(map) => map.values().any(Self::has_binary),
            _ => false,
        }
    }

    /// The value in the place of this one, which becomes `null`.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// As plain JSON; `None` if there are bytes anywhere in it.
    pub fn into_json(self) -> Option<serde_json::Value> {
        Some(match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(bool) => serde_json::Value::Bool(bool),
            Self::Number(number) => serde_json::Value::Number(number),
            Self::String(string) => serde_json::Value::String(string),
            Self::Array(items) => {
                serde_json::Value::Array(items.into_iter().map(Self::into_json).collect::<Option<_>>()?)
            }
            Self::Object(map) => serde_json::Value::Object(
                map.into_iter().map(|(key, item)| Some((key, item.into_json()?))).collect::<Option<_>>()?,
            ),
            Self::Binary(_) => return None,
        })
    }
}

/// Like the derived one, with the length only in the place of bytes.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Bool(bool) => write!(f, "Bool({bool})"),
            Self::Number(number) => write!(f, "Number({number})"),
            Self::String(string) => write!(f, "String({string:?})"),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::Object(map) => f.debug_map().entries(map).finish(),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(bool) => Self::Bool(bool),
            serde_json::Value::Number(number) => Self::Number(number),
            serde_json::Value::String(string) => Self::String(string),
            serde_json::Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(map) => {
                Self::Object(map.into_iter().map(|(key, item)| (key, item.into())).collect())
            }
        }
    }
}

macro_rules! from_integer {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Value {
            fn from(integer: $integer) -> Self {
                Self::Number(integer.into())
            }
        }
    )*};
}

from_integer!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

/// A number that is not finite becomes `null`, as in `JSON.stringify`.
impl From<f64> for Value {
    fn from(float: f64) -> Self {
        Number::from_f64(float).map_or(Self::Null, Self::Number)
    }
}

/// A number that is not finite becomes `null`, as in `JSON.stringify`.
impl From<f32> for Value {
    fn from(float: f32) -> Self {
        f64::from(float).into()
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<String> for Value {
    fn from(string: String) -> Self {
        Self::String(string)
    }
}

impl From<&str> for Value {
    fn from(string: &str) -> Self {
        Self::String(string.to_owned())
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Object(map)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        items.into_iter().collect()
    }
}

/// `None` becomes `null`.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Value {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Self {
        Self::Object(members.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}
