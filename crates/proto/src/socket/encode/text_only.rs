//! The serializer that unparsed arguments give their text to: it appends that to a buffer and takes nothing else.
//!
//! serde shows a serializer what a value says of itself and not what it is, so that the arguments are asked: see
//! [`handoff::with_text_asked`].

use std::fmt::Error;

use serde::Serialize;
use serde::ser::{Impossible, Serializer};

use crate::socket::handoff;

pub(super) struct TextOnly<'a> {
    pub(super) out: &'a mut Vec<u8>,
}

macro_rules! refused {
    ($($method:ident($($type:ty),*) -> $ok:ty)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<$ok, Error> {
            Err(Error)
        }
    )*};
}

type Never = Impossible<(), Error>;

impl Serializer for TextOnly<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        if !handoff::take_text(text) {
            return Err(Error);
        }
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Error> {
        Err(Error)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<(), Error> {
        Err(Error)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(Error)
    }

    refused! {
        serialize_bool(bool) -> ()
        serialize_i8(i8) -> ()
        serialize_i16(i16) -> ()
        serialize_i32(i32) -> ()
        serialize_i64(i64) -> ()
        serialize_u8(u8) -> ()
        serialize_u16(u16) -> ()
        serialize_u32(u32) -> ()
        serialize_u64(u64) -> ()
        serialize_f32(f32) -> ()
        serialize_f64(f64) -> ()
        serialize_char(char) -> ()
        serialize_bytes(&[u8]) -> ()
        serialize_none() -> ()
        serialize_unit() -> ()
        serialize_unit_struct(&'static str) -> ()
        serialize_unit_variant(&'static str, u32, &'static str) -> ()
        serialize_seq(Option<usize>) -> Never
        serialize_tuple(usize) -> Never
        serialize_tuple_struct(&'static str, usize) -> Never
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never
        serialize_map(Option<usize>) -> Never
        serialize_struct(&'static str, usize) -> Never
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never
    }
}
