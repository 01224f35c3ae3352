//! Why a body cannot be shaped.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::settings::Rule;

/// Why a body cannot be shaped. None of these quotes it: the pointers are those of the settings.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotShapeable {
    /// A byte that is not UTF-8; its place, from 0.
    #[error("the body is not UTF-8 (byte {0})")]
    NotUtf8(usize),
    /// Not JSON (RFC 8259), from this place on. Both count from 1, the column in bytes.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// The line.
        line: usize,
        /// The place in the line.
        column: usize,
    },
    /// A string, number, boolean or `null`, which no pointer leads into.
    #[error("the body is {0}, but pointers lead into an object or an array")]
    NotContainer(Kind),
    /// A key that a pointer goes through is in its object twice, which two parsers could read differently (RFC 8259 section 4).
    #[error("the body has a key twice that is on the way of `{0}`")]
    DuplicateKey(Arc<str>),
    /// An escape such as `\ud800` in a key, where pointers compare keys. It is no character, and parsers do different things with it.
    #[error("the body has a key with half of a surrogate pair in it")]
    KeyNotUnicode,
    /// A value that the rule cannot be applied to.
    #[error("the body has {kind} at `{pointer}`, to which `{rule}` cannot be applied")]
    WrongKind {
        /// The rule.
        rule: Rule,
        /// Its pointer.
        pointer: Arc<str>,
        /// What is there.
        kind: Kind,
    },
    /// An escape such as `\ud800` in a string of which `hash` or `ip_prefix` need the characters.
    #[error("the body has a string at `{pointer}` that `{rule}` cannot read: half of a surrogate pair")]
    NotUnicode {
        /// The rule.
        rule: Rule,
        /// Its pointer.
        pointer: Arc<str>,
    },
    /// A string that is no IP address.
    #[error("the body has a string at `{0}` that is not an IP address")]
    NotAnAddress(Arc<str>),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `"`
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`
    Null,
}

impl NotShapeable {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotUtf8(_) | Self::NotJson { .. } => {
                "only JSON can be shaped: remove the shape from this route, or have the sender send JSON, uncompressed"
            }
            Self::NotContainer(_) => {
                "remove the shape from this route, or have the sender send an object"
            }
            Self::DuplicateKey(_) | Self::KeyNotUnicode => {
                "a sender's JSON library does not write this: look at who sent the request"
            }
            Self::WrongKind { rule: Rule::Hash, .. } => {
                "`hash` is for strings and numbers: name the string within, or use `drop`"
            }
            Self::WrongKind { .. } => {
                "the rule is for strings: correct the pointer so that it names one, or use `drop`"
            }
            Self::NotUnicode { .. } => "use `drop` for this value",
            Self::NotAnAddress(_) => {
                "`ip_prefix` takes one IPv4 or IPv6 address, with or without a port: use `hash` or `drop` for other values"
            }
        }
    }
}

impl Kind {
    /// What a value in JSON is, which its first character tells.
    pub(super) fn of(value: &str) -> Self {
        match value.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }

    /// Whether there are values in it.
    pub(super) fn is_container(self) -> bool {
        matches!(self, Self::Object | Self::Array)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        })
    }
}
