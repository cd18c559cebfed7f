//! Query strings: percent-encoding and plus signs, as browsers write them.

use std::borrow::Cow;

/// The pairs of a query, in order.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes())
}

/// The first value of a name.
pub(crate) fn get<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    pairs(query).find_map(|(key, value)| (key == name).then_some(value))
}
