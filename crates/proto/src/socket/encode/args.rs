//! The serializer for arguments: [`Json`], but that the outermost tuple is written without brackets, and that
//! [`RawArgs`](crate::socket::RawArgs) are spliced in.

use std::cell::Cell;

use bytes::Bytes;
use serde::Serialize;
use serde::ser::{SerializeTuple, SerializeTupleStruct, Serializer};
use serde_json::Error;

use super::json::{Compound, Json, Object};
use super::text_only::TextOnly;
use crate::socket::{handoff, raw};

/// [`write_args`](super::write_args), with placeholders numbered from `base` in `attachments`.
pub(super) fn write_args_from<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    base: usize,
) -> Result<usize, Error> {
    let count = Cell::new(1);
    let mut json = Json { out, attachments, base };
    value.serialize(ArgsSerializer { json: &mut json, count: &count })?;
    Ok(count.get())
}

/// Serializes the outermost value.
struct ArgsSerializer<'s, 'a> {
    json: &'s mut Json<'a>,
    /// Number of arguments.
    count: &'s Cell<usize>,
}

impl ArgsSerializer<'_, '_> {
    fn none(self) -> Result<(), Error> {
        self.count.set(0);
        Ok(())
    }
}

/// The outermost tuple.
struct Arguments<'s, 'a> {
    list: Compound<'s, 'a>,
    count: &'s Cell<usize>,
}

impl SerializeTuple for Arguments<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        SerializeTuple::serialize_element(&mut self.list, value)
    }

    fn end(self) -> Result<(), Error> {
        self.count.set(self.list.len());
        SerializeTuple::end(self.list)
    }
}

impl SerializeTupleStruct for Arguments<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        SerializeTuple::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Error> {
        SerializeTuple::end(self)
    }
}

macro_rules! one_argument {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, value: $type) -> Result<(), Error> {
            self.json.$method(value)
        }
    )*};
}

impl<'s, 'a> Serializer for ArgsSerializer<'s, 'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'s, 'a>;
    type SerializeTuple = Arguments<'s, 'a>;
    type SerializeTupleStruct = Arguments<'s, 'a>;
    type SerializeTupleVariant = Compound<'s, 'a>;
    type SerializeMap = Compound<'s, 'a>;
    type SerializeStruct = Object<'s, 'a>;
    type SerializeStructVariant = Compound<'s, 'a>;

    one_argument! {
        serialize_bool(bool)
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
        serialize_f32(f32)
        serialize_f64(f64)
        serialize_char(char)
        serialize_str(&str)
        serialize_bytes(&[u8])
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.json.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.none()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.json.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        if name == raw::TOKEN {
            let Json { out, attachments, base } = &mut *self.json;
            let text = handoff::with_text_asked(|| {
                // Whatever is no text of arguments is an error, and written below.
                let _ = value.serialize(TextOnly { out });
            });
            if let Some(count) = text {
                self.count.set(count);
                return Ok(());
            }
            let written = handoff::with_sink(out, attachments, *base, || {
                // They have nothing to say to this one, which builds nothing then. Whatever else has their name is
                // serialized below, and its error is that one.
                let _ = value.serialize(serde_json::value::Serializer);
            });
            if let Some(count) = written {
                self.count.set(count);
                return Ok(());
            }
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.json.serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, Error> {
        self.json.serialize_seq(len)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Error> {
        Ok(Arguments { list: self.json.compound(b"", b""), count: self.count })
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, Error> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        self.json.serialize_tuple_variant(name, index, variant, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, Error> {
        self.json.serialize_map(len)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, Error> {
        self.json.serialize_struct(name, len)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        self.json.serialize_struct_variant(name, index, variant, len)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.json.collect_str(value)
    }
}
