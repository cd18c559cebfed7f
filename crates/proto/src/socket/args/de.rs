//! Arguments as a serde deserializer: a tuple takes several, anything else the first.
//!
//! Without attachments, types read the received text directly: one argument from where it starts, several in
//! one walk over the array. With attachments, an argument that holds placeholders becomes a [`Value`] first.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor,
};
use serde_json::Error;
use serde_json::de::StrRead;

use super::JsonArgs;
use crate::socket::json::Elements;
use crate::socket::value::RAW_VALUE;
use crate::socket::{ArgsError, Value, placeholder};

#[inline]
pub(super) fn deserialize<T: DeserializeOwned>(args: JsonArgs<'_>) -> Result<T, ArgsError> {
    let progress = Progress { index: Cell::new(1), missing: Cell::new(false) };
    T::deserialize(ArgsDeserializer { args, progress: &progress }).map_err(|error| {
        let index = progress.index.get();
        if progress.missing.get() { ArgsError::Missing(index) } else { invalid(index, &error) }
    })
}

pub(super) fn deserialize_each<T: DeserializeOwned>(args: JsonArgs<'_>) -> Result<Vec<T>, ArgsError> {
    let mut elements = ElementAccess { elements: Elements::new(args.list), args };
    let mut values = Vec::new();
    loop {
        match elements.next_element() {
            Ok(Some(value)) => values.push(value),
            Ok(None) => return Ok(values),
            Err(error) => return Err(invalid(values.len() + 1, &error)),
        }
    }
}

fn invalid(index: usize, error: &Error) -> ArgsError {
    ArgsError::Invalid { index, message: without_position(error) }
}

/// serde_json's message without "at line 1 column 7": the sender's text is not at hand where this is read.
fn without_position(error: &Error) -> String {
    let mut message = error.to_string();
    if error.line() > 0
        && let Some(end) = message.rfind(" at line ")
    {
        message.truncate(end);
    }
    message
}

/// What was being read when an error came up.
struct Progress {
    /// Number of the argument, from 1.
    index: Cell<usize>,
    missing: Cell<bool>,
}

impl Progress {
    fn missing<E: de::Error>(&self) -> E {
        self.missing.set(true);
        E::custom("missing")
    }
}

struct ArgsDeserializer<'de, 'p> {
    args: JsonArgs<'de>,
    progress: &'p Progress,
}

impl<'de> ArgsDeserializer<'de, '_> {
    fn first(&self) -> Result<Arg<'de>, Error> {
        if self.args.len == 0 {
            return Err(self.progress.missing());
        }
        if self.args.attachments.is_empty() {
            // Valid text: what stands behind the first value is never looked at.
            return Ok(Arg::text(self.args.list));
        }
        let first = Elements::new(self.args.list).next().unwrap_or_default();
        Arg::with_attachments(first, &self.args)
    }

    /// The first argument, if it is a string that stands there as it is: it was looked through when the packet was checked.
    #[inline]
    fn plain(&self) -> Option<&'de str> {
        self.args.list.get(1..self.args.plain.checked_sub(1)?)
    }

    fn several<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let progress = self.progress;
        if self.args.attachments.is_empty() && !self.args.array.is_empty() {
            let visitor = ArrayVisitor { visitor, skip: self.args.skip, progress };
            return serde_json::Deserializer::from_str(self.args.array).deserialize_seq(visitor);
        }
        let elements = ElementAccess { elements: Elements::new(self.args.list), args: self.args };
        visitor.visit_seq(Several { elements, taken: 0, progress })
    }
}

macro_rules! first_argument {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, Error> {
            self.first()?.$method($($arg,)* visitor)
        }
    )*};
}

macro_rules! plain_or_first {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.plain() {
                Some(text) => visitor.visit_borrowed_str(text),
                None => self.first()?.$method(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for ArgsDeserializer<'de, '_> {
    type Error = Error;

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        self.several(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.several(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.args.len == 0 || self.args.list.starts_with('n') {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == RAW_VALUE {
            self.first()?.deserialize_newtype_struct(name, visitor)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    plain_or_first! {
        deserialize_any
        deserialize_str
        deserialize_string
    }

    first_argument! {
        deserialize_bool()
        deserialize_i8()
        deserialize_i16()
        deserialize_i32()
        deserialize_i64()
        deserialize_i128()
        deserialize_u8()
        deserialize_u16()
        deserialize_u32()
        deserialize_u64()
        deserialize_u128()
        deserialize_f32()
        deserialize_f64()
        deserialize_char()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_seq()
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier()
    }
}

/// One argument.
enum Arg<'de> {
    Text(serde_json::Deserializer<StrRead<'de>>),
    Value(Value),
}

impl<'de> Arg<'de> {
    fn text(text: &'de str) -> Self {
        Self::Text(serde_json::Deserializer::from_str(text))
    }

    fn with_attachments(text: &'de str, args: &JsonArgs<'de>) -> Result<Self, Error> {
        if text.starts_with('"') {
            // A string holds none.
            return Ok(Self::text(text));
        }
        if let Some(bytes) = placeholder::alone(text).and_then(|num| args.attachments.get(num)) {
            return Ok(Self::Value(Value::Binary(bytes.clone())));
        }
        match placeholder::find(text, args.attachments.len()) {
            Ok(found) if found.is_empty() => Ok(Self::text(text)),
            Ok(_) => {
                let mut value = serde_json::from_str(text)?;
                placeholder::fill(&mut value, args.attachments);
                Ok(Self::Value(value))
            }
            Err(error) => Err(Error::custom(error)),
        }
    }
}

macro_rules! either {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, Error> {
            match self {
                Self::Text(mut text) => text.$method($($arg,)* visitor),
                Self::Value(value) => value.$method($($arg,)* visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Arg<'de> {
    type Error = Error;

    either! {
        deserialize_any()
        deserialize_bool()
        deserialize_i8()
        deserialize_i16()
        deserialize_i32()
        deserialize_i64()
        deserialize_i128()
        deserialize_u8()
        deserialize_u16()
        deserialize_u32()
        deserialize_u64()
        deserialize_u128()
        deserialize_f32()
        deserialize_f64()
        deserialize_char()
        deserialize_str()
        deserialize_string()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_option()
        deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier()
        deserialize_ignored_any()
    }
}

/// Gives a tuple's visitor the elements of a JSON array behind those that are no arguments, and reads the
/// array to its end, whatever the tuple took of it.
struct ArrayVisitor<'p, V> {
    visitor: V,
    skip: usize,
    progress: &'p Progress,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ArrayVisitor<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<V::Value, A::Error> {
        for _ in 0..self.skip {
            elements.next_element::<IgnoredAny>()?;
        }
        let several = Several { elements: &mut elements, taken: 0, progress: self.progress };
        let value = self.visitor.visit_seq(several)?;
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

/// The elements of a list, each read on its own.
struct ElementAccess<'de> {
    elements: Elements<'de>,
    args: JsonArgs<'de>,
}

impl<'de> SeqAccess<'de> for ElementAccess<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(text) = self.elements.next() else { return Ok(None) };
        let arg = if self.args.attachments.is_empty() {
            Arg::text(text)
        } else {
            Arg::with_attachments(text, &self.args)?
        };
        seed.deserialize(arg).map(Some)
    }
}

/// The fields of a tuple: counts them, and goes on behind the last argument with missing ones.
struct Several<'p, A> {
    elements: A,
    taken: usize,
    progress: &'p Progress,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Several<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.taken += 1;
        self.progress.index.set(self.taken);
        // The seed is used up by the first attempt, so it goes along and comes back if there was no element.
        let mut seed = Some(seed);
        let element = self.elements.next_element_seed(Lent(&mut seed))?;
        match (element, seed) {
            (Some(value), _) => Ok(Some(value)),
            (None, Some(seed)) => {
                let missing = MissingArg { progress: self.progress, error: PhantomData };
                seed.deserialize(missing).map(Some)
            }
            (None, None) => Ok(None),
        }
    }
}

/// A seed that is left where it is until there is something to use it for.
struct Lent<'s, S>(&'s mut Option<S>);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Lent<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        match self.0.take() {
            Some(seed) => seed.deserialize(deserializer),
            None => Err(D::Error::custom("a sequence used its seed twice")),
        }
    }
}

/// An argument that did not come: `None` to an `Option`, an error to everything else.
struct MissingArg<'p, E> {
    progress: &'p Progress,
    error: PhantomData<E>,
}

impl<'de, E: de::Error> Deserializer<'de> for MissingArg<'_, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, E> {
        Err(self.progress.missing())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}
