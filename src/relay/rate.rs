//! How many requests a target gets.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::retry::WaitHints;
use crate::limits::{Quota, TokenBucket};

/// A number of requests in a period: `60/1m`. `Display` and `FromStr` are inverses of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    number: u32,
    period: Duration,
}

/// The longest period of a rate.
pub const MAX_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// The most requests in a second, so that the time between two has a few nanoseconds.
const MAX_PER_SECOND: u32 = 1_000_000;

/// Why a rate cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RateError {
    /// Not a number, a slash and a time.
    #[error("is not a rate: write the number of requests and the time, e.g. \"60/1m\" or \"5/1s\"")]
    NotRate,
    /// No request, or more than 1,000,000 in each second.
    #[error(
        "has no possible number of requests: write 1 or more, and at most {MAX_PER_SECOND} for each second"
    )]
    Number,
    /// Shorter than a millisecond, or longer than [`MAX_PERIOD`].
    #[error("has no possible time: write 1ms or more, and at most 24h")]
    Period,
}

impl Rate {
    /// So many requests in each period, however it is placed.
    pub fn new(number: u32, period: Duration) -> Result<Self, RateError> {
        if period < Duration::from_millis(1) || period > MAX_PERIOD {
            return Err(RateError::Period);
        }
        let most = period.as_nanos() * u128::from(MAX_PER_SECOND) / 1_000_000_000;
        if number == 0 || u128::from(number) > most {
            return Err(RateError::Number);
        }
        Ok(Self { number, period })
    }

    /// A tenth of the requests may come at once. The others are spread over the period, so that a burst and what follows it are together
    /// never more than the number: a target counts in windows whose beginning nobody knows.
    fn quota(self) -> Quota {
        let burst = (self.number / 10).max(1);
        let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX / 2);
        Quota::with_interval(period / u64::from(self.number - burst + 1) + 1, burst)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (number, period) = text.split_once('/').ok_or(RateError::NotRate)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RateError::NotRate);
        }
        let period = humantime::parse_duration(period).map_err(|_| RateError::NotRate)?;
        Self::new(number.parse().map_err(|_| RateError::Number)?, period)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = humantime::format_duration(self.period).to_string().replace(' ', "");
        write!(f, "{}/{period}", self.number)
    }
}

/// Decides when the next request to one target may begin. All that send to the target share it.
#[derive(Debug)]
pub struct RateLimiter {
    started: Instant,
    quota: Option<Quota>,
    bucket: TokenBucket,
    /// Until when the target itself allows no request, in nanoseconds since `started`.
    paused: AtomicU64,
}

impl RateLimiter {
    /// A limiter whose clock begins at `now`. Without a rate only the target itself limits.
    pub fn new(rate: Option<Rate>, now: Instant) -> Self {
        Self {
            started: now,
            quota: rate.map(Rate::quota),
            bucket: TokenBucket::default(),
            paused: AtomicU64::new(0),
        }
    }

    /// Permits one request at `now`.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn take(&self, now: Instant) -> Result<(), Duration> {
        let now = self.nanoseconds(now);
        let pause = self.paused.load(Ordering::Relaxed).saturating_sub(now);
        if pause > 0 {
            return Err(Duration::from_nanos(pause));
        }
        self.quota.map_or(Ok(()), |quota| self.bucket.take(quota, now))
    }

    /// Notes what an answer that came at `now` says of the target's own limit. A longer pause is not made shorter by an answer to a
    /// request that was sent before.
    pub fn note(&self, hints: WaitHints, now: Instant) {
        if let Some(pause) = hints.pause() {
            let pause = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
            self.paused.fetch_max(self.nanoseconds(now).saturating_add(pause), Ordering::Relaxed);
        }
    }

    /// What is left at `now`: how many requests of the rate, and how long until the next one if there is none; `None` without a rate.
    pub(super) fn left(&self, now: Instant) -> Option<(u32, Option<Duration>)> {
        let (quota, now) = (self.quota?, self.nanoseconds(now));
        Some((self.bucket.left(quota, now), self.bucket.wait(quota, now)))
    }

    /// How long, from `now`, the target itself allows no request.
    pub(super) fn paused(&self, now: Instant) -> Option<Duration> {
        let pause = self.paused.load(Ordering::Relaxed).saturating_sub(self.nanoseconds(now));
        (pause > 0).then(|| Duration::from_nanos(pause))
    }

    fn nanoseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        for text in ["60/1m", "5/1s", "1/24h", "1000/1s", "3/1h30m"] {
            let written = rate(text).to_string();
            assert_eq!(rate(&written), rate(text), "{written}");
        }
        assert_eq!(rate("60/1m").to_string(), "60/1m");
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for (text, error) in [
            ("", RateError::NotRate),
            ("60", RateError::NotRate),
            ("60/", RateError::NotRate),
            ("+60/1m", RateError::NotRate),
            ("-1/1m", RateError::NotRate),
            ("60/m", RateError::NotRate),
            ("0/1m", RateError::Number),
            ("99999999999/1m", RateError::Number),
            ("1000001/1s", RateError::Number),
            ("1/25h", RateError::Period),
            ("1/1us", RateError::Period),
        ] {
            assert_eq!(text.parse::<Rate>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_tenth_of_the_requests_may_come_at_once() {
        let start = Instant::now();
        let limiter = RateLimiter::new(Some(rate("60/1m")), start);

        assert_eq!(limiter.left(start), Some((6, None)));
        let at_once = (0..60).filter(|_| limiter.take(start).is_ok()).count();

        assert_eq!(at_once, 6);
        let wait = limiter.take(start).unwrap_err();
        assert_eq!(limiter.left(start), Some((0, Some(wait))));
        assert!(wait > Duration::from_secs(1) && wait < Duration::from_millis(1100), "{wait:?}");
        assert_eq!(limiter.take(start + wait), Ok(()));
    }

    #[test]
    fn a_burst_and_what_follows_it_use_the_whole_rate_and_no_more() {
        for number in [1, 2, 10, 19, 20, 60, 999, 1000] {
            let (start, period) = (Instant::now(), Duration::from_secs(60));
            let limiter = RateLimiter::new(Some(Rate::new(number, period).unwrap()), start);
            let (mut now, mut taken) = (start, 0);
            while now <= start + period {
                match limiter.take(now) {
                    Ok(()) => taken += 1,
                    Err(wait) => now += wait,
                }
            }
            assert_eq!(taken, number);
        }
    }

    #[test]
    fn without_a_rate_only_the_target_limits() {
        let start = Instant::now();
        let limiter = RateLimiter::new(None, start);
        assert!((0..1000).all(|_| limiter.take(start).is_ok()));
        let seconds = |reset| Some(Duration::from_secs(reset));

        let exhausted = WaitHints { is_exhausted: true, reset: seconds(30), ..WaitHints::default() };
        limiter.note(exhausted, start);
        limiter.note(WaitHints { reset: seconds(5), ..exhausted }, start);
        limiter.note(WaitHints { reset: seconds(99), ..WaitHints::default() }, start);

        assert_eq!(limiter.take(start + Duration::from_secs(10)), Err(Duration::from_secs(20)));
        assert_eq!(limiter.paused(start + Duration::from_secs(10)), seconds(20));
        assert_eq!((limiter.paused(start + Duration::from_secs(30)), limiter.left(start)), (None, None));
        assert_eq!(limiter.take(start + Duration::from_secs(30)), Ok(()));
    }

    proptest! {
        /// However the requests come, no period has more of them than the rate allows; and the wait that is returned is enough.
        #[test]
        fn no_period_has_more_requests_than_the_rate(
            number in 1u32..200, milliseconds in 1u64..5000,
            steps in proptest::collection::vec((0u64..2_000_000_000, 1usize..60), 1..30),
        ) {
            let period = Duration::from_millis(milliseconds);
            let Ok(rate) = Rate::new(number, period) else { return Ok(()) };
            let start = Instant::now();
            let limiter = RateLimiter::new(Some(rate), start);
            let (mut now, mut taken) = (start, VecDeque::new());
            for (step, requests) in steps {
                now += Duration::from_nanos(step);
                for _ in 0..requests {
                    if let Err(wait) = limiter.take(now) {
                        now += wait;
                        prop_assert_eq!(limiter.take(now), Ok(()));
                    }
                    taken.push_back(now);
                    while taken.front().is_some_and(|first| *first + period < now) {
                        taken.pop_front();
                    }
                    prop_assert!(taken.len() <= number as usize, "{} in one period", taken.len());
                }
            }
        }
    }
}
