//! Prometheus metrics. Labels are closed lists, or what the settings name: never what a client says.

mod counted;
mod expiry;
mod histogram;
mod process;
mod refused;
mod routes;
mod text;
mod upstreams;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use self::counted::Counted;
pub use self::expiry::{Expiring, Expiry};
pub use self::routes::RouteMetrics;
pub use self::upstreams::{UpstreamFault, UpstreamMetrics};

use self::expiry::Expiries;
use self::histogram::Histogram;
use self::process::Process;
use self::refused::Refused;
use self::routes::Routes;
use self::upstreams::Upstreams;
use super::reason::{HandshakeReason, Limit, RequestReason};
use crate::connection::{TlsInfo, version_name};

/// All metrics of one gate.
///
/// The counters of a family are looked up once, here: on the request path nothing but an atomic
/// addition is left.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Of the process, under names without a prefix.
    process: Registry,
    accepted: Counter,
    admitted: Counter,
    refused: Refused,
    tls: Vec<Counter>,
    handshake: Histogram,
    handshakes: Gauge,
    lingering: Gauge,
    routes: Routes,
    upstreams: Upstreams,
    in_flight: Gauge,
    bytes_in: Counter,
    bytes_out: Counter,
    rejections: Vec<Counter>,
    limited: Vec<Counter>,
    would_refuse: [Counter; 2],
    connections: Gauge,
    parked: Gauge,
    generation: Gauge,
    last_reload_ok: Gauge,
    reloads: [Counter; 2],
    reloaded_at: Gauge,
    expiries: Expiries,
}

/// Versions of TLS, and groups that keys are agreed on in; those of a resumption may have none.
const TLS_VERSIONS: [&str; 2] = ["TLSv1.3", "TLSv1.2"];
const GROUPS: [&str; 7] =
    ["X25519MLKEM768", "X25519", "secp256r1", "secp384r1", "secp256r1MLKEM768", "MLKEM768", "other"];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TlsLabels {
    version: &'static str,
    group: &'static str,
    resumed: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VersionLabel {
    version: &'static str,
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// The route that took it.
    pub route: Option<&'a RouteMetrics>,
    /// Of the answer.
    pub status: u16,
    /// Why clawgate answered itself, or the answer broke off.
    pub reason: Option<RequestReason>,
    /// From head to end.
    pub duration: Duration,
    /// Bytes of its body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Which rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSet {
    /// Those for all clients.
    Clients,
    /// Those of some route.
    Route,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RulesLabel {
    rules: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

impl Metrics {
    /// A fresh set, all zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("clawgate");
        let build = Family::<VersionLabel, Gauge>::default();
        registry.register("build_info", "The version, as a label; always 1", build.clone());
        build.get_or_create(&VersionLabel { version: env!("CARGO_PKG_VERSION") }).set(1);
        let accepted = Counter::default();
        registry.register(
            "connections_accepted",
            "Connections accepted, before anything is known of them",
            accepted.clone(),
        );
        let handshakes = Gauge::default();
        registry.register("handshakes_in_flight", "Handshakes under way now", handshakes.clone());
        let lingering = Gauge::default();
        registry.register(
            "lingering_connections",
            "Refused connections that are still open, so that the client can read why",
            lingering.clone(),
        );
        let admitted = Counter::default();
        registry.register("handshakes_admitted", "Connections let in", admitted.clone());

        let refused = Refused::new(&mut registry);
        let handshake = Histogram::default();
        registry.register(
            "handshake_duration_seconds",
            "Time of a handshake that was let in, from accept on",
            handshake.clone(),
        );
        let tls = Family::<TlsLabels, Counter>::default();
        registry.register("tls_sessions", "Connections let in, by what TLS agreed on", tls.clone());
        let tls = tls_labels().map(|labels| tls.get_or_create_owned(&labels)).collect();

        let routes = Routes::new(&mut registry);
        let in_flight = Gauge::default();
        registry.register("requests_in_flight", "Requests under way now", in_flight.clone());
        let (bytes_in, bytes_out) = (Counter::default(), Counter::default());
        registry.register("received_bytes", "Bytes of requests' bodies", bytes_in.clone());
        registry.register("sent_bytes", "Bytes of answers' bodies", bytes_out.clone());
        let upstreams = Upstreams::new(&mut registry);

        let rejections = Family::<ReasonLabel, Counter>::default();
        registry.register(
            "rejections",
            "Requests clawgate answered itself, by reason",
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
        let parked = Gauge::default();
        registry.register(
            "parked_connections",
            "Idle HTTP/1 connections that hold no buffers now",
            parked.clone(),
        );
        let generation = Gauge::default();
        generation.set(1);
        registry.register("generation", "Number of the settings and files in use", generation.clone());
        let last_reload_ok = Gauge::default();
        last_reload_ok.set(1);
        registry.register("last_reload_ok", "Whether the last reload was taken", last_reload_ok.clone());
        let reloads = Family::<OutcomeLabel, Counter>::default();
        registry.register("reloads", "Reloads, by whether they were taken", reloads.clone());
        let reloads =
            ["refused", "taken"].map(|outcome| reloads.get_or_create_owned(&OutcomeLabel { outcome }));
        let reloaded_at = Gauge::default();
        reloaded_at.set(now());
        registry.register(
            "last_reload_timestamp_seconds",
            "When the settings and files in use were read, since 1970",
            reloaded_at.clone(),
        );
        let expiries = Expiries::default();
        registry.register_collector(Box::new(expiries.clone()));
        let mut process = Registry::default();
        process.register_collector(Box::new(Process::new()));
        Self {
            registry,
            process,
            accepted,
            admitted,
            refused,
            tls,
            handshake,
            handshakes,
            lingering,
            routes,
            upstreams,
            in_flight,
            bytes_in,
            bytes_out,
            rejections,
            limited,
            would_refuse,
            connections,
            parked,
            generation,
            last_reload_ok,
            reloads,
            reloaded_at,
            expiries,
        }
    }

    /// Registers the counters of spans. Call it once.
    #[cfg(feature = "otlp")]
    pub fn spans(&mut self) -> super::trace::SpanMetrics {
        super::trace::SpanMetrics::new(&mut self.registry)
    }

    /// A connection was accepted; its handshake counts as under way until the guard is dropped.
    pub fn handshake(&self) -> Counted {
        self.accepted.inc();
        Counted::new(&self.handshakes)
    }

    /// A connection was refused and is not closed yet; it counts as lingering until the guard is dropped.
    pub fn lingers(&self) -> Counted {
        Counted::new(&self.lingering)
    }

    /// A request has begun; it counts as under way until the guard is dropped.
    pub fn begun(&self) -> Counted {
        Counted::new(&self.in_flight)
    }

    /// Where to count what a route with this pattern takes.
    pub fn route(&self, pattern: &str) -> Arc<RouteMetrics> {
        self.routes.get(pattern)
    }

    /// Where to count what is done with the upstream at this address.
    pub fn upstream(&self, address: &str) -> Arc<UpstreamMetrics> {
        self.upstreams.get(address)
    }

    /// These are in use now: the patterns of routes, the addresses of upstreams, and what will expire.
    pub fn in_use(&self, patterns: &[String], upstreams: &[String], expiries: Vec<Expiry>) {
        self.routes.keep(patterns);
        self.upstreams.keep(upstreams);
        self.expiries.replace(expiries);
    }

    /// A connection was admitted, `took` after it was accepted; it counts as open until the guard is dropped.
    pub fn connection(&self, tls: &TlsInfo, took: Duration) -> Counted {
        self.admitted.inc();
        self.handshake.observe(took);
        let version = version_name(tls.version);
        let resumed = if tls.resumed { "true" } else { "false" };
        let group = tls.group.and_then(|group| group.as_str());
        let group = group.filter(|group| GROUPS.contains(group)).unwrap_or("other");
        let index = tls_labels().position(|labels| {
            (labels.version, labels.group, labels.resumed) == (&*version, group, resumed)
        });
        if let Some(counter) = index.and_then(|index| self.tls.get(index)) {
            counter.inc();
        }
        Counted::new(&self.connections)
    }

    /// A connection is parked until the guard is dropped.
    pub fn parked(&self) -> Counted {
        Counted::new(&self.parked)
    }

    /// A connection was refused; `admitted_before`: with a certificate that was admitted before.
    pub fn refused(&self, reason: HandshakeReason, admitted_before: bool) {
        self.refused.count(reason, admitted_before);
    }

    /// A request came to its end.
    pub fn request(&self, ended: &Ended<'_>) {
        ended.route.unwrap_or(&self.routes.none).ended(ended.status, ended.duration);
        self.bytes_in.inc_by(ended.bytes_in);
        self.bytes_out.inc_by(ended.bytes_out);
        if let Some(reason) = ended.reason {
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
        self.reloads[usize::from(ok)].inc();
        if ok {
            self.reloaded_at.set(now());
        }
        self.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
    }

    /// Connections open now.
    pub fn open_connections(&self) -> i64 {
        self.connections.get()
    }

    /// OpenMetrics 1.0.
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &self.process))
            .and_then(|()| encode_eof(&mut text));
        text
    }

    /// The older text format, 0.0.4.
    pub fn plain(&self) -> String {
        text::plain(&self.open_metrics())
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn tls_labels() -> impl Iterator<Item = TlsLabels> {
    TLS_VERSIONS.into_iter().flat_map(|version| {
        GROUPS.into_iter().flat_map(move |group| {
            ["false", "true"].map(|resumed| TlsLabels { version, group, resumed })
        })
    })
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
