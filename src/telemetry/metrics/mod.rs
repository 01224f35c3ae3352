//! Prometheus metrics. Labels have values from closed lists or from the settings, never from clients.

mod counted;
mod expiry;
mod histogram;
mod inbox;
mod process;
mod refused;
mod registered;
mod routes;
mod signatures;
mod sums;
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
pub use self::inbox::{AppendOutcome, AttemptClass, InboxMetrics, RouteEvents, StoredEvents};
pub use self::routes::RouteMetrics;
pub use self::signatures::{ReplayMetrics, SignatureCounts, SignatureMetrics, SignatureResult};
pub use self::sums::Sums;
pub use self::upstreams::{UpstreamFault, UpstreamMetrics};

use self::expiry::Expiries;
use self::histogram::Histogram;
use self::process::Process;
use self::refused::Refused;
use self::registered::registered;
use self::routes::Routes;
use self::signatures::Signatures;
use self::upstreams::Upstreams;
use super::reason::{HandshakeReason, Limit, RequestReason};
use crate::connection::{TlsInfo, version_name};

/// All metrics of a process.
///
/// The counters of a family are looked up once, here. The request path only increments atomic numbers.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Metrics of the process, whose names have no prefix.
    process: Registry,
    accepted: Counter,
    admitted: Counter,
    refused: Refused,
    tls: Vec<Counter>,
    handshake: Histogram,
    handshakes: Gauge,
    lingering: Gauge,
    routes: Routes,
    signatures: Signatures,
    upstreams: Upstreams,
    inbox: Arc<InboxMetrics>,
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

/// TLS versions and key exchange groups. A resumed session may have no group.
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
    /// The route that it matched.
    pub route: Option<&'a RouteMetrics>,
    /// The status of the response.
    pub status: u16,
    /// Why clawgate itself responded, or why the response was incomplete.
    pub reason: Option<RequestReason>,
    /// The time from its head to the end of its response.
    pub duration: Duration,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Which rules would have refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSet {
    /// The rules for all clients.
    Clients,
    /// The rules of a route.
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
    /// A new set of metrics, all zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("clawgate");
        let all = &mut registry;
        let build: Family<VersionLabel, Gauge> =
            registered(all, "build_info", "The version, as a label; always 1");
        build.get_or_create(&VersionLabel { version: env!("CARGO_PKG_VERSION") }).set(1);
        let tls: Family<TlsLabels, Counter> =
            registered(all, "tls_sessions", "Admitted connections, by negotiated TLS version and group");
        let rejections: Family<ReasonLabel, Counter> = registered(
            all,
            "rejections",
            "Requests that clawgate refused or could not complete, by reason",
        );
        let would_refuse: Family<RulesLabel, Counter> = registered(
            all,
            "would_refuse",
            "Admitted connections and requests that rules in audit mode would refuse",
        );
        let limited: Family<LimitLabel, Counter> =
            registered(all, "limits_hit", "Connections and requests that reached a limit");
        let reloads: Family<OutcomeLabel, Counter> = registered(all, "reloads", "Reloads, by outcome");
        let generation: Gauge =
            registered(all, "generation", "Number of the generation (settings and files) in use");
        generation.set(1);
        let last_reload_ok: Gauge =
            registered(all, "last_reload_ok", "1 if the last reload succeeded, else 0");
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
                "Accepted connections, before the handshake",
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
                "Refused connections that stay open so that the client can read the reason",
            ),
            routes: Routes::new(all),
            signatures: Signatures::new(all),
            upstreams: Upstreams::new(all),
            inbox: Arc::new(InboxMetrics::new(all)),
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

    /// Counts an accepted connection. Its handshake counts as in progress until the guard is dropped.
    pub fn handshake(&self) -> Counted {
        self.accepted.inc();
        Counted::new(&self.handshakes)
    }

    /// Counts a refused connection that is not closed yet. It counts as lingering until the guard is dropped.
    pub fn lingers(&self) -> Counted {
        Counted::new(&self.lingering)
    }

    /// Counts a new request. It counts as in progress until the guard is dropped.
    pub fn begun(&self) -> Counted {
        Counted::new(&self.in_flight)
    }

    /// The metrics of routes with this pattern.
    pub fn route(&self, pattern: &str) -> Arc<RouteMetrics> {
        self.routes.get(pattern)
    }

    /// The metrics of the signatures at routes with this pattern.
    pub fn signatures(&self, pattern: &str) -> Arc<SignatureMetrics> {
        self.signatures.get(pattern)
    }

    /// Whether delivered requests are known to all instances.
    pub fn replays(&self) -> ReplayMetrics {
        self.signatures.shared()
    }

    /// The metrics of the upstream at this address.
    pub fn upstream(&self, address: &str) -> Arc<UpstreamMetrics> {
        self.upstreams.get(address)
    }

    /// The metrics of the inbox.
    pub fn inbox(&self) -> Arc<InboxMetrics> {
        Arc::clone(&self.inbox)
    }

    /// Sets what is in use now: the patterns of routes, the addresses of upstreams, and the certificates and CRLs.
    pub fn in_use(&self, patterns: &[String], upstreams: &[String], expiries: Vec<Expiry>) {
        self.routes.keep(patterns);
        self.signatures.keep(patterns);
        self.upstreams.keep(upstreams);
        self.inbox.keep(patterns, upstreams);
        self.expiries.replace(expiries);
    }

    /// Counts a connection that was admitted `took` after it was accepted. It counts as open until the guard is
    /// dropped.
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

    /// Counts a connection as parked until the guard is dropped.
    pub fn parked(&self) -> Counted {
        Counted::new(&self.parked)
    }

    /// Counts a refused connection. `admitted_before`: whether its certificate was admitted before.
    pub fn refused(&self, reason: HandshakeReason, admitted_before: bool) {
        self.refused.count(reason, admitted_before);
    }

    /// Counts a request that has ended.
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

    /// Counts that a limit was reached.
    pub fn limited(&self, limit: Limit) {
        self.limited[limit as usize].inc();
    }

    /// Counts a refusal that rules in audit mode would have made.
    pub fn would_refuse(&self, rules: RuleSet) {
        self.would_refuse[rules as usize].inc();
    }

    /// Counts a reload that succeeded or failed. `generation` is in use now.
    pub fn reloaded(&self, ok: bool, generation: u64) {
        self.last_reload_ok.set(i64::from(ok));
        self.reloads[usize::from(ok)].inc();
        if ok {
            self.reloaded_at.set(now());
        }
        self.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> i64 {
        self.connections.get()
    }

    /// All metrics as OpenMetrics 1.0.
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &self.process))
            .and_then(|()| encode_eof(&mut text));
        text
    }

    /// All metrics in the older text format, 0.0.4.
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
