//! The members of an object and the items of an array, as they are written.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::refusal::NotShapeable;

/// Calls `f` with each key, in its quotes, and its value. The first error ends this.
pub(super) fn each_member<'b>(
    object: &'b str,
    f: impl FnMut(&'b str, &'b str) -> Result<(), NotShapeable>,
) -> Result<(), NotShapeable> {
    let mut refusal = None;
    let mut json = serde_json::Deserializer::from_str(object);
    let done = json.deserialize_map(Members { f, refusal: &mut refusal });
    done.map_err(|error| refusal.unwrap_or_else(|| not_json(&error)))
}

/// Calls `f` with each item. The first error ends this.
pub(super) fn each_item<'b>(
    array: &'b str,
    f: impl FnMut(&'b str) -> Result<(), NotShapeable>,
) -> Result<(), NotShapeable> {
    let mut refusal = None;
    let mut json = serde_json::Deserializer::from_str(array);
    let done = json.deserialize_seq(Items { f, refusal: &mut refusal });
    done.map_err(|error| refusal.unwrap_or_else(|| not_json(&error)))
}

/// The value that the whole text is, without the blanks around it. Checks all of it.
pub(super) fn root(text: &str) -> Result<&str, NotShapeable> {
    serde_json::from_str::<&RawValue>(text).map(RawValue::get).map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> NotShapeable {
    NotShapeable::NotJson { line: error.line(), column: error.column() }
}

struct Members<'r, F> {
    f: F,
    /// The error of `f`, which cannot pass through serde's.
    refusal: &'r mut Option<NotShapeable>,
}

impl<'de, F: FnMut(&'de str, &'de str) -> Result<(), NotShapeable>> Visitor<'de> for Members<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if let Err(refusal) = (self.f)(key.get(), value.get()) {
                *self.refusal = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

struct Items<'r, F> {
    f: F,
    /// The error of `f`, which cannot pass through serde's.
    refusal: &'r mut Option<NotShapeable>,
}

impl<'de, F: FnMut(&'de str) -> Result<(), NotShapeable>> Visitor<'de> for Items<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&RawValue>()? {
            if let Err(refusal) = (self.f)(item.get()) {
                *self.refusal = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}
