//! Events for the operator about callers that may not use the relay's listener.

use serde::Serialize;
use tracing::Level;

use crate::pipeline::refusal::RequestRefusal;
use crate::telemetry::access::RelayRecord;
use crate::telemetry::log_dedup::{DedupKey, LogDedup, Repeated};
use crate::telemetry::{RequestReason, emit, emit_bounded};

/// Full lines for one reason in a window; further ones are counted.
const FULL_LINES: u64 = 5;

/// Logs callers without a valid token, and web pages. All callers are on this machine, so that they are counted together.
#[derive(Debug)]
pub struct RefusedCallers {
    dedup: LogDedup<Key>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(RequestReason);

impl DedupKey for Key {
    fn full_lines(&self) -> u64 {
        FULL_LINES
    }

    fn overflow(&self) -> Self {
        self.clone()
    }
}

impl RefusedCallers {
    /// With `dedup`, repeated lines are summed up.
    pub fn new(dedup: bool) -> Self {
        Self { dedup: LogDedup::new(dedup) }
    }

    /// Logs that a caller is refused, unless so many were that it is only counted; then the access log leaves it out, too.
    pub(super) fn log(&self, refusal: &RequestRefusal, record: &mut RelayRecord) {
        let reason = refusal.reason();
        let Some(hint) = hint(reason) else { return };
        if !self.dedup.should_log(|| Key(reason)) {
            return record.leave_out();
        }
        let detail = refusal.log();
        let (id, peer, path) = (record.id(), record.peer(), record.path());
        let line = Line { id, peer, path, reason, detail: &detail, hint };
        emit_bounded(Level::WARN, "relay_refused", &line);
    }

    /// Logs a summary of the lines that were not logged since the last call, one for each reason.
    pub fn sum_up(&self) {
        for summary in self.dedup.end_window() {
            let Key(reason) = summary.key;
            let hint = hint(reason).unwrap_or_default();
            let line = SummaryLine { reason, hint, repeated: (&summary).into() };
            emit(Level::WARN, "relay_refused", &line);
        }
    }
}

/// What to do about a caller that is refused because of what it is; `None` if it is refused for another reason.
fn hint(reason: RequestReason) -> Option<&'static str> {
    Some(match reason {
        RequestReason::RelayUnauthorized => {
            "let the caller send a token of relay.token_file, in the header that relay.token_header names"
        }
        RequestReason::RelayFromBrowser => {
            "a web page in a browser of this machine calls the relay: look which one. Programs send no Origin"
        }
        _ => return None,
    })
}

/// The `relay_refused` event.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    peer: &'a str,
    path: &'a str,
    reason: RequestReason,
    detail: &'a str,
    hint: &'static str,
}

/// The `relay_refused` event for several folded lines.
#[derive(Serialize)]
struct SummaryLine {
    reason: RequestReason,
    hint: &'static str,
    repeated: Repeated,
}
