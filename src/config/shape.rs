//! What a route takes out of bodies, from its `[route.shape]`.

use std::fmt::Display;
use std::sync::Arc;

use super::units::format_size;
use crate::shaping::{RouteShape, ShapeSettings};

/// What a route takes out of bodies.
#[derive(Clone, Debug)]
pub struct ShapingSettings {
    /// The rules, ready to be applied.
    pub route: Arc<RouteShape>,
    /// The same as they were written.
    pub rules: ShapeSettings,
}

impl ShapingSettings {
    /// Whether bodies with more bytes than `limit` become smaller, as far as settings can tell.
    pub(super) fn shrinks_above(&self, limit: u64) -> bool {
        let ShapeSettings { drop, keep, truncate, when_larger, .. } = &self.rules;
        let takes_away = !drop.is_empty() || keep.is_some() || !truncate.is_empty();
        takes_away && when_larger.is_none_or(|bytes| bytes as u64 <= limit)
    }

    /// What is changed, for people: a line for each rule, no secret.
    pub(super) fn lines(&self) -> Vec<String> {
        let ShapeSettings { drop, keep, truncate, hash, ip_prefix, when_larger, hash_key } = &self.rules;
        let bodies = match when_larger {
            Some(bytes) => format!("from bodies larger than {}", format_size(*bytes as u64)),
            None => "from all bodies".to_owned(),
        };
        let mut lines = Vec::new();
        if !drop.is_empty() {
            lines.push(format!("drops {} {bodies}", list(drop)));
        }
        if let Some(keep) = keep {
            lines.push(format!("drops all but {} {bodies}", list(keep)));
        }
        for (place, length) in truncate {
            lines.push(format!("cuts {place} to {length} characters, {bodies}"));
        }
        if let (false, Some(key)) = (hash.is_empty(), hash_key) {
            lines.push(format!("puts pseudonyms for {} (key {})", list(hash), key.id()));
        }
        if !ip_prefix.is_empty() {
            lines.push(format!("cuts the IP addresses at {} to /24 and /48", list(ip_prefix)));
        }
        lines
    }
}

fn list<T: Display>(places: &[T]) -> String {
    places.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
