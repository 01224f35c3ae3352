//! Counts, sizes and times.

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::time::Duration;

use humantime::format_duration;

use crate::config::units;
use crate::config::value_type::{Invalid, Kind, ValueType, invalid};

/// A number of things, at least one, as a `T`.
#[derive(Debug)]
pub(in crate::config) struct Count<T = usize>(PhantomData<T>);

impl<T: TryFrom<u32> + ToString> ValueType for Count<T> {
    type Value = T;
    const KIND: Kind = Kind::Count;

    fn read(text: &str) -> Result<T, Invalid> {
        // No more than fits into what any of them is counted with.
        let number = text.parse::<u32>().ok().filter(|number| *number > 0);
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let what = format!("`{text}` is not a whole number from 1 to {}", u32::MAX);
            Invalid::new(what, "write e.g. 100")
        })
    }

    fn show(count: &T) -> String {
        count.to_string()
    }
}

/// A number of things that may be none.
#[derive(Debug)]
pub(in crate::config) struct CountOrZero;

impl ValueType for CountOrZero {
    type Value = usize;
    const KIND: Kind = Kind::Count;

    fn read(text: &str) -> Result<usize, Invalid> {
        if text == "0" { Ok(0) } else { Count::read(text) }
    }

    fn show(count: &usize) -> String {
        count.to_string()
    }
}

/// A number of threads.
#[derive(Debug)]
pub(in crate::config) struct Workers;

impl ValueType for Workers {
    type Value = NonZeroUsize;
    const KIND: Kind = Kind::Count;

    fn read(text: &str) -> Result<NonZeroUsize, Invalid> {
        let number = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= 1024);
        let hint = "use one worker for each CPU, or remove it to have that";
        number.ok_or_else(|| Invalid::new(format!("`{text}` is not a number from 1 to 1024"), hint))
    }

    fn show(count: &NonZeroUsize) -> String {
        count.to_string()
    }
}

/// A number of bytes, at least one.
#[derive(Debug)]
pub(in crate::config) struct Size;

impl ValueType for Size {
    type Value = u64;
    const KIND: Kind = Kind::Size;

    fn read(text: &str) -> Result<u64, Invalid> {
        const HINT: &str = "write e.g. `256KiB`, `1MiB` or a number of bytes";
        match units::size(text) {
            Ok(0) => invalid(format!("`{text}` is less than one byte"), HINT),
            Ok(bytes) => Ok(bytes),
            Err(error) => invalid(error.to_string(), HINT),
        }
    }

    fn show(bytes: &u64) -> String {
        bytes.to_string()
    }
}

/// The length of a request's target, within what a whole head may have.
#[derive(Debug)]
pub(in crate::config) struct UriLength;

impl ValueType for UriLength {
    type Value = usize;
    const KIND: Kind = Kind::Size;

    fn read(text: &str) -> Result<usize, Invalid> {
        let hint = "write e.g. `4KiB`; the whole head may have 12KiB";
        let bytes = units::size(text).map_err(|error| Invalid::new(error.to_string(), hint))?;
        let length = usize::try_from(bytes).ok().filter(|length| (1..=12_288).contains(length));
        length.ok_or_else(|| Invalid::new(format!("`{text}` is not from 1 byte to 12KiB"), hint))
    }

    fn show(bytes: &usize) -> String {
        bytes.to_string()
    }
}

/// A time that may be zero.
#[derive(Debug)]
pub(in crate::config) struct Time;

impl ValueType for Time {
    type Value = Duration;
    const KIND: Kind = Kind::Duration;

    fn read(text: &str) -> Result<Duration, Invalid> {
        let hint = "write e.g. `500ms`, `5s` or `1m 30s`, at most `24h`";
        units::duration(text).map_err(|error| Invalid::new(error.to_string(), hint))
    }

    fn show(time: &Duration) -> String {
        format_duration(*time).to_string()
    }
}

/// A time of days, at least a second.
#[derive(Debug)]
pub(in crate::config) struct LongTime;

impl ValueType for LongTime {
    type Value = Duration;
    const KIND: Kind = Kind::Duration;

    fn read(text: &str) -> Result<Duration, Invalid> {
        const HINT: &str = "write e.g. `24h`, `7d` or `90d`, at most `3650d`";
        match units::long_duration(text) {
            Ok(time) if time < Duration::from_secs(1) => {
                invalid(format!("`{text}` is less than a second"), HINT)
            }
            Ok(time) => Ok(time),
            Err(error) => invalid(error.to_string(), HINT),
        }
    }

    fn show(time: &Duration) -> String {
        Time::show(time)
    }
}

/// A time that something is waited for.
#[derive(Debug)]
pub(in crate::config) struct Timeout;

impl ValueType for Timeout {
    type Value = Duration;
    const KIND: Kind = Kind::Duration;

    fn read(text: &str) -> Result<Duration, Invalid> {
        let time = Time::read(text)?;
        if time.is_zero() {
            return invalid(format!("`{text}` leaves no time"), "write e.g. `5s`");
        }
        Ok(time)
    }

    fn show(time: &Duration) -> String {
        Time::show(time)
    }
}
