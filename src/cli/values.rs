//! The values of flags that are no settings.

use std::ffi::OsString;
use std::time::SystemTime;

use http::header::{HeaderValue, InvalidHeaderValue};
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
