//! Metrics of requests by route. The label is the pattern of the route in the settings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::histogram::Histogram;

const STATUS_CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
/// The label of requests without a route. It differs from every pattern, since patterns begin with a slash.
const NO_ROUTE: &str = "none";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

/// The metrics of all routes.
#[derive(Debug)]
pub(super) struct Routes {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram>,
    upstream: Family<RouteLabel, Histogram>,
    known: Mutex<HashMap<String, Arc<RouteMetrics>>>,
    pub(super) none: Arc<RouteMetrics>,
}

/// The metrics of one route. They are looked up when the route is made, so that a request only adds to them.
#[derive(Debug)]
pub struct RouteMetrics {
    requests: [Counter; STATUS_CLASSES.len()],
    duration: Histogram,
    upstream: Histogram,
}

impl Routes {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register("requests", "Requests, by route and class of status", requests.clone());
        let durations = Family::<RouteLabel, Histogram>::default();
        registry.register(
            "request_duration_seconds",
            "Time of a request, from its head to the end of its answer",
            durations.clone(),
        );
        let upstream = Family::<RouteLabel, Histogram>::default();
        registry.register(
            "upstream_duration_seconds",
            "Time until the upstream's answer began",
            upstream.clone(),
        );
        let none = Arc::new(RouteMetrics::new(NO_ROUTE, &requests, &durations, &upstream));
        Self { requests, durations, upstream, known: Mutex::default(), none }
    }

    /// The metrics of routes with this pattern, which all generations share.
    pub(crate) fn get(&self, pattern: &str) -> Arc<RouteMetrics> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = known.get(pattern) {
            return Arc::clone(metrics);
        }
        let Self { requests, durations, upstream, .. } = self;
        let metrics = Arc::new(RouteMetrics::new(pattern, requests, durations, upstream));
        known.insert(pattern.to_owned(), Arc::clone(&metrics));
        metrics
    }

    /// Removes the metrics of patterns that the settings no longer name, so that reloads do not accumulate them.
    pub(super) fn keep(&self, patterns: &[String]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|pattern, _| {
            let kept = patterns.contains(pattern);
            if !kept {
                let route = || pattern.clone();
                for status in STATUS_CLASSES {
                    self.requests.remove(&RequestLabels { route: route(), status });
                }
                self.durations.remove(&RouteLabel { route: route() });
                self.upstream.remove(&RouteLabel { route: route() });
            }
            kept
        });
    }
}

impl RouteMetrics {
    fn new(
        route: &str,
        requests: &Family<RequestLabels, Counter>,
        durations: &Family<RouteLabel, Histogram>,
        upstream: &Family<RouteLabel, Histogram>,
    ) -> Self {
        let route = || route.to_owned();
        let by_status = |status| requests.get_or_create_owned(&RequestLabels { route: route(), status });
        Self {
            requests: STATUS_CLASSES.map(by_status),
            duration: durations.get_or_create_owned(&RouteLabel { route: route() }),
            upstream: upstream.get_or_create_owned(&RouteLabel { route: route() }),
        }
    }

    /// Counts a request that has ended.
    pub(super) fn ended(&self, status: u16, duration: Duration) {
        let class = usize::from(status / 100);
        self.requests[if class < STATUS_CLASSES.len() { class } else { 0 }].inc();
        self.duration.observe(duration);
    }

    /// Notes that the upstream's response began after `waited`.
    pub fn answered(&self, waited: Duration) {
        self.upstream.observe(waited);
    }
}
