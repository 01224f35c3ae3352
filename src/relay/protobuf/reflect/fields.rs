//! Fields and their kinds, as a schema has them.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

/// The field that JSON has with this name.
pub(super) fn field(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
}

/// A field as the schema has it.
pub(super) fn declaration(field: &FieldDescriptor) -> String {
    let kind = match (field.kind(), field.is_map()) {
        (Kind::Message(entry), true) => {
            let (key, value) =
                (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
            format!("map<{}, {}>", word(&key), word(&value))
        }
        (kind, _) => word(&kind),
    };
    let label = match field {
        field if field.is_list() => "repeated ",
        field if field.is_required() => "required ",
        _ => "",
    };
    format!("{label}{kind} {} = {}", field.name(), field.number())
}

/// The word for a kind in schemas.
fn word(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(kind) => kind.full_name().to_owned(),
        kind => scalar(kind).to_owned(),
    }
}

/// The word for a kind of single values in schemas.
pub(super) fn scalar(kind: &Kind) -> &'static str {
    match kind {
        Kind::Double => "double",
        Kind::Float => "float",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Uint32 => "uint32",
        Kind::Uint64 => "uint64",
        Kind::Sint32 => "sint32",
        Kind::Sint64 => "sint64",
        Kind::Fixed32 => "fixed32",
        Kind::Fixed64 => "fixed64",
        Kind::Sfixed32 => "sfixed32",
        Kind::Sfixed64 => "sfixed64",
        Kind::Bool => "bool",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Message(_) => "message",
        Kind::Enum(_) => "enum",
    }
}
