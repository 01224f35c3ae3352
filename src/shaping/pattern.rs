//! JSON Pointers in which `*` stands for every item.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::signature::{Pointer, PointerError};

/// The places of values in a JSON document: `/attendees/*/email`.
///
/// A pointer of RFC 6901, except that a step that is `*` alone stands for every item of an array and every member of an object.
/// `~2` is a `*` that stands for itself. The empty pointer, the whole document, is not one of these.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PointerPattern {
    text: Arc<str>,
    steps: Vec<Step>,
}

/// One step down into a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// The member with this key, or the item with this number.
    Name(String),
    /// Every member or item.
    Any,
}

impl PointerPattern {
    /// The steps, from the outside inwards.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// As it was written.
    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether each place that `other` names is named by this one, or is within such a place.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.steps.len() <= other.steps.len()
            && self.steps.iter().zip(&other.steps).all(|(mine, its)| *mine == Step::Any || mine == its)
    }

    /// Whether a place that `other` names can be one that this one names, or be within such a place.
    pub(super) fn may_hold(&self, other: &Self) -> bool {
        let fits = |(mine, its): (&Step, &Step)| [mine, its].contains(&&Step::Any) || mine == its;
        self.steps.len() <= other.steps.len() && self.steps.iter().zip(&other.steps).all(fits)
    }
}

impl FromStr for PointerPattern {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        // `*` means nothing to `Pointer`. `~02` is no `~2`, and has none in it.
        let pointer: Pointer = text.replace("~2", "*").parse()?;
        let segments = text.split('/').skip(1);
        let step = |(token, segment): (&String, &str)| match segment {
            "*" => Step::Any,
            _ => Step::Name(token.clone()),
        };
        let steps = pointer.tokens().iter().zip(segments).map(step).collect();
        Ok(Self { text: text.into(), steps })
    }
}

impl fmt::Display for PointerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PointerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}
