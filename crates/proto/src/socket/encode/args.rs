//! The serializer for arguments: `serde_json`'s, with two things of its own.
//!
//! A formatter writes a placeholder for each byte array and keeps the bytes. And the outermost tuple is written
//! without brackets: [`ArgsSerializer`] sees what the outermost value is and tells the formatter.

use std::cell::{Cell, RefCell};
use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde::ser::Serializer;
use serde_json::Error;
use serde_json::ser::{Formatter, Serializer as JsonSerializer};

use crate::socket::{RawArgs, handoff, raw};

/// [`write_args`](super::write_args), with placeholders numbered from `base` in `attachments`.
pub(super) fn write_args_from<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    base: usize,
) -> Result<usize, Error> {
    let shared = Shared { count: Cell::new(1), opening: Cell::new(false), raw: RefCell::new(None) };
    let formatter = ArgsFormatter { attachments, base, shared: &shared, depth: None };
    let mut json = JsonSerializer::with_formatter(&mut *out, formatter);
    value.serialize(ArgsSerializer { json: &mut json, shared: &shared })?;
    if let Some(raw) = shared.raw.take() {
        raw.splice(out, attachments, base);
        return Ok(raw.len());
    }
    Ok(shared.count.get())
}

/// What the serializer and its formatter tell each other.
struct Shared {
    /// Number of arguments.
    count: Cell<usize>,
    /// The next array to begin is the outermost tuple.
    opening: Cell<bool>,
    /// The outermost value is this.
    raw: RefCell<Option<RawArgs>>,
}

struct ArgsFormatter<'a> {
    attachments: &'a mut Vec<Bytes>,
    base: usize,
    shared: &'a Shared,
    /// Arrays open inside the outermost tuple, if it is one.
    depth: Option<usize>,
}

impl Formatter for ArgsFormatter<'_> {
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.shared.opening.take() {
            self.depth = Some(0);
            return Ok(());
        }
        if let Some(depth) = &mut self.depth {
            *depth += 1;
        }
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        match &mut self.depth {
            Some(0) => {
                self.depth = None;
                return Ok(());
            }
            Some(depth) => *depth -= 1,
            None => {}
        }
        writer.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if self.depth == Some(0) {
            self.shared.count.set(self.shared.count.get() + 1);
        }
        if first { Ok(()) } else { writer.write_all(b",") }
    }

    fn write_byte_array<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        let num = self.attachments.len() - self.base;
        self.attachments.push(handoff::take_bytes(value));
        writer.write_all(b"{\"_placeholder\":true,\"num\":")?;
        writer.write_all(itoa::Buffer::new().format(num).as_bytes())?;
        writer.write_all(b"}")
    }
}

type Json<'a> = JsonSerializer<&'a mut Vec<u8>, ArgsFormatter<'a>>;

/// Serializes the outermost value.
struct ArgsSerializer<'s, 'a> {
    json: &'s mut Json<'a>,
    shared: &'s Shared,
}

impl ArgsSerializer<'_, '_> {
    fn none(self) -> Result<(), Error> {
        self.shared.count.set(0);
        Ok(())
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
    type SerializeSeq = <&'s mut Json<'a> as Serializer>::SerializeSeq;
    type SerializeTuple = <&'s mut Json<'a> as Serializer>::SerializeTuple;
    type SerializeTupleStruct = <&'s mut Json<'a> as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant = <&'s mut Json<'a> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <&'s mut Json<'a> as Serializer>::SerializeMap;
    type SerializeStruct = <&'s mut Json<'a> as Serializer>::SerializeStruct;
    type SerializeStructVariant = <&'s mut Json<'a> as Serializer>::SerializeStructVariant;

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
        if name == raw::TOKEN
            && let Some(args) = handoff::take_raw()
        {
            self.shared.raw.replace(Some(args));
            return Ok(());
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

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, Error> {
        self.shared.count.set(0);
        self.shared.opening.set(true);
        self.json.serialize_tuple(len)
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
