//! `as = "number"`, `"integer"` and `"boolean"`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::error::ValueFault;
use super::sources::text_of;

/// A number as it is written, without a change of its digits: 64-bit integers and `1e400` survive.
pub(super) fn number(value: &str) -> Result<Cow<'_, str>, ValueFault> {
    match value.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => Ok(Cow::Borrowed(value)),
        Some(b'"') => {
            let text = trimmed(text_of(value)?);
            if is_number(&text) { Ok(text) } else { Err(ValueFault::NotNumber) }
        }
        Some(b'{' | b'[') => Err(ValueFault::NotSingle),
        _ => Err(ValueFault::NotNumber),
    }
}

/// A number without a fraction, from -2^63 to 2^64 - 1. One that is written without point and exponent stays as it is.
pub(super) fn integer(value: &str) -> Result<Cow<'_, str>, ValueFault> {
    let number = number(value).map_err(|fault| match fault {
        ValueFault::NotNumber => ValueFault::NotInteger,
        fault => fault,
    })?;
    let number = if number.contains(['.', 'e', 'E']) { Cow::Owned(whole(&number)?) } else { number };
    let is_in_range = number
        .parse::<i128>()
        .is_ok_and(|number| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number));
    if is_in_range { Ok(number) } else { Err(ValueFault::TooLarge) }
}

/// `true` or `false`.
pub(super) fn boolean(value: &str) -> Result<Cow<'_, str>, ValueFault> {
    let text = match value.as_bytes().first() {
        Some(b'"') => trimmed(text_of(value)?),
        Some(b'{' | b'[') => return Err(ValueFault::NotSingle),
        _ => Cow::Borrowed(value),
    };
    match &*text {
        "1" => Ok("true".into()),
        "0" => Ok("false".into()),
        word if word.eq_ignore_ascii_case("true") => Ok("true".into()),
        word if word.eq_ignore_ascii_case("false") => Ok("false".into()),
        _ => Err(ValueFault::NotBoolean),
    }
}

pub(super) fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// Whether a text is a number of JSON, and nothing else.
fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok_and(|number| number.get() == text)
}

/// The digits of a number that is written with a point or an exponent, such as `1.50e2`.
fn whole(number: &str) -> Result<String, ValueFault> {
    /// No number of 64 bits has more digits.
    const MAX_DIGITS: usize = 20;
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |number| ("-", number));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [before, after].concat();
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    if zeros == digits.len() {
        return Ok("0".to_owned());
    }
    // An exponent that is too long for this is too large, or leaves a fraction.
    let limit = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let exponent = exponent.parse().unwrap_or(limit).clamp(i64::MIN / 2, i64::MAX / 2);
    let point = i64::try_from(before.len()).unwrap_or(i64::MAX / 2) + exponent;
    let Ok(point) = usize::try_from(point) else {
        return Err(ValueFault::NotInteger);
    };
    let fraction = digits.get(point..).unwrap_or_default();
    if fraction.bytes().any(|digit| digit != b'0') {
        return Err(ValueFault::NotInteger);
    }
    if point.saturating_sub(zeros) > MAX_DIGITS {
        return Err(ValueFault::TooLarge);
    }
    let known = digits.get(zeros..point.min(digits.len())).unwrap_or_default();
    Ok(format!("{sign}{known:0<width$}", width = point.saturating_sub(zeros)))
}
