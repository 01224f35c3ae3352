//! Why JSON is no message of a type.
//!
//! The library says where it stopped, and its words quote values. So the words are made here, of the schema and of the value at that place.

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::fields::{self, field, scalar};
use crate::relay::protobuf::error::{BOOLEAN, Fault, NUMBER, ProtobufError, TEXT};
use crate::wording::nearest;

/// The longest name of an event that may be shown.
const LONGEST_NAME: usize = 64;

/// What the schema has at a place.
enum Place {
    Message(MessageDescriptor),
    Field(FieldDescriptor),
    Item(Kind),
}

/// Why this JSON, which is within the limits, is no such message. `path` is where the library stopped.
pub(super) fn explain(message: &MessageDescriptor, path: &Path, json: &[u8]) -> ProtobufError {
    let Ok(json) = serde_json::from_slice::<Value>(json) else {
        return ProtobufError::whole(Fault::NotJson);
    };
    let (mut place, mut value, mut shown) = (Place::Message(message.clone()), &json, String::new());
    for segment in path {
        let next = match segment {
            Segment::Map { key } => place.named(key).and_then(|next| Some((next, value.get(key)?))),
            Segment::Seq { index } => place.item().and_then(|next| Some((next, value.get(index)?))),
            _ => None,
        };
        let Some((next, within)) = next else { break };
        next.show(&mut shown, segment);
        (place, value) = (next, within);
    }
    ProtobufError { path: shown, fault: place.fault(value) }
}

impl Place {
    fn named(&self, key: &str) -> Option<Self> {
        match self {
            Self::Message(message) | Self::Item(Kind::Message(message)) => {
                field(message, key).map(Self::Field)
            }
            Self::Field(field) => match field.kind() {
                Kind::Message(entry) if field.is_map() => {
                    Some(Self::Item(entry.map_entry_value_field().kind()))
                }
                Kind::Message(message) if !field.is_list() => {
                    fields::field(&message, key).map(Self::Field)
                }
                _ => None,
            },
            Self::Item(_) => None,
        }
    }

    fn item(&self) -> Option<Self> {
        match self {
            Self::Field(field) if field.is_list() => Some(Self::Item(field.kind())),
            _ => None,
        }
    }

    fn show(&self, shown: &mut String, segment: &Segment) {
        match (self, segment) {
            (Self::Field(field), _) => {
                if !shown.is_empty() {
                    shown.push('.');
                }
                shown.push_str(field.json_name());
            }
            (_, Segment::Seq { index }) => *shown += &format!("[{index}]"),
            _ => shown.push_str("[…]"),
        }
    }

    fn fault(&self, value: &Value) -> Fault {
        match self {
            Self::Message(message) => of_message(message, value),
            Self::Item(kind) => of_kind(kind, value),
            Self::Field(field) if field.is_list() && !value.is_array() => kind("an array", value),
            Self::Field(field) if field.is_map() => of_map(&field.kind(), value),
            Self::Field(field) => of_kind(&field.kind(), value),
        }
    }
}

/// The fault of a name that a message does not have.
pub(super) fn unknown_field(message: &MessageDescriptor, name: &str) -> Fault {
    let fields: Vec<_> = message.fields().collect();
    let is_name = name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let near = |name: &str| {
        // Both names are accepted, and the event mostly has the one of JSON.
        let names = fields.iter().flat_map(|field| [field.json_name(), field.name()]);
        nearest(name, names).map(str::to_owned)
    };
    Fault::UnknownField {
        message: message.full_name().to_owned(),
        nearest: is_name.then(|| near(name)).flatten(),
        name: is_name.then(|| name.to_owned()),
    }
}

fn of_message(message: &MessageDescriptor, value: &Value) -> Fault {
    match message.full_name() {
        "google.protobuf.Timestamp" => return Fault::Time(other(value)),
        "google.protobuf.Duration" => return Fault::Duration(other(value)),
        "google.protobuf.ListValue" => return kind("an array", value),
        "google.protobuf.FieldMask" => return kind(TEXT, value),
        name if name.starts_with("google.protobuf.") && name.ends_with("Value") => {
            return message.get_field(1).map_or(Fault::Other, |field| of_kind(&field.kind(), value));
        }
        _ => {}
    }
    let Value::Object(object) = value else { return kind("an object", value) };
    if let Some(name) = object.keys().find(|name| field(message, name).is_none()) {
        return unknown_field(message, name);
    }
    let set = |field: &FieldDescriptor| {
        [field.json_name(), field.name()]
            .iter()
            .any(|name| object.get(*name).is_some_and(|value| !value.is_null()))
    };
    let twice = message.oneofs().find(|oneof| oneof.fields().filter(set).count() > 1);
    twice.map_or(Fault::Other, |oneof| Fault::OneofTwice(oneof.name().to_owned()))
}

fn of_map(entry: &Kind, value: &Value) -> Fault {
    let Kind::Message(entry) = entry else { return Fault::Other };
    match value {
        Value::Object(_) => Fault::MapKey(scalar(&entry.map_entry_key_field().kind())),
        _ => kind("an object", value),
    }
}

fn of_kind(of: &Kind, value: &Value) -> Fault {
    match (of, value) {
        (Kind::Message(message), _) => of_message(message, value),
        (Kind::Enum(values), Value::String(_)) => {
            Fault::EnumValue(values.values().map(|value| value.name().to_owned()).collect())
        }
        (Kind::Enum(_), Value::Number(_)) => Fault::NumberRange("an enum"),
        (Kind::Enum(_), _) => kind("the name of an enum value", value),
        (Kind::String, _) => kind(TEXT, value),
        (Kind::Bytes, Value::String(text)) if !is_base64(text) => Fault::Base64,
        (Kind::Bytes, Value::String(_)) => Fault::Other,
        (Kind::Bytes, _) => kind("bytes in base64", value),
        (Kind::Bool, _) => kind(BOOLEAN, value),
        (Kind::Float | Kind::Double, Value::Number(_)) => Fault::NumberRange(scalar(of)),
        (_, Value::Number(number)) => match number.as_f64() {
            Some(float) if float.fract() != 0.0 => Fault::Fraction(scalar(of)),
            _ => Fault::NumberRange(scalar(of)),
        },
        (_, Value::String(text)) if is_integer(text) => Fault::NumberRange(scalar(of)),
        (_, Value::String(_)) => Fault::NotNumber(scalar(of)),
        _ => kind(NUMBER, value),
    }
}

fn is_base64(text: &str) -> bool {
    let bytes = text.trim_end_matches('=').as_bytes();
    let either = [BASE64, BASE64URL].iter().any(|alphabet| alphabet.decode(text.as_bytes()).is_ok());
    either || BASE64URL_NOPAD.decode(bytes).is_ok()
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn kind(wanted: &'static str, value: &Value) -> Fault {
    Fault::Kind { wanted, found: found(value) }
}

/// The kind of a value, as it stands in a sentence.
fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => BOOLEAN,
        Value::Number(_) => NUMBER,
        Value::String(_) => TEXT,
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The same where text may be right.
fn other(value: &Value) -> &'static str {
    if value.is_string() { "other text" } else { found(value) }
}
