//! Metrics of upstreams. The label is the address in the settings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::counted::Counted;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UpstreamLabel {
    upstream: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ErrorLabels {
    upstream: String,
    error: &'static str,
}

/// The metrics of all upstreams.
#[derive(Debug)]
pub(super) struct Upstreams {
    errors: Family<ErrorLabels, Counter>,
    connections: Family<UpstreamLabel, Counter>,
    reused: Family<UpstreamLabel, Counter>,
    retries: Family<UpstreamLabel, Counter>,
    in_flight: Family<UpstreamLabel, Gauge>,
    waiting: Family<UpstreamLabel, Gauge>,
    up: Family<UpstreamLabel, Gauge>,
    known: Mutex<HashMap<String, Arc<UpstreamMetrics>>>,
}

/// Why an upstream gave no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFault {
    /// It has the maximum number of requests in progress.
    Busy,
    /// No connection could be opened.
    Unavailable,
    /// It did not accept the connection in time.
    ConnectTimeout,
    /// It did not respond in time.
    Timeout,
    /// It closed the connection before it responded.
    Closed,
    /// Its response was not HTTP/1.1.
    Protocol,
}

const FAULTS: [&str; 6] = ["busy", "unavailable", "connect_timeout", "timeout", "closed", "protocol"];

/// The metrics of one upstream.
#[derive(Debug)]
pub struct UpstreamMetrics {
    errors: [Counter; FAULTS.len()],
    /// Connections that clawgate opened to it.
    pub connections: Counter,
    /// Requests that were sent on a connection that had been used before.
    pub reused: Counter,
    /// Requests that were sent again because the upstream had closed the idle connection.
    pub retries: Counter,
    in_flight: Gauge,
    waiting: Gauge,
    up: Gauge,
}

impl Upstreams {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let upstreams = Self {
            errors: Family::default(),
            connections: Family::default(),
            reused: Family::default(),
            retries: Family::default(),
            in_flight: Family::default(),
            waiting: Family::default(),
            up: Family::default(),
            known: Mutex::default(),
        };
        let Self { errors, connections, reused, retries, in_flight, waiting, up, .. } = &upstreams;
        registry.register(
            "upstream_errors",
            "Requests to which the upstream gave no response",
            errors.clone(),
        );
        registry.register(
            "upstream_connections",
            "Connections opened to the upstream",
            connections.clone(),
        );
        registry.register(
            "upstream_connections_reused",
            "Requests on a connection that had been used before",
            reused.clone(),
        );
        registry.register(
            "upstream_retries",
            "Requests that were sent again on a new connection",
            retries.clone(),
        );
        registry.register(
            "upstream_requests_in_flight",
            "Requests in progress at the upstream",
            in_flight.clone(),
        );
        registry.register(
            "upstream_requests_waiting",
            "Requests that wait because the upstream is at its limit",
            waiting.clone(),
        );
        registry.register(
            "upstream_up",
            "1 if the upstream responded to the last request, else 0; 1 before the first request",
            up.clone(),
        );
        upstreams
    }

    /// The metrics of the upstream at `address`, which all generations share.
    pub(crate) fn get(&self, address: &str) -> Arc<UpstreamMetrics> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = known.get(address) {
            return Arc::clone(metrics);
        }
        let upstream = || address.to_owned();
        let label = UpstreamLabel { upstream: upstream() };
        let by_fault =
            |error| self.errors.get_or_create_owned(&ErrorLabels { upstream: upstream(), error });
        let metrics = Arc::new(UpstreamMetrics {
            errors: FAULTS.map(by_fault),
            connections: self.connections.get_or_create_owned(&label),
            reused: self.reused.get_or_create_owned(&label),
            retries: self.retries.get_or_create_owned(&label),
            in_flight: self.in_flight.get_or_create_owned(&label),
            waiting: self.waiting.get_or_create_owned(&label),
            up: self.up.get_or_create_owned(&label),
        });
        metrics.up.set(1);
        known.insert(upstream(), Arc::clone(&metrics));
        metrics
    }

    /// Removes the metrics of upstreams that the settings no longer name.
    pub(super) fn keep(&self, addresses: &[String]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|address, _| {
            let kept = addresses.contains(address);
            if !kept {
                let label = UpstreamLabel { upstream: address.clone() };
                for error in FAULTS {
                    self.errors.remove(&ErrorLabels { upstream: address.clone(), error });
                }
                self.connections.remove(&label);
                self.reused.remove(&label);
                self.retries.remove(&label);
                self.in_flight.remove(&label);
                self.waiting.remove(&label);
                self.up.remove(&label);
            }
            kept
        });
    }
}

impl UpstreamMetrics {
    /// Counts a request as in progress at the upstream until the guard is dropped.
    pub fn begun(&self) -> Counted {
        Counted::new(&self.in_flight)
    }

    /// Counts a request as waiting for the upstream until the guard is dropped.
    pub fn waits(&self) -> Counted {
        Counted::new(&self.waiting)
    }

    /// Counts a request to which it gave no response.
    pub fn failed(&self, fault: UpstreamFault) {
        self.errors[fault as usize].inc();
        if fault != UpstreamFault::Busy {
            self.up.set(0);
        }
    }

    /// Notes that it gave a response.
    pub fn answered(&self) {
        // Written only when the value changes, since all workers share it.
        if self.up.get() != 1 {
            self.up.set(1);
        }
    }
}
