//! Why settings do not make a scheme.

use thiserror::Error;

use super::algorithm::Algorithm;
use super::source::{Source, SourceError};
use super::template::TemplateError;

/// Why settings do not make a scheme.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SchemeError {
    /// A setting is missing, which this scheme has no value for.
    #[error("`{scheme}` needs `{key}`")]
    Needs {
        /// The name of the preset.
        scheme: &'static str,
        /// The setting.
        key: &'static str,
    },
    /// A setting that means nothing for this scheme.
    #[error("`{key}` means nothing for `{scheme}`")]
    Unused {
        /// The name of the preset.
        scheme: &'static str,
        /// The setting.
        key: &'static str,
    },
    /// `hmac` with the algorithm of a public key, or the other way round.
    #[error("`{scheme}` cannot have the algorithm {algorithm}")]
    Algorithm {
        /// The name of the preset.
        scheme: &'static str,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// `{timestamp}` is signed, or the time limited, but it is not said where the time is.
    #[error("`{key}` needs `timestamp`, which says where the time is")]
    NoTimestamp {
        /// The setting.
        key: &'static str,
    },
    /// `{id}` is signed, or replay goes by it, but it is not said where the id is.
    #[error("`{key}` needs `id`, which says where the id is")]
    NoId {
        /// The setting.
        key: &'static str,
    },
    /// The id is the same for all events, or is made of itself or of the whole body.
    #[error("`id` must have a source in it, and neither `{{id}}` nor `{{body}}`")]
    NotAnId,
    /// A field of the signature header, where there is not one such header.
    #[error("`{0}` needs exactly one `signature`, which is a header")]
    FieldWithoutHeader(Source),
    /// Several headers, where one value is needed.
    #[error("`{place}` may be several headers; only `signature` can have such a pattern")]
    Pattern {
        /// The setting.
        key: &'static str,
        /// Where the value would be.
        place: Source,
    },
    /// A field is only where there is a list, or a list of one.
    #[error("`{0}` is no name of a field: use letters, digits, `-`, `_` and `.`")]
    FieldName(String),
    /// A separator that is not one ASCII character.
    #[error("`{0}` cannot be a separator: use an ASCII character")]
    Separator(char),
    /// The signature is a part of what is signed.
    #[error("`{0}` is within what is signed, so no signature can fit")]
    SignsItself(Source),
    /// A token cannot be what a repeated request is recognised by: all requests have the same.
    #[error(
        "`replay = \"signature\"` would refuse all requests but the first: they have the same token"
    )]
    ReplayByToken,
    /// A source of a preset. A test reads all presets.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A template of a preset. A test reads all presets.
    #[error(transparent)]
    Template(#[from] TemplateError),
}
