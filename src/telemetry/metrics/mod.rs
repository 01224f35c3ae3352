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
use prometheus_client::registry::{Metric, Registry};

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

/// All metrics of a process.
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
        let all = &mut registry;
        let build: Family<VersionLabel, Gauge> =
            registered(all, "build_info", "The version, as a label; always 1");
        build.get_or_create(&VersionLabel { version: env!("CARGO_PKG_VERSION") }).set(1);
        let tls: Family<TlsLabels, Counter> =
            registered(all, "tls_sessions", "Admitted connections, by what TLS negotiated");
        let rejections: Family<ReasonLabel, Counter> =
            registered(all, "rejections", "Requests that clawgate answered itself, by reason");
        let would_refuse: Family<RulesLabel, Counter> = registered(
            all,
            "would_refuse",
            "Admitted connections and requests that rules in audit mode would refuse",
        );
        let limited: Family<LimitLabel, Counter> =
            registered(all, "limits_hit", "Connections and requests that reached a limit");
        let reloads: Family<OutcomeLabel, Counter> =
            registered(all, "reloads", "Reloads, by whether their settings are used");
        let generation: Gauge = registered(all, "generation", "Number of the settings and files in use");
        generation.set(1);
        let last_reload_ok: Gauge =
            registered(all, "last_reload_ok", "Whether the settings of the last reload are used");
        last_reload_ok.set(1);
        let reloaded_at: Gauge = registered(
            all,
            "last_reload_timestamp_seconds",
            "When the settings and files in use were read, in seconds since 1970",
        );
        reloaded_at.set(now());
        let expiries = Expiries::default();
        all.register_collector(Box::new(expiries.clone()));
        let mut process = Registry::default();
        process.register_collector(Box::new(Process::new()));

        Self {
            accepted: registered(
                all,
                "connections_accepted",
                "Connections accepted, before anything is known about them",
            ),
            admitted: registered(all, "handshakes_admitted", "Connections admitted"),
            refused: Refused::new(all),
            tls: tls_labels().map(|labels| tls.get_or_create_owned(&labels)).collect(),
            handshake: registered(
                all,
                "handshake_duration_seconds",
                "Time from accept to the end of the handshake, for admitted connections",
            ),
            handshakes: registered(all, "handshakes_in_flight", "Handshakes in progress"),
            lingering: registered(
                all,
                "lingering_connections",
                "Refused connections that are still open, so that the client can read why",
            ),
            routes: Routes::new(all),
            upstreams: Upstreams::new(all),
            in_flight: registered(all, "requests_in_flight", "Requests in progress"),
            bytes_in: registered(all, "received_bytes", "Bytes of request bodies"),
            bytes_out: registered(all, "sent_bytes", "Bytes of response bodies"),
            rejections: RequestReason::ALL
                .iter()
                .map(|reason| rejections.get_or_create_owned(&ReasonLabel { reason: reason.as_str() }))
                .collect(),
            limited: Limit::ALL
                .iter()
                .map(|limit| limited.get_or_create_owned(&LimitLabel { limit: limit.as_str() }))
                .collect(),
            would_refuse: ["clients", "route"]
                .map(|rules| would_refuse.get_or_create_owned(&RulesLabel { rules })),
            connections: registered(all, "connections", "Admitted connections that are open"),
            parked: registered(
                all,
                "parked_connections",
                "Idle HTTP/1 connections that hold no buffers",
            ),
            generation,
            last_reload_ok,
            reloads: ["refused", "taken"]
                .map(|outcome| reloads.get_or_create_owned(&OutcomeLabel { outcome })),
            reloaded_at,
            expiries,
            process,
            registry,
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

/// A new metric of `registry`.
fn registered<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
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
