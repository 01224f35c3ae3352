//! Limits how often a log line is written, and counts the lines that were left out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Allows at most one line per pause. It uses no lock, because it is called on the request path.
///
/// It is for one event about one subject that may occur very often: a client over its limits, an upstream with wrong
/// responses, lost spans. Other mechanisms that reduce the number of lines have other purposes:
///
/// * [`LogDedup`](super::log_dedup::LogDedup): events about many subjects, such as refused clients. The first ones of each
///   kind are logged in full; the others are counted, and one line per window has the count.
/// * `checks::expiry::ExpiryLog`: warnings at certain times before a certificate or CRL expires.
/// * A flag, if one line is enough for the lifetime of a value: `crl_expired` for a loaded CRL, `would_refuse` for the
///   rules of all clients on one connection.
/// * The setting `log.sample_2xx`: one in this many successful requests.
/// * `telemetry::writer`: if the reader of the log is too slow, lines are dropped and counted.
#[derive(Debug, Default)]
pub struct LogThrottle {
    /// How many lines were left out since the last allowed one.
    left_out: AtomicU64,
    /// When a line was last allowed, in nanoseconds; 0 if never.
    passed_at: AtomicU64,
}

impl LogThrottle {
    /// Returns `Some` if a line may be logged at `now`, a duration since a fixed start: the last allowed line must be
    /// at least `pause` old. The value is how many lines were left out in between.
    pub fn pass(&self, now: Duration, pause: Duration) -> Option<u64> {
        let relaxed = Ordering::Relaxed;
        let (now, passed_at) = (nanos(now).max(1), self.passed_at.load(relaxed));
        let is_due = passed_at == 0 || now.saturating_sub(passed_at) >= nanos(pause);
        if is_due && self.passed_at.compare_exchange(passed_at, now, relaxed, relaxed).is_ok() {
            return Some(self.left_out.swap(0, relaxed));
        }
        self.left_out.fetch_add(1, relaxed);
        None
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_pause_is_allowed_and_gets_the_number_of_lines_left_out() {
        let throttle = LogThrottle::default();
        let pass = |millis| throttle.pass(Duration::from_millis(millis), Duration::from_secs(1));

        assert_eq!(pass(0), Some(0));
        assert_eq!([pass(1), pass(500), pass(999)], [None; 3]);
        assert_eq!(pass(1001), Some(3));
        assert_eq!(pass(1002), None);
        assert_eq!(pass(9000), Some(1));
    }
}
