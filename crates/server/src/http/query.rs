//! Query strings: percent-encoding and plus signs, as browsers write them.

use std::borrow::Cow;
use std::ops::Range;

/// How the queries of nearly all clients begin.
const USUAL: [(&str, &str); 2] =
    [("EIO=4&transport=polling&", "polling"), ("EIO=4&transport=websocket&", "websocket")];

/// The pairs of a query, in order.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes())
}

/// The parameters of Engine.IO, each the first of its name: found in one pass, since every request is asked for most of
/// them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked<'a> {
    /// `EIO`.
    pub(crate) protocol: Option<Cow<'a, str>>,
    pub(crate) transport: Option<Cow<'a, str>>,
    pub(crate) sid: Option<Cow<'a, str>>,
    /// `j`: the callback of JSONP.
    pub(crate) callback: Option<Cow<'a, str>>,
    /// `b64`.
    pub(crate) base64: Option<Cow<'a, str>>,
}

impl<'a> Asked<'a> {
    pub(crate) fn of(query: &'a str) -> Self {
        for (beginning, transport) in USUAL {
            if let Some(rest) = query.strip_prefix(beginning) {
                let (protocol, transport) = (Some(Cow::Borrowed("4")), Some(Cow::Borrowed(transport)));
                return Self { protocol, transport, ..Self::default() }.and(rest);
            }
        }
        Self::default().and(query)
    }

    /// With what stands behind.
    fn and(mut self, query: &'a str) -> Self {
        let asked = &mut self;
        let (mut start, mut equals, mut coded) = (0, None, false);
        for (at, byte) in query.bytes().enumerate() {
            match byte {
                b'=' if equals.is_none() => equals = Some(at),
                b'%' | b'+' => coded = true,
                b'&' => {
                    asked.found(query, start..at, equals, coded);
                    (start, equals, coded) = (at + 1, None, false);
                }
                _ => {}
            }
        }
        asked.found(query, start..query.len(), equals, coded);
        self
    }

    fn found(&mut self, query: &'a str, place: Range<usize>, equals: Option<usize>, coded: bool) {
        let Range { start, end } = place;
        // All of these places are beside ASCII characters.
        let pair = query.get(start..end).unwrap_or_default();
        if coded {
            self.coded_pair(pair);
        } else if !pair.is_empty() {
            let name = query.get(start..equals.unwrap_or(end)).unwrap_or_default();
            let value = equals.and_then(|equals| query.get(equals + 1..end)).unwrap_or_default();
            self.pair(name, Cow::Borrowed(value));
        }
    }

    #[cold]
    fn coded_pair(&mut self, pair: &'a str) {
        for (name, value) in pairs(pair) {
            self.pair(&name, value);
        }
    }

    fn pair(&mut self, name: &str, value: Cow<'a, str>) {
        let first = match name {
            "EIO" => &mut self.protocol,
            "transport" => &mut self.transport,
            "sid" => &mut self.sid,
            "j" => &mut self.callback,
            "b64" => &mut self.base64,
            _ => return,
        };
        if first.is_none() {
            *first = Some(value);
        }
    }
}

/// The first value of a name; only what is encoded is decoded.
pub(crate) fn get<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if is_plain(key) && (key != name || is_plain(value)) {
            return (key == name && !pair.is_empty()).then_some(Cow::Borrowed(value));
        }
        pairs(pair).find_map(|(key, value)| (key == name).then_some(value))
    })
}

fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'%' | b'+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_in_one_pass_is_what_the_pairs_say() {
        let queries = [
            "EIO=4&transport=websocket",
            "EIO=4&transport=polling&sid=a-b_c&t=x&j=3&b64=1",
            "j&b64&sid&EIO&transport",
            "EIO=4&transport=polling&",
            "EIO=4&transport=polling&EIO=3&transport=websocket&sid=a",
            "EIO=4&transport=websocket&t=1&sid=%61&j",
            "EIO=4&transport=pollings&sid=a",
            "EIO=4&transport=websocket",
            "sid=&sid=a&j==&EIO=3&EIO=4",
            "s%69d=a%20b+c&sid=d&tr%61nsport=%C3%A9&EIO=%34",
            "&&sid=é&=&é=sid&j=a=b%3D&b64=%&%=b64",
            "x=%&y=+&sid=%zz",
            "Sid=a&EIO4&transport =b",
            "",
            "=",
            "&",
        ];
        for query in queries {
            let of = |name: &str| get(query, name);
            let expected = Asked {
                protocol: of("EIO"),
                transport: of("transport"),
                sid: of("sid"),
                callback: of("j"),
                base64: of("b64"),
            };
            assert_eq!(Asked::of(query), expected, "{query}");
        }
    }

    #[test]
    fn a_value_is_what_the_pairs_say() {
        let queries = [
            "EIO=4&transport=websocket",
            "a=1&a=2&b",
            "&&a=&=b&c=d=e",
            "n%61me=x&name=y",
            "a+b=c+d&%=%&e=%C3%A9&+=%2B",
            "",
            "=",
        ];
        for query in queries {
            for name in ["EIO", "transport", "a", "b", "c", "name", "a b", "%", "e", " ", "", "x"] {
                let expected = pairs(query).find_map(|(key, value)| (key == name).then_some(value));
                assert_eq!(get(query, name), expected, "{name} of {query}");
            }
        }
    }
}
