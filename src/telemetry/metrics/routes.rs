//! Metrics of requests by route. The label is the pattern of the route in the settings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::histogram::Histogram;
use crate::telemetry::AuthenticatedBy;

const STATUS_CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
/// The label of requests without a route. It differs from every pattern, since patterns begin with a slash.
const NO_ROUTE: &str = "none";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AuthenticatedLabels {
    route: String,
    by: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

/// The metrics of all routes.
#[derive(Debug)]
pub(super) struct Routes {
    all: Families,
    known: Mutex<HashMap<String, Arc<RouteMetrics>>>,
    pub(super) none: Arc<RouteMetrics>,
}

#[derive(Debug)]
struct Families {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram>,
    upstream: Family<RouteLabel, Histogram>,
    authenticated: Family<AuthenticatedLabels, Counter>,
}

/// The metrics of one route. They are looked up when the route is made, so that a request only adds to them.
#[derive(Debug)]
pub struct RouteMetrics {
    requests: [Counter; STATUS_CLASSES.len()],
    duration: Histogram,
    upstream: Histogram,
    authenticated: [Counter; AuthenticatedBy::ALL.len()],
}

impl Routes {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register("requests", "Requests, by route and class of status", requests.clone());
        let durations = Family::<RouteLabel, Histogram>::default();
        registry.register(
            "request_duration_seconds",
            "Time from the head of a request to the end of its response",
            durations.clone(),
        );
        let upstream = Family::<RouteLabel, Histogram>::default();
        registry.register(
            "upstream_duration_seconds",
            "Time until the first byte of the upstream's response head",
            upstream.clone(),
        );
        let authenticated = Family::<AuthenticatedLabels, Counter>::default();
        registry.register(
            "authenticated_requests",
            "Requests that were authenticated, by route and by what",
            authenticated.clone(),
        );
        let all = Families { requests, durations, upstream, authenticated };
        let none = Arc::new(all.of_route(NO_ROUTE));
        Self { all, known: Mutex::default(), none }
    }

    /// The metrics of routes with this pattern, which all generations share.
    pub(crate) fn get(&self, pattern: &str) -> Arc<RouteMetrics> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = known.get(pattern) {
            return Arc::clone(metrics);
        }
        let metrics = Arc::new(self.all.of_route(pattern));
        known.insert(pattern.to_owned(), Arc::clone(&metrics));
        metrics
    }

    /// Removes the metrics of patterns that the settings no longer name, so that reloads do not accumulate them.
    pub(super) fn keep(&self, patterns: &[String]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|pattern, _| {
            let kept = patterns.contains(pattern);
            if !kept {
                self.all.remove(pattern);
            }
            kept
        });
    }
}

impl Routes {
    /// Of all routes: requests that have ended, those with a status of 500 and above, and the time that all took together.
    pub(super) fn sums(&self) -> (u64, u64, Duration) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums = (0, 0, Duration::ZERO);
        for route in known.values().chain([&self.none]) {
            sums.0 += route.requests.iter().map(Counter::get).sum::<u64>();
            sums.1 += route.requests[5].get();
            sums.2 += route.duration.sum();
        }
        sums
    }
}

impl Families {
    fn of_route(&self, route: &str) -> RouteMetrics {
        let route = || route.to_owned();
        let by_status =
            |status| self.requests.get_or_create_owned(&RequestLabels { route: route(), status });
        let authenticated = |by: AuthenticatedBy| {
            let labels = AuthenticatedLabels { route: route(), by: by.as_str() };
            self.authenticated.get_or_create_owned(&labels)
        };
        RouteMetrics {
            requests: STATUS_CLASSES.map(by_status),
            duration: self.durations.get_or_create_owned(&RouteLabel { route: route() }),
            upstream: self.upstream.get_or_create_owned(&RouteLabel { route: route() }),
            authenticated: AuthenticatedBy::ALL.map(authenticated),
        }
    }

    fn remove(&self, route: &str) {
        let route = || route.to_owned();
        for status in STATUS_CLASSES {
            self.requests.remove(&RequestLabels { route: route(), status });
        }
        for by in AuthenticatedBy::ALL {
            self.authenticated.remove(&AuthenticatedLabels { route: route(), by: by.as_str() });
        }
        self.durations.remove(&RouteLabel { route: route() });
        self.upstream.remove(&RouteLabel { route: route() });
    }
}

impl RouteMetrics {
    /// Counts a request that has ended.
    pub(super) fn ended(&self, status: u16, duration: Duration) {
        let class = usize::from(status / 100);
        self.requests[if class < STATUS_CLASSES.len() { class } else { 0 }].inc();
        self.duration.observe(duration);
    }

    /// Counts what authenticated a request.
    pub(in crate::telemetry) fn authenticated(&self, by: AuthenticatedBy) {
        self.authenticated[by as usize].inc();
    }

    /// Notes that the upstream's response began after `waited`.
    pub fn answered(&self, waited: Duration) {
        self.upstream.observe(waited);
    }
}
