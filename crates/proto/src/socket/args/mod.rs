//! The arguments of an event or an ack.

mod de;

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::json::Elements;
use super::packet::{Kind, Packet, event_name};
use super::{ArgsError, DecodeError, RawArgs, placeholder};

/// An event: its name, and the arguments behind it.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// The name. A number that was sent as a name is its text, as for the listeners of the official system.
    pub name: Cow<'a, str>,
    /// The arguments.
    pub args: Args<'a>,
}

/// Arguments that have been checked, but not yet turned into values.
///
/// The text is valid JSON, and every placeholder in it has its attachment.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a> {
    repr: Repr<'a>,
}

/// How they came. A parser with another encoding adds its own form here.
#[derive(Debug, Clone, Copy)]
enum Repr<'a> {
    Json(JsonArgs<'a>),
}

#[derive(Debug, Clone, Copy)]
struct JsonArgs<'a> {
    /// The whole array, with the event name; empty if there is only the list.
    array: &'a str,
    /// How many elements at the front of the array are no arguments.
    skip: usize,
    /// The arguments: a comma separated list.
    list: &'a str,
    len: usize,
    /// Length of the first argument, where that is a string that stands between its quotes as it is; 0 where it is something
    /// else, or not known.
    plain: usize,
    attachments: &'a [Bytes],
}

impl<'a> Packet<'a> {
    /// The event in this packet, with the attachments that came for it.
    ///
    /// `None` if the packet is no event, or one without a payload: it is allowed, but has no name, so nothing
    /// can be listening for it. A placeholder that names no attachment is an error.
    #[inline]
    pub fn event(&self, attachments: &'a [Bytes]) -> Result<Option<Event<'a>>, DecodeError> {
        if self.kind != Kind::Event || self.data.is_empty() {
            return Ok(None);
        }
        let name = event_name(self.data, &self.array).ok_or(DecodeError::InvalidPayload)?;
        Ok(Some(Event {
            name,
            args: self.args_from(self.array.second, 1, self.array.second_plain, attachments)?,
        }))
    }

    /// The arguments of this ack, with the attachments that came for it.
    ///
    /// There are none if the packet is no ack or has no payload. A placeholder that names no attachment is an
    /// error.
    pub fn ack(&self, attachments: &'a [Bytes]) -> Result<Args<'a>, DecodeError> {
        if self.kind != Kind::Ack || self.data.is_empty() {
            return Ok(Args::EMPTY);
        }
        let plain = !self.array.first_escaped && self.data.as_bytes().get(self.array.first) == Some(&b'"');
        let end = if plain { self.array.first_end } else { 0 };
        self.args_from(self.array.first, 0, end, attachments)
    }

    /// `plain_end` is the end of the first argument if that is a string without escapes, or else 0.
    #[inline]
    fn args_from(
        &self,
        start: usize,
        skip: usize,
        plain_end: usize,
        attachments: &'a [Bytes],
    ) -> Result<Args<'a>, DecodeError> {
        // A packet that announced none may hold what looks like placeholders; it is data.
        let attachments = if self.attachments == 0 { &[] } else { attachments };
        let list = self.data.get(start..self.array.close).unwrap_or_default().trim_ascii_end();
        if self.attachments > 0 {
            placeholder::find(list, attachments.len())?;
        }
        let len = self.array.len - skip;
        let plain = plain_end.saturating_sub(start);
        let repr = Repr::Json(JsonArgs { array: self.data, skip, list, len, plain, attachments });
        Ok(Args { repr })
    }
}

impl<'a> Args<'a> {
    /// No arguments.
    pub const EMPTY: Args<'static> = Args {
        repr: Repr::Json(JsonArgs { array: "", skip: 0, list: "", len: 0, plain: 0, attachments: &[] }),
    };

    /// Over a list that was checked before.
    pub(super) fn from_list(list: &'a str, len: usize, attachments: &'a [Bytes]) -> Self {
        Self { repr: Repr::Json(JsonArgs { array: "", skip: 0, list, len, plain: 0, attachments }) }
    }

    /// Turns the arguments into a `T`.
    ///
    /// - `()` takes none of them.
    /// - A tuple or tuple struct takes as many as it has fields. `[T; N]` is a tuple of N to serde, and so it
    ///   is N arguments here too; a list of fixed length that is *one* argument is `([T; N],)`.
    /// - Everything else (a `Vec`, struct, map, enum, string, [`Value`](super::Value)…) takes the first.
    /// - `Option` around any of these is `None` if the first argument is missing or `null`; an `Option` in a
    ///   tuple is `None` if its argument is missing. Any other missing argument is an error.
    /// - A newtype struct is as what it holds.
    /// - Arguments that are left over are ignored.
    ///
    /// Bytes come out of attachments, wherever a type asks for them: [`Bytes`], `serde_bytes`, [`Value`](super::Value),
    /// and a `Vec<u8>` too, though that would be sent as an array of numbers. They are copied into types that own their
    /// bytes, [`Bytes`] too, for serde has no other way; a [`Value`](super::Value) shares them.
    ///
    /// ```
    /// use enchufe_proto::socket::{Limits, Packet};
    ///
    /// let packet = Packet::decode(r#"2["add",1,2]"#, &Limits::default())?;
    /// let event = packet.event(&[])?.expect("it has a name");
    /// assert_eq!(event.name, "add");
    /// assert_eq!(event.args.deserialize::<(i64, i64)>()?, (1, 2));
    /// assert_eq!(event.args.deserialize::<(i64, i64, Option<String>)>()?, (1, 2, None));
    /// assert_eq!(event.args.deserialize::<i64>()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        let Repr::Json(args) = self.repr;
        de::deserialize(args)
    }

    /// Turns each argument into a `T`, such as [`Value`](super::Value): for as many as come.
    pub fn deserialize_each<T: DeserializeOwned>(&self) -> Result<Vec<T>, ArgsError> {
        let Repr::Json(args) = self.repr;
        de::deserialize_each(args)
    }

    /// Number of arguments.
    pub fn len(&self) -> usize {
        let Repr::Json(args) = self.repr;
        args.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The JSON text of one argument, from 0, with placeholders in the place of bytes. It is looked for from the
    /// start: to go through all, use [`iter_raw`](Self::iter_raw).
    pub fn get_raw(&self, index: usize) -> Option<&'a str> {
        self.iter_raw().nth(index)
    }

    /// The JSON text of each argument, with placeholders in the place of bytes.
    pub fn iter_raw(&self) -> Elements<'a> {
        Elements::new(self.list())
    }

    /// The attachments that came with the arguments.
    pub fn attachments(&self) -> &'a [Bytes] {
        let Repr::Json(args) = self.repr;
        args.attachments
    }

    /// The arguments in an owned form, to be sent on without turning them into values.
    pub fn to_raw(&self) -> RawArgs {
        RawArgs::from_checked(self.list().into(), self.len(), self.attachments())
    }

    /// As [`to_raw`](Self::to_raw), with the first argument alone, or none where there is none.
    pub fn first_raw(&self) -> RawArgs {
        match self.get_raw(0) {
            Some(first) => RawArgs::from_checked(first.into(), 1, self.attachments()),
            None => RawArgs::default(),
        }
    }

    fn list(&self) -> &'a str {
        let Repr::Json(args) = self.repr;
        args.list
    }
}
