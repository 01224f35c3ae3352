//! Values of a TOML file, as people read about them.

use toml::de::{DeInteger, DeValue};

use super::key::Key;
use super::value_type::Kind;

pub(super) fn a_kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

pub(super) fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Verbatim | Kind::Secret | Kind::File(_) => "a string",
        Kind::Size => "a size",
        Kind::Duration => "a duration",
        Kind::Count => "a whole number",
        Kind::Switch => "true or false",
        Kind::Table => "a table",
        Kind::Lengths => "a table of places with lengths",
    }
}

pub(super) fn example(key: &Key) -> String {
    let leaf = key.leaf();
    match key.kind {
        Kind::Text | Kind::Verbatim | Kind::Secret | Kind::File(_) => {
            format!("it in quotes: {leaf} = \"{}\"", key.placeholder)
        }
        Kind::Size => format!("it with its unit, in quotes: {leaf} = \"256KiB\""),
        Kind::Duration => format!("it with its unit, in quotes: {leaf} = \"5s\""),
        Kind::Count => format!("it without quotes: {leaf} = 4"),
        Kind::Switch => format!("{leaf} = true or {leaf} = false, without quotes"),
        Kind::Lengths => format!("e.g. {leaf} = {{ \"/summary\" = 500 }}"),
        Kind::Table => format!("it in braces: {leaf} = {{ name = \"/eventName\" }}"),
    }
}

pub(super) fn decimal(number: &DeInteger<'_>) -> String {
    let value = u64::from_str_radix(number.as_str(), number.radix());
    value.map_or_else(|_| number.to_string(), |value| value.to_string())
}

/// An integer in decimal.
pub(super) fn integer(value: &DeValue<'_>) -> Option<String> {
    let DeValue::Integer(number) = value else { return None };
    Some(decimal(number))
}
