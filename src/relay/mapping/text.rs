//! `as = "string"`, `join`, `lower`, `truncate` and `hash`.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::error::ValueFault;
use super::sources::text_of;
use crate::shaping::HashKey;

/// Makes pseudonyms: the same one for the same value, which nobody can undo or make without a key.
pub trait Pseudonyms: Send + Sync {
    /// The pseudonym of a value. It needs no escapes in JSON.
    fn pseudonym(&self, value: &str) -> String;
}

impl Pseudonyms for HashKey {
    fn pseudonym(&self, value: &str) -> String {
        Self::pseudonym(self, value)
    }
}

/// Text: strings stay as they are written.
pub(super) fn string(value: &str) -> Result<Cow<'_, str>, ValueFault> {
    match value.as_bytes().first() {
        Some(b'"') => Ok(Cow::Borrowed(value)),
        Some(b'{' | b'[') => Err(ValueFault::NotSingle),
        _ => Ok(format!("\"{value}\"").into()),
    }
}

/// The values with `between` between them; `None` if there is none. An array gives its items.
pub(super) fn join<'v>(
    values: impl Iterator<Item = &'v str>,
    between: &str,
) -> Result<Option<String>, ValueFault> {
    let mut text: Option<String> = None;
    let mut add = |value: &str| {
        let piece = match value.as_bytes().first() {
            Some(b'"') => text_of(value)?,
            Some(b'{' | b'[') => return Err(ValueFault::NotSingle),
            Some(b'n') => return Ok(()),
            _ => Cow::Borrowed(value),
        };
        match &mut text {
            Some(text) => text.extend([between, &piece]),
            None => text = Some(piece.into_owned()),
        }
        Ok(())
    };
    for value in values {
        if value.starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(value).map_err(|_| ValueFault::NotJson)?;
            items.iter().try_for_each(|item| add(item.get()))?;
        } else {
            add(value)?;
        }
    }
    Ok(text.map(|text| quoted(&text)))
}

/// Text in small letters.
pub(super) fn lower(value: Cow<'_, str>) -> Result<Cow<'_, str>, ValueFault> {
    let text = text(&value)?;
    let small = text.to_lowercase();
    Ok(if small == *text { value } else { quoted(&small).into() })
}

/// The first `length` characters of a text.
pub(super) fn truncate(value: Cow<'_, str>, length: usize) -> Result<Cow<'_, str>, ValueFault> {
    // A character has at least one byte, also as it is written.
    if value.starts_with('"') && value.len() <= length.saturating_add(2) {
        return Ok(value);
    }
    let text = text(&value)?;
    match text.char_indices().nth(length) {
        Some((end, _)) => Ok(quoted(text.get(..end).unwrap_or_default()).into()),
        None => Ok(value),
    }
}

/// The pseudonym of a text or a number. A text without a character that is not blank stays as it is: otherwise all people without
/// an address would become one person.
pub(super) fn hash<'v>(
    value: Cow<'v, str>,
    pseudonyms: &dyn Pseudonyms,
) -> Result<Cow<'v, str>, ValueFault> {
    let text = match value.as_bytes().first() {
        Some(b'"') => text_of(&value)?,
        Some(b'-' | b'0'..=b'9') => Cow::Borrowed(&*value),
        Some(b'{' | b'[') => return Err(ValueFault::NotSingle),
        _ => return Err(ValueFault::NotHashable),
    };
    if text.trim().is_empty() {
        return Ok(value);
    }
    Ok(quoted(&pseudonyms.pseudonym(&text)).into())
}

fn text(value: &str) -> Result<Cow<'_, str>, ValueFault> {
    match value.as_bytes().first() {
        Some(b'"') => text_of(value),
        Some(b'{' | b'[') => Err(ValueFault::NotSingle),
        _ => Err(ValueFault::NotText),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
