//! When a target wants the next request, by the headers of its answer.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// The shortest wait that a target can ask for.
pub const MIN_WAIT: Duration = Duration::from_secs(1);

/// The longest wait that a target can ask for.
pub const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

const REMAINING: [&str; 2] = ["ratelimit-remaining", "x-ratelimit-remaining"];

/// The seconds until more requests are allowed.
const RESET_AFTER: [&str; 2] = ["ratelimit-reset", "x-ratelimit-reset-after"];

/// The same, or the time of it.
const RESET: &str = "x-ratelimit-reset";

/// What the headers of an answer say about waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitHints {
    /// `Retry-After`: seconds or a date (RFC 9110 section 10.2.3). Between [`MIN_WAIT`] and [`MAX_WAIT`].
    pub retry_after: Option<Duration>,
    /// When the target's own limit allows requests again: `RateLimit-Reset`, `X-RateLimit-Reset-After`, or `X-RateLimit-Reset`, which is in
    /// seconds or a time. Between [`MIN_WAIT`] and [`MAX_WAIT`].
    pub reset: Option<Duration>,
    /// `RateLimit-Remaining: 0` or `X-RateLimit-Remaining: 0`: no request is allowed before the reset.
    pub is_exhausted: bool,
    /// `RateLimit-Remaining` or `X-RateLimit-Remaining`, the least of them: how many more requests are allowed.
    pub remaining: Option<u64>,
}

impl WaitHints {
    /// Reads the headers of an answer that came at `now`. What cannot be read is as if it was not there. Of several values the longest
    /// wait counts.
    pub fn of(headers: &HeaderMap, now: SystemTime) -> Self {
        // The target's own time: its clock may differ from ours.
        let now = texts(headers, "date").find_map(date).unwrap_or(now);
        let retry_after = texts(headers, "retry-after")
            .filter_map(|text| seconds(text).or_else(|| date(text).map(|date| until(date, now))))
            .max();
        let after = RESET_AFTER.iter().flat_map(|name| texts(headers, name)).filter_map(seconds);
        let reset = texts(headers, RESET).filter_map(|text| seconds_or_time(text, now));
        let left = || REMAINING.iter().flat_map(|name| texts(headers, name)).filter_map(seconds);
        let is_exhausted = left().any(|left| left.is_zero());
        Self {
            retry_after: retry_after.map(clamped),
            reset: after.chain(reset).max().map(clamped),
            is_exhausted,
            remaining: left().map(|left| left.as_secs()).min(),
        }
    }

    /// How long no request is allowed: until the reset if none remains. [`MIN_WAIT`] if the target does not say until when.
    pub fn pause(&self) -> Option<Duration> {
        self.is_exhausted.then(|| self.reset.or(self.retry_after).unwrap_or(MIN_WAIT))
    }
}

fn clamped(wait: Duration) -> Duration {
    wait.clamp(MIN_WAIT, MAX_WAIT)
}

fn texts<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> + use<'h> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok()).map(str::trim)
}

fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

fn until(time: SystemTime, now: SystemTime) -> Duration {
    time.duration_since(now).unwrap_or_default()
}

/// Seconds, perhaps with a fraction. More than a `u64` can hold are as many as it can.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    // Only digits: it can only be too large.
    let whole = whole.parse().unwrap_or(u64::MAX);
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let nanoseconds = format!("{fraction:0<9}").parse().unwrap_or_default();
    Duration::from_secs(whole).checked_add(Duration::from_nanos(nanoseconds))
}

/// `X-RateLimit-Reset`: numbers of this size are times since 1970.
fn seconds_or_time(text: &str, now: SystemTime) -> Option<Duration> {
    /// The year 2001, in seconds.
    const FIRST_TIME: u64 = 1_000_000_000;
    /// The year 2001, in milliseconds.
    const FIRST_MILLISECONDS: u64 = FIRST_TIME * 1000;
    let number = seconds(text)?;
    let since_1970 = match number.as_secs() {
        ..FIRST_TIME => return Some(number),
        FIRST_TIME..FIRST_MILLISECONDS => number,
        milliseconds => Duration::from_millis(milliseconds),
    };
    let time = SystemTime::UNIX_EPOCH.checked_add(since_1970);
    Some(time.map_or(Duration::MAX, |time| until(time, now)))
}
