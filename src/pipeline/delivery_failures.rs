//! Events for the operator about requests that an upstream did not answer: the access log is often filtered out.

use serde::Serialize;
use tracing::Level;

use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::log_dedup::{DedupKey, LogDedup, Repeated, Summary};
use crate::telemetry::{RequestReason, emit, emit_bounded};

/// Full lines for one upstream and one reason in a window; further ones are counted.
const FULL_LINES: u64 = 5;

/// Logs requests without an answer. Shared by all workers.
#[derive(Debug)]
pub struct DeliveryFailures {
    dedup: LogDedup<Key>,
}

/// Failures with the same key are summed up. There are few keys: the upstreams are those of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    upstream: String,
    reason: RequestReason,
}

impl DedupKey for Key {
    fn full_lines(&self) -> u64 {
        FULL_LINES
    }

    fn overflow(&self) -> Self {
        self.clone()
    }
}

impl DeliveryFailures {
    /// With `dedup`, repeated lines are summed up.
    pub fn new(dedup: bool) -> Self {
        Self { dedup: LogDedup::new(dedup) }
    }

    /// Logs that request `id` got no answer from `upstream`, a target of the relay, or the inbox, if `reason` is about the upstream.
    pub(super) fn log(
        &self,
        id: &str,
        facts: Option<&ConnectionFacts>,
        upstream: &str,
        reason: RequestReason,
        detail: &str,
    ) {
        let Some(hint) = hint(reason) else { return };
        let key = || Key { upstream: upstream.to_owned(), reason };
        if self.dedup.should_log(key) {
            let line = Line { id, facts, upstream, reason, detail, hint };
            emit_bounded(Level::WARN, "delivery_failed", &line);
        }
    }

    /// Logs a summary of the lines that were not logged since the last call, one for each upstream and reason.
    pub fn sum_up(&self) {
        for summary in self.dedup.end_window() {
            let Summary { key: Key { upstream, reason }, .. } = &summary;
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
        RequestReason::InboxFull => {
            "look at clawgate inbox stats: deliver or drop what waits (is the upstream down?), make room on the disk, or \
             raise inbox.max_events or inbox.max_bytes"
        }
        RequestReason::InboxUnavailable => {
            "senders get 503 and try again, direct routes go on; clawgate doctor looks at the database and its folder"
        }
        RequestReason::TargetBusy => {
            "the target's `rate` or `concurrency` is reached: raise it as far as the target's owner allows, or use delivery = \"queue\""
        }
        RequestReason::TargetUnavailable => {
            "look at the target's `url` and `auth`, and whether its server can be reached from here; clawgate doctor looks for the \
             cause"
        }
        RequestReason::TargetNoAnswer => {
            "the target may have the event: it needs an `id` by which it recognises a repetition; raise its `timeout` if it needs \
             longer for its answers"
        }
        _ => return None,
    })
}

/// The `delivery_failed` event.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(flatten)]
    facts: Option<&'a ConnectionFacts>,
    upstream: &'a str,
    reason: RequestReason,
    detail: &'a str,
    hint: &'static str,
}

/// The `delivery_failed` event for several lines.
#[derive(Serialize)]
struct SummaryLine<'a> {
    upstream: &'a str,
    reason: RequestReason,
    hint: &'static str,
    repeated: Repeated,
}
