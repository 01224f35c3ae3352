//! Rules on trial: whom they would refuse is told of here, and let in all the same.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use tracing::Level;

use crate::policy::Denial;
use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::log_dedup::{DedupKey, Heard, LogDedup, Summary};
use crate::telemetry::metrics::{Metrics, RuleSet};
use crate::telemetry::{emit, emit_bounded};

/// Lines in full for one client and one set of rules in a window.
const FULL_LINES: u64 = 5;

/// The log and the count of what would be refused; shared by all workers.
#[derive(Debug)]
pub struct AuditLog {
    metrics: Arc<Metrics>,
    repeats: Option<LogDedup<Kind>>,
}

/// What makes two objections the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    rules: String,
    /// `None` for the sum of those beyond the bound.
    fingerprint: Option<String>,
}

impl DedupKey for Kind {
    fn full_lines(&self) -> u64 {
        FULL_LINES
    }

    fn rest(&self) -> Self {
        Self { rules: self.rules.clone(), fingerprint: None }
    }
}

impl AuditLog {
    /// Counts in `metrics`; with `fold`, what repeats is to be summed up.
    pub fn new(metrics: Arc<Metrics>, fold: bool) -> Self {
        Self { metrics, repeats: fold.then(LogDedup::default) }
    }

    /// A connection that the rules for all clients would refuse.
    pub(crate) fn to_connection(&self, facts: &ConnectionFacts, denial: &Denial) {
        self.metrics.would_refuse(RuleSet::Clients);
        self.tell("clients".to_owned(), facts.id(), facts, denial, || denial.of("clients", &facts.peer));
    }

    /// Request `id`, which the rules of `route` would refuse.
    pub(crate) fn to_request(&self, id: &str, facts: &ConnectionFacts, route: &str, denial: &Denial) {
        self.metrics.would_refuse(RuleSet::Route);
        self.tell(format!("route {route}"), id, facts, denial, || denial.of("route", &facts.peer));
    }

    fn tell(
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
        let is_news = |repeats: &LogDedup<_>| repeats.hear(kind(), SystemTime::now()) == Heard::News;
        if self.repeats.as_ref().is_none_or(is_news) {
            let rule = denial.rule().map(ToString::to_string);
            let line = Objection { id, facts, rules: &rules, rule, detail: detail() };
            emit_bounded(Level::WARN, "would_refuse", &line);
        }
    }

    /// Logs what was folded since the last time, a line for each kind.
    pub fn sum_up(&self) {
        let summaries = self.repeats.as_ref().map(LogDedup::end_window).unwrap_or_default();
        for summary in summaries {
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
    /// The deny rule that matches; none where no allow rule does.
    rule: Option<String>,
    detail: String,
}

/// The `would_refuse` event for many at once.
#[derive(Serialize)]
struct SummaryLine<'a> {
    rules: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint_sha256: &'a Option<String>,
    repeated: crate::telemetry::log_dedup::Repeated,
}
