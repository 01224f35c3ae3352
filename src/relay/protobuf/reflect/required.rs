//! The fields of proto2 that a message must have.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

/// The path of a field that is required and not there. A message has at most as many levels as the JSON that it was made of.
pub(super) fn missing(message: &DynamicMessage) -> Option<String> {
    let descriptor = message.descriptor();
    if let Some(field) =
        descriptor.fields().find(|field| field.is_required() && !message.has_field(field))
    {
        return Some(field.json_name().to_owned());
    }
    message.fields().find_map(|(field, value)| {
        let within = missing_in(value)?;
        Some(format!("{}{within}", field.json_name()))
    })
}

fn missing_in(value: &Value) -> Option<String> {
    match value {
        Value::Message(message) => missing(message).map(|path| format!(".{path}")),
        Value::List(items) => items.iter().enumerate().find_map(|(number, item)| {
            let within = missing_in(item)?;
            Some(format!("[{number}]{within}"))
        }),
        Value::Map(entries) => {
            entries.values().find_map(missing_in).map(|within| format!("[…]{within}"))
        }
        _ => None,
    }
}
