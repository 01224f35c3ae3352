//! Sizes (`256KiB`) and durations (`1m 30s`) as people write them.

use std::time::Duration;

use thiserror::Error;

/// Longest duration of a setting: more than a day is a mistake, and timers add durations to the present time.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest time that data is kept: ten years. More is a mistake.
const LONGEST_KEPT: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

const UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
    ("", 1),
];

/// Why a size or duration could not be read.
#[derive(Clone, Debug, Error, PartialEq)]
pub(super) enum UnitError {
    /// No digits to begin with, or a fraction.
    #[error("`{0}` does not begin with a whole number")]
    NoNumber(String),
    /// Letters that are no unit of size.
    #[error("`{0}` ends in `{1}`, which is none of the units B, KB, KiB, MB, MiB, GB and GiB")]
    UnknownUnit(String, String),
    /// More than fits.
    #[error("`{0}` is too large")]
    TooLarge(String),
    /// Not a duration.
    #[error("`{0}` is not a duration: {why}", why = why_no_duration(.1))]
    NotADuration(String, humantime::DurationError),
    /// More than a day.
    #[error("`{0}` is longer than 24h")]
    TooLong(String),
    /// More than ten years.
    #[error("`{0}` is longer than 3650d")]
    TooLongKept(String),
}

fn why_no_duration(error: &humantime::DurationError) -> String {
    use humantime::DurationError;
    match error {
        DurationError::InvalidCharacter(at) => {
            format!("the character at place {} has no place there", at + 1)
        }
        DurationError::NumberExpected(at) => format!("a number is missing at place {}", at + 1),
        DurationError::UnknownUnit { unit, .. } if unit.is_empty() => "it has no unit".to_owned(),
        DurationError::UnknownUnit { unit, .. } => {
            format!("{unit} is none of the units ms, s, m, h and d")
        }
        DurationError::NumberOverflow => "the number is too large".to_owned(),
        DurationError::Empty => "it is empty".to_owned(),
    }
}

/// Reads a number of bytes: `1000`, `1000B`, `1KB` or `256KiB`; units in any case.
pub(super) fn size(text: &str) -> Result<u64, UnitError> {
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(end);
    if digits.is_empty() || unit.starts_with('.') {
        return Err(UnitError::NoNumber(text.to_owned()));
    }
    let unit = unit.trim_start();
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) else {
        return Err(UnitError::UnknownUnit(text.to_owned(), unit.to_owned()));
    };
    let number = digits.parse::<u64>().ok();
    let bytes = number.and_then(|number| number.checked_mul(*factor));
    bytes.ok_or_else(|| UnitError::TooLarge(text.to_owned()))
}

/// Writes a number of bytes so that [`size`] reads the very same number.
pub(super) fn format_size(bytes: u64) -> String {
    let whole = UNITS.iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    let (unit, factor) = whole.unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / factor)
}

/// Reads a duration with its units, of a day at most: `500ms`, `5s`, `1m 30s`.
pub(super) fn duration(text: &str) -> Result<Duration, UnitError> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| UnitError::NotADuration(text.to_owned(), error))?;
    if duration > LONGEST {
        return Err(UnitError::TooLong(text.to_owned()));
    }
    Ok(duration)
}

/// Reads a duration with its units, of ten years at most: `24h`, `7d`.
pub(super) fn long_duration(text: &str) -> Result<Duration, UnitError> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| UnitError::NotADuration(text.to_owned(), error))?;
    if duration > LONGEST_KEPT {
        return Err(UnitError::TooLongKept(text.to_owned()));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_with_binary_and_decimal_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("1000B", 1000),
            ("1KB", 1000),
            ("256KiB", 262_144),
            ("256 kib", 262_144),
            (" 1MiB ", 1_048_576),
            ("2GB", 2_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        let error = |text: &str| size(text).unwrap_err();
        for text in ["", "KiB", "-1", "1.5MiB", "big"] {
            assert!(matches!(error(text), UnitError::NoNumber(_)), "{text}");
        }
        for text in ["1K", "1Mi", "1 000", "1_000", "1TiB", "0x10"] {
            assert!(matches!(error(text), UnitError::UnknownUnit(..)), "{text}");
        }
        for text in ["18446744073709551616", "18446744073709551615KiB"] {
            assert!(matches!(error(text), UnitError::TooLarge(_)), "{text}");
        }
    }

    #[test]
    fn sizes_are_written_in_the_largest_unit_that_fits_exactly() {
        for (bytes, text) in [
            (0, "0B"),
            (262_144, "256KiB"),
            (262_145, "262145B"),
            (1_000_000, "1MB"),
            (1_048_576, "1MiB"),
        ] {
            assert_eq!(format_size(bytes), text);
        }
    }

    #[test]
    fn longer_durations_may_have_days_and_end_at_ten_years() {
        assert_eq!(long_duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(long_duration("1d 12h"), Ok(Duration::from_secs(36 * 3_600)));
        assert_eq!(long_duration("3650d"), Ok(LONGEST_KEPT));
        assert!(matches!(long_duration("3651d"), Err(UnitError::TooLongKept(_))));
        assert!(matches!(long_duration("7"), Err(UnitError::NotADuration(..))));
    }

    #[test]
    fn durations_need_a_unit_and_end_at_a_day() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("24h"), Ok(LONGEST));
        assert!(matches!(duration("24h 1s"), Err(UnitError::TooLong(_))));
        for text in ["", "5", "s", "-5s", "5 parsecs", "99999999999999999999s"] {
            assert!(matches!(duration(text), Err(UnitError::NotADuration(..))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_size_is_read_back_as_the_same_number(bytes: u64) {
            prop_assert_eq!(size(&format_size(bytes)), Ok(bytes));
        }

        #[test]
        fn a_written_duration_is_read_back_as_the_same_time(millis in 0u64..=86_400_000) {
            let time = Duration::from_millis(millis);
            prop_assert_eq!(duration(&humantime::format_duration(time).to_string()), Ok(time));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC{0,24}") {
            let _ = (size(&text), duration(&text), long_duration(&text));
        }
    }
}
