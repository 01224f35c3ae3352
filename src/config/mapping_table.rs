//! `map` of a `[[relay.target]]`: a table whose keys are the fields that the target expects.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Found, Origin};
use super::toml_value::{a_kind_of, integer};
use crate::relay::mapping::{As, Field};
use crate::wording::nearest;

/// The fields of a mapping in the order in which they are written, each with where it is.
pub(super) struct MapTable {
    /// Where the table is.
    pub(super) origin: Origin,
    /// The fields that could be read.
    pub(super) fields: Vec<(String, Field, Origin)>,
    /// Whether others could not be.
    pub(super) complete: Found<()>,
}

/// What is wrong with a part of the table: where, what, and what to do.
pub(super) type Wrong = (Range<usize>, String, String);

/// The keys of one field.
const KEYS: [&str; 9] =
    ["from", "const", "default", "as", "join", "lower", "truncate", "hash", "required"];

/// A field, with its name and where that is.
pub(super) type Named = (String, Field, Range<usize>);

/// Reads each field, and all that is wrong.
pub(super) fn read(table: &DeTable<'_>) -> (Vec<Named>, Vec<Wrong>) {
    let (mut fields, mut wrong) = (Vec::new(), Vec::new());
    let mut entries: Vec<_> = table.iter().collect();
    // The target gets them in this order.
    entries.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in entries {
        let before = wrong.len();
        let field = field(name.get_ref(), value, &mut wrong);
        if wrong.len() == before {
            fields.push((name.get_ref().to_string(), field, name.span()));
        }
    }
    (fields, wrong)
}

fn field(name: &str, value: &Spanned<DeValue<'_>>, wrong: &mut Vec<Wrong>) -> Field {
    match value.get_ref() {
        DeValue::String(pointer) => Field::copied(pointer.as_ref()),
        DeValue::Table(table) => {
            let mut field = Field::default();
            for (key, value) in table {
                if let Err((what, hint)) = set(&mut field, key.get_ref(), value.get_ref()) {
                    wrong.push((key.span(), format!("`{name}`: {what}"), hint));
                }
            }
            field
        }
        other => {
            let what = format!("`{name}` is {}", a_kind_of(other));
            let hint =
                "write a pointer into the event, e.g. \"/userId\"; a fixed value is { const = … }";
            wrong.push((value.span(), what, hint.to_owned()));
            Field::default()
        }
    }
}

fn set(field: &mut Field, key: &str, value: &DeValue<'_>) -> Result<(), (String, String)> {
    let is_not = |wanted: &str, example: &str| {
        (format!("`{key}` is {}, not {wanted}", a_kind_of(value)), format!("write e.g. {example}"))
    };
    match (key, value) {
        ("from", DeValue::String(pointer)) => field.from = vec![pointer.to_string()],
        ("from", DeValue::Array(pointers)) => {
            for pointer in pointers.iter() {
                let DeValue::String(pointer) = pointer.get_ref() else {
                    return Err(is_not("a list of pointers", "from = [\"/first\", \"/last\"]"));
                };
                field.from.push(pointer.to_string());
            }
        }
        ("from", _) => return Err(is_not("a pointer", "from = \"/userId\"")),
        ("const", value) => field.constant = Some(json(value)?),
        ("default", value) => field.default = Some(json(value)?),
        ("as", DeValue::String(word)) => {
            let known = As::ALL.into_iter().find(|kind| kind.as_str() == word.as_ref());
            field.convert = Some(known.ok_or_else(|| {
                let words = As::ALL.map(|kind| format!("`{kind}`")).join(", ");
                (format!("`{word}` is nothing that a value can become"), format!("use one of {words}"))
            })?);
        }
        ("as", _) => return Err(is_not("a word", "as = \"string\"")),
        ("join", DeValue::String(between)) => field.join = Some(between.to_string()),
        ("join", _) => return Err(is_not("text", "join = \" \"")),
        ("lower", DeValue::Boolean(on)) => field.lower = *on,
        ("required", DeValue::Boolean(on)) => field.required = *on,
        ("lower" | "required", _) => {
            return Err(is_not("true or false", &format!("{key} = true")));
        }
        ("truncate", value) => {
            let length = integer(value).and_then(|text| text.parse().ok());
            field.truncate =
                Some(length.ok_or_else(|| is_not("a number of characters", "truncate = 100"))?);
        }
        ("hash", DeValue::String(word)) if word == "hmac-sha256" => field.hash = true,
        ("hash", _) => {
            let what = "`hash` names no way to make a pseudonym".to_owned();
            return Err((what, "write hash = \"hmac-sha256\"".to_owned()));
        }
        _ => {
            let hint = match nearest(key, KEYS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => {
                    "a field within an object is written as one name, e.g. \"/user/id\" = \"/userId\""
                        .to_owned()
                }
            };
            return Err((format!("`{key}` is no key of a field"), hint));
        }
    }
    Ok(())
}

/// A value as JSON.
fn json(value: &DeValue<'_>) -> Result<Value, (String, String)> {
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(on) => Value::from(*on),
        DeValue::Integer(_) => {
            let number = integer(value).and_then(|text| text.parse::<Number>().ok());
            Value::Number(number.ok_or_else(no_json)?)
        }
        DeValue::Float(float) => {
            let number = float.as_str().replace('_', "").parse::<f64>().ok();
            Value::Number(number.and_then(Number::from_f64).ok_or_else(no_json)?)
        }
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| json(item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(name, _)| name.span().start);
            let mut object = Map::new();
            for (name, value) in entries {
                object.insert(name.get_ref().to_string(), json(value.get_ref())?);
            }
            Value::Object(object)
        }
        DeValue::Datetime(_) => return Err(no_json()),
    })
}

fn no_json() -> (String, String) {
    ("a value is nothing that JSON has".to_owned(), "write it as text, in quotes".to_owned())
}
