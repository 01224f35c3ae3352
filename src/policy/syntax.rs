//! The syntax of rules: `name=value`, or several of these with commas between them.
//!
//! A value with a comma is in double quotes, or has a backslash before the comma. After a backslash, the characters
//! `,`, `"`, `\` and `*` have no special meaning, inside and outside of quotes.

use std::iter::Peekable;
use std::str::Chars;

use super::error::RuleError;
use super::pattern::WILDCARD;

/// The text between two commas.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The text before the first `=`.
    pub(super) name: String,
    /// The text after it; `None` if there is no `=`. A `*` without a backslash becomes [`WILDCARD`].
    pub(super) value: Option<String>,
}

/// All parts of a rule, at least one.
pub(super) fn parts(line: &str) -> Result<Vec<Part>, RuleError> {
    // No control character is written on purpose, and one of them marks a wildcard.
    if let Some(control) = line.chars().find(|c| c.is_control()) {
        return Err(RuleError::Control(control.escape_default().to_string()));
    }
    let mut chars = line.chars().peekable();
    let mut parts = Vec::new();
    loop {
        let (part, more) = part(&mut chars)?;
        parts.push(part);
        if !more {
            return Ok(parts);
        }
    }
}

/// Reads one part. Returns whether a comma follows it.
fn part(chars: &mut Peekable<Chars<'_>>) -> Result<(Part, bool), RuleError> {
    let mut name = String::new();
    while let Some(c) = chars.next() {
        match c {
            '=' => {
                let (value, more) = value(chars)?;
                return Ok((Part { name: name.trim().to_owned(), value: Some(value) }, more));
            }
            ',' => return Ok((Part { name: name.trim().to_owned(), value: None }, true)),
            c => name.push(c),
        }
    }
    Ok((Part { name: name.trim().to_owned(), value: None }, false))
}

fn value(chars: &mut Peekable<Chars<'_>>) -> Result<(String, bool), RuleError> {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
    if chars.next_if_eq(&'"').is_some() {
        return quoted(chars);
    }
    let mut value = String::new();
    // The length without trailing spaces.
    let mut kept = 0;
    while let Some(c) = chars.next() {
        match c {
            ',' => {
                value.truncate(kept);
                return Ok((value, true));
            }
            '\\' => value.push(escaped(chars)?),
            '*' => value.push(WILDCARD),
            c => value.push(c),
        }
        if !c.is_whitespace() {
            kept = value.len();
        }
    }
    value.truncate(kept);
    Ok((value, false))
}

fn quoted(chars: &mut Peekable<Chars<'_>>) -> Result<(String, bool), RuleError> {
    let mut value = String::new();
    loop {
        match chars.next().ok_or_else(|| RuleError::OpenQuote(as_written(&value)))? {
            '"' => break,
            '\\' => value.push(escaped(chars)?),
            '*' => value.push(WILDCARD),
            c => value.push(c),
        }
    }
    let rest: String = std::iter::from_fn(|| chars.next_if(|c| *c != ',')).collect();
    if !rest.trim().is_empty() {
        return Err(RuleError::AfterQuote(rest.trim().to_owned()));
    }
    Ok((value, chars.next().is_some()))
}

fn escaped(chars: &mut Peekable<Chars<'_>>) -> Result<char, RuleError> {
    match chars.next() {
        Some(c @ (',' | '"' | '\\' | '*')) => Ok(c),
        other => Err(RuleError::BadEscape(other.map(String::from).unwrap_or_default())),
    }
}

/// A value as it was written, wildcards included, for an error message.
pub(super) fn as_written(value: &str) -> String {
    value.replace(WILDCARD, "*")
}

/// Writes a value in a form that can be read again, in quotes if necessary.
pub(super) fn quote(value: &str) -> String {
    let special = |c| matches!(c, ',' | '"' | '\\' | '*');
    let bare = value.trim() == value && !value.is_empty() && !value.contains(special);
    if bare {
        return as_written(value);
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' | '*' => out.extend(['\\', c]),
            WILDCARD => out.push('*'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<(String, String)> {
        let parts = parts(line).unwrap().into_iter();
        parts.map(|part| (part.name, part.value.map_or("-".to_owned(), |v| as_written(&v)))).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_comma_stands_between_parts_unless_it_is_quoted_or_escaped() {
        assert_eq!(read(" cn = a b , o=c "), [pair("cn", "a b"), pair("o", "c")]);
        assert_eq!(read(r#"o="a, b", cn=c"#), [pair("o", "a, b"), pair("cn", "c")]);
        assert_eq!(read(r"o=a\, b,cn=c"), [pair("o", "a, b"), pair("cn", "c")]);
        assert_eq!(read(r#"o=" a ""#), [pair("o", " a ")]);
        assert_eq!(read(r#"o=say "a""#), [pair("o", r#"say "a""#)]);
        assert_eq!(read("uri=spiffe://x/a=b"), [pair("uri", "spiffe://x/a=b")]);
        assert_eq!(read("any,"), [pair("any", "-"), pair("", "-")]);
    }

    #[test]
    fn a_star_is_a_wildcard_unless_it_is_escaped() {
        let value = |line: &str| parts(line).unwrap().remove(0).value.unwrap();
        assert_eq!(value("cn=a*"), format!("a{WILDCARD}"));
        assert_eq!(value(r#"cn="a*""#), format!("a{WILDCARD}"));
        assert_eq!(value(r"cn=a\*"), "a*");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        assert_eq!(parts(r#"o="a"#), Err(RuleError::OpenQuote("a".into())));
        assert_eq!(parts(r#"o="a" b"#), Err(RuleError::AfterQuote("b".into())));
        assert_eq!(parts(r"o=a\b"), Err(RuleError::BadEscape("b".into())));
        assert_eq!(parts(r"o=a\"), Err(RuleError::BadEscape(String::new())));
        assert_eq!(parts("o=a\0"), Err(RuleError::Control("\\u{0}".into())));
    }

    #[test]
    fn a_quoted_value_is_read_as_the_same() {
        let wild = format!("a{WILDCARD}, \"b\\*");
        for value in ["a", "a,b", " a", "\"", "a\\", "*", "", "a\"b", &wild] {
            let line = format!("o={}", quote(value));
            assert_eq!(parts(&line).unwrap().remove(0).value.unwrap(), value, "{line}");
        }
    }
}
