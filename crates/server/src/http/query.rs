//! Query strings: percent-encoding and plus signs, as browsers write them.

use std::borrow::Cow;

/// The pairs of a query, in order.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes())
}

/// The first value of a name. Requests are asked for several: only what is encoded is decoded.
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
