//! What a try has shown.

use std::time::Duration;

use http::StatusCode;

use super::watch::Answered;
use crate::telemetry::metrics::AttemptClass;
use crate::telemetry::trace::TraceContext;
use crate::upstream::Misconfiguration;

/// What a try has shown.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) class: AttemptClass,
    /// Whether the upstream may be down, though the class does not say so.
    pub(super) may_be_down: bool,
    /// What the operator can do.
    pub(super) cause: Cause,
    /// How long the upstream asks to wait.
    pub(super) retry_after: Option<Duration>,
    pub(super) status: Option<StatusCode>,
    /// Why there is no answer, or what is wrong with it.
    pub(super) error: Option<String>,
    /// The beginning of an answer that is not 2xx, escaped.
    pub(super) answer: Option<String>,
    /// The upstream's whole answer, if a sender waits for it.
    pub(super) answered: Option<Answered>,
    pub(super) took: Duration,
    /// The identifier of the request, for the log and the upstream.
    pub(super) request_id: String,
    /// The traces of the events, in their order: those of the requests that brought them.
    pub(super) traces: Vec<Option<TraceContext>>,
}

/// What may have to be corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing, or what the class and the status say.
    Upstream,
    /// A known misconfiguration.
    Known(Misconfiguration),
    /// What this hint says.
    Target(&'static str),
}
