//! Finds the values of all pointers in one walk through the source.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::ValueFault;
use crate::signature::{Pointer, PointerError};

/// The pointers into the source, as one tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    root: Node,
    texts: Vec<String>,
}

/// One place in the source.
#[derive(Clone, Debug, Default)]
struct Node {
    /// The number of the pointer that ends here.
    source: Option<usize>,
    children: HashMap<String, Self>,
}

/// Why the values cannot be found, and for a key that is there twice the pointers that go through it.
pub(super) type Unreadable = (ValueFault, Vec<usize>);

impl Sources {
    /// Adds a pointer; the empty one is the whole source. Returns its number, which is the same for the same pointer.
    pub(super) fn add(&mut self, text: &str) -> Result<usize, PointerError> {
        let pointer: Option<Pointer> = if text.is_empty() { None } else { Some(text.parse()?) };
        let steps = pointer.as_ref().map_or(&[][..], Pointer::tokens);
        let node = steps
            .iter()
            .fold(&mut self.root, |node, step| node.children.entry(step.clone()).or_default());
        let next = self.texts.len();
        let number = *node.source.get_or_insert(next);
        if number == next {
            self.texts.push(text.to_owned());
        }
        Ok(number)
    }

    /// The pointer with this number, as it was written.
    pub(super) fn text(&self, number: usize) -> &str {
        self.texts.get(number).map_or("", String::as_str)
    }

    /// The values of all pointers, by their numbers, as the source has them. `null` is no value.
    ///
    /// Reads the source once to check it, and each part of it once more for each step of the pointers that lead into it.
    pub(super) fn find<'s>(&self, source: &'s [u8]) -> Result<Vec<Option<&'s str>>, Unreadable> {
        let document: &RawValue =
            serde_json::from_slice(source).map_err(|_| (ValueFault::NotJson, Vec::new()))?;
        let mut walk = Walk { found: vec![None; self.texts.len()], twice: None };
        match (walk.walk(&self.root, document.get()), walk.twice) {
            (Ok(()), _) => Ok(walk.found),
            (Err(_), Some(sources)) => Err((ValueFault::DuplicateKey, sources)),
            // The whole source is JSON in UTF-8, so only the escapes of keys can still be wrong.
            (Err(_), None) => Err((ValueFault::KeyNotUnicode, Vec::new())),
        }
    }
}

impl Node {
    /// The numbers of all pointers that end here or further in.
    fn sources(&self) -> Vec<usize> {
        let below = self.children.values().flat_map(Self::sources);
        self.source.into_iter().chain(below).collect()
    }
}

struct Walk<'s> {
    found: Vec<Option<&'s str>>,
    /// The pointers that go through a key that is there twice.
    twice: Option<Vec<usize>>,
}

impl<'s> Walk<'s> {
    fn walk(&mut self, node: &Node, value: &'s str) -> Result<(), serde_json::Error> {
        if let Some(found) = node.source.and_then(|number| self.found.get_mut(number)) {
            *found = (value != "null").then_some(value);
        }
        if node.children.is_empty() {
            return Ok(());
        }
        let mut json = serde_json::Deserializer::from_str(value);
        match value.as_bytes().first() {
            Some(b'{') => json.deserialize_map(Inside { walk: self, node }),
            Some(b'[') => json.deserialize_seq(Inside { walk: self, node }),
            _ => Ok(()),
        }
    }
}

/// Visits the members or items of one value.
struct Inside<'w, 'n, 's> {
    walk: &'w mut Walk<'s>,
    node: &'n Node,
}

impl<'de> Visitor<'de> for Inside<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(child) = map.next_key_seed(Key(self.node))? {
            let Some((name, child)) = child else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if !seen.insert(name) {
                let mut sources = child.sources();
                sources.sort_unstable();
                self.walk.twice = Some(sources);
                return Err(A::Error::custom("a key is there twice"));
            }
            let value: &'de RawValue = map.next_value()?;
            self.walk.walk(child, value.get()).map_err(A::Error::custom)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // RFC 6901 section 4: an index has no leading zero.
        let index = |name: &String| name.parse::<usize>().ok().filter(|at| at.to_string() == *name);
        let children = self.node.children.iter();
        let wanted: HashMap<usize, &Node> =
            children.filter_map(|(name, child)| Some((index(name)?, child))).collect();
        for at in 0.. {
            let Some(child) = wanted.get(&at) else {
                if seq.next_element::<IgnoredAny>()?.is_none() {
                    break;
                }
                continue;
            };
            let Some(value) = seq.next_element::<&'de RawValue>()? else { break };
            self.walk.walk(child, value.get()).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Which child the key that comes next names. A key is compared after its escapes are decoded.
struct Key<'n>(&'n Node);

impl<'de, 'n> DeserializeSeed<'de> for Key<'n> {
    type Value = Option<(&'n str, &'n Node)>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for Key<'n> {
    type Value = Option<(&'n str, &'n Node)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.children.get_key_value(key).map(|(name, child)| (name.as_str(), child)))
    }
}

/// The content of a string as it is written in JSON.
pub(super) fn text_of(string: &str) -> Result<Cow<'_, str>, ValueFault> {
    if string.contains('\\') {
        return serde_json::from_str(string).map(Cow::Owned).map_err(|_| ValueFault::NotUnicode);
    }
    let content = string.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    content.map(Cow::Borrowed).ok_or(ValueFault::NotText)
}
