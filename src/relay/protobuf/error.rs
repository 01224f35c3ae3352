//! Events that are no message of the type.

use std::fmt;

use thiserror::Error;

use super::limits::{MAX_DEPTH, MAX_VALUES};

/// Why an event is no message of the type. Quotes no value of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtobufError {
    /// The field: `invitees[1].email`. Keys of maps are values of the event, and stand as `labels[…]`. Empty: the whole.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a field.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// There is no JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// Most libraries for protobuf do not read deeper messages.
    #[error("the JSON has more than {MAX_DEPTH} levels")]
    TooDeep,
    /// The message would need far more memory than the JSON has bytes.
    #[error("the JSON has more than {MAX_VALUES} values")]
    TooManyValues,
    /// An object has a name twice.
    #[error("a name is there twice")]
    Twice,
    /// `1e400`, or half of a surrogate pair.
    #[error("there is a number that is too large, or text that is not Unicode")]
    Unreadable,
    /// The message has no such field.
    #[error("`{message}` has no field {}", .name.as_ref().map_or("of this name".to_owned(), |name| format!("`{name}`")))]
    UnknownField {
        /// The message.
        message: String,
        /// The name that the event has, if it looks like the name of a field.
        name: Option<String>,
        /// The field with the nearest name.
        nearest: Option<String>,
    },
    /// Two fields of a `oneof`.
    #[error("there are two fields of the oneof `{0}`")]
    OneofTwice(String),
    /// Another kind of value.
    #[error("expected {wanted}, there is {found}")]
    Kind {
        /// What the field takes.
        wanted: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A number that is too large for the type, or negative.
    #[error("the number does not fit into {0}")]
    NumberRange(&'static str),
    /// A number with a fraction.
    #[error("the number has a fraction, and {0} has none")]
    Fraction(&'static str),
    /// Text that is no number.
    #[error("the text is no number for {0}")]
    NotNumber(&'static str),
    /// For `google.protobuf.Timestamp`.
    #[error("expected RFC 3339, there is {0}")]
    Time(&'static str),
    /// For `google.protobuf.Duration`.
    #[error("expected a duration, there is {0}")]
    Duration(&'static str),
    /// The enum has no such name.
    #[error("unrecognized enum value")]
    EnumValue(Vec<String>),
    /// For bytes.
    #[error("invalid base64")]
    Base64,
    /// The key of a map.
    #[error("a key of the map is no {0}")]
    MapKey(&'static str),
    /// A `required` field of proto2.
    #[error("missing, and the schema says that it is required")]
    Missing,
    /// Anything else.
    #[error("the value does not fit")]
    Other,
}

impl Fault {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotJson => "have the caller send JSON, uncompressed",
            Self::TooDeep | Self::TooManyValues => {
                "map the fields that the target needs, and no whole objects"
            }
            Self::Twice => "two parsers could read that differently: look at what sent the event",
            Self::Unreadable => "send the number as text, or correct what sends the event",
            Self::UnknownField { nearest: Some(nearest), .. } => {
                return format!("did you mean `{nearest}`?");
            }
            Self::UnknownField { .. } => {
                "map the fields that the message has, or set unknown = \"drop\""
            }
            Self::OneofTwice(_) => "map one of them",
            Self::Kind { wanted: TEXT, .. } => "map it with as = \"string\"",
            Self::Kind { wanted: BOOLEAN, .. } => "map it with as = \"boolean\"",
            Self::Kind { .. } => "correct the mapping or the event",
            Self::NumberRange(_) => "use a larger type in the schema, or correct the event",
            Self::Fraction(_) => "use double in the schema, or correct the event",
            Self::NotNumber(_) => "correct the event; as = \"integer\" in the mapping checks it",
            Self::Time(NUMBER) => "a unix number must be mapped with as = \"rfc3339\" first",
            Self::Time(_) => {
                "write it as in 2026-01-31T12:00:00Z; as = \"rfc3339\" in the mapping does that"
            }
            Self::Duration(_) => "write seconds with an s, as in \"1.5s\"",
            Self::EnumValue(known) => return known_values(known),
            Self::Base64 => "send the bytes in base64 or base64url",
            Self::MapKey(_) => "correct the event, or use map<string, …> in the schema",
            Self::Missing => "map it, with required = true or a default",
            Self::Other => "compare the event with the schema",
        }
        .to_owned()
    }
}

/// Kinds of values, as they stand in sentences.
pub(super) const TEXT: &str = "text";
pub(super) const NUMBER: &str = "a number";
pub(super) const BOOLEAN: &str = "true or false";

fn known_values(known: &[String]) -> String {
    const SHOWN: usize = 12;

    let more = if known.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<_> = known.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    format!("the schema has {}{more}", shown.join(", "))
}

impl ProtobufError {
    /// An error about the event as a whole.
    pub fn whole(fault: Fault) -> Self {
        Self { path: String::new(), fault }
    }
}

impl fmt::Display for ProtobufError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.path {
            "" => self.fault.fmt(f),
            path => write!(f, "protobuf field `{path}`: {}", self.fault),
        }
    }
}

impl std::error::Error for ProtobufError {}
