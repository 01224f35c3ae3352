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
    /// The stable code, for the log. A [`Cause`](super::diagnosis::Cause) that was found has its own.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::MissingValue(_) => "value_missing",
            Self::Malformed(_) => "malformed",
            Self::Twice(_) => "twice",
            Self::TooManySignatures { .. } => "too_many_signatures",
            Self::TooManyParameters { .. } => "too_many_parameters",
            Self::Unsupported(_) => "unsupported",
            Self::NoTimestamp(_) => "time_missing",
            Self::BadTimestamp(_) => "time_malformed",
            Self::Stale { .. } => "stale",
            Self::Future { .. } => "future",
            Self::Body(..) => "body_unclear",
            Self::BodyNotCovered => "body_not_covered",
            Self::NoPublicUrl => "no_public_url",
            Self::Mismatch => "mismatch",
        }
    }

    /// What to do about it, where no [`Cause`](super::diagnosis::Cause) was found.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::MissingValue(_) | Self::NoTimestamp(_) => {
                "set the secret in the sender's settings; if it is set there, check `scheme` of [route.verify]"
            }
            Self::Malformed(_) | Self::BadTimestamp(_) | Self::Unsupported(_) => {
                "check `scheme` of [route.verify]: this looks like another sender's request"
            }
            Self::Twice(_) | Self::TooManySignatures { .. } | Self::TooManyParameters { .. } => {
                "no known sender does this: look at the proxies in between, or somebody tries to get in"
            }
            Self::Stale { .. } | Self::Future { .. } => {
                "compare the clocks (timedatectl); a request that was captured and sent again looks the same"
            }
            Self::Body(..) => "the body is not what this sender sends: check `scheme` of [route.verify]",
            Self::BodyNotCovered => "let the sender sign the body too (Twilio: bodySHA256 in the URL)",
            Self::NoPublicUrl => "set listen.public_url to what the sender calls",
            Self::Mismatch => {
                "compare the secret of the sender's settings with the file; a request that was changed on its way looks the same"
            }
        }
    }

    /// Whether there is no signature at all, rather than one that is not valid.
    pub fn missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}
