//! Makes the body for a target of an event: a table of target fields, each with a JSON Pointer into the event.
//!
//! Comes in: [`MappingSettings`], and for `hash` a maker of [`Pseudonyms`]; then the bodies of events. Goes out: bodies for the
//! target, or a [`MappingError`] that names target field and pointer, and quotes nothing. What no field names is not sent.
//!
//! | file | what is there |
//! | --- | --- |
//! | `example.rs` | an event to show what a mapping makes |
//! | `settings.rs` | [`MappingSettings`], [`Field`], [`As`] |
//! | `invalid.rs` | [`InvalidMapping`]: mappings that cannot be |
//! | `error.rs` | [`MappingError`]: events that cannot be mapped |
//! | `place.rs` | [`Place`]: which part of a mapping an error is about |
//! | `sources.rs` | finds the values of all pointers in one walk |
//! | `rule.rs` | how one field gets its value |
//! | `number.rs`, `time.rs`, `text.rs` | the functions |
//! | `target.rs` | the object that is sent |
//!
//! # Values
//!
//! A value that no function changes is copied byte for byte: 64-bit integers, `1e400`, escapes, whole objects and arrays. `null`
//! is no value, as if the field was not there. A field without a value gets its `default`, or is not sent, or the event is refused
//! if the field is `required`.
//!
//! The functions of a field come in this order: `join`, `as`, `lower`, `truncate`, `hash`. A constant and a default are sent as they
//! are written.
//!
//! # Times
//!
//! `rfc3339`, `unix` and `unix_ms` take text of RFC 3339 or a number since 1970, also as text: below 100,000,000,000 it is in seconds,
//! from there on in milliseconds. Larger ones than 100,000,000,000,000 are refused.
//!
//! # Cost
//!
//! An event is read once to check it, and each part of it once more for each step of the pointers that lead into it, of which there
//! are at most [`MAX_POINTER_STEPS`](crate::signature::MAX_POINTER_STEPS). The stack is as deep as the pointers, not as the event.

mod error;
mod example;
mod invalid;
mod number;
mod place;
mod rule;
mod settings;
mod sources;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod time;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

pub use self::error::{MappingError, ValueFault};
pub use self::invalid::{InvalidMapping, MAX_FIELD_POINTERS, MAX_FIELDS, MappingFault};
pub use self::place::Place;
use self::rule::Rule;
pub use self::settings::{As, Field, MappingSettings};
use self::sources::Sources;
use self::target::Fields;
pub use self::text::Pseudonyms;

/// Makes bodies for one target. Clones share the maker of pseudonyms. Two are equal if they make the same bodies.
#[derive(Clone)]
pub struct Mapping {
    settings: MappingSettings,
    sources: Sources,
    /// The numbers of the pointers of `required`.
    required: Vec<usize>,
    rules: Vec<(Place, Rule)>,
    fields: Fields,
    pseudonyms: Option<Arc<dyn Pseudonyms>>,
}

impl Mapping {
    /// Checks the settings.
    ///
    /// # Errors
    /// All parts that cannot be used.
    pub fn new(
        settings: MappingSettings,
        pseudonyms: Option<Arc<dyn Pseudonyms>>,
    ) -> Result<Self, Vec<InvalidMapping>> {
        let mut mapping = Self {
            settings: settings.clone(),
            sources: Sources::default(),
            required: Vec::new(),
            rules: Vec::new(),
            fields: Fields::default(),
            pseudonyms,
        };
        let general = match (settings.fields.len(), settings.required.len()) {
            (0, _) => Some(MappingFault::NoField),
            (number @ MAX_FIELDS.., _) if number > MAX_FIELDS => {
                Some(MappingFault::TooManyFields(number))
            }
            (_, number) if number > MAX_FIELD_POINTERS => Some(MappingFault::TooManyPointers(number)),
            _ => None,
        };
        if let Some(fault) = general {
            return Err(vec![InvalidMapping { place: Place::default(), fault }]);
        }
        let mut invalid = Vec::new();
        let mut paths: Vec<(String, target::Path)> = Vec::new();
        for (name, field) in settings.fields {
            let place = Place { target: Some(name.as_str().into()), from: field.from.as_slice().into() };
            let path = target::path(&name).and_then(|path| {
                let conflict =
                    paths.iter().find_map(|(other, earlier)| target::conflict(&path, earlier, other));
                conflict.map_or(Ok(path), Err)
            });
            let rule = Rule::new(field, &mut mapping.sources, mapping.pseudonyms.is_some());
            match (path, rule) {
                (Ok(path), Ok(rule)) => {
                    mapping.fields.add(&path, mapping.rules.len());
                    mapping.rules.push((place, rule));
                    paths.push((name, path));
                }
                (path, rule) => {
                    let faults = [path.err(), rule.err()].into_iter().flatten();
                    invalid.extend(faults.map(|fault| InvalidMapping { place: place.clone(), fault }));
                }
            }
        }
        for text in settings.required {
            match rule::pointer(&text, &mut mapping.sources) {
                Ok(number) => mapping.required.push(number),
                Err(fault) => {
                    let place = Place { target: None, from: Arc::new([text]) };
                    invalid.push(InvalidMapping { place, fault });
                }
            }
        }
        if invalid.is_empty() { Ok(mapping) } else { Err(invalid) }
    }

    /// What it was made of.
    pub fn settings(&self) -> &MappingSettings {
        &self.settings
    }

    /// An event that it can be applied to, and what it makes of that.
    pub fn example(&self) -> Option<(String, String)> {
        let event = example::event(&self.settings).to_string();
        let body = self.apply(event.as_bytes()).ok()?;
        Some((event, String::from_utf8(body.into()).ok()?))
    }

    /// Whether values become pseudonyms.
    pub fn makes_pseudonyms(&self) -> bool {
        self.settings.fields.iter().any(|(_, field)| field.hash)
    }

    /// The names of the target's fields, each with the steps to it, and with a value that it may get if that is known.
    pub fn target_fields(&self) -> impl Iterator<Item = (&str, Vec<String>, Option<Value>)> {
        self.settings.fields.iter().filter_map(|(name, field)| {
            let fixed = field.constant.as_ref().or(field.default.as_ref()).cloned();
            Some((name.as_str(), target::path(name).ok()?, fixed.or_else(|| field.convert?.sample())))
        })
    }

    /// The body for the target, of the body of an event.
    pub fn apply(&self, source: &[u8]) -> Result<Bytes, MappingError> {
        let found = self.sources.find(source).map_err(|(fault, sources)| {
            let from = sources.iter().map(|number| self.sources.text(*number).to_owned()).collect();
            self.error(fault, from)
        })?;
        let is_missing = |number: &&usize| found.get(**number).copied().flatten().is_none();
        if let Some(missing) = self.required.iter().find(is_missing) {
            let from = Arc::new([self.sources.text(*missing).to_owned()]);
            return Err(MappingError {
                place: Place { target: None, from },
                fault: ValueFault::Missing,
            });
        }
        let mut values = Vec::with_capacity(self.rules.len());
        for (place, rule) in &self.rules {
            let value = rule.apply(&found, self.pseudonyms.as_deref());
            values.push(value.map_err(|fault| MappingError { place: place.clone(), fault })?);
        }
        let mut body = String::new();
        self.fields.write(&values, &mut body);
        Ok(body.into())
    }

    /// An error about these pointers, with the target field that has one of them.
    fn error(&self, fault: ValueFault, from: Arc<[String]>) -> MappingError {
        let has = |place: &&Place| place.from.iter().any(|pointer| from.contains(pointer));
        let place = self.rules.iter().map(|(place, _)| place).find(has).cloned();
        MappingError { place: place.unwrap_or(Place { target: None, from }), fault }
    }
}

impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        // The same key makes the same pseudonym of any text.
        let sample = |mapping: &Self| mapping.pseudonyms.as_ref().map(|key| key.pseudonym("sample"));
        self.settings == other.settings && sample(self) == sample(other)
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping").field("rules", &self.rules).finish_non_exhaustive()
    }
}
