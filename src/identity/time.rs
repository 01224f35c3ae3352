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

/// The last second of the year 9999, in seconds since 1970: RFC 3339 has no later one.
const LAST: u64 = 253_402_300_799;

/// A time in RFC 3339, UTC, with milliseconds. A time that RFC 3339 cannot express becomes the nearest one that it can.
pub fn rfc3339_millis(time: SystemTime) -> String {
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(LAST);
    humantime::format_rfc3339_millis(time.clamp(SystemTime::UNIX_EPOCH, last)).to_string()
}

/// `seconds` since 1970, in RFC 3339.
pub fn time_text(seconds: i64) -> String {
    match x509_parser::time::ASN1Time::from_timestamp(seconds) {
        Ok(time) => rfc3339(time),
        Err(_) => format!("{seconds} s since 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_rfc_3339_cannot_express_is_the_nearest_that_it_can() {
        let epoch = SystemTime::UNIX_EPOCH;
        let after = |seconds| epoch + Duration::from_secs(seconds);
        assert_eq!(rfc3339_millis(after(1_800_000_000)), "2027-01-15T08:00:00.000Z");
        assert_eq!(rfc3339_millis(epoch - Duration::from_secs(9)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339_millis(after(LAST + 1_000_000)), "9999-12-31T23:59:59.000Z");
    }
}
