//! What a client comes back with: `{pid, offset, …auth}` as the payload of its CONNECT.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use enchufe_cluster::recovery::Pid;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What a client shows of an earlier session.
#[derive(Debug)]
pub(crate) struct Presented {
    /// `None` where it cannot be one.
    pub(crate) pid: Option<Pid>,
    /// The offset of the last event that it has seen. A client that has seen none sends none.
    pub(crate) offset: Option<String>,
}

impl Presented {
    /// Takes it out of the payload of a CONNECT: the rest is the application's auth. The payload is left as it is where it
    /// holds no `pid`, or one that is no string: then both names are the application's own.
    pub(crate) fn take(auth: Option<Arc<str>>) -> (Option<Self>, Option<Arc<str>>) {
        let found = auth.as_deref().filter(|auth| auth.contains("\"pid\"")).and_then(|auth| {
            let members: Members<'_> = serde_json::from_str(auth).ok()?;
            let pid: String = members.text("pid")?;
            let presented = Self { pid: Pid::parse(&pid), offset: members.text("offset") };
            Some((members.without(presented.offset.is_some()), presented))
        });
        match found {
            Some((rest, presented)) => (Some(presented), rest),
            None => (None, auth),
        }
    }
}

/// The members of a JSON object in order, unparsed.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl Members<'_> {
    /// The last of this name counts, as in JavaScript.
    fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().rev().find(|(key, _)| key == name)?;
        serde_json::from_str(value.get()).ok()
    }

    /// The text of the object without what was taken out; `None` where nothing is left.
    fn without(&self, offset: bool) -> Option<Arc<str>> {
        let taken = |name: &str| name == "pid" || (offset && name == "offset");
        let mut text = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| !taken(name)) {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(&serde_json::Value::from(name.as_ref()).to_string());
            text.push(':');
            text.push_str(value.get());
        }
        if text.is_empty() {
            return None;
        }
        text.push('}');
        Some(text.into())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Object).map(Members)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    const PID: &str = "AAAAAAAAAAAAAAAAAAAA";

    fn take(auth: &str) -> (Option<(bool, Option<String>)>, Option<String>) {
        let (presented, rest) = Presented::take(Some(auth.into()));
        (presented.map(|shown| (shown.pid.is_some(), shown.offset)), rest.map(|rest| rest.to_string()))
    }

    #[test]
    fn pid_and_offset_are_taken_out_of_the_auth() {
        let both = format!(r#"{{"pid":"{PID}","offset":"x","token":"a\"b","n":{{"pid":1}}}}"#);
        let rest = r#"{"token":"a\"b","n":{"pid":1}}"#.to_owned();
        assert_eq!(take(&both), (Some((true, Some("x".into()))), Some(rest)));
        assert_eq!(take(&format!(r#"{{"pid":"{PID}"}}"#)), (Some((true, None)), None));
        assert_eq!(take(r#"{"pid":"nonsense","a":1}"#), (Some((false, None)), Some(r#"{"a":1}"#.into())));
    }

    #[test]
    fn names_of_the_application_stay() {
        for auth in [r#"{"pid":7}"#, r#"{"offset":"x"}"#, r#"{"a":"\"pid\""}"#, r#"{"a":{"pid":"x"}}"#] {
            assert_eq!(take(auth), (None, Some(auth.to_owned())));
        }
        let number = format!(r#"{{"pid":"{PID}","offset":7}}"#);
        assert_eq!(take(&number), (Some((true, None)), Some(r#"{"offset":7}"#.into())));
        assert!(matches!(Presented::take(None), (None, None)));
    }

    #[test]
    fn escapes_and_repetitions_are_read_as_in_javascript() {
        let twice = format!(r#"{{"pid":"x","a\nb":1,"pid":"{PID}"}}"#);
        assert_eq!(take(&twice), (Some((true, None)), Some("{\"a\\nb\":1}".into())));
    }
}
