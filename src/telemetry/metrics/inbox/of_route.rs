//! The counters of one route's events.

use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::kinds::{AppendOutcome, AttemptClass};
use crate::telemetry::metrics::registered::registered;

/// The families of counters with the label `route`.
#[derive(Debug)]
pub(super) struct Families {
    appends: Family<AppendLabels, Counter>,
    duplicates: Family<RouteLabel, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    delivered: Family<RouteLabel, Counter>,
    dead: Family<DeadLabels, Counter>,
    paused: Family<RouteLabel, Gauge>,
}

/// The counters of one route, looked up once.
#[derive(Debug)]
pub(super) struct OfRoute {
    pub(super) appends: [Counter; AppendOutcome::ALL.len()],
    pub(super) duplicates: Counter,
    pub(super) attempts: [Counter; AttemptClass::ALL.len()],
    pub(super) delivered: Counter,
    pub(super) paused: Gauge,
    dead: Mutex<Vec<(&'static str, Counter)>>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RouteLabel {
    pub(super) route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AppendLabels {
    route: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AttemptLabels {
    route: String,
    class: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeadLabels {
    route: String,
    reason: &'static str,
}

impl Families {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            appends: registered(
                registry,
                "inbox_appends",
                "Events that were to be stored, by route and outcome",
            ),
            duplicates: registered(
                registry,
                "inbox_duplicates",
                "Events that were accepted before, by route",
            ),
            attempts: registered(
                registry,
                "inbox_attempts",
                "Tries to deliver an event, by route and what they have shown",
            ),
            delivered: registered(registry, "inbox_delivered", "Delivered events, by route"),
            dead: registered(registry, "inbox_dead", "Events that were given up, by route and reason"),
            paused: registered(
                registry,
                "inbox_route_paused",
                "1 while deliveries of the route alone are paused (misconfigured, rate limit), else 0",
            ),
        }
    }

    pub(super) fn of_route(&self, route: &str) -> OfRoute {
        let route = || route.to_owned();
        let label = || RouteLabel { route: route() };
        let append = |outcome: AppendOutcome| {
            let labels = AppendLabels { route: route(), outcome: outcome.as_str() };
            self.appends.get_or_create_owned(&labels)
        };
        let attempt = |class: AttemptClass| {
            let labels = AttemptLabels { route: route(), class: class.as_str() };
            self.attempts.get_or_create_owned(&labels)
        };
        OfRoute {
            appends: AppendOutcome::ALL.map(append),
            duplicates: self.duplicates.get_or_create_owned(&label()),
            attempts: AttemptClass::ALL.map(attempt),
            delivered: self.delivered.get_or_create_owned(&label()),
            paused: self.paused.get_or_create_owned(&label()),
            dead: Mutex::default(),
        }
    }

    /// The counter of events of `route` that were given up for `reason`.
    pub(super) fn dead(&self, of_route: &OfRoute, route: &str, reason: &'static str) -> Counter {
        let mut dead = of_route.dead.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = dead.iter().find(|(known, _)| *known == reason) {
            return counter.clone();
        }
        let counter = self.dead.get_or_create_owned(&DeadLabels { route: route.to_owned(), reason });
        dead.push((reason, counter.clone()));
        counter
    }

    pub(super) fn remove(&self, of_route: &OfRoute, route: &str) {
        let route = || route.to_owned();
        let label = || RouteLabel { route: route() };
        for outcome in AppendOutcome::ALL {
            self.appends.remove(&AppendLabels { route: route(), outcome: outcome.as_str() });
        }
        for class in AttemptClass::ALL {
            self.attempts.remove(&AttemptLabels { route: route(), class: class.as_str() });
        }
        for (reason, _) in &*of_route.dead.lock().unwrap_or_else(PoisonError::into_inner) {
            self.dead.remove(&DeadLabels { route: route(), reason });
        }
        self.duplicates.remove(&label());
        self.delivered.remove(&label());
        self.paused.remove(&label());
    }
}
