//! What the settings say of a mapping.

use std::fmt;

use serde_json::Value;

/// A mapping as the settings have it, before it is checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MappingSettings {
    /// Target fields, in the order in which they are written. A name that begins with `/` is a JSON Pointer to a field within
    /// objects, which are made: `/user/id`. Any other name is that of one field, with its dots.
    pub fields: Vec<(String, Field)>,
    /// Pointers into the source that must name a value, whether it is sent or not.
    pub required: Vec<String>,
}

/// Where the value of one target field comes from, and what is done with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    /// JSON Pointers into the source. The empty one is the whole source. Several of them need `join`.
    pub from: Vec<String>,
    /// `const`: the value, for every event.
    pub constant: Option<Value>,
    /// `default`: the value where the source has none. It is sent as it is written.
    pub default: Option<Value>,
    /// `as`: what the value becomes.
    pub convert: Option<As>,
    /// `join`: puts the values of several pointers, or the items of one array, into one text, with this between them.
    pub join: Option<String>,
    /// `lower`: capital letters become small ones.
    pub lower: bool,
    /// `truncate`: the most characters that stay. A character is a Unicode scalar value.
    pub truncate: Option<usize>,
    /// `hash = "hmac-sha256"`: the value becomes a pseudonym.
    pub hash: bool,
    /// `required`: an event without this value is refused.
    pub required: bool,
}

impl Field {
    /// A field whose value is copied: `name = "/pointer"`.
    pub fn copied(pointer: impl Into<String>) -> Self {
        Self { from: vec![pointer.into()], ..Self::default() }
    }
}

/// What a value becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// Text: numbers and booleans as they are written.
    String,
    /// A number, also of text that is one.
    Number,
    /// A number without a fraction, of at most 64 bits; also of text that is one.
    Integer,
    /// `true` or `false`, also of those words as text, and of 1 and 0.
    Boolean,
    /// A time as text (RFC 3339).
    Rfc3339,
    /// A time in whole seconds since 1970.
    Unix,
    /// A time in whole milliseconds since 1970.
    UnixMs,
}

impl As {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::String,
        Self::Number,
        Self::Integer,
        Self::Boolean,
        Self::Rfc3339,
        Self::Unix,
        Self::UnixMs,
    ];

    /// A value that comes of it; text may be anything.
    pub(super) fn sample(self) -> Option<Value> {
        match self {
            Self::String => None,
            Self::Number | Self::Integer => Some(Value::from(7)),
            Self::Boolean => Some(Value::from(true)),
            Self::Rfc3339 => Some(Value::from("2026-01-31T12:00:00Z")),
            Self::Unix => Some(Value::from(1_769_860_800)),
            Self::UnixMs => Some(Value::from(1_769_860_800_000_u64)),
        }
    }

    /// The word for it in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Rfc3339 => "rfc3339",
            Self::Unix => "unix",
            Self::UnixMs => "unix_ms",
        }
    }
}

impl fmt::Display for As {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
