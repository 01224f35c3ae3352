//! Cuts strings as they are written, so that what stays is written as before.

/// The string of JSON with its first `length` characters only. `None` if it has no more than that.
///
/// A character is a Unicode scalar value; an escape and a pair of surrogates are one, and so is half of a pair.
pub(super) fn truncated(string: &str, length: usize) -> Option<String> {
    let content = string.strip_prefix('"')?.strip_suffix('"')?;
    // A character has at least one byte.
    if content.len() <= length {
        return None;
    }
    let mut at = 0;
    for _ in 0..length {
        if at == content.len() {
            return None;
        }
        at += character_length(&content[at..]);
    }
    if at == content.len() { None } else { Some(format!("\"{}\"", &content[..at])) }
}

/// How many bytes the first character is written with.
fn character_length(text: &str) -> usize {
    match code_unit(text) {
        Some(0xd800..0xdc00) if matches!(text.get(6..).and_then(code_unit), Some(0xdc00..0xe000)) => 12,
        Some(_) => 6,
        None if text.starts_with('\\') => 2.min(text.len()),
        None => text.chars().next().map_or(0, char::len_utf8),
    }
}

/// The number in an escape such as `\u00fc`, if the text begins with one.
fn code_unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}
