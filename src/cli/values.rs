//! The values of flags that are no settings.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::time::{Duration, SystemTime};

use http::header::{HeaderName, HeaderValue, InvalidHeaderValue};
use thiserror::Error;

/// A time that cannot be parsed.
#[derive(Debug, Error)]
#[error("not a time in UTC such as 2027-01-01T00:00:00Z")]
pub(super) struct InvalidTime;

/// A time in RFC 3339, in UTC.
pub(super) fn time(text: OsString) -> Result<SystemTime, InvalidTime> {
    text.to_str().and_then(|text| humantime::parse_rfc3339(text).ok()).ok_or(InvalidTime)
}

/// The value of a header.
pub(super) fn header_value(text: OsString) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::from_bytes(text.as_encoded_bytes())
}

/// Not `NAME: VALUE`.
#[derive(Debug, Error)]
#[error("not a header field such as 'Idempotency-Key: e-1'")]
pub(super) struct InvalidField;

/// A header field.
pub(super) fn header_field(text: OsString) -> Result<(HeaderName, HeaderValue), InvalidField> {
    let (name, value) = text.to_str().and_then(|text| text.split_once(':')).ok_or(InvalidField)?;
    let name = name.parse().map_err(|_| InvalidField)?;
    Ok((name, value.trim().parse().map_err(|_| InvalidField)?))
}

/// A time, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At this time.
    At(SystemTime),
    /// So long ago.
    Ago(Duration),
}

/// Neither a time nor a duration.
#[derive(Debug, Error)]
#[error("not a time in UTC such as 2027-01-01T00:00:00Z, nor how long ago, such as 2h or 7d")]
pub(super) struct InvalidMoment;

impl Moment {
    /// The time, if the present time is `now`.
    pub fn at(self, now: SystemTime) -> SystemTime {
        match self {
            Self::At(time) => time,
            Self::Ago(span) => now.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => humantime::format_rfc3339(*time).fmt(f),
            Self::Ago(span) => humantime::format_duration(*span).fmt(f),
        }
    }
}

/// A time in RFC 3339, in UTC, or how long ago it was.
pub(super) fn moment(text: OsString) -> Result<Moment, InvalidMoment> {
    let text = text.to_str().ok_or(InvalidMoment)?;
    if let Ok(span) = humantime::parse_duration(text) {
        return Ok(Moment::Ago(span));
    }
    humantime::parse_rfc3339(text).map(Moment::At).map_err(|_| InvalidMoment)
}
