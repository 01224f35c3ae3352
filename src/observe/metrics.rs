//! Prometheus metrics. Labels are closed lists: never a path, a name or an address.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{HandshakeReason, Limit, RequestReason};

/// All metrics of one gate.
///
/// The counters of a family are looked up once, here: on the request path nothing but an atomic
/// addition is left.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    admitted: Counter,
    refused: Vec<Counter>,
    requests: Vec<Counter>,
    rejections: Vec<Counter>,
    limited: Vec<Counter>,
    would_refuse: [Counter; 2],
    connections: Gauge,
    generation: Gauge,
    last_reload_ok: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Which rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSet {
    /// Those for all senders.
    Clients,
    /// Those of some route.
    Route,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RulesLabel {
    rules: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

const STATUS_CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

impl Metrics {
    /// A fresh set, all zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("clawgate");
        let admitted = Counter::default();
        registry.register("handshakes_admitted", "Connections let in", admitted.clone());

        let refused = Family::<ReasonLabel, Counter>::default();
        registry.register("handshakes_refused", "Connections refused, by reason", refused.clone());
        let by_reason = |reason: &HandshakeReason| {
            refused.get_or_create(&ReasonLabel { reason: reason.as_str() }).clone()
        };
        let refused = HandshakeReason::ALL.iter().map(by_reason).collect();

        let requests = Family::<StatusLabel, Counter>::default();
        registry.register("requests", "Requests, by class of status", requests.clone());
        let by_status = |status| requests.get_or_create(&StatusLabel { status }).clone();
        let requests = STATUS_CLASSES.into_iter().map(by_status).collect();

        let rejections = Family::<ReasonLabel, Counter>::default();
        registry.register(
            "rejections",
            "Requests the gate answered itself, by reason",
            rejections.clone(),
        );
        let by_reason = |reason: &RequestReason| {
            rejections.get_or_create(&ReasonLabel { reason: reason.as_str() }).clone()
        };
        let rejections = RequestReason::ALL.iter().map(by_reason).collect();

        let would_refuse = Family::<RulesLabel, Counter>::default();
        registry.register(
            "would_refuse",
            "Connections and requests let in that rules on trial would refuse",
            would_refuse.clone(),
        );
        let would_refuse =
            ["clients", "route"].map(|rules| would_refuse.get_or_create(&RulesLabel { rules }).clone());

        let limited = Family::<LimitLabel, Counter>::default();
        registry.register(
            "limits_hit",
            "Connections and requests that ran into a limit",
            limited.clone(),
        );
        let by_limit =
            |limit: &Limit| limited.get_or_create(&LimitLabel { limit: limit.as_str() }).clone();
        let limited = Limit::ALL.iter().map(by_limit).collect();

        let connections = Gauge::default();
        registry.register("connections", "Connections let in and open now", connections.clone());
        let generation = Gauge::default();
        generation.set(1);
        registry.register("generation", "Number of the settings and files in use", generation.clone());
        let last_reload_ok = Gauge::default();
        last_reload_ok.set(1);
        registry.register("last_reload_ok", "Whether the last reload was taken", last_reload_ok.clone());
        Self {
            registry,
            admitted,
            refused,
            requests,
            rejections,
            limited,
            would_refuse,
            connections,
            generation,
            last_reload_ok,
        }
    }

    /// A connection was let in; it counts as open until the guard is dropped.
    pub fn connection(&self) -> OpenConnection {
        self.admitted.inc();
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// A connection was refused.
    pub fn refused(&self, reason: HandshakeReason) {
        self.refused[reason as usize].inc();
    }

    /// A request came to its end.
    pub fn request(&self, status: u16, reason: Option<RequestReason>) {
        let class = usize::from(status / 100);
        self.requests[if class < STATUS_CLASSES.len() { class } else { 0 }].inc();
        if let Some(reason) = reason {
            self.rejections[reason as usize].inc();
            if let Some(limit) = reason.limit() {
                self.limited(limit);
            }
        }
    }

    /// Something ran into a limit.
    pub fn limited(&self, limit: Limit) {
        self.limited[limit as usize].inc();
    }

    /// Rules on trial would have refused.
    pub fn would_refuse(&self, rules: RuleSet) {
        self.would_refuse[rules as usize].inc();
    }

    /// A reload was taken, or not; `generation` is in use now.
    pub fn reloaded(&self, ok: bool, generation: u64) {
        self.last_reload_ok.set(i64::from(ok));
        self.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
    }

    /// Connections open now.
    pub fn open_connections(&self) -> i64 {
        self.connections.get()
    }

    /// The text exposition format (OpenMetrics 1.0).
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// An open connection, as far as the metrics go.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_under_its_own_code() {
        let metrics = Metrics::new();
        metrics.refused(HandshakeReason::ClientCertMissing);
        metrics.request(404, Some(RequestReason::NoRoute));
        metrics.request(999, None);
        let text = metrics.encode();
        assert!(text.contains(r#"clawgate_handshakes_refused_total{reason="client_cert_missing"} 1"#));
        assert!(text.contains(r#"clawgate_rejections_total{reason="no_route"} 1"#));
        assert!(text.contains(r#"clawgate_requests_total{status="4xx"} 1"#));
        assert!(text.contains(r#"clawgate_requests_total{status="other"} 1"#));
    }
}
