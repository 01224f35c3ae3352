//! The mapping of a target: `map` and `required`.

use std::sync::Arc;

use super::super::resolver::Resolver;
use crate::config::keys::relay;
use crate::config::layers::{Layer, List, Sourced};
use crate::config::mapping_table::MapTable;
use crate::config::problem::{Found, Origin};
use crate::config::value_type::Invalid;
use crate::relay::mapping::{InvalidMapping, Mapping, MappingSettings, Pseudonyms};
use crate::shaping::HashKey;

/// The mapping, if the table has one.
pub(super) fn mapping(
    r: &mut Resolver<'_>,
    layer: &Layer,
    map: Option<&MapTable>,
    hash_key: &Found<Option<Sourced<HashKey>>>,
) -> Found<Option<Mapping>> {
    let required = r.list_in(layer, &relay::REQUIRED);
    let Some(map) = map else {
        if let Some(origin) = required.as_ref().and_then(List::origin) {
            let what = "is a part of a mapping, and this target has none";
            return Err(r.report.problem(origin, what, "add map, or remove this"));
        }
        return Ok(None);
    };
    let required = required.map_or(Ok(Vec::new()), List::all)?;
    let pseudonyms = match hash_key {
        Ok(key) => key.as_ref().map(|key| Arc::new(key.value.clone()) as Arc<dyn Pseudonyms>),
        Err(reported) if map.fields.iter().any(|(_, field, _)| field.hash) => return Err(*reported),
        Err(_) => None,
    };
    let fields = map.fields.iter().map(|(name, field, _)| (name.clone(), field.clone())).collect();
    let settings = MappingSettings {
        fields,
        required: required.iter().map(|pointer| pointer.value.clone()).collect(),
    };
    // A table of which nothing could be read would look empty.
    if map.fields.is_empty() {
        map.complete?;
    }
    let mapping = Mapping::new(settings, pseudonyms).map_err(|invalid| {
        let report = |invalid: InvalidMapping| {
            let origin = origin(map, &required, &invalid);
            let written = invalid.place.to_string();
            r.report.invalid(&origin, &written, Invalid::new(invalid.to_string(), invalid.fault.hint()))
        };
        invalid.into_iter().map(report).last()
    });
    map.complete?;
    match mapping {
        Ok(mapping) => Ok(Some(mapping)),
        Err(Some(reported)) => Err(reported),
        Err(None) => Err(r.report.problem(&map.origin, "cannot be used", "report this as a bug")),
    }
}

/// Where the part of the mapping is that the error is about.
fn origin(map: &MapTable, required: &[Sourced<String>], invalid: &InvalidMapping) -> Origin {
    let place = &invalid.place;
    let field = || map.fields.iter().rfind(|(name, ..)| Some(name.as_str()) == place.target.as_deref());
    let pointer = || required.iter().find(|pointer| place.from.first() == Some(&pointer.value));
    match (&place.target, place.from.is_empty()) {
        (Some(_), _) => field().map(|(_, _, origin)| origin.clone()),
        (None, false) => pointer().map(|pointer| pointer.origin.clone()),
        (None, true) => None,
    }
    .unwrap_or_else(|| map.origin.clone())
}
