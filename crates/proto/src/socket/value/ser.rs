//! [`Value`] into any serializer.

use serde::{Serialize, Serializer};

use super::Value;
use crate::socket::handoff;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // Not as unit, which would be no argument at all.
            Self::Null => serializer.serialize_none(),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Number(number) => number.serialize(serializer),
            Self::String(string) => serializer.serialize_str(string),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(map) => serializer.collect_map(map),
            Self::Binary(bytes) => handoff::with_bytes(bytes, || serializer.serialize_bytes(bytes)),
        }
    }
}
