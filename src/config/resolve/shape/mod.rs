//! What routes take out of bodies: `[route.shape]`.

mod checks;
mod hash_key;

use std::sync::Arc;

use super::resolver::Resolver;
use crate::config::key::{Key, Setting};
use crate::config::keys::{self, shape};
use crate::config::layers::{Layer, List, Sourced, Text};
use crate::config::problem::{Found, Origin, Reported};
use crate::config::shape::ShapingSettings;
use crate::config::values::Place;
use crate::shaping::{HashKey, PointerPattern, RouteShape, Rule, Shape, ShapeError, ShapeSettings};

pub(super) use self::checks::{ShapingRoute, check};
pub(super) use self::hash_key::{read as hash_key, warn_of_unused};

/// What one route takes out of bodies.
pub(super) struct RouteShaping {
    pub(super) settings: ShapingSettings,
    /// Where its first key is.
    pub(super) origin: Origin,
    /// Where `when_larger` is.
    when_larger: Option<Origin>,
}

/// What the route of `table` takes out of bodies. `hash_key` makes its pseudonyms. Clients' certificates are checked without
/// it.
pub(super) fn of_route(
    r: &mut Resolver<'_>,
    table: &Layer,
    hash_key: &Found<Option<Sourced<HashKey>>>,
) -> Found<Option<RouteShaping>> {
    let Some(origin) = keys::in_section(shape::SECTION).find_map(|key| table.get(key)?.origin()) else {
        // A key that is there without any value was reported.
        return match keys::in_section(shape::SECTION).find_map(|key| table.get(key)) {
            Some(list) => list.first().map(|_| None),
            None => Ok(None),
        };
    };
    let drop = places(r, table, &shape::DROP);
    let keep = r.list_in(table, &shape::KEEP).map(List::all_values).transpose();
    let truncate = r.list_in(table, &shape::TRUNCATE).map_or(Ok(Vec::new()), List::all_values);
    let hash = places(r, table, &shape::HASH);
    let ip_prefix = places(r, table, &shape::IP_PREFIX);
    let when_larger = when_larger(r, table);
    let hash = hash?;
    // A key that cannot be read was reported where it is named.
    let hash_key = if hash.is_empty() { None } else { hash_key.clone()?.map(|key| key.value) };
    let rules = ShapeSettings {
        drop: drop?,
        keep: keep?,
        truncate: truncate?,
        hash,
        ip_prefix: ip_prefix?,
        when_larger: when_larger?,
        hash_key,
    };
    let shape = Shape::new(rules.clone()).map_err(|error| problem(r, table, origin, &error))?;
    let route = Arc::new(RouteShape::new(shape));
    let settings = ShapingSettings { route, rules };
    let when_larger = first(table, &shape::WHEN_LARGER).map(|text| text.origin.clone());
    Ok(Some(RouteShaping { settings, origin: origin.clone(), when_larger }))
}

fn places(r: &mut Resolver<'_>, table: &Layer, setting: &Setting<Place>) -> Found<Vec<PointerPattern>> {
    r.list_in(table, setting).map_or(Ok(Vec::new()), List::all_values)
}

fn when_larger(r: &mut Resolver<'_>, table: &Layer) -> Found<Option<usize>> {
    let own = r.optional_in(table, &shape::WHEN_LARGER)?;
    Ok(own.map(|own| usize::try_from(own.value).unwrap_or(usize::MAX)))
}

/// Reports why the rules do not fit together, at the place that the error is about, or at the first key (`origin`).
fn problem(r: &mut Resolver<'_>, table: &Layer, origin: &Origin, error: &ShapeError) -> Reported {
    let place = match error {
        ShapeError::NoRule | ShapeError::TooManyPointers(_) => None,
        ShapeError::KeepsNothing => first(table, &shape::KEEP),
        ShapeError::NoHashKey => first(table, &shape::HASH),
        ShapeError::WhenLargerAlone => first(table, &shape::WHEN_LARGER),
        // Of two that are the same, the last one is the one too many.
        ShapeError::Twice { second: rule, pointer, .. }
        | ShapeError::NoEffect { rule, pointer, .. }
        | ShapeError::NotKept { rule, pointer } => written(table, *rule, pointer).last(),
    };
    let hint = match error {
        ShapeError::NoHashKey => format!("name a file with it in {}", shape::HASH_KEY_FILE.ways()),
        error => error.hint().to_owned(),
    };
    let origin = place.map_or(origin, |text| &text.origin);
    r.report.problem(origin, error.to_string(), hint)
}

fn first<'t>(table: &'t Layer, key: &Key) -> Option<&'t Text> {
    table.get(key)?.values.first()
}

/// Where a pointer was written.
fn written<'t>(table: &'t Layer, rule: Rule, pointer: &str) -> impl Iterator<Item = &'t Text> {
    let key = keys::find(&format!("{}.{rule}", shape::SECTION));
    let texts = key.and_then(|key| table.get(key)).into_iter().flat_map(|list| &list.values);
    texts.filter(move |text| match text.value.strip_prefix(pointer) {
        Some(rest) => rest.is_empty() || rest.starts_with(" = "),
        None => false,
    })
}
