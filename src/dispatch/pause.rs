//! Whether tries may be made: for an upstream, and for a single route.
//!
//! After a failure that concerns all, nothing is tried for a while. Then one event is tried: the probe. If it fails too, the next
//! wait is longer. If it succeeds, two may be tried at once, then four, and so on, so that an upstream that has just been started
//! is not overwhelmed.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::backoff::Backoff;

/// Whether tries may be made.
#[derive(Debug)]
pub(super) struct Availability(State);

#[derive(Debug)]
enum State {
    /// Tries may be made, at most `at_once`.
    Open { at_once: usize },
    /// None may be made but for a probe, after `until`.
    Paused { since: Since, until: Instant, failures: u32, is_probing: bool },
}

/// When a pause began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since {
    /// For intervals.
    pub(super) clock: Instant,
    /// For people.
    pub(super) wall: SystemTime,
}

/// How many tries may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// So many at once.
    AtOnce(usize),
    /// One, to see whether it succeeds.
    Probe,
    /// None before this time; `None`: before the probe that is under way has ended.
    Closed(Option<Instant>),
}

impl Availability {
    /// Tries may be made, `at_once` at first.
    pub(super) const fn open(at_once: usize) -> Self {
        Self(State::Open { at_once })
    }

    /// How many tries may be under way at `now`.
    pub(super) fn room(&self, now: Instant) -> Room {
        match self.0 {
            State::Open { at_once } => Room::AtOnce(at_once),
            State::Paused { is_probing: true, .. } => Room::Closed(None),
            State::Paused { until, .. } if until > now => Room::Closed(Some(until)),
            State::Paused { .. } => Room::Probe,
        }
    }

    /// Since when and until when tries are paused.
    pub(super) fn pause(&self) -> Option<(Since, Instant)> {
        match self.0 {
            State::Open { .. } => None,
            State::Paused { since, until, .. } => Some((since, until)),
        }
    }

    /// Notes that a try begins. Returns whether it is the probe: pass that on to what notes its end.
    pub(super) fn begin(&mut self) -> bool {
        match &mut self.0 {
            State::Open { .. } => false,
            State::Paused { is_probing, .. } => {
                *is_probing = true;
                true
            }
        }
    }

    /// Notes that a try succeeded. Returns how long the pause was if that ended it. A try that began before the pause says
    /// nothing about the time since.
    pub(super) fn succeeded(&mut self, is_probe: bool, now: Instant) -> Option<Duration> {
        match self.0 {
            State::Open { at_once } => {
                self.0 = State::Open { at_once: at_once.saturating_mul(2) };
                None
            }
            State::Paused { since, .. } if is_probe => {
                self.0 = State::Open { at_once: 2 };
                Some(now.saturating_duration_since(since.clock))
            }
            State::Paused { .. } => None,
        }
    }

    /// Notes that a try failed in a way that concerns all. `asked`: how long the upstream asks to wait. Returns whether a pause
    /// begins.
    pub(super) fn failed(
        &mut self,
        is_probe: bool,
        now: Since,
        asked: Option<Duration>,
        backoff: Backoff,
    ) -> bool {
        match &mut self.0 {
            State::Open { .. } => {
                let until = now.clock + asked.unwrap_or_else(|| backoff.wait(1));
                self.0 = State::Paused { since: now, until, failures: 1, is_probing: false };
                true
            }
            State::Paused { until, failures, is_probing, .. } if is_probe => {
                *failures = failures.saturating_add(1);
                *until = now.clock + asked.unwrap_or_else(|| backoff.wait(*failures));
                *is_probing = false;
                false
            }
            // It began before the pause, so it is no second failure. But what the upstream asks for holds.
            State::Paused { until, .. } => {
                *until = (*until).max(now.clock + asked.unwrap_or_default());
                false
            }
        }
    }

    /// Notes that a try ended without showing anything. After a probe, another one may follow.
    pub(super) fn ended(&mut self, is_probe: bool) {
        if let State::Paused { is_probing, .. } = &mut self.0
            && is_probe
        {
            *is_probing = false;
        }
    }

    /// Lets a probe begin at once, and the waits at the shortest again.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let State::Paused { until, failures, .. } = &mut self.0 {
            (*until, *failures) = (now, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(30) };

    /// A clock that the test sets.
    struct Clock(Since);

    impl Clock {
        fn new() -> Self {
            Self(Since { clock: Instant::now(), wall: SystemTime::UNIX_EPOCH })
        }

        fn at(&self, seconds: u64) -> Since {
            let after = Duration::from_secs(seconds);
            Since { clock: self.0.clock + after, wall: self.0.wall + after }
        }
    }

    #[test]
    fn a_failure_pauses_and_then_one_probe_may_begin() {
        let (clock, mut upstream) = (Clock::new(), Availability::open(8));
        assert!(!upstream.begin());
        assert!(upstream.failed(false, clock.at(0), None, BACKOFF));
        assert_eq!(upstream.room(clock.at(0).clock), Room::Closed(Some(clock.at(1).clock)));
        assert_eq!(upstream.room(clock.at(1).clock), Room::Probe);
        assert!(upstream.begin());
        assert_eq!(upstream.room(clock.at(9).clock), Room::Closed(None));
    }

    #[test]
    fn probes_that_fail_are_further_and_further_apart() {
        let (clock, mut upstream) = (Clock::new(), Availability::open(8));
        let mut at = 0;
        upstream.failed(false, clock.at(at), None, BACKOFF);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let Room::Closed(Some(until)) = upstream.room(clock.at(at).clock) else { panic!() };
            let wait = (until - clock.at(at).clock).as_secs();
            waits.push(wait);
            at += wait;
            let is_probe = upstream.begin();
            assert!(!upstream.failed(is_probe, clock.at(at), None, BACKOFF));
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn tries_that_began_before_the_pause_are_not_further_failures() {
        let (clock, mut upstream) = (Clock::new(), Availability::open(8));
        for seconds in [0, 0, 0, 0] {
            upstream.failed(false, clock.at(seconds), None, BACKOFF);
        }
        assert_eq!(upstream.room(clock.at(1).clock), Room::Probe);
    }

    #[test]
    fn a_success_of_a_try_from_before_the_pause_does_not_end_it() {
        let (clock, mut upstream) = (Clock::new(), Availability::open(8));
        upstream.failed(false, clock.at(0), None, BACKOFF);
        assert_eq!(upstream.succeeded(false, clock.at(1).clock), None);
        assert_eq!(upstream.room(clock.at(1).clock), Room::Probe);
    }

    #[test]
    fn after_a_good_probe_the_number_at_once_doubles_with_each_success() {
        let (clock, mut upstream) = (Clock::new(), Availability::open(8));
        upstream.failed(false, clock.at(0), None, BACKOFF);
        let is_probe = upstream.begin();
        assert_eq!(upstream.succeeded(is_probe, clock.at(5).clock), Some(Duration::from_secs(5)));
        let mut rooms = Vec::new();
        for _ in 0..3 {
            rooms.push(upstream.room(clock.at(5).clock));
            upstream.succeeded(false, clock.at(5).clock);
        }
        assert_eq!(rooms, [2, 4, 8].map(Room::AtOnce));
    }

    #[test]
    fn what_the_upstream_asks_for_comes_first() {
        let (clock, mut upstream) = (Clock::new(), Availability::open(8));
        upstream.failed(false, clock.at(0), Some(Duration::from_secs(90)), BACKOFF);
        assert_eq!(upstream.room(clock.at(89).clock), Room::Closed(Some(clock.at(90).clock)));
        let is_probe = upstream.begin();
        upstream.failed(is_probe, clock.at(90), Some(Duration::from_secs(1)), BACKOFF);
        assert_eq!(upstream.room(clock.at(91).clock), Room::Probe);
    }

    #[test]
    fn a_probe_that_shows_nothing_lets_another_one_begin() {
        let (clock, mut upstream) = (Clock::new(), Availability::open(8));
        upstream.failed(false, clock.at(0), None, BACKOFF);
        let is_probe = upstream.begin();
        upstream.ended(is_probe);
        assert_eq!(upstream.room(clock.at(1).clock), Room::Probe);
    }

    #[test]
    fn an_operator_who_asks_gets_a_probe_at_once_and_short_waits_again() {
        let (clock, mut route) = (Clock::new(), Availability::open(8));
        route.failed(false, clock.at(0), Some(Duration::from_secs(600)), BACKOFF);
        route.hurry(clock.at(2).clock);
        assert_eq!(route.room(clock.at(2).clock), Room::Probe);
        let is_probe = route.begin();
        route.failed(is_probe, clock.at(2), None, BACKOFF);
        assert_eq!(route.room(clock.at(2).clock), Room::Closed(Some(clock.at(3).clock)));
    }
}
