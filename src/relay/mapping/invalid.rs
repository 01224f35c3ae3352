//! Mappings that cannot be.

use std::fmt;

use thiserror::Error;

use super::place::Place;
use super::settings::As;
use crate::signature::PointerError;

/// The most fields of a mapping.
pub const MAX_FIELDS: usize = 256;

/// The most pointers of one field, and of `required`.
pub const MAX_FIELD_POINTERS: usize = 32;

/// A part of a mapping that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidMapping {
    /// Which part.
    pub place: Place,
    /// What is wrong with it.
    pub fault: MappingFault,
}

/// What is wrong with a part of a mapping.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MappingFault {
    /// No field at all.
    #[error("there is no field")]
    NoField,
    /// More than [`MAX_FIELDS`].
    #[error("there are {0} fields; at most {MAX_FIELDS} are possible")]
    TooManyFields(usize),
    /// More than [`MAX_FIELD_POINTERS`].
    #[error("there are {0} pointers; at most {MAX_FIELD_POINTERS} are possible")]
    TooManyPointers(usize),
    /// A field without a name.
    #[error("the name of the field is empty")]
    NoName,
    /// A name that begins with `/` but is no pointer.
    #[error("the name of the field is no JSON pointer: {0}")]
    Target(PointerError),
    /// A step of a target that looks like an item of an array.
    #[error("a mapping makes objects, not arrays, so a step may not be a number")]
    NumberInTarget,
    /// The same field is there twice.
    #[error("this field is mapped twice")]
    TargetTwice,
    /// A field within another one.
    #[error("this field is within `{0}`, which is mapped as a whole")]
    TargetWithin(String),
    /// Neither `from` nor `const`.
    #[error("nothing says where the value comes from")]
    NoSource,
    /// `const` beside `from`.
    #[error("it has `from` and `const`")]
    TwoSources,
    /// `const` beside a function, which would have nothing to do.
    #[error("it has `const` and `{0}`")]
    ConstantWith(&'static str),
    /// `default` beside `required`.
    #[error("it has `default` and `required`")]
    DefaultAndRequired,
    /// Not a pointer.
    #[error("the pointer is wrong: {0}")]
    Pointer(PointerError),
    /// A step that is `*`.
    #[error("the pointer has the step `*`")]
    Star,
    /// Several pointers for one value.
    #[error("it has several pointers but no `join`")]
    NoJoin,
    /// A function for text beside `as` with something else.
    #[error("it has `as = \"{0}\"` and `{1}`, which makes text")]
    TextFunction(As, &'static str),
    /// `truncate = 0`.
    #[error("`truncate` is 0, which leaves nothing")]
    TruncateToNothing,
    /// `hash` beside `truncate`: the pseudonyms of different values would become the same.
    #[error("it has `hash` and `truncate`")]
    HashAndTruncate,
    /// No key for pseudonyms.
    #[error("it has `hash`, but there is no key for pseudonyms")]
    NoHashKey,
}

impl MappingFault {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoField => "write what is sent, e.g. map = { name = \"/eventName\" }",
            Self::TooManyFields(_) => "map an object as a whole with the pointer to it",
            Self::TooManyPointers(_) => "map the object that has the values as a whole",
            Self::NoName => "write the name that the target expects before the `=`",
            Self::Target(_) => {
                "write a nested field as \"/user/id\"; a name without a slash at its beginning is one field"
            }
            Self::NumberInTarget => "map the array as a whole, with the pointer to it",
            Self::TargetTwice => "remove one of the two",
            Self::TargetWithin(_) => "remove one of the two, or map each field of the object by itself",
            Self::NoSource => {
                "write `from` with a JSON pointer into the source, or `const` with a value"
            }
            Self::TwoSources => "remove one of them; a value for events without one is `default`",
            Self::ConstantWith(_) => "write the constant as it is to be sent, and remove the other key",
            Self::DefaultAndRequired => "remove one of them: with a default, no value is missing",
            Self::Pointer(_) => "write where the value is in the source, e.g. \"/user/id\"",
            Self::Star => "name one item by its number, or map the array as a whole",
            Self::NoJoin => "write the text that comes between them, e.g. join = \" \"",
            Self::TextFunction(..) => "remove one of the two",
            Self::TruncateToNothing => "write the number of characters that stay, or remove the field",
            Self::HashAndTruncate => "remove `truncate`: a pseudonym is short",
            Self::NoHashKey => "name a file with a key in privacy.hash_key_file",
        }
    }
}

impl fmt::Display for InvalidMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

impl std::error::Error for InvalidMapping {}
