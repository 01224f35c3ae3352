//! Keeps what may be a token out of errors about a wrong value.
//!
//! Tokens get pasted into the wrong setting, and errors go to logs. So an error quotes short words of a value, but only
//! the beginning of long ones.

/// A word of letters and digits with at least this length may be a token.
const MIXED: usize = 10;
/// Any other word with at least this length may be one, too.
const LONG: usize = 20;
/// Letters that are kept, so that one can find the value.
const KEPT: usize = 3;

/// `text` without the words of `value` that may be secrets, nor parts of them that are words of `text`.
pub(super) fn redacted(text: &str, value: &str) -> String {
    let parts = text.split(is_separator).filter(|word| value.contains(word));
    let mut words: Vec<&str> = value.split(is_separator).chain(parts).filter(may_be_secret).collect();
    // A word that is part of a longer one is replaced after it.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.iter().fold(text.to_owned(), |text, word| {
        let kept: String = word.chars().take(KEPT).collect();
        text.replace(word, &format!("{kept}…"))
    })
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_control() || ",;=\"'`?&@:()[]{}".contains(c)
}

fn may_be_secret(word: &&str) -> bool {
    let has = |is: fn(char) -> bool| word.chars().any(is);
    let is_mixed = has(char::is_alphabetic) && has(|c| c.is_ascii_digit());
    word.len() >= LONG || is_mixed && word.len() >= MIXED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> String {
        redacted(&format!("`{value}` is wrong"), value)
    }

    #[test]
    fn parts_of_long_words_are_cut_too() {
        let value = "5hush-0123456789abcdef";
        assert_eq!(
            redacted(&format!("`{value}` ends in `{}`", &value[1..]), value),
            "`5hu…` ends in `hus…`"
        );
    }

    #[test]
    fn long_words_are_cut_and_short_ones_are_not() {
        assert_eq!(of("hush-0123456789abcdef"), "`hus…` is wrong");
        assert_eq!(of("cn=hush-0123456789abcdef, o=Example"), "`cn=hus…, o=Example` is wrong");
        assert_eq!(of("correct-horse-battery-staple"), "`cor…` is wrong");
        for plain in
            ["meeting-notes", "5 parsecs", "localhost:8443", "10.0.0.1/33", "cn=a*, o=\"Example, Ltd\""]
        {
            assert_eq!(of(plain), format!("`{plain}` is wrong"));
        }
    }
}
