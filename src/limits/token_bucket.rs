//! A token bucket in a single atomic number, by the generic cell rate algorithm (GCRA).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A rate, and the size of a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Nanoseconds for one token.
    interval: u64,
    /// How much too early a token may be taken, in nanoseconds.
    tolerance: u64,
}

impl Quota {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self::with_interval(1_000_000_000 / u64::from(per_second.max(1)), burst)
    }

    /// So many in a minute, which may all come at once.
    pub(crate) fn per_minute(number: u32) -> Self {
        Self::with_interval(60_000_000_000 / u64::from(number.max(1)), number)
    }

    /// One token in each `interval` nanoseconds, and at most `burst` at once.
    pub(crate) fn with_interval(interval: u64, burst: u32) -> Self {
        Self { interval, tolerance: interval * u64::from(burst.max(1) - 1) }
    }

    /// The time until the next token of a bucket that will be full at `full`.
    fn wait(self, full: u64, now: u64) -> Option<Duration> {
        let early = full.saturating_sub(now);
        (early > self.tolerance).then(|| Duration::from_nanos(early - self.tolerance))
    }
}

/// The time at which the bucket will be full again, in nanoseconds of the caller's clock.
#[derive(Debug, Default)]
pub(crate) struct TokenBucket(AtomicU64);

impl TokenBucket {
    /// Takes a token at `now`.
    ///
    /// # Errors
    /// The time until the next token. No token is taken then.
    pub(crate) fn take(&self, quota: Quota, now: u64) -> Result<(), Duration> {
        let mut full = self.0.load(Ordering::Relaxed);
        loop {
            if let Some(wait) = quota.wait(full, now) {
                return Err(wait);
            }
            let next = full.max(now) + quota.interval;
            match self.0.compare_exchange_weak(full, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => full = other,
            }
        }
    }

    /// The time until the next token, or `None` if there is one at `now`. Takes no token.
    pub(crate) fn wait(&self, quota: Quota, now: u64) -> Option<Duration> {
        quota.wait(self.0.load(Ordering::Relaxed), now)
    }

    /// How many tokens could be taken at `now`.
    pub(crate) fn left(&self, quota: Quota, now: u64) -> u32 {
        let early = self.0.load(Ordering::Relaxed).saturating_sub(now);
        let Some(room) = quota.tolerance.checked_sub(early) else { return 0 };
        u32::try_from(room / quota.interval.max(1) + 1).unwrap_or(u32::MAX)
    }

    /// Whether the bucket is full at `now`, like a new one.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        self.0.load(Ordering::Relaxed) <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_passes_then_one_for_each_interval() {
        let (bucket, rate) = (TokenBucket::default(), Quota::new(10, 3));
        let start = 5 * SECOND;
        let burst = (0..5).filter(|_| bucket.take(rate, start).is_ok()).count();
        assert_eq!(burst, 3);
        assert_eq!(bucket.take(rate, start), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(rate, start + SECOND / 10), Ok(()));
        assert!(bucket.take(rate, start + SECOND / 10).is_err());
        assert!(!bucket.is_full(start));
        assert!(bucket.is_full(start + SECOND));
    }

    #[test]
    fn a_minutes_tokens_may_be_taken_at_once_and_come_back_within_the_minute() {
        let (bucket, rate) = (TokenBucket::default(), Quota::per_minute(3));
        let burst = (0..5).filter(|_| bucket.take(rate, 0).is_ok()).count();
        assert_eq!(burst, 3);
        assert_eq!(bucket.wait(rate, 0), Some(Duration::from_secs(20)));
        assert_eq!(bucket.wait(rate, 20 * SECOND), None);
        assert!(!bucket.is_full(59 * SECOND));
        assert!(bucket.is_full(60 * SECOND));
    }

    proptest! {
        /// There are never more tokens than the burst and the rate allow, and there is a token after the returned wait.
        #[test]
        fn never_more_than_burst_and_rate(
            per_second in 1u32..2000, burst in 1u32..50,
            steps in proptest::collection::vec(0u64..50_000_000, 1..200),
        ) {
            let (bucket, rate) = (TokenBucket::default(), Quota::new(per_second, burst));
            let (mut now, mut taken) = (SECOND, 0u64);
            for step in steps {
                now += step;
                let wait = bucket.wait(rate, now);
                let left = bucket.left(rate, now);
                let result = bucket.take(rate, now);
                prop_assert_eq!(result.err(), wait);
                prop_assert_eq!(left, if wait.is_some() { 0 } else { bucket.left(rate, now) + 1 });
                match result {
                    Ok(()) => taken += 1,
                    Err(wait) => {
                        let wait = u64::try_from(wait.as_nanos()).unwrap();
                        prop_assert!(bucket.take(rate, now + wait - 1).is_err());
                        now += wait;
                        prop_assert_eq!(bucket.take(rate, now), Ok(()));
                        taken += 1;
                    }
                }
                let given = (now - SECOND) / (SECOND / u64::from(per_second)) + u64::from(burst);
                prop_assert!(taken <= given, "{} of {}", taken, given);
            }
        }
    }
}
