//! How deep and how large the JSON of a message may be.
//!
//! A value of two bytes, such as `0,` in a `google.protobuf.Struct`, needs several hundred bytes of memory as a message. So the number of
//! values is limited, and is counted before a message is made.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::Fault;
use super::limits::{MAX_DEPTH, MAX_VALUES};

/// Checks JSON.
///
/// # Errors
/// When it is too deep or too large, or a name is in an object twice. Otherwise, it can be read as a whole.
pub(super) fn check(json: &[u8]) -> Result<(), Fault> {
    let walk = Walk { left: Cell::new(MAX_VALUES), fault: Cell::default() };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let walked =
        Part { walk: &walk, depth: 0 }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match (walked, walk.fault.take()) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(fault)) => Err(fault),
        (Err(_), None) if serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok() => {
            Err(Fault::Unreadable)
        }
        (Err(_), None) => Err(Fault::NotJson),
    }
}

struct Walk {
    left: Cell<usize>,
    fault: Cell<Option<Fault>>,
}

impl Walk {
    fn fail<T, E: Error>(&self, fault: Fault) -> Result<T, E> {
        self.fault.set(Some(fault));
        Err(E::custom("outside the limits"))
    }
}

#[derive(Clone, Copy)]
struct Part<'a> {
    walk: &'a Walk,
    depth: usize,
}

impl Part<'_> {
    fn within<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return self.walk.fail(Fault::TooDeep);
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.walk.left.get().checked_sub(1) {
            Some(left) => self.walk.left.set(left),
            None => return self.walk.fail(Fault::TooManyValues),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let part = self.within()?;
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if !names.insert(name) {
                return self.walk.fail(Fault::Twice);
            }
            map.next_value_seed(part)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let part = self.within()?;
        while items.next_element_seed(part)?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}
