//! New values for single values.

use std::borrow::Cow;

use super::hash_key::HashKey;
use super::ip_prefix::ip_prefix;
use super::refusal::{Kind, NotShapeable};
use super::settings::Rule;
use super::tree::Task;
use super::truncate::truncated;

/// What the task makes of a value, both as they are written in JSON. `None`: the value stays as it is.
pub(super) fn replacement(
    task: &Task,
    value: &str,
    key: Option<&HashKey>,
) -> Result<Option<String>, NotShapeable> {
    let kind = Kind::of(value);
    match (task.rule, kind) {
        (_, Kind::Null) => Ok(None),
        (Rule::Hash, Kind::String | Kind::Number) => {
            let text = if kind == Kind::String { decoded(task, value)? } else { value.into() };
            // All people without an address would become one person.
            if text.trim().is_empty() {
                return Ok(None);
            }
            let pseudonym = key.map(|key| key.pseudonym(&text));
            // `conflicts` has seen to it that there is a key. Without one nothing may pass.
            pseudonym.map(|text| Some(quoted(&text))).ok_or_else(|| wrong_kind(task, kind))
        }
        (Rule::IpPrefix, Kind::String) => {
            let text = decoded(task, value)?;
            if text.trim().is_empty() {
                return Ok(None);
            }
            let network = ip_prefix(text.trim());
            let network =
                network.ok_or_else(|| NotShapeable::NotAnAddress(task.pointer.clone()))?.to_string();
            Ok(if network == text { None } else { Some(quoted(&network)) })
        }
        (Rule::Truncate, Kind::String) => Ok(truncated(value, task.length)),
        _ => Err(wrong_kind(task, kind)),
    }
}

fn wrong_kind(task: &Task, kind: Kind) -> NotShapeable {
    NotShapeable::WrongKind { rule: task.rule, pointer: task.pointer.clone(), kind }
}

/// For text without anything that JSON escapes.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn decoded<'b>(task: &Task, string: &'b str) -> Result<Cow<'b, str>, NotShapeable> {
    unquoted(string)
        .ok_or_else(|| NotShapeable::NotUnicode { rule: task.rule, pointer: task.pointer.clone() })
}

/// The content of a string of JSON. `None` if half of a surrogate pair is in it.
pub(super) fn unquoted(string: &str) -> Option<Cow<'_, str>> {
    if string.contains('\\') {
        return serde_json::from_str(string).ok().map(Cow::Owned);
    }
    string.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
}
