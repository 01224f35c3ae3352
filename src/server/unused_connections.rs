//! Connections of clients that were let in and left without a request: as a rule a client did not like what it saw.

use std::time::SystemTime;

use serde::Serialize;
use tracing::Level;

use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::log_dedup::{DedupKey, Heard, LogDedup, Repeated, Summary};
use crate::telemetry::{emit, emit_bounded};

/// Lines in full for one certificate in a window.
const FULL_LINES: u64 = 5;

/// The log of such connections; shared by all workers.
#[derive(Debug)]
pub struct UnusedConnections {
    repeats: Option<LogDedup<Kind>>,
}

/// What makes two of them the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    /// `None` for the sum of those beyond the bound.
    fingerprint: Option<String>,
}

impl DedupKey for Kind {
    fn full_lines(&self) -> u64 {
        FULL_LINES
    }

    fn rest(&self) -> Self {
        Self { fingerprint: None }
    }
}

impl UnusedConnections {
    /// With `fold`, what repeats is to be summed up.
    pub fn new(fold: bool) -> Self {
        Self { repeats: fold.then(LogDedup::default) }
    }

    /// Logs one, unless enough was heard of its client. `cause` says what about clawgate's name may be the cause.
    pub(super) fn tell(&self, facts: &ConnectionFacts, cause: impl FnOnce() -> String) {
        let kind = || Kind { fingerprint: Some(facts.peer.certificate.fingerprint_sha256.clone()) };
        let is_news = |repeats: &LogDedup<_>| repeats.hear(kind(), SystemTime::now()) == Heard::News;
        if self.repeats.as_ref().is_none_or(is_news) {
            let hint = format!(
                "nothing is wrong if this is a health check; else the client may not have liked clawgate's \
                 certificate: {}",
                cause()
            );
            emit_bounded(Level::INFO, "connection_unused", &Line { id: facts.id(), facts, hint });
        }
    }

    /// Logs what was folded since the last time, a line for each certificate.
    pub fn sum_up(&self) {
        let summaries = self.repeats.as_ref().map(LogDedup::end_window).unwrap_or_default();
        for summary in summaries {
            let repeated = (&summary).into();
            let Summary { kind: Kind { fingerprint }, .. } = &summary;
            emit(
                Level::INFO,
                "connection_unused",
                &SummaryLine { fingerprint_sha256: fingerprint, repeated },
            );
        }
    }
}

/// The `connection_unused` event.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(flatten)]
    facts: &'a ConnectionFacts,
    hint: String,
}

/// The `connection_unused` event for many at once.
#[derive(Serialize)]
struct SummaryLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint_sha256: &'a Option<String>,
    repeated: Repeated,
}
