//! JSON Pointers (RFC 6901), read over the bytes of a document without building it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

/// The place of one value in a JSON document: `/event/id`.
///
/// The empty pointer of RFC 6901, the whole document, is not one of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pointer {
    tokens: Vec<String>,
}

/// The most steps that a pointer may have.
pub const MAX_POINTER_STEPS: usize = 32;

/// Why a pointer cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PointerError {
    /// RFC 6901 section 3: each step begins with a slash.
    #[error("a JSON pointer begins with `/`, e.g. `/event/id`")]
    NoSlash,
    /// `~` is the beginning of `~0` or `~1` only.
    #[error("in a JSON pointer, `~` is written `~0` and a `/` within a name `~1`")]
    BadEscape,
    /// More than [`MAX_POINTER_STEPS`].
    #[error("a JSON pointer has at most {MAX_POINTER_STEPS} steps here")]
    TooLong,
}

/// Why a document has no clear value at a pointer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LookupError {
    /// The document is not JSON.
    #[error("is not JSON")]
    NotJson,
    /// An object on the way has the key twice, which two parsers could read differently (RFC 8259 section 4).
    #[error("has a key twice")]
    DuplicateKey,
    /// There is an object or an array.
    #[error("has an object or an array")]
    NotScalar,
}

impl Pointer {
    /// The names and indices, from the outside inwards.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The value here: the content of a string, or a number or boolean as it is written. `None` if there is none, or
    /// `null`.
    ///
    /// Reads the document once, to its end. A key that is on the way twice is an error, wherever in its object it is.
    pub fn find<'a>(&self, document: &'a [u8]) -> Result<Option<Cow<'a, str>>, LookupError> {
        let mut duplicate = false;
        let mut json = serde_json::Deserializer::from_slice(document);
        let step = Step { tokens: &self.tokens, duplicate: &mut duplicate };
        let found = step.deserialize(&mut json).and_then(|found| json.end().map(|()| found));
        if duplicate {
            return Err(LookupError::DuplicateKey);
        }
        let Some(raw) = found.map_err(|_| LookupError::NotJson)? else {
            return Ok(None);
        };
        match raw.get().as_bytes() {
            [b'"', content @ .., b'"'] if !content.contains(&b'\\') => {
                Ok(Some(Cow::Borrowed(&raw.get()[1..=content.len()])))
            }
            [b'"', ..] => {
                let text: String = serde_json::from_str(raw.get()).map_err(|_| LookupError::NotJson)?;
                Ok(Some(Cow::Owned(text)))
            }
            [b'{' | b'[', ..] => Err(LookupError::NotScalar),
            b"null" => Ok(None),
            _ => Ok(Some(Cow::Borrowed(raw.get()))),
        }
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        let steps = text.strip_prefix('/').ok_or(PointerError::NoSlash)?;
        let tokens = steps.split('/').map(unescaped).collect::<Result<Vec<_>, _>>()?;
        if tokens.len() > MAX_POINTER_STEPS { Err(PointerError::TooLong) } else { Ok(Self { tokens }) }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens
            .iter()
            .try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

fn unescaped(token: &str) -> Result<String, PointerError> {
    let mut parts = token.split('~');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escaped, rest) = match part.as_bytes().first() {
            Some(b'0') => ('~', &part[1..]),
            Some(b'1') => ('/', &part[1..]),
            _ => return Err(PointerError::BadEscape),
        };
        text.push(escaped);
        text.push_str(rest);
    }
    Ok(text)
}

/// Goes down into the value that comes next.
struct Step<'p> {
    tokens: &'p [String],
    duplicate: &'p mut bool,
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.tokens.is_empty() {
            return serde::Deserialize::deserialize(deserializer).map(Some);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { tokens, duplicate } = self;
        let Some((wanted, rest)) = tokens.split_first() else {
            return Ok(None);
        };
        let mut found = None;
        while let Some(is_wanted) = map.next_key_seed(Key(wanted))? {
            if !is_wanted {
                map.next_value::<IgnoredAny>()?;
            } else if found.is_some() {
                *duplicate = true;
                return Err(A::Error::custom("duplicate key"));
            } else {
                found = Some(map.next_value_seed(Step { tokens: rest, duplicate })?);
            }
        }
        Ok(found.flatten())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Self { tokens, duplicate } = self;
        let Some((wanted, rest)) = tokens.split_first() else {
            return Ok(None);
        };
        // RFC 6901 section 4: an index has no leading zero.
        let index = wanted.parse::<usize>().ok().filter(|index| index.to_string() == *wanted);
        let mut found = None;
        for at in 0.. {
            if Some(at) == index {
                let Some(value) =
                    seq.next_element_seed(Step { tokens: rest, duplicate: &mut *duplicate })?
                else {
                    break;
                };
                found = value;
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Whether the key that comes next is this one. A key is compared after its escapes are decoded.
struct Key<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}
