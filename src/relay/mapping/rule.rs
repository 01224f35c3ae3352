//! How one field of the target gets its value.

use std::borrow::Cow;

use super::error::ValueFault;
use super::invalid::{MAX_FIELD_POINTERS, MappingFault};
use super::settings::{As, Field};
use super::sources::Sources;
use super::text::Pseudonyms;
use super::{number, text, time};

/// How one field of the target gets its value.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// This JSON.
    Constant(String),
    /// A value of the source.
    Source(Reading),
}

/// A value of the source, and what is done with it, in this order.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// The numbers of the pointers; one, if there is no `join`.
    sources: Vec<usize>,
    join: Option<String>,
    convert: Option<As>,
    lower: bool,
    truncate: Option<usize>,
    hash: bool,
    /// JSON for a source without a value.
    default: Option<String>,
    required: bool,
}

impl Rule {
    /// Checks a field of the settings. Adds its pointers to the sources.
    pub(super) fn new(
        field: Field,
        sources: &mut Sources,
        has_hash_key: bool,
    ) -> Result<Self, MappingFault> {
        check(&field, has_hash_key)?;
        if let Some(constant) = field.constant {
            return Ok(Self::Constant(constant.to_string()));
        }
        let numbers = field.from.iter().map(|text| pointer(text, sources)).collect::<Result<_, _>>()?;
        Ok(Self::Source(Reading {
            sources: numbers,
            join: field.join,
            convert: field.convert,
            lower: field.lower,
            truncate: field.truncate,
            hash: field.hash,
            default: field.default.map(|default| default.to_string()),
            required: field.required,
        }))
    }

    /// The value as JSON; `None` if there is none.
    pub(super) fn apply<'a>(
        &'a self,
        found: &[Option<&'a str>],
        pseudonyms: Option<&dyn Pseudonyms>,
    ) -> Result<Option<Cow<'a, str>>, ValueFault> {
        match self {
            Self::Constant(json) => Ok(Some(Cow::Borrowed(json))),
            Self::Source(reading) => reading.apply(found, pseudonyms),
        }
    }
}

impl Reading {
    fn apply<'a>(
        &'a self,
        found: &[Option<&'a str>],
        pseudonyms: Option<&dyn Pseudonyms>,
    ) -> Result<Option<Cow<'a, str>>, ValueFault> {
        let mut values = self.sources.iter().filter_map(|number| found.get(*number).copied().flatten());
        let value = match &self.join {
            Some(between) => text::join(values, between)?.map(Cow::Owned),
            None => values.next().map(Cow::Borrowed),
        };
        let Some(mut value) = value else {
            return match &self.default {
                Some(default) => Ok(Some(Cow::Borrowed(default))),
                None if self.required => Err(ValueFault::Missing),
                None => Ok(None),
            };
        };
        if let Some(convert) = self.convert {
            value = converted(value, convert)?;
        }
        if self.lower {
            value = text::lower(value)?;
        }
        if let Some(length) = self.truncate {
            value = text::truncate(value, length)?;
        }
        if self.hash {
            // `check` has seen to it that there is a key. Without one nothing may pass.
            value = text::hash(value, pseudonyms.ok_or(ValueFault::NotHashable)?)?;
        }
        Ok(Some(value))
    }
}

fn converted(value: Cow<'_, str>, convert: As) -> Result<Cow<'_, str>, ValueFault> {
    let function = match convert {
        As::String => text::string,
        As::Number => number::number,
        As::Integer => number::integer,
        As::Boolean => number::boolean,
        As::Rfc3339 => time::rfc3339,
        As::Unix => time::unix,
        As::UnixMs => time::unix_ms,
    };
    match value {
        Cow::Borrowed(value) => function(value),
        Cow::Owned(value) => Ok(Cow::Owned(function(&value)?.into_owned())),
    }
}

/// Checks a pointer, and adds it to the sources.
pub(super) fn pointer(text: &str, sources: &mut Sources) -> Result<usize, MappingFault> {
    if text.split('/').any(|step| step == "*") {
        return Err(MappingFault::Star);
    }
    sources.add(text).map_err(MappingFault::Pointer)
}

fn check(field: &Field, has_hash_key: bool) -> Result<(), MappingFault> {
    let text_functions = [
        ("join", field.join.is_some()),
        ("lower", field.lower),
        ("truncate", field.truncate.is_some()),
        ("hash", field.hash),
    ];
    let mut used = text_functions.into_iter().filter(|(_, used)| *used).map(|(name, _)| name);
    if field.constant.is_some() {
        let others = [
            ("default", field.default.is_some()),
            ("required", field.required),
            ("as", field.convert.is_some()),
        ];
        let other = others.into_iter().find(|(_, used)| *used).map(|(name, _)| name).or(used.next());
        return match other {
            _ if !field.from.is_empty() => Err(MappingFault::TwoSources),
            Some(other) => Err(MappingFault::ConstantWith(other)),
            None => Ok(()),
        };
    }
    let text_function = used.next();
    match field.convert {
        _ if field.from.is_empty() => Err(MappingFault::NoSource),
        _ if field.from.len() > MAX_FIELD_POINTERS => {
            Err(MappingFault::TooManyPointers(field.from.len()))
        }
        _ if field.from.len() > 1 && field.join.is_none() => Err(MappingFault::NoJoin),
        _ if field.default.is_some() && field.required => Err(MappingFault::DefaultAndRequired),
        _ if field.truncate == Some(0) => Err(MappingFault::TruncateToNothing),
        _ if field.hash && field.truncate.is_some() => Err(MappingFault::HashAndTruncate),
        _ if field.hash && !has_hash_key => Err(MappingFault::NoHashKey),
        Some(convert) if convert != As::String => match text_function {
            Some(name) => Err(MappingFault::TextFunction(convert, name)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
