//! JSON that is a message of a type, to show people what it is like.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

/// The most messages within each other: a message may have itself in it.
const LEVELS: usize = 3;

/// The most fields of one message.
const FIELDS: usize = 12;

/// Such JSON.
pub(super) fn example(message: &MessageDescriptor) -> Value {
    of_message(message, LEVELS).unwrap_or_default()
}

fn of_message(message: &MessageDescriptor, levels: usize) -> Option<Value> {
    let of_value = |message: &MessageDescriptor| of_kind(&message.get_field(1)?.kind(), "value", levels);
    Some(match message.full_name() {
        "google.protobuf.Timestamp" => json!("2026-01-31T12:00:00Z"),
        "google.protobuf.Duration" => json!("1.5s"),
        "google.protobuf.FieldMask" => json!("name"),
        "google.protobuf.Struct" => json!({ "key": "text" }),
        "google.protobuf.ListValue" => json!(["text"]),
        "google.protobuf.Value" => json!("text"),
        "google.protobuf.Any" => return None,
        "google.protobuf.Empty" => json!({}),
        name if name.starts_with("google.protobuf.") && name.ends_with("Value") => of_value(message)?,
        _ => {
            let levels = levels.checked_sub(1)?;
            let mut object = Map::new();
            for field in message.fields() {
                if is_shown(&field)
                    && object.len() < FIELDS
                    && let Some(value) = of_field(&field, levels)
                {
                    object.insert(field.json_name().to_owned(), value);
                }
            }
            Value::Object(object)
        }
    })
}

/// Of a oneof the first field is enough.
fn is_shown(field: &FieldDescriptor) -> bool {
    let first = field.containing_oneof().and_then(|oneof| oneof.fields().next());
    first.is_none_or(|first| first.number() == field.number())
}

fn of_field(field: &FieldDescriptor, levels: usize) -> Option<Value> {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            let key = match entry.map_entry_key_field().kind() {
                Kind::String => "key",
                Kind::Bool => "true",
                _ => "7",
            };
            Some(json!({ key: of_kind(&entry.map_entry_value_field().kind(), "value", levels)? }))
        }
        kind => {
            let value = of_kind(&kind, field.json_name(), levels)?;
            Some(if field.is_list() { json!([value]) } else { value })
        }
    }
}

fn of_kind(kind: &Kind, name: &str, levels: usize) -> Option<Value> {
    Some(match kind {
        Kind::Double | Kind::Float => json!(1.5),
        Kind::Bool => json!(true),
        Kind::String => json!(format!("some {name}")),
        Kind::Bytes => json!("AQID"),
        Kind::Enum(values) => {
            let named = values.values().find(|value| value.number() != 0);
            json!(named.unwrap_or_else(|| values.default_value()).name())
        }
        Kind::Message(message) => of_message(message, levels)?,
        _ => json!(7),
    })
}
