//! `as = "rfc3339"`, `"unix"` and `"unix_ms"`.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::ValueFault;
use super::number::trimmed;
use super::sources::text_of;

/// Numbers below this are seconds, up to the year 5138; others are milliseconds, from the year 1973 on.
const FIRST_MILLISECONDS: i128 = 100_000_000_000;

/// Numbers from here on are no milliseconds: microseconds or nanoseconds.
const TOO_LARGE: i128 = FIRST_MILLISECONDS * 1000;

/// A time.
enum Time<'v> {
    /// As RFC 3339 has it, in the form that all of its readers know.
    Text(&'v str, OffsetDateTime),
    Nanoseconds(i128),
}

/// A time as text. A text that is one already stays as it is; others become one in UTC.
pub(super) fn rfc3339(value: &str) -> Result<Cow<'_, str>, ValueFault> {
    match time(value)? {
        Time::Text(text, _) => Ok(Cow::Borrowed(text)),
        Time::Nanoseconds(since) => {
            let time = OffsetDateTime::from_unix_timestamp_nanos(since).ok();
            let text = time.and_then(|time| time.format(&Rfc3339).ok());
            text.map(|text| format!("\"{text}\"").into()).ok_or(ValueFault::TimeOutOfRange)
        }
    }
}

/// A time in whole seconds since 1970, rounded down.
pub(super) fn unix(value: &str) -> Result<Cow<'_, str>, ValueFault> {
    Ok(nanoseconds(value)?.div_euclid(1_000_000_000).to_string().into())
}

/// A time in whole milliseconds since 1970, rounded down.
pub(super) fn unix_ms(value: &str) -> Result<Cow<'_, str>, ValueFault> {
    Ok(nanoseconds(value)?.div_euclid(1_000_000).to_string().into())
}

fn nanoseconds(value: &str) -> Result<i128, ValueFault> {
    Ok(match time(value)? {
        Time::Text(_, time) => time.unix_timestamp_nanos(),
        Time::Nanoseconds(since) => since,
    })
}

fn time(value: &str) -> Result<Time<'_>, ValueFault> {
    match value.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => number(value).map(Time::Nanoseconds),
        Some(b'"') => {
            let text = trimmed(text_of(value)?);
            let Ok(time) = OffsetDateTime::parse(&text, &Rfc3339) else {
                return number(&text).map(Time::Nanoseconds);
            };
            // RFC 3339 section 5.6 permits small letters, and a blank between date and time. Few readers do.
            let is_usual = text.as_bytes().get(10) == Some(&b'T') && !text.ends_with('z');
            let is_untouched = value.len() == text.len() + 2;
            if is_usual && is_untouched {
                Ok(Time::Text(value, time))
            } else {
                Ok(Time::Nanoseconds(time.unix_timestamp_nanos()))
            }
        }
        Some(b'{' | b'[') => Err(ValueFault::NotSingle),
        _ => Err(ValueFault::NotTime),
    }
}

/// Nanoseconds since 1970 of a number without exponent.
fn number(text: &str) -> Result<i128, ValueFault> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_fraction = digits.len() > whole.len();
    if whole.is_empty()
        || !is_digits(whole)
        || !is_digits(fraction)
        || (has_fraction && fraction.is_empty())
    {
        return Err(ValueFault::NotTime);
    }
    let number: i128 = whole.parse().map_err(|_| ValueFault::TimeOutOfRange)?;
    let (unit, places) = match number {
        ..FIRST_MILLISECONDS => (1_000_000_000, 9),
        FIRST_MILLISECONDS..TOO_LARGE => (1_000_000, 6),
        _ => return Err(ValueFault::TimeOutOfRange),
    };
    let fraction = fraction.get(..places).unwrap_or(fraction);
    let fraction: i128 = format!("{fraction:0<places$}").parse().map_err(|_| ValueFault::NotTime)?;
    Ok(sign * (number * unit + fraction))
}
