//! The last hour in numbers: a sample every 30 s, in a bounded list.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// How many samples are kept: those of an hour.
const CAPACITY: usize = 120;

/// What the metrics say at one moment: sums since the start.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Requests that have ended.
    pub requests: u64,
    /// Those with a status of 500 and above.
    pub failures: u64,
    /// Refused connections.
    pub refused: u64,
    /// The time that all requests took together.
    pub took: Duration,
    /// For each route whose requests are signed.
    pub routes: Vec<PerRoute>,
}

/// Counters of one route whose requests are signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerRoute {
    /// Its path.
    pub route: String,
    /// Requests with a valid signature.
    pub valid: u64,
    /// Requests without one, or with a wrong one.
    pub failed: u64,
    /// Repetitions of requests that were refused.
    pub duplicates: u64,
    /// When there was a valid one last, to 30 s; `None` if there was none since the start.
    pub last_valid: Option<SystemTime>,
}

/// What has happened in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Requests in a second.
    pub rate: f64,
    /// Requests that failed and connections that were refused.
    pub failures: u64,
    /// The mean time of a request, in milliseconds.
    pub latency_ms: f64,
}

/// The samples of the last hour.
#[derive(Debug, Default)]
pub struct History(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    last: Option<(SystemTime, Totals)>,
    samples: VecDeque<Sample>,
    last_valid: HashMap<String, (u64, Option<SystemTime>)>,
}

impl History {
    /// How often to add a sample.
    pub const PERIOD: Duration = Duration::from_secs(30);

    /// Adds what the metrics say at `now`.
    pub fn add(&self, now: SystemTime, totals: Totals) {
        let mut kept = self.lock();
        kept.note_valid(now, &totals.routes);
        if let Some((before, last)) = &kept.last {
            let sample = difference(last, &totals, now.duration_since(*before).unwrap_or_default());
            if kept.samples.len() == CAPACITY {
                kept.samples.pop_front();
            }
            kept.samples.push_back(sample);
        }
        kept.last = Some((now, totals));
    }

    /// The samples, the oldest first.
    pub fn samples(&self) -> Vec<Sample> {
        self.lock().samples.iter().copied().collect()
    }

    /// `routes`, with when each had a valid signature last.
    pub fn with_last_valid(&self, now: SystemTime, mut routes: Vec<PerRoute>) -> Vec<PerRoute> {
        let mut kept = self.lock();
        kept.note_valid(now, &routes);
        for route in &mut routes {
            route.last_valid = kept.last_valid.get(&route.route).and_then(|(_, at)| *at);
        }
        routes
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn note_valid(&mut self, now: SystemTime, routes: &[PerRoute]) {
        self.last_valid.retain(|known, _| routes.iter().any(|route| route.route == *known));
        for route in routes {
            let known = self.last_valid.entry(route.route.clone()).or_default();
            if route.valid > known.0 {
                *known = (route.valid, Some(now));
            }
        }
    }
}

fn difference(before: &Totals, after: &Totals, passed: Duration) -> Sample {
    // A route that a reload has removed takes its counters with it.
    let requests = after.requests.saturating_sub(before.requests);
    let took = after.took.saturating_sub(before.took);
    let seconds = passed.as_secs_f64().max(0.001);
    Sample {
        rate: as_f64(requests) / seconds,
        failures: after.failures.saturating_sub(before.failures)
            + after.refused.saturating_sub(before.refused),
        latency_ms: if requests == 0 { 0.0 } else { took.as_secs_f64() * 1000.0 / as_f64(requests) },
    }
}

/// Exact up to 4 billion; more requests do not end in 30 s.
fn as_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(requests: u64, valid: u64) -> Totals {
        let route = PerRoute { route: "/a".to_owned(), valid, ..PerRoute::default() };
        let took = Duration::from_millis(requests * 4);
        Totals { requests, failures: requests / 2, refused: 1, took, routes: vec![route] }
    }

    #[test]
    fn a_sample_is_the_difference_of_two_moments() {
        let (history, start) = (History::default(), SystemTime::UNIX_EPOCH);
        history.add(start, totals(10, 0));
        history.add(start + History::PERIOD, totals(70, 0));

        assert_eq!(history.samples(), [Sample { rate: 2.0, failures: 30, latency_ms: 4.0 }]);
    }

    #[test]
    fn an_hour_is_kept_and_a_removed_route_is_no_negative_number() {
        let (history, mut now) = (History::default(), SystemTime::UNIX_EPOCH);
        for count in 0..500 {
            now += History::PERIOD;
            history.add(now, totals(1000 - count, 0));
        }

        assert_eq!(history.samples().len(), CAPACITY);
        assert!(history.samples().iter().all(|sample| *sample == Sample::default()));
    }

    #[test]
    fn the_time_of_the_last_valid_signature_is_known_since_the_start() {
        let (history, start) = (History::default(), SystemTime::UNIX_EPOCH);
        let later = start + History::PERIOD;
        history.add(start, totals(1, 0));
        let route = |valid| totals(1, valid).routes;
        assert_eq!(history.with_last_valid(start, route(0))[0].last_valid, None);

        history.add(later, totals(1, 3));

        let found = history.with_last_valid(later + History::PERIOD, route(3));
        assert_eq!(found[0].last_valid, Some(later));
    }
}
