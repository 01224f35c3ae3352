//! Writes JSON again in the ways of common libraries, without reading numbers or names.

/// Where JSON has blanks and line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// None, as `JSON.stringify(value)` writes it.
    Compact,
    /// A blank after each comma and colon, as Python's `json.dumps` writes it.
    Spaced,
    /// Each value in a line of its own, indented by two blanks, as `JSON.stringify(value, null, 2)` writes it.
    Indented,
}

impl Style {
    pub(super) const ALL: [Self; 3] = [Self::Compact, Self::Spaced, Self::Indented];
}

/// `json` in this style, with characters other than ASCII escaped if `ascii` is set.
///
/// `None` if that is longer than `limit` bytes: the indentation of values within values could make it quadratic. The text must
/// be valid JSON.
pub(super) fn reformatted(json: &str, style: Style, ascii: bool, limit: usize) -> Option<Vec<u8>> {
    let mut writer = Writer { out: Vec::with_capacity(json.len()), style, depth: 0, is_first: false };
    let (mut in_string, mut is_escaped) = (false, false);
    for char in json.chars() {
        if writer.out.len() > limit {
            return None;
        }
        if in_string {
            writer.push(char, ascii);
            in_string = is_escaped || char != '"';
            is_escaped = char == '\\' && !is_escaped;
        } else {
            writer.token(char);
            in_string = char == '"';
        }
    }
    if writer.out.len() > limit { None } else { Some(writer.out) }
}

struct Writer {
    out: Vec<u8>,
    style: Style,
    depth: usize,
    /// Whether the next value is the first in its object or array, or there is none.
    is_first: bool,
}

impl Writer {
    /// A character outside of strings.
    fn token(&mut self, char: char) {
        let was_first = self.is_first;
        match char {
            ' ' | '\t' | '\r' | '\n' => return,
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                if !was_first {
                    self.line();
                }
            }
            _ if was_first => self.line(),
            _ => {}
        }
        self.is_first = matches!(char, '{' | '[');
        self.push(char, false);
        match (char, self.style) {
            ('{' | '[', _) => self.depth += 1,
            (',', Style::Indented) => self.line(),
            (',', Style::Spaced) | (':', Style::Spaced | Style::Indented) => self.out.push(b' '),
            _ => {}
        }
    }

    fn line(&mut self) {
        if self.style == Style::Indented {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.depth, b' ');
        }
    }

    fn push(&mut self, char: char, ascii: bool) {
        let mut units = [0; 2];
        let mut bytes = [0; 4];
        if ascii && !char.is_ascii() {
            for unit in char.encode_utf16(&mut units) {
                self.out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        } else {
            self.out.extend_from_slice(char.encode_utf8(&mut bytes).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ODD: &str =
        "{ \"a\" : [1.10,\t-2e5 , {} ,[ ] ],\r\n\"b: \\\", \u{fc}\u{1f44b}\":\"{[\\\\\" , \"c\":null}";

    fn written(style: Style, ascii: bool) -> String {
        String::from_utf8(reformatted(ODD, style, ascii, 1000).unwrap()).unwrap()
    }

    #[test]
    fn blanks_outside_of_strings_are_those_of_the_style() {
        let compact = "{\"a\":[1.10,-2e5,{},[]],\"b: \\\", \u{fc}\u{1f44b}\":\"{[\\\\\",\"c\":null}";
        assert_eq!(written(Style::Compact, false), compact);
        let spaced =
            "{\"a\": [1.10, -2e5, {}, []], \"b: \\\", \\u00fc\\ud83d\\udc4b\": \"{[\\\\\", \"c\": null}";
        assert_eq!(written(Style::Spaced, true), spaced);
        let indented = "{\n  \"a\": [\n    1.10,\n    -2e5,\n    {},\n    []\n  ],\n  \"b: \\\", \u{fc}\u{1f44b}\": \"{[\\\\\",\n  \"c\": null\n}";
        assert_eq!(written(Style::Indented, false), indented);
    }

    #[test]
    fn a_text_that_would_be_longer_than_the_limit_is_not_written() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(reformatted(&deep, Style::Indented, false, 2 * deep.len()), None);
        assert_eq!(reformatted(&deep, Style::Compact, false, deep.len()), Some(deep.clone().into()));
        assert_eq!(reformatted(&deep, Style::Compact, false, deep.len() - 1), None);
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "[ -~\u{e0}-\u{ff}\n\t]{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::vec(("[a-z\"\\\\]{0,4}", inner), 0..5)
                    .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        /// serde_json writes as `JSON.stringify` does.
        #[test]
        fn each_style_is_written_as_a_library_writes_it(value in value()) {
            let (compact, pretty) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
            for text in [&compact, &pretty] {
                let written = |style| reformatted(text, style, false, usize::MAX).unwrap();
                prop_assert_eq!(&written(Style::Compact), compact.as_bytes());
                prop_assert_eq!(&written(Style::Indented), pretty.as_bytes());
                let ascii = reformatted(text, Style::Spaced, true, usize::MAX).unwrap();
                prop_assert!(ascii.is_ascii());
                let read: serde_json::Value = serde_json::from_slice(&ascii).unwrap();
                prop_assert_eq!(&read, &value);
            }
        }
    }
}
