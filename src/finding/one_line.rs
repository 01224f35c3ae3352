//! Makes text from outside safe to print in one line.

use std::borrow::Cow;

/// Escapes characters that would break a line or control the terminal, since quoted values may contain anything.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let unprintable = |c: char| {
        // Also line separators, and marks that reorder text on the screen.
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if unprintable(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_marks_that_reorder_text_are_escaped() {
        assert_eq!(one_line("a\u{1b}[31mb\u{202e}c é"), "a\\u{1b}[31mb\\u{202e}c é");
    }

    #[test]
    fn what_is_escaped_already_stays_as_it_is() {
        assert_eq!(one_line("O=Entrust\\, Inc."), "O=Entrust\\, Inc.");
    }
}
