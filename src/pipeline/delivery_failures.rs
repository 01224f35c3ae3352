//! Events for the operator about requests that an upstream did not answer: the access log is often filtered out.

use serde::Serialize;
use tracing::Level;

use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::log_dedup::{DedupKey, LogDedup, Repeated, Summary};
use crate::telemetry::{RequestReason, emit, emit_bounded};

/// Logs requests without an answer. Shared by all workers.
#[derive(Debug)]
pub struct DeliveryFailures {
    repeats: LogDedup<Kind>,
}

/// Failures of the same kind are folded. There are few kinds: the upstreams are those of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    upstream: String,
    reason: RequestReason,
}

impl DedupKey for Kind {
    fn rest(&self) -> Self {
        self.clone()
    }
}

impl DeliveryFailures {
    /// With `fold`, repeated lines are folded.
    pub fn new(fold: bool) -> Self {
        Self { repeats: LogDedup::new(fold) }
    }

    /// Logs that request `id` got no answer from `upstream`, if `reason` is about the upstream.
    pub(super) fn log(
        &self,
        id: &str,
        facts: &ConnectionFacts,
        upstream: &str,
        reason: RequestReason,
        detail: &str,
    ) {
        let Some(hint) = hint(reason) else { return };
        let kind = || Kind { upstream: upstream.to_owned(), reason };
        if self.repeats.should_log(kind) {
            let line = Line { id, facts, upstream, reason, detail, hint };
            emit_bounded(Level::WARN, "delivery_failed", &line);
        }
    }

    /// Logs the folded lines since the last call, one for each upstream and reason.
    pub fn sum_up(&self) {
        for summary in self.repeats.end_window() {
            let Summary { kind: Kind { upstream, reason }, .. } = &summary;
            let hint = hint(*reason).unwrap_or_default();
            let line = SummaryLine { upstream, reason: *reason, hint, repeated: (&summary).into() };
            emit(Level::WARN, "delivery_failed", &line);
        }
    }
}

/// What to do about an upstream that gave no answer; `None` if the upstream is not the cause.
fn hint(reason: RequestReason) -> Option<&'static str> {
    Some(match reason {
        RequestReason::UpstreamUnavailable => {
            "start the upstream, or correct upstream.url; clawgate doctor looks for the cause"
        }
        RequestReason::UpstreamConnectTimeout => {
            "the upstream's machine does not answer, or its queue of connections is full: look at it, and at firewalls"
        }
        RequestReason::UpstreamBusy => {
            "the upstream answers too slowly for so many requests: look at its load, or raise \
             limits.upstream_connections as far as it can take"
        }
        RequestReason::UpstreamTimeout => {
            "look at the upstream's log; if it needs longer for its answers, raise upstream.response_timeout"
        }
        RequestReason::UpstreamClosed => {
            "look at the upstream's log: it may have crashed or been restarted"
        }
        RequestReason::UpstreamProtocolError => {
            "check that upstream.url names the right port and that http:// or https:// fits it; clawgate doctor \
             looks for the cause"
        }
        _ => return None,
    })
}

/// The `delivery_failed` event.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(flatten)]
    facts: &'a ConnectionFacts,
    upstream: &'a str,
    reason: RequestReason,
    detail: &'a str,
    hint: &'static str,
}

/// The `delivery_failed` event for several folded lines.
#[derive(Serialize)]
struct SummaryLine<'a> {
    upstream: &'a str,
    reason: RequestReason,
    hint: &'static str,
    repeated: Repeated,
}
