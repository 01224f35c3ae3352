//! When a request was signed.

use std::str;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::SignatureError;
use super::names::named;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampUnit {
    /// Whole seconds since 1970.
    Seconds,
    /// Whole milliseconds since 1970.
    Milliseconds,
    /// A date with time and offset (RFC 3339).
    Rfc3339,
}

named!(TimestampUnit { Seconds = "s", Milliseconds = "ms", Rfc3339 = "rfc3339" });

impl TimestampUnit {
    /// The time; `None` if it is not written so.
    pub fn parse(self, text: &[u8]) -> Option<SystemTime> {
        let text = str::from_utf8(text).ok()?;
        let since = match self {
            Self::Seconds => Duration::from_secs(digits(text)?),
            Self::Milliseconds => Duration::from_millis(digits(text)?),
            Self::Rfc3339 => {
                return OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from);
            }
        };
        SystemTime::UNIX_EPOCH.checked_add(since)
    }

    /// `time` as a sender writes it. A time before 1970 is written as 1970.
    pub fn write(self, time: SystemTime) -> String {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        match self {
            Self::Seconds => since.as_secs().to_string(),
            Self::Milliseconds => since.as_millis().to_string(),
            Self::Rfc3339 => {
                let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
                let date =
                    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
                date.format(&Rfc3339).unwrap_or_default()
            }
        }
    }
}

/// A number of at most 15 digits, without a sign.
fn digits(text: &str) -> Option<u64> {
    let is_number =
        !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Whether `time` is at most `tolerance` away from `now`, before or after.
pub(super) fn check(
    time: SystemTime,
    now: SystemTime,
    tolerance: Duration,
) -> Result<(), SignatureError> {
    match now.duration_since(time) {
        Ok(by) if by > tolerance => Err(SignatureError::Stale { by }),
        Err(error) if error.duration() > tolerance => {
            Err(SignatureError::Future { by: error.duration() })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// `time` minus `now`, in whole seconds: positive where the sender's clock is ahead.
pub(super) fn skew(time: SystemTime, now: SystemTime) -> i64 {
    let seconds = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(now) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    }
}
