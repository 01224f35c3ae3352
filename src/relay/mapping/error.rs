//! Events that a mapping cannot be applied to.

use std::fmt;

use thiserror::Error;

use super::place::Place;

/// Why an event cannot be mapped. Quotes nothing of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingError {
    /// Which part of the mapping.
    pub place: Place,
    /// What is wrong.
    pub fault: ValueFault,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ValueFault {
    /// The source is not JSON (RFC 8259) in UTF-8.
    #[error("the source is not JSON")]
    NotJson,
    /// An escape such as `\ud800` in a key beside the way of a pointer. It is no character, so keys cannot be compared.
    #[error("the source has a key with half of a surrogate pair in it")]
    KeyNotUnicode,
    /// A key on the way of the pointer is in its object twice, which two parsers could read differently (RFC 8259 section 4).
    #[error("the source has a key twice on the way there")]
    DuplicateKey,
    /// `required`, and not there, or `null`.
    #[error("the source has no value there")]
    Missing,
    /// An object or array where a single value is needed.
    #[error("there is an object or an array")]
    NotSingle,
    /// Something else than text or a number, for `hash`.
    #[error("there is a boolean, which cannot be hashed")]
    NotHashable,
    /// Something else than text, for `lower` and `truncate`.
    #[error("there is no text")]
    NotText,
    /// An escape such as `\ud800` in a text that has to be read.
    #[error("the text has half of a surrogate pair in it")]
    NotUnicode,
    /// For `as = "number"`.
    #[error("there is no number")]
    NotNumber,
    /// For `as = "integer"`.
    #[error("there is no number without a fraction")]
    NotInteger,
    /// For `as = "integer"`: below -2^63, or above 2^64 - 1.
    #[error("the number has more than 64 bits")]
    TooLarge,
    /// For `as = "boolean"`.
    #[error("there is neither true nor false")]
    NotBoolean,
    /// For the times.
    #[error("there is no time")]
    NotTime,
    /// For the times: after the year 5138, or before 1.
    #[error("the time is too far away")]
    TimeOutOfRange,
}

impl ValueFault {
    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NotJson => "only JSON can be mapped: have the caller send JSON, uncompressed",
            Self::KeyNotUnicode | Self::DuplicateKey => {
                "a JSON library does not write this: look at what sent the event"
            }
            Self::Missing => {
                "correct the pointer or the event, or write a `default` in place of `required`"
            }
            Self::NotSingle => {
                "name a value within it; the items of an array of single values can be joined with `join`"
            }
            Self::NotHashable => "`hash` is for text and numbers: correct the pointer",
            Self::NotText => "add as = \"string\", or correct the pointer",
            Self::NotUnicode => "have the caller send valid Unicode, or send the text unchanged",
            Self::NotNumber | Self::NotInteger => "correct the pointer, or send it as = \"string\"",
            Self::TooLarge => "send it as = \"string\"",
            Self::NotBoolean => {
                "booleans are true, false, 1, 0, \"true\" and \"false\": correct the pointer"
            }
            Self::NotTime => {
                "times are RFC 3339 text such as 2026-01-31T12:00:00Z, or seconds or milliseconds since 1970"
            }
            Self::TimeOutOfRange => {
                "numbers are seconds or milliseconds since 1970; microseconds are not read"
            }
        }
    }
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            ValueFault::NotJson | ValueFault::KeyNotUnicode => self.fault.fmt(f),
            _ => write!(f, "{}: {}", self.place, self.fault),
        }
    }
}

impl std::error::Error for MappingError {}
