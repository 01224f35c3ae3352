//! Audit mode: logs which clients the rules would refuse, although they are admitted.

use std::sync::Arc;

use serde::Serialize;
use tracing::Level;

use crate::policy::Denial;
use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::log_dedup::{DedupKey, LogDedup, Repeated, Summary};
use crate::telemetry::metrics::{Metrics, RuleSet};
use crate::telemetry::{emit, emit_bounded};

/// Logs and counts what would be refused. Shared by all workers.
#[derive(Debug)]
pub struct AuditLog {
    metrics: Arc<Metrics>,
    repeats: LogDedup<Kind>,
}

/// Lines with the same kind are folded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    rules: String,
    /// `None` for all clients beyond the bound.
    fingerprint: Option<String>,
}

impl DedupKey for Kind {
    fn rest(&self) -> Self {
        Self { rules: self.rules.clone(), fingerprint: None }
    }
}

impl AuditLog {
    /// Counts in `metrics`. With `fold`, repeated lines are folded.
    pub fn new(metrics: Arc<Metrics>, fold: bool) -> Self {
        Self { metrics, repeats: LogDedup::new(fold) }
    }

    /// Logs a connection that the rules for all clients would refuse.
    pub(super) fn to_connection(&self, facts: &ConnectionFacts, denial: &Denial) {
        self.metrics.would_refuse(RuleSet::Clients);
        self.log("clients".to_owned(), facts.id(), facts, denial, || denial.of("clients", &facts.peer));
    }

    /// Logs request `id`, which the rules of `route` would refuse.
    pub(super) fn to_request(&self, id: &str, facts: &ConnectionFacts, route: &str, denial: &Denial) {
        self.metrics.would_refuse(RuleSet::Route);
        self.log(format!("route {route}"), id, facts, denial, || denial.of("route", &facts.peer));
    }

    fn log(
        &self,
        rules: String,
        id: &str,
        facts: &ConnectionFacts,
        denial: &Denial,
        detail: impl FnOnce() -> String,
    ) {
        let kind = || Kind {
            rules: rules.clone(),
            fingerprint: Some(facts.peer.certificate.fingerprint_sha256.clone()),
        };
        if self.repeats.should_log(kind) {
            let rule = denial.rule().map(ToString::to_string);
            let line = Objection { id, facts, rules: &rules, rule, detail: detail() };
            emit_bounded(Level::WARN, "would_refuse", &line);
        }
    }

    /// Logs the folded lines since the last call, one for each kind.
    pub fn sum_up(&self) {
        for summary in self.repeats.end_window() {
            let Summary { kind: Kind { rules, fingerprint }, .. } = &summary;
            let line =
                SummaryLine { rules, fingerprint_sha256: fingerprint, repeated: (&summary).into() };
            emit(Level::WARN, "would_refuse", &line);
        }
    }
}

/// The `would_refuse` event.
#[derive(Serialize)]
struct Objection<'a> {
    id: &'a str,
    #[serde(flatten)]
    facts: &'a ConnectionFacts,
    /// `clients`, or `route` and its path.
    rules: &'a str,
    /// The deny rule that matches; `None` if no allow rule matches.
    rule: Option<String>,
    detail: String,
}

/// The `would_refuse` event for several folded lines.
#[derive(Serialize)]
struct SummaryLine<'a> {
    rules: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint_sha256: &'a Option<String>,
    repeated: Repeated,
}
