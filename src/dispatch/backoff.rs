//! How long to wait between two tries.

use std::time::Duration;

/// Waits that double with each failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backoff {
    /// The wait after the first failure.
    pub(super) first: Duration,
    /// The longest wait.
    pub(super) max: Duration,
}

impl Backoff {
    /// The wait after this many failures, the last one included.
    pub(super) fn wait(self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }

    /// The same, between half of it and all of it, so that events that failed together are not tried together again. `random` is
    /// from 0 to 1.
    pub(super) fn jittered(self, failures: u32, random: f64) -> Duration {
        let half = self.wait(failures) / 2;
        half + half.mul_f64(random.clamp(0.0, 1.0))
    }
}

/// The waits after the first, second … of five tries to which the upstream answered 500, in units of the first wait between two
/// tries: with one second, about ten minutes in all.
const AFTER_FAILED: [u32; 4] = [30, 75, 187, 300];

/// The wait after this many failures of the upstream (500), the last one included; `None` if it is not to be tried again.
pub(super) fn after_failed(failures: u32, backoff: Backoff) -> Option<Duration> {
    let place = usize::try_from(failures.saturating_sub(1)).ok()?;
    AFTER_FAILED.get(place).map(|units| backoff.first.saturating_mul(*units).min(backoff.max))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const USUAL: Backoff = Backoff { first: SECOND, max: Duration::from_secs(300) };

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = [1, 2, 3, 4, 9, 10, 11, 40, u32::MAX].map(|failures| USUAL.wait(failures).as_secs());
        assert_eq!(waits, [1, 2, 4, 8, 256, 300, 300, 300, 300]);
    }

    #[test]
    fn jitter_takes_away_at_most_half() {
        assert_eq!(USUAL.jittered(3, 0.0), SECOND * 2);
        assert_eq!(USUAL.jittered(3, 0.5), SECOND * 3);
        assert_eq!(USUAL.jittered(3, 1.0), SECOND * 4);
    }

    #[test]
    fn five_tries_that_fail_take_about_ten_minutes() {
        let waits: Vec<_> = (1..).map_while(|failures| after_failed(failures, USUAL)).collect();
        assert_eq!(waits.len() + 1, 5);
        let all: Duration = waits.iter().sum();
        assert!((570..=600).contains(&all.as_secs()), "{all:?}");
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_longest(failures: u32, random in 0.0..1.0, max in 0u64..1000) {
            let backoff = Backoff { first: SECOND, max: Duration::from_secs(max) };
            prop_assert!(backoff.jittered(failures, random) <= backoff.max);
        }
    }
}
