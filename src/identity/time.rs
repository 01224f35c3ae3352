//! Times and lengths of time, as sentences name them.

use std::time::{Duration, SystemTime};

use super::certificate::rfc3339;

/// Seconds since 1970.
pub fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// How long ago something was.
pub fn ago(seconds: i64) -> String {
    format!("{} ago", span(seconds))
}

/// A length of time in its largest sensible unit.
pub fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..=119 => (seconds, "second"),
        120..=7199 => (seconds / 60, "minute"),
        7200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// `seconds` since 1970, in RFC 3339.
pub fn time_text(seconds: i64) -> String {
    match x509_parser::time::ASN1Time::from_timestamp(seconds) {
        Ok(time) => rfc3339(time),
        Err(_) => format!("{seconds} s since 1970"),
    }
}
