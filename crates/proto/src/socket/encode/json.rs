//! A JSON serializer that appends to a buffer: compact, as `serde_json` writes, with two things of its own.
//!
//! Bytes become placeholders for what is appended to the attachments. And strings, of which most of what
//! is emitted consists, are copied in runs rather than looked at byte by byte, which `serde_json` offers no way to
//! change. Numbers with a fraction are left to it.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use crate::socket::handoff;
use crate::socket::text::write_string;

/// How `serde_json` marks text that is JSON already, in its types `RawValue` and (with the feature
/// `arbitrary_precision`) `Number`.
const READY_MADE: [&str; 2] = ["$serde_json::private::RawValue", "$serde_json::private::Number"];

/// Where values are written.
pub(super) struct Json<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) attachments: &'a mut Vec<Bytes>,
    /// Placeholders are numbered from this place in the attachments.
    pub(super) base: usize,
}

impl<'a> Json<'a> {
    /// A sequence or map under way, whose closing bracket `end` is.
    pub(super) fn compound(&mut self, start: &[u8], end: &'static [u8]) -> Compound<'_, 'a> {
        self.out.extend_from_slice(start);
        Compound { json: self, len: 0, end }
    }

    /// `{"variant":`, to be ended with `}`.
    fn variant(&mut self, variant: &str) {
        self.out.push(b'{');
        write_string(self.out, variant);
        self.out.push(b':');
    }

    fn integer(&mut self, value: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
}

macro_rules! integers {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, value: $type) -> Result<(), Error> {
            self.integer(value);
            Ok(())
        }
    )*};
}

impl<'s, 'a> Serializer for &'s mut Json<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'s, 'a>;
    type SerializeTuple = Compound<'s, 'a>;
    type SerializeTupleStruct = Compound<'s, 'a>;
    type SerializeTupleVariant = Compound<'s, 'a>;
    type SerializeMap = Compound<'s, 'a>;
    type SerializeStruct = Object<'s, 'a>;
    type SerializeStructVariant = Compound<'s, 'a>;

    integers! {
        serialize_i8(i8)
        serialize_i16(i16)
        serialize_i32(i32)
        serialize_i64(i64)
        serialize_i128(i128)
        serialize_u8(u8)
        serialize_u16(u16)
        serialize_u32(u32)
        serialize_u64(u64)
        serialize_u128(u128)
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        serde_json::to_writer(&mut *self.out, &value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        serde_json::to_writer(&mut *self.out, &value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        write_string(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        let num = self.attachments.len() - self.base;
        self.attachments.push(handoff::take_bytes(value));
        self.out.extend_from_slice(b"{\"_placeholder\":true,\"num\":");
        self.integer(num);
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        value.serialize(&mut *self)?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Compound<'s, 'a>, Error> {
        Ok(self.compound(b"[", b"]"))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Compound<'s, 'a>, Error> {
        Ok(self.compound(b"[", b"]"))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Compound<'s, 'a>, Error> {
        Ok(self.compound(b"[", b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'s, 'a>, Error> {
        self.variant(variant);
        Ok(self.compound(b"[", b"]}"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Compound<'s, 'a>, Error> {
        Ok(self.compound(b"{", b"}"))
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Object<'s, 'a>, Error> {
        if READY_MADE.contains(&name) {
            return Ok(Object::ReadyMade(self));
        }
        Ok(Object::Fields(self.compound(b"{", b"}")))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'s, 'a>, Error> {
        self.variant(variant);
        Ok(self.compound(b"{", b"}}"))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.serialize_str(&value.to_string())
    }
}

/// A sequence, map or struct under way.
pub(super) struct Compound<'s, 'a> {
    json: &'s mut Json<'a>,
    len: usize,
    end: &'static [u8],
}

impl Compound<'_, '_> {
    /// How many elements it has so far.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn next(&mut self) {
        if self.len > 0 {
            self.json.out.push(b',');
        }
        self.len += 1;
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.next();
        value.serialize(&mut *self.json)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        self.next();
        write_string(self.json.out, key);
        self.json.out.push(b':');
        value.serialize(&mut *self.json)
    }

    fn close(self) {
        self.json.out.extend_from_slice(self.end);
    }
}

macro_rules! sequences {
    ($($trait:ident::$method:ident)*) => {$(
        impl $trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}

sequences! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

impl SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.next();
        let start = self.json.out.len();
        key.serialize(&mut *self.json)?;
        match self.json.out.get(start) {
            Some(b'"') => Ok(()),
            // Numbers and booleans are keys as texts.
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                self.json.out.insert(start, b'"');
                self.json.out.push(b'"');
                Ok(())
            }
            _ => Err(Error::custom("key must be a string")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.json.out.push(b':');
        value.serialize(&mut *self.json)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeStructVariant for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

/// A struct under way.
pub(super) enum Object<'s, 'a> {
    Fields(Compound<'s, 'a>),
    /// Its one field is JSON text.
    ReadyMade(&'s mut Json<'a>),
}

impl SerializeStruct for Object<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        match self {
            Self::Fields(fields) => fields.field(key, value),
            Self::ReadyMade(json) => {
                // Written as a string and read back: these types do not show their text otherwise.
                let quoted = serde_json::to_value(value)?;
                let text = quoted.as_str().ok_or_else(|| Error::custom("a raw value that is no text"))?;
                json.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
    }

    fn end(self) -> Result<(), Error> {
        if let Self::Fields(fields) = self {
            fields.close();
        }
        Ok(())
    }
}
