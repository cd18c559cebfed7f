//! The picture of somebody who has none: initials on a colour of their own, as SVG.

use std::fmt::Write as _;

/// The address of the picture for a key and name. It holds all that is drawn, so it can be cached for good.
pub(crate) fn url(key: &str, name: &str) -> String {
    format!("/avatar/{}/{}.svg", hue(key), percent(&initials(name)))
}

/// Draws initials; `hue` in degrees.
pub(crate) fn svg(hue: u16, initials: &str) -> String {
    let hue = hue % 360;
    let (from, to) = (hue, (hue + 40) % 360);
    let text: String = initials.chars().filter(|c| c.is_alphanumeric()).take(2).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\" width=\"64\" height=\"64\">\
         <defs><linearGradient id=\"g\" x2=\"1\" y2=\"1\"><stop stop-color=\"hsl({from} 52% 42%)\"/>\
         <stop offset=\"1\" stop-color=\"hsl({to} 58% 32%)\"/></linearGradient></defs>\
         <rect width=\"64\" height=\"64\" fill=\"url(#g)\"/>\
         <text x=\"32\" y=\"33\" fill=\"#fff\" font-family=\"system-ui,sans-serif\" font-size=\"26\" \
         font-weight=\"600\" text-anchor=\"middle\" dominant-baseline=\"central\">{text}</text></svg>"
    )
}

/// The first letters of the first and the last word, in upper case.
fn initials(name: &str) -> String {
    let mut words = name.split([' ', '.', '-', '_']).filter_map(|word| word.chars().next());
    let first = words.next();
    first
        .into_iter()
        .chain(words.next_back())
        .flat_map(char::to_uppercase)
        .filter(|c| c.is_alphanumeric())
        .take(2)
        .collect()
}

/// A colour that belongs to a key: FNV-1a, mixed once more, because keys differ in their last letters.
fn hue(key: &str) -> u16 {
    let hash =
        key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mixed = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    u16::try_from((mixed ^ (mixed >> 12)) % 360).unwrap_or_default()
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string can't fail");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_last_word() {
        for (name, expected) in [("Ana", "A"), ("José María Paz", "JP"), ("ñu-gnu", "ÑG"), ("李雷", "李")]
        {
            assert_eq!(initials(name), expected);
        }
    }

    #[test]
    fn an_address_is_stable_and_plain() {
        assert_eq!(url("u1", "Ñandú"), url("u1", "Ñandú"));
        assert!(url("u1", "Ñandú").is_ascii());
        assert_ne!(url("u1", "Ana"), url("u2", "Ana"));
    }

    #[test]
    fn nothing_but_letters_is_drawn() {
        let svg = svg(400, "</text><script>alert(1)</script>");
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains(">te</text>"), "{svg}");
        assert!(svg.contains("hsl(40 "), "{svg}");
    }
}
