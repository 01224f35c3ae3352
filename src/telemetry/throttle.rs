//! Limits how often a log line is written, and counts the lines that were left out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Passes at most one line per pause. It needs no lock, since requests may log such lines.
///
/// This is for one event about one thing that may happen very often: a client over its limits, an upstream that answers
/// wrongly, spans that get lost. The other ways to write fewer lines are for other purposes:
///
/// * [`LogDedup`](super::log_dedup::LogDedup): events about many things, such as refused clients. The first ones of each
///   kind are logged in full, the others are counted, and summed up in a line per window.
/// * `checks::expiry::ExpiryLog`: warnings that are due at certain times before a certificate or CRL expires.
/// * A flag, where one line is enough for the life of a value: `crl_expired` for a loaded CRL, `would_refuse` for the
///   rules of all clients on one connection.
/// * The setting `log.sample_2xx`: one in so many requests that succeed.
/// * `telemetry::writer`: lines that a slow reader of the log does not take are dropped and counted.
#[derive(Debug, Default)]
pub struct LogThrottle {
    /// How many lines were left out since the last one that passed.
    left_out: AtomicU64,
    /// When the last line passed, in nanoseconds; 0 if none has.
    passed_at: AtomicU64,
}

impl LogThrottle {
    /// Whether a line may be logged at `now`, a duration since a fixed start: if the last one is at least `pause` old.
    /// Returns how many lines were left out before this one.
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
    fn one_line_in_a_pause_passes_and_knows_how_many_were_left_out() {
        let throttle = LogThrottle::default();
        let pass = |millis| throttle.pass(Duration::from_millis(millis), Duration::from_secs(1));

        assert_eq!(pass(0), Some(0));
        assert_eq!([pass(1), pass(500), pass(999)], [None; 3]);
        assert_eq!(pass(1001), Some(3));
        assert_eq!(pass(1002), None);
        assert_eq!(pass(9000), Some(1));
    }
}
