//! An event with a value at each pointer of a mapping, to show people what the mapping makes.

use serde_json::{Map, Value};

use super::settings::{As, MappingSettings};
use crate::signature::Pointer;

/// The largest number of an item that is shown as one of an array.
const LONGEST_ARRAY: usize = 8;

/// Such an event.
pub(super) fn event(settings: &MappingSettings) -> Value {
    let mut event = Value::Object(Map::new());
    for (_, field) in &settings.fields {
        let is_list = field.join.is_some() && field.from.len() == 1;
        for pointer in &field.from {
            let value = match field.convert {
                Some(As::Rfc3339) => Value::from(1_769_860_800),
                Some(As::Unix | As::UnixMs) => Value::from("2026-01-31T12:00:00Z"),
                Some(As::Number | As::Integer) => Value::from(7),
                Some(As::Boolean) => Value::from(true),
                _ if is_list => Value::from(vec!["one", "two"]),
                _ => Value::from(text(pointer)),
            };
            put(&mut event, pointer, value);
        }
    }
    for pointer in &settings.required {
        put(&mut event, pointer, Value::from(text(pointer)));
    }
    event
}

/// The last step of the pointer in words: `a user id` would be wrong for many, so it is the name itself.
fn text(pointer: &str) -> String {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    if name.is_empty() { "text".to_owned() } else { format!("some {name}") }
}

/// Puts a value there, unless there is one. Ways that end in a value are left as they are.
fn put(event: &mut Value, pointer: &str, value: Value) {
    let Ok(pointer) = pointer.parse::<Pointer>() else { return };
    let mut at = event;
    for step in pointer.tokens() {
        let item = step.parse::<usize>().ok().filter(|item| *item <= LONGEST_ARRAY);
        if at.is_null() {
            *at = if item.is_some() { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
        }
        at = match (at, item) {
            (Value::Object(object), _) => object.entry(step.as_str()).or_insert(Value::Null),
            (Value::Array(items), Some(item)) => {
                if items.len() <= item {
                    items.resize(item + 1, Value::Null);
                }
                match items.get_mut(item) {
                    Some(item) => item,
                    None => return,
                }
            }
            _ => return,
        };
    }
    if at.is_null() {
        *at = value;
    }
}
