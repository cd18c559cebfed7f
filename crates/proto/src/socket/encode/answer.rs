//! The return value of a handler as the arguments of an ack.
//!
//! A serializer around another one, which takes the outermost value apart: see
//! [`write_answer`](super::write_answer).

use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer};

use crate::socket::raw;

/// Serializes `T` so that the serializer for arguments writes the answer it stands for.
pub(super) struct Answer<'a, T: ?Sized>(pub(super) &'a T);

impl<T: Serialize + ?Sized> Serialize for Answer<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(AnswerSerializer(serializer))
    }
}

struct AnswerSerializer<S>(S);

/// A tuple as a sequence: one argument.
struct Sequence<S>(S);

impl<S: SerializeSeq> SerializeTuple for Sequence<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_element(value)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

impl<S: SerializeSeq> SerializeTupleStruct for Sequence<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_element(value)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

macro_rules! as_it_is {
    ($($method:ident($($arg:ident: $type:ty),*) -> $ok:ident)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<S::$ok, S::Error> {
            self.0.$method($($arg),*)
        }
    )*};
}

impl<S: Serializer> Serializer for AnswerSerializer<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = S::SerializeSeq;
    type SerializeTuple = Sequence<S::SerializeSeq>;
    type SerializeTupleStruct = Sequence<S::SerializeSeq>;
    type SerializeTupleVariant = S::SerializeTupleVariant;
    type SerializeMap = S::SerializeMap;
    type SerializeStruct = S::SerializeStruct;
    type SerializeStructVariant = S::SerializeStructVariant;

    as_it_is! {
        serialize_bool(value: bool) -> Ok
        serialize_i8(value: i8) -> Ok
        serialize_i16(value: i16) -> Ok
        serialize_i32(value: i32) -> Ok
        serialize_i64(value: i64) -> Ok
        serialize_i128(value: i128) -> Ok
        serialize_u8(value: u8) -> Ok
        serialize_u16(value: u16) -> Ok
        serialize_u32(value: u32) -> Ok
        serialize_u64(value: u64) -> Ok
        serialize_u128(value: u128) -> Ok
        serialize_f32(value: f32) -> Ok
        serialize_f64(value: f64) -> Ok
        serialize_char(value: char) -> Ok
        serialize_str(value: &str) -> Ok
        serialize_bytes(value: &[u8]) -> Ok
        serialize_none() -> Ok
        serialize_unit() -> Ok
        serialize_unit_struct(name: &'static str) -> Ok
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> Ok
        serialize_seq(len: Option<usize>) -> SerializeSeq
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant
        serialize_map(len: Option<usize>) -> SerializeMap
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        if name == raw::TOKEN { self.0.serialize_newtype_struct(name, value) } else { value.serialize(self) }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        match (name, variant) {
            ("Result", "Ok") => value.serialize(self),
            ("Result", "Err") => {
                let mut object = self.0.serialize_struct("Error", 1)?;
                object.serialize_field("error", value)?;
                object.end()
            }
            _ => self.0.serialize_newtype_variant(name, index, variant, value),
        }
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_seq(Some(len)).map(Sequence)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0.serialize_seq(Some(len)).map(Sequence)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}
