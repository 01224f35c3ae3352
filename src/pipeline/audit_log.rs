//! Audit mode: logs which clients the rules would refuse, although they are admitted.

use std::sync::Arc;

use serde::Serialize;
use tracing::Level;

use crate::identity::Peer;
use crate::policy::Denial;
use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::log_dedup::{DedupKey, LogDedup, Repeated, Summary};
use crate::telemetry::metrics::{Metrics, RuleSet};
use crate::telemetry::{emit, emit_bounded};

/// Full lines for one client and one set of rules in a window; further ones are counted.
const FULL_LINES: u64 = 5;

/// Logs and counts what would be refused. Shared by all workers.
#[derive(Debug)]
pub struct AuditLog {
    metrics: Arc<Metrics>,
    dedup: LogDedup<Key>,
}

/// Lines with the same key are summed up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    rules: String,
    /// `None` for all clients beyond the bound.
    fingerprint: Option<String>,
}

impl DedupKey for Key {
    fn full_lines(&self) -> u64 {
        FULL_LINES
    }

    fn overflow(&self) -> Self {
        Self { rules: self.rules.clone(), fingerprint: None }
    }
}

impl AuditLog {
    /// Counts in `metrics`. With `dedup`, repeated lines are summed up.
    pub fn new(metrics: Arc<Metrics>, dedup: bool) -> Self {
        Self { metrics, dedup: LogDedup::new(dedup) }
    }

    /// Logs a connection that the rules for all clients would refuse.
    pub(crate) fn to_connection(&self, facts: &ConnectionFacts, peer: &Peer, denial: &Denial) {
        self.metrics.would_refuse(RuleSet::Clients);
        self.log("clients".to_owned(), facts.id(), facts, denial, || denial.of("clients", peer));
    }

    /// Logs request `id`, which the rules of `route` would refuse.
    pub(crate) fn to_request(
        &self,
        id: &str,
        facts: &ConnectionFacts,
        peer: &Peer,
        route: &str,
        denial: &Denial,
    ) {
        self.metrics.would_refuse(RuleSet::Route);
        self.log(format!("route {route}"), id, facts, denial, || denial.of("route", peer));
    }

    fn log(
        &self,
        rules: String,
        id: &str,
        facts: &ConnectionFacts,
        denial: &Denial,
        detail: impl FnOnce() -> String,
    ) {
        let key = || Key { rules: rules.clone(), fingerprint: facts.fingerprint().map(str::to_owned) };
        if self.dedup.should_log(key) {
            let rule = denial.rule().map(ToString::to_string);
            let line = Line { id, facts, rules: &rules, rule, detail: detail() };
            emit_bounded(Level::WARN, "would_refuse", &line);
        }
    }

    /// Logs a summary of the lines that were not logged since the last call, one for each key.
    pub fn sum_up(&self) {
        for summary in self.dedup.end_window() {
            let Summary { key: Key { rules, fingerprint }, .. } = &summary;
            let line =
                SummaryLine { rules, fingerprint_sha256: fingerprint, repeated: (&summary).into() };
            emit(Level::WARN, "would_refuse", &line);
        }
    }
}

/// The `would_refuse` event.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(flatten)]
    facts: &'a ConnectionFacts,
    /// `clients`, or `route` and its path.
    rules: &'a str,
    /// The deny rule that matches; `None` if no allow rule matches.
    rule: Option<String>,
    detail: String,
}

/// The `would_refuse` event for several lines.
#[derive(Serialize)]
struct SummaryLine<'a> {
    rules: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint_sha256: &'a Option<String>,
    repeated: Repeated,
}
