//! HubSpot's signature v3 signs the URL after some escapes in it are decoded.

use std::borrow::Cow;

/// The escapes, as the documentation of HubSpot lists them ("Validating requests", signature v3).
const ESCAPES: [(&str, &str); 12] = [
    ("3A", ":"),
    ("2F", "/"),
    ("3F", "?"),
    ("40", "@"),
    ("21", "!"),
    ("24", "$"),
    ("27", "'"),
    ("28", "("),
    ("29", ")"),
    ("2A", "*"),
    ("2C", ","),
    ("3B", ";"),
];

/// The target with these escapes decoded, once.
pub(super) fn unescaped(target: &str) -> Cow<'_, str> {
    let Some((start, rest)) = target.split_once('%') else {
        return Cow::Borrowed(target);
    };
    let mut text = start.to_owned();
    for part in rest.split('%') {
        let escape = part.get(..2).unwrap_or_default();
        match ESCAPES.iter().find(|(code, _)| code.eq_ignore_ascii_case(escape)) {
            Some((_, decoded)) => {
                text.push_str(decoded);
                text.push_str(&part[2..]);
            }
            None => {
                text.push('%');
                text.push_str(part);
            }
        }
    }
    Cow::Owned(text)
}
