//! Events for the operator about requests whose signature is missing or not valid. The sender learns only which of both.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing::Level;

use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::log_dedup::{DedupKey, LogDedup, Repeated, Summary, network, network_text};
use crate::telemetry::recent::Recent;
use crate::telemetry::{LogThrottle, RequestReason, emit, emit_bounded};

/// Full lines for one route, reason and source address in a window; further ones are counted.
const FULL_LINES: u64 = 5;

/// The least time between two searches for the cause of a refusal. Each may cost as much as verifying
/// 16 MiB.
const SEARCH_PAUSE: Duration = Duration::from_millis(200);

/// Logs requests without a valid signature. Shared by all workers.
#[derive(Debug)]
pub struct SignatureRefusals {
    started: Instant,
    searches: LogThrottle,
    dedup: LogDedup<Key>,
    recent: Arc<Recent>,
}

/// Refusals with the same key are summed up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    route: Arc<str>,
    reason: RequestReason,
    /// The network of the client; `None` for all clients beyond the bound.
    source: Option<IpAddr>,
}

impl DedupKey for Key {
    fn full_lines(&self) -> u64 {
        FULL_LINES
    }

    fn source(&self) -> Option<IpAddr> {
        self.source
    }

    fn overflow(&self) -> Self {
        Self { source: None, ..self.clone() }
    }
}

/// A request that is refused, or would be if its route did more than log.
pub(super) struct Refused<'a> {
    /// The identifier of the request.
    pub(super) id: &'a str,
    pub(super) facts: &'a ConnectionFacts,
    pub(super) route: Arc<str>,
    /// The scheme that the route demands.
    pub(super) scheme: &'static str,
    pub(super) reason: RequestReason,
    /// Whether the request passes nevertheless.
    pub(super) audit: bool,
}

impl SignatureRefusals {
    /// With `dedup`, repeated lines are summed up. The others are kept in `recent`.
    pub fn new(dedup: bool, recent: Arc<Recent>) -> Self {
        let (searches, dedup) = (LogThrottle::default(), LogDedup::new(dedup));
        Self { started: Instant::now(), searches, dedup, recent }
    }

    /// Whether the cause of a refusal may be searched now: clients with wrong signatures must not keep clawgate busy.
    pub(super) fn may_search(&self) -> bool {
        self.searches.pass(self.started.elapsed(), SEARCH_PAUSE).is_some()
    }

    /// Logs a refusal. `cause` finds the likely cause, and what to do about it. It is called only if the line is logged,
    /// since it verifies the request in many other ways.
    pub(super) fn log(&self, refused: &Refused<'_>, cause: impl FnOnce() -> Cause) {
        let Refused { id, facts, route, scheme, reason, audit } = refused;
        let source = Some(network(facts.connection.client_addr.ip()));
        let key = || Key { route: Arc::clone(route), reason: *reason, source };
        if self.dedup.should_log(key) {
            let Cause { code, detail, hint } = cause();
            let (reason, audit) = (*reason, *audit);
            let line = Line { id, facts, route, scheme, reason, cause: code, detail, hint, audit };
            self.recent.keep(&line);
            emit_bounded(Level::WARN, "signature_refused", &line);
        }
    }

    /// Logs a summary of the lines that were not logged since the last call, one for each route, reason and source.
    pub fn sum_up(&self) {
        for summary in self.dedup.end_window() {
            let repeated = (&summary).into();
            let Summary { key: Key { route, reason, source }, .. } = &summary;
            let peer = source.map_or_else(|| "several".to_owned(), network_text);
            let line = SummaryLine { peer, route, reason: *reason, repeated };
            emit(Level::WARN, "signature_refused", &line);
        }
    }
}

/// Why a request has no valid signature.
pub(super) struct Cause {
    /// From a closed list.
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) hint: String,
}

/// The `signature_refused` event.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(flatten)]
    facts: &'a ConnectionFacts,
    route: &'a str,
    scheme: &'static str,
    reason: RequestReason,
    cause: &'static str,
    detail: String,
    hint: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    audit: bool,
}

/// The `signature_refused` event for several folded lines.
#[derive(Serialize)]
struct SummaryLine<'a> {
    peer: String,
    route: &'a str,
    reason: RequestReason,
    repeated: Repeated,
}
