//! What all types of values have in common.

use std::fmt::Display;
use std::str::FromStr;

use crate::problem::Problem;

/// Why a value cannot be used.
pub(super) type Invalid = Problem<()>;

/// The type of a setting's values: how they are written, read and shown.
pub(super) trait ValueType {
    /// A value that has been read.
    type Value;
    /// How it is written in a TOML file.
    const KIND: Kind;

    /// Reads a value, which has no blanks around it.
    ///
    /// # Errors
    /// When it is no such value.
    fn read(text: &str) -> Result<Self::Value, Invalid>;

    /// Writes a value, so that equal values have equal texts.
    fn show(value: &Self::Value) -> String;
}

/// How a value is written in a TOML file, and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A string whose blanks at both ends count.
    Verbatim,
    /// A string that must never be shown.
    Secret,
    /// A string that names a file or a folder, which is watched for changes.
    File(Content),
    /// A number of bytes: a string such as `256KiB`, or an integer.
    Size,
    /// A string such as `5s`.
    Duration,
    /// An integer.
    Count,
    /// `true` or `false`.
    Switch,
    /// A table with places in JSON and lengths: `{ "/summary" = 500 }`. Each is one value, `/summary = 500`.
    Lengths,
    /// A table whose keys are not known.
    Table,
}

/// What a file holds, which decides what may be shown of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing secret: a certificate, a list.
    Public,
    /// A token.
    Token,
    /// A private key.
    PrivateKey,
}

pub(super) fn invalid<T>(what: impl Into<String>, hint: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid::new(what, hint))
}

/// Reads a value by its own parser; `hint` says how to write one.
pub(super) fn parse<T: FromStr<Err: Display>>(text: &str, hint: &str) -> Result<T, Invalid> {
    text.parse().map_err(|error: T::Err| Invalid::new(error.to_string(), hint))
}
