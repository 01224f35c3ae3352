//! Rules that cannot be, or that could never have an effect.

use std::sync::Arc;

use thiserror::Error;

use super::pattern::PointerPattern;
use super::settings::{MAX_POINTERS, Rule, ShapeSettings};

/// Why settings do not make a shape.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShapeError {
    /// No rule at all.
    #[error("the shape has no rule")]
    NoRule,
    /// `keep` without any pointer, which would leave nothing of a body.
    #[error("`keep` names nothing")]
    KeepsNothing,
    /// More than [`MAX_POINTERS`].
    #[error("the shape has {0} pointers; it may have {MAX_POINTERS}")]
    TooManyPointers(usize),
    /// `hash` without a key.
    #[error("`hash` needs a key")]
    NoHashKey,
    /// `when_larger` where there is nothing that it switches.
    #[error("`when_larger` has no effect without `drop`, `keep` or `truncate`")]
    WhenLargerAlone,
    /// One place in two rules, or twice in one.
    #[error("`{pointer}` is in `{first}` and in `{second}`")]
    Twice {
        /// One rule.
        first: Rule,
        /// The other, or the same.
        second: Rule,
        /// The pointer.
        pointer: Arc<str>,
    },
    /// Another rule has decided before this one can have an effect.
    #[error("`{pointer}` of `{rule}` has no effect, because `{other}` has `{by}`")]
    NoEffect {
        /// The rule.
        rule: Rule,
        /// Its pointer.
        pointer: Arc<str>,
        /// The rule that decides before.
        other: Rule,
        /// The pointer of that rule.
        by: Arc<str>,
    },
    /// The place of a rule goes anyhow, because it is not in `keep`.
    #[error("`{pointer}` of `{rule}` has no effect, because `keep` does not name it")]
    NotKept {
        /// The rule.
        rule: Rule,
        /// Its pointer.
        pointer: Arc<str>,
    },
}

impl ShapeError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoRule => "add `drop`, `keep`, `truncate`, `hash` or `ip_prefix`, or remove the table",
            Self::KeepsNothing => {
                "name what is to stay, e.g. `keep = [\"/event/id\"]`, or remove `keep` if all is to stay"
            }
            Self::TooManyPointers(_) => {
                "name an object or array as a whole, use `*` for its items, or use `keep` instead of `drop`"
            }
            Self::NoHashKey => "set `privacy.hash_key_file`",
            Self::WhenLargerAlone => {
                "remove it: `hash` and `ip_prefix` apply to all bodies, however large they are"
            }
            Self::Twice { .. } => "remove one of the two",
            Self::NoEffect { .. } => "remove it, or change the other pointer",
            Self::NotKept { .. } => "remove it, or add it to `keep`",
        }
    }
}

/// Finds what is wrong with the rules, if anything is.
pub(super) fn check(settings: &ShapeSettings) -> Result<(), ShapeError> {
    let pointers: Vec<_> = settings.pointers().collect();
    if settings.keep.as_ref().is_some_and(Vec::is_empty) {
        return Err(ShapeError::KeepsNothing);
    }
    if pointers.is_empty() {
        return Err(ShapeError::NoRule);
    }
    if pointers.len() > MAX_POINTERS {
        return Err(ShapeError::TooManyPointers(pointers.len()));
    }
    if !settings.hash.is_empty() && settings.hash_key.is_none() {
        return Err(ShapeError::NoHashKey);
    }
    let is_always = |rule| matches!(rule, Rule::Hash | Rule::IpPrefix);
    if settings.when_larger.is_some() && pointers.iter().all(|(rule, _)| is_always(*rule)) {
        return Err(ShapeError::WhenLargerAlone);
    }
    for (place, &second) in pointers.iter().enumerate() {
        for &first in &pointers[..place] {
            check_pair(first, second)?;
        }
    }
    let Some(keep) = &settings.keep else {
        return Ok(());
    };
    let lost = pointers.iter().find(|(_, pattern)| !keep.iter().any(|kept| kept.may_hold(pattern)));
    match lost {
        Some((rule, pattern)) => {
            Err(ShapeError::NotKept { rule: *rule, pointer: Arc::clone(pattern.text()) })
        }
        None => Ok(()),
    }
}

type Placed<'s> = (Rule, &'s PointerPattern);

fn check_pair(first: Placed<'_>, second: Placed<'_>) -> Result<(), ShapeError> {
    let are_kept = (first.0 == Rule::Keep, second.0 == Rule::Keep);
    if first.1.steps() == second.1.steps() && matches!(are_kept, (true, true) | (false, false)) {
        let pointer = Arc::clone(second.1.text());
        return Err(ShapeError::Twice { first: first.0, second: second.0, pointer });
    }
    for (one, other) in [(first, second), (second, first)] {
        if has_no_effect(one, other) {
            let [pointer, by] = [one, other].map(|(_, pattern)| Arc::clone(pattern.text()));
            return Err(ShapeError::NoEffect { rule: one.0, pointer, other: other.0, by });
        }
    }
    Ok(())
}

/// Whether `other` has always decided before `one` can.
fn has_no_effect((rule, pattern): Placed<'_>, (other, by): Placed<'_>) -> bool {
    if other == Rule::Keep || !by.covers(pattern) {
        return false;
    }
    // There is nothing below a value that goes, or that must be a string or number. Of two lengths the shorter one decides,
    // wherever it is.
    by.steps().len() < pattern.steps().len()
        || match rule {
            Rule::Keep => other == Rule::Drop,
            Rule::Truncate => other < rule,
            _ => other <= rule,
        }
}
