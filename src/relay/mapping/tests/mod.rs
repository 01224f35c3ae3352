//! Tests of the mapping.

mod functions;
mod hostile;
mod properties;
mod settings;
mod values;

use std::sync::Arc;

use serde_json::Value;

use super::*;

/// Makes `p:` and the value, so that tests see what was hashed.
struct Visible;

impl Pseudonyms for Visible {
    fn pseudonym(&self, value: &str) -> String {
        format!("p:{value}")
    }
}

fn field(pointer: &str) -> Field {
    Field::copied(pointer)
}

fn converted(pointer: &str, convert: As) -> Field {
    Field { convert: Some(convert), ..field(pointer) }
}

fn constant(value: impl Into<Value>) -> Field {
    Field { constant: Some(value.into()), ..Field::default() }
}

fn settings_of(fields: &[(&str, Field)]) -> MappingSettings {
    let fields = fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect();
    MappingSettings { fields, required: Vec::new() }
}

fn mapping(fields: &[(&str, Field)]) -> Mapping {
    Mapping::new(settings_of(fields), Some(Arc::new(Visible))).unwrap()
}

fn apply(fields: &[(&str, Field)], source: &str) -> Result<String, MappingError> {
    let body = mapping(fields).apply(source.as_bytes())?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// What the field `x` gets of a source in which `/v` is this value.
fn value_of(field: Field, value: &str) -> Result<Option<String>, ValueFault> {
    let mapped = apply(&[("x", field)], &format!("{{\"v\":{value}}}"));
    let mapped = mapped.map_err(|error| error.fault)?;
    Ok(mapped.strip_prefix("{\"x\":").and_then(|rest| rest.strip_suffix('}')).map(str::to_owned))
}

/// What is wrong with the only field.
fn fault_of(field: Field) -> Option<MappingFault> {
    let invalid = Mapping::new(settings_of(&[("x", field)]), None).err()?;
    Some(invalid.into_iter().next().unwrap().fault)
}
