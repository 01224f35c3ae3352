//! What the records of requests have in common: they count the request when it begins, and when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::telemetry::metrics::{Counted, Ended, Metrics, RouteMetrics};

/// One request in the metrics.
#[derive(Debug)]
pub(super) struct Counting {
    pub(super) started: Instant,
    metrics: Arc<Metrics>,
    pub(super) route: Option<Arc<RouteMetrics>>,
    _in_flight: Counted,
    /// Whether the request is counted in the metrics, but not logged.
    pub(super) is_unlogged: bool,
}

impl Counting {
    /// Begins with a request.
    pub(super) fn begin(metrics: Arc<Metrics>) -> Self {
        let _in_flight = metrics.begun();
        Self { started: Instant::now(), metrics, route: None, _in_flight, is_unlogged: false }
    }

    /// Counts the answer of the upstream, or of the target.
    pub(super) fn answered(&self, waited: Duration) {
        if let Some(route) = &self.route {
            route.answered(waited);
        }
    }

    /// Counts the end. `ended` is made of the route and of the duration.
    pub(super) fn end<'a>(
        &'a self,
        ended: impl FnOnce(Option<&'a RouteMetrics>, Duration) -> Ended<'a>,
    ) -> Duration {
        let duration = self.started.elapsed();
        self.metrics.request(&ended(self.route.as_deref(), duration));
        duration
    }
}

/// Milliseconds with three decimals.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
