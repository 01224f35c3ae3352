//! Why a request is not taken for a signed one.

use std::time::Duration;

use http::HeaderName;
use thiserror::Error;

use super::pointer::LookupError;
use super::source::Source;

/// Why a request is not taken for a signed one. For the log: a client learns only whether a signature is missing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SignatureError {
    /// No signature, or no token, at any of the places where the scheme has it. This is one of them.
    #[error("there is no {0}")]
    Missing(Source),
    /// A value that the signed string needs is not there.
    #[error("there is no {0}, which is signed")]
    MissingValue(Source),
    /// The signature is not written as the scheme writes it.
    #[error("{0} is not written as this scheme writes a signature")]
    Malformed(Source),
    /// A value that may be there once is there more often.
    #[error("{0} is there more than once")]
    Twice(Source),
    /// More signatures than are tried.
    #[error("there are more than {max} signatures")]
    TooManySignatures {
        /// The most that are tried.
        max: usize,
    },
    /// More parameters of a form than are read.
    #[error("the form has more than {max} parameters")]
    TooManyParameters {
        /// The most that are read.
        max: usize,
    },
    /// A header that must have a certain value has another one.
    #[error("the header {0} is not there, or has a value that this scheme does not know")]
    Unsupported(HeaderName),
    /// The time of the signature is missing.
    #[error("there is no time at {0}")]
    NoTimestamp(Source),
    /// The time of the signature cannot be read.
    #[error("the time at {0} is not written as this scheme writes it")]
    BadTimestamp(Source),
    /// Signed too long ago.
    #[error("it was signed {} s ago", by.as_secs())]
    Stale {
        /// How long ago.
        by: Duration,
    },
    /// Signed in the future.
    #[error("it was signed {} s in the future", by.as_secs())]
    Future {
        /// How far ahead.
        by: Duration,
    },
    /// A value must be read from the body, and the body is not clear.
    #[error("the body, from which {0} is read, {1}")]
    Body(Source, #[source] LookupError),
    /// The signature does not cover the body.
    #[error("the signature does not cover the body")]
    BodyNotCovered,
    /// The scheme signs the URL, and the settings do not say what senders call.
    #[error("the scheme signs the URL, but `listen.public_url` is not set")]
    NoPublicUrl,
    /// No key fits any signature.
    #[error("no key fits the signature")]
    Mismatch,
}

impl SignatureError {
    /// Whether there is no signature at all, rather than one that is not valid.
    pub fn missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}
