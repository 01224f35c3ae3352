//! What follows from a try, for its event.

use std::time::{Duration, SystemTime};

use super::backoff::{Backoff, after_failed};
use crate::inbox::{DeadReason, Event, Then};
use crate::telemetry::metrics::AttemptClass;

/// How many tries an event gets at which the upstream says that it conflicts (409), or fails (500).
const MOST_ATTEMPTS: u32 = 5;
/// How often an event is tried again at once because the upstream's settings changed during the request.
const MOST_AT_ONCE: u32 = 3;

/// What is remembered of an event that is tried again, as long as this process delivers. What is lost with it only makes waits
/// shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Tries without an answer.
    no_answer: u32,
    /// Tries during which the upstream's settings changed.
    changed: u32,
    /// Tries as a probe that failed, since something succeeded. Others are the probe first.
    pub(super) probes_failed: u32,
    /// How often a try paused the upstream or the route though others succeeded since the one before it.
    suspicions: u32,
    /// How many tries at the upstream had succeeded when this one last found it down.
    down_at: Option<u64>,
    /// How many tries of the route had succeeded when this one last caused its pause.
    paused_at: Option<u64>,
}

/// How many tries have succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Successes {
    /// Of the upstream.
    pub(super) upstream: u64,
    /// Of the route.
    pub(super) route: u64,
}

/// What is known when a try has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended<'a> {
    /// The event.
    pub(super) event: &'a Event,
    /// Since when it waits.
    pub(super) waiting_since: SystemTime,
    /// What the try has shown.
    pub(super) class: AttemptClass,
    /// How long the upstream asks to wait.
    pub(super) asked: Option<Duration>,
    /// Whether an event at which the upstream fails (500) is tried until it is too old.
    pub(super) keeps_trying: bool,
    /// How many tries have succeeded.
    pub(super) successes: Successes,
    /// How long events of the route are tried.
    pub(super) give_up_after: Duration,
    /// The waits between two tries.
    pub(super) backoff: Backoff,
    /// The time.
    pub(super) now: SystemTime,
    /// From 0 to 1.
    pub(super) random: f64,
}

impl Progress {
    /// What follows for the event.
    pub(super) fn decide(&mut self, ended: Ended<'_>) -> Then {
        let Ended { event, backoff, now, random, .. } = ended;
        let asked_or = |wait: Duration| wait.max(ended.asked.unwrap_or_default());
        let (wait, counts) = match ended.class {
            AttemptClass::Delivered => return Then::Delivered,
            AttemptClass::Rejected => return Then::Dead(DeadReason::Rejected),
            AttemptClass::UnknownPath => return Then::Dead(DeadReason::UnknownPath),
            AttemptClass::SenderCredentials => return Then::Dead(DeadReason::SenderCredentials),
            AttemptClass::Down => {
                let before = self.down_at.replace(ended.successes.upstream);
                (self.wait_of_suspect(before, ended.successes.upstream, backoff, random), false)
            }
            AttemptClass::RateLimited | AttemptClass::Misconfigured => {
                let before = self.paused_at.replace(ended.successes.route);
                (self.wait_of_suspect(before, ended.successes.route, backoff, random), false)
            }
            AttemptClass::Busy => (backoff.jittered(1, random), false),
            AttemptClass::NoAnswer => {
                self.no_answer = self.no_answer.saturating_add(1);
                (asked_or(backoff.jittered(self.no_answer, random)), false)
            }
            AttemptClass::ConfigurationChanged if self.changed < MOST_AT_ONCE => {
                self.changed += 1;
                (Duration::ZERO, false)
            }
            AttemptClass::ConfigurationChanged | AttemptClass::Conflict => {
                let failures = event.attempts.saturating_add(1);
                if failures >= MOST_ATTEMPTS {
                    return Then::Dead(DeadReason::TooManyAttempts);
                }
                (backoff.jittered(failures, random), true)
            }
            AttemptClass::Failed if ended.keeps_trying => {
                (asked_or(backoff.jittered(event.attempts.saturating_add(1), random)), true)
            }
            AttemptClass::Failed => {
                let failures = event.attempts.saturating_add(1);
                match after_failed(failures, backoff) {
                    Some(wait) if failures < MOST_ATTEMPTS => (wait, true),
                    _ => return Then::Dead(DeadReason::TooManyAttempts),
                }
            }
        };
        let end = deadline(ended.waiting_since, ended.give_up_after);
        if now >= end {
            return Then::Dead(DeadReason::TooOld);
        }
        // At its end it is given up, not before.
        Then::Retry { at: (now + wait).min(end), counts }
    }

    /// An event that causes pauses though others succeed is probably the cause itself: it gets longer and longer waits, so that
    /// it does not stop the others. Others succeed only while the upstream is up, so that an outage makes no event suspect.
    fn wait_of_suspect(
        &mut self,
        before: Option<u64>,
        successes: u64,
        backoff: Backoff,
        random: f64,
    ) -> Duration {
        if before.is_some_and(|before| before < successes) {
            self.suspicions = self.suspicions.saturating_add(1);
        }
        if self.suspicions == 0 { Duration::ZERO } else { backoff.jittered(self.suspicions, random) }
    }
}

/// Whether an event is too old to be tried. One that was never tried is tried once: clawgate may have been stopped for long.
pub(super) fn is_too_old(event: &Event, give_up_after: Duration, now: SystemTime) -> bool {
    event.tries > 0 && now >= deadline(event.waiting_since, give_up_after)
}

fn deadline(waiting_since: SystemTime, give_up_after: Duration) -> SystemTime {
    // A wait that ends after the end of time never ends.
    waiting_since.checked_add(give_up_after).unwrap_or(waiting_since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::tests::event;

    const DAY: Duration = Duration::from_secs(86_400);
    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(300) };

    /// Ends a try of `event` at the end of the jitter, so many seconds after it was received.
    fn ended(event: &Event, class: AttemptClass, seconds: u64) -> Ended<'_> {
        let now = event.received + Duration::from_secs(seconds);
        let (give_up_after, backoff) = (DAY, BACKOFF);
        let successes = Successes::default();
        let (waiting_since, asked, keeps_trying) = (event.waiting_since, None, false);
        Ended {
            event,
            waiting_since,
            class,
            asked,
            keeps_trying,
            successes,
            give_up_after,
            backoff,
            now,
            random: 1.0,
        }
    }

    /// The waits of an event whose tries all end in the same way, in seconds, and what follows at last.
    fn waits(class: AttemptClass, most: usize) -> (Vec<u64>, Option<Then>) {
        let (mut event, mut progress) = (event("/hooks/a"), Progress::default());
        let mut waits = Vec::new();
        while waits.len() < most {
            let ended = ended(&event, class, 0);
            match progress.decide(ended) {
                Then::Retry { at, counts } => {
                    waits.push(at.duration_since(ended.now).unwrap().as_secs());
                    event.attempts += u32::from(counts);
                    event.tries += 1;
                }
                then => return (waits, Some(then)),
            }
        }
        (waits, None)
    }

    #[test]
    fn a_delivered_event_is_delivered() {
        assert_eq!(waits(AttemptClass::Delivered, 9), (vec![], Some(Then::Delivered)));
    }

    #[test]
    fn an_event_waits_at_the_front_while_the_upstream_is_down() {
        let (waits, then) = waits(AttemptClass::Down, 100);
        assert_eq!((waits, then), (vec![0; 100], None));
    }

    #[test]
    fn an_event_waits_at_the_front_while_the_route_is_paused() {
        for class in [AttemptClass::RateLimited, AttemptClass::Misconfigured] {
            assert_eq!(waits(class, 100), (vec![0; 100], None));
        }
    }

    #[test]
    fn a_changed_configuration_is_tried_again_at_once_three_times_and_then_as_a_conflict() {
        let (waits, then) = waits(AttemptClass::ConfigurationChanged, 99);
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(then, Some(Then::Dead(DeadReason::TooManyAttempts)));
    }

    #[test]
    fn a_conflict_gets_five_tries() {
        let (waits, then) = waits(AttemptClass::Conflict, 99);
        assert_eq!(waits, [1, 2, 4, 8]);
        assert_eq!(then, Some(Then::Dead(DeadReason::TooManyAttempts)));
    }

    #[test]
    fn a_request_without_an_answer_is_tried_until_the_event_is_too_old() {
        let (waits, then) = waits(AttemptClass::NoAnswer, 12);
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(then, None);
    }

    #[test]
    fn a_failure_gets_five_tries_in_ten_minutes() {
        let (waits, then) = waits(AttemptClass::Failed, 99);
        assert_eq!(waits, [30, 75, 187, 300]);
        assert_eq!(then, Some(Then::Dead(DeadReason::TooManyAttempts)));
    }

    #[test]
    fn a_target_that_fails_is_tried_until_the_event_is_too_old_and_as_late_as_it_asks() {
        let (mut event, mut progress) = (event("/hooks/a"), Progress::default());
        let mut waits = Vec::new();
        for asked in [None, None, Some(Duration::from_secs(60)), None, None, None, None] {
            let ended = ended(&event, AttemptClass::Failed, 0);
            let Then::Retry { at, counts: true } =
                progress.decide(Ended { keeps_trying: true, asked, ..ended })
            else {
                panic!();
            };
            waits.push(at.duration_since(ended.now).unwrap().as_secs());
            event.attempts += 1;
        }
        assert_eq!(waits, [1, 2, 60, 8, 16, 32, 64]);
    }

    #[test]
    fn tries_without_an_answer_do_not_use_up_those_of_a_failure() {
        let (mut event, mut progress) = (event("/hooks/a"), Progress::default());
        for _ in 0..20 {
            let Then::Retry { counts, .. } = progress.decide(ended(&event, AttemptClass::NoAnswer, 0))
            else {
                panic!();
            };
            assert!(!counts);
            event.tries += 1;
        }
        let then = progress.decide(ended(&event, AttemptClass::Failed, 0));
        assert!(matches!(then, Then::Retry { counts: true, .. }), "{then:?}");
    }

    #[test]
    fn what_can_never_be_delivered_is_given_up_at_once() {
        for (class, reason) in [
            (AttemptClass::Rejected, DeadReason::Rejected),
            (AttemptClass::UnknownPath, DeadReason::UnknownPath),
            (AttemptClass::SenderCredentials, DeadReason::SenderCredentials),
        ] {
            assert_eq!(waits(class, 9), (vec![], Some(Then::Dead(reason))));
        }
    }

    #[test]
    fn clawgates_own_limit_delays_an_event_and_does_not_count() {
        assert_eq!(waits(AttemptClass::Busy, 3), (vec![1, 1, 1], None));
    }

    #[test]
    fn an_event_is_given_up_when_it_is_too_old_and_not_before() {
        let (event, mut progress) = (event("/hooks/a"), Progress::default());
        let before = ended(&event, AttemptClass::NoAnswer, 86_399);
        let end = event.received + DAY;
        assert_eq!(progress.decide(before), Then::Retry { at: end, counts: false });
        let after = ended(&event, AttemptClass::Down, 86_400);
        assert_eq!(progress.decide(after), Then::Dead(DeadReason::TooOld));
    }

    #[test]
    fn an_old_event_that_was_never_tried_is_tried_once() {
        let mut event = event("/hooks/a");
        let now = event.received + DAY * 9;
        assert!(!is_too_old(&event, DAY, now));
        event.tries = 1;
        assert!(is_too_old(&event, DAY, now));
    }

    #[test]
    fn a_replayed_event_is_tried_from_its_replay_on() {
        let mut event = event("/hooks/a");
        event.tries = 7;
        event.waiting_since = event.received + DAY * 9;
        assert!(!is_too_old(&event, DAY, event.received + DAY * 9));
    }

    #[test]
    fn an_event_that_stops_the_others_again_and_again_gets_longer_and_longer_waits() {
        let (event, mut progress) = (event("/hooks/a"), Progress::default());
        let mut waits = Vec::new();
        for upstream in [0, 0, 1, 1, 2, 3] {
            let successes = Successes { upstream, route: 9 };
            let ended = Ended { successes, ..ended(&event, AttemptClass::Down, 0) };
            let Then::Retry { at, .. } = progress.decide(ended) else { panic!() };
            waits.push(at.duration_since(ended.now).unwrap().as_secs());
        }
        assert_eq!(waits, [0, 0, 1, 1, 2, 4]);
    }
}
