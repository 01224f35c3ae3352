//! The events of the log about deliveries.

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tracing::Level;

use super::attempt::Tried;
use crate::identity::name::printable;
use crate::inbox::{DeadReason, Event, Then};
use crate::telemetry::metrics::AttemptClass;
use crate::telemetry::trace::TraceContext;
use crate::telemetry::{LogThrottle, emit, emit_bounded};

/// The shortest time between two lines about the store.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// A try to deliver; alone it is the `delivered` event.
#[derive(Serialize)]
struct Try<'a> {
    event_id: String,
    route: &'a str,
    upstream: &'a str,
    attempt: u32,
    /// The identifier of the request to the upstream.
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<TraceContext>,
    status: Option<u16>,
    duration_ms: f64,
    /// From when the event was received or replayed until the try.
    waited_ms: f64,
}

#[derive(Serialize)]
struct Failed<'a> {
    #[serde(flatten)]
    attempt: Try<'a>,
    class: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
    /// When the event is tried next at the earliest; missing if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
}

#[derive(Serialize)]
struct Dead<'a> {
    event_id: String,
    route: &'a str,
    reason: &'static str,
    tries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
    hint: &'static str,
}

#[derive(Serialize)]
struct UpstreamPaused<'a> {
    upstream: &'a str,
    detail: &'a str,
    until: String,
    hint: &'static str,
}

#[derive(Serialize)]
struct UpstreamResumed<'a> {
    upstream: &'a str,
    paused_ms: f64,
}

#[derive(Serialize)]
struct RoutePaused<'a> {
    route: &'a str,
    upstream: &'a str,
    class: &'static str,
    detail: &'a str,
    until: String,
    hint: &'a str,
}

#[derive(Serialize)]
struct RouteResumed<'a> {
    route: &'a str,
    paused_ms: f64,
}

#[derive(Serialize)]
struct RouteUnknown<'a> {
    route: &'a str,
    detail: &'static str,
    hint: &'static str,
}

#[derive(Serialize)]
struct StoreFailed<'a> {
    during: &'static str,
    detail: &'a str,
    hint: &'static str,
}

#[derive(Serialize)]
struct PeerMessageIgnored<'a> {
    detail: &'a str,
    hint: &'static str,
}

#[derive(Serialize)]
struct Started {
    /// How many routes deliver from the inbox.
    routes: usize,
}

#[derive(Serialize)]
struct Stopped {
    detail: &'static str,
}

/// Logs a try of one event. `trace` is its trace, `then` is what follows for it.
pub(super) fn tried(tried: &Tried, event: &Event, trace: Option<TraceContext>, then: Then) {
    let Tried { attempt, seen, .. } = tried;
    let line = Try {
        event_id: event.id.to_string(),
        route: &event.route,
        upstream: tried.route().upstream_name(),
        attempt: event.tries.saturating_add(1),
        id: &seen.request_id,
        trace_id: trace,
        status: attempt.status,
        duration_ms: millis(attempt.took),
        waited_ms: millis(attempt.at.duration_since(event.waiting_since).unwrap_or_default()),
    };
    if seen.class == AttemptClass::Delivered {
        return emit(Level::INFO, "delivered", &line);
    }
    let line = Failed {
        attempt: line,
        class: seen.class.as_str(),
        detail: attempt.error.as_deref().unwrap_or_default(),
        answer: attempt.answer.as_deref(),
        next_at: match then {
            Then::Retry { at, .. } => Some(text(at)),
            Then::Delivered | Then::Dead(_) => None,
        },
    };
    // Where a pause follows, that is logged as a warning, once.
    let level = match seen.class {
        AttemptClass::Conflict | AttemptClass::NoAnswer | AttemptClass::Failed => Level::WARN,
        _ => Level::INFO,
    };
    emit_bounded(level, "delivery_attempt_failed", &line);
}

/// Logs that an event is given up, after a try or without one.
pub(super) fn dead(event: &Event, reason: DeadReason, tried: Option<&Tried>) {
    let attempt = tried.map(|tried| &tried.attempt);
    let line = Dead {
        event_id: event.id.to_string(),
        route: &event.route,
        reason: reason.as_str(),
        tries: event.tries.saturating_add(u32::from(tried.is_some())),
        status: attempt.and_then(|attempt| attempt.status),
        detail: attempt.and_then(|attempt| attempt.error.as_deref()),
        answer: attempt.and_then(|attempt| attempt.answer.as_deref()),
        hint: dead_hint(reason),
    };
    emit_bounded(Level::WARN, "dead_lettered", &line);
}

fn dead_hint(reason: DeadReason) -> &'static str {
    match reason {
        DeadReason::Rejected => {
            "the upstream refuses this message: its answer says why; clawgate inbox show has the message, and clawgate inbox \
             replay sends it again"
        }
        DeadReason::UnknownPath => {
            "the sender called a path below the route's that the upstream does not have: correct the address at the sender, or \
             add the hook to the upstream; then clawgate inbox replay"
        }
        DeadReason::SenderCredentials => {
            "the upstream refuses the sender's own Authorization: correct it at the sender, or let clawgate add the upstream's \
             token with --hook-token-file"
        }
        DeadReason::TooManyAttempts => {
            "the upstream failed at this event again and again: look at its log; then clawgate inbox replay"
        }
        DeadReason::TooOld => {
            "it was not delivered within give_up_after: look why the upstream was not ready for so long; then clawgate inbox \
             replay"
        }
        DeadReason::UnknownRoute => {
            "no route with delivery = \"inbox\" or \"try\" has this path any more: add one, and use clawgate inbox replay, or use \
             clawgate inbox drop"
        }
        DeadReason::Unreadable => {
            "the database is damaged: look at the disk, and restart clawgate, which then checks the database"
        }
    }
}

/// Logs that nothing is delivered to an upstream, or to a target of the relay, any more.
pub(super) fn upstream_paused(upstream: &str, is_target: bool, detail: &str, until: SystemTime) {
    let hint = if is_target {
        "events wait and none is lost; if the target's server is up, correct the target's `url` or its token_url; clawgate doctor \
         looks for the cause"
    } else {
        "events wait and none is lost; start the upstream, or correct upstream.url; clawgate doctor looks for the cause"
    };
    let line = UpstreamPaused { upstream, detail, until: text(until), hint };
    emit(Level::WARN, "upstream_paused", &line);
}

/// Logs that events are delivered to an upstream again, after this time.
pub(super) fn upstream_resumed(upstream: &str, paused: Duration) {
    emit(Level::INFO, "upstream_resumed", &UpstreamResumed { upstream, paused_ms: millis(paused) });
}

/// Logs that no event of a route is delivered any more.
pub(super) fn route_paused(
    (route, upstream): (&str, &str),
    class: AttemptClass,
    detail: &str,
    hint: &str,
    until: SystemTime,
) {
    let line = RoutePaused { route, upstream, class: class.as_str(), detail, until: text(until), hint };
    emit(Level::WARN, "route_paused", &line);
}

/// Logs that events of a route are delivered again, after this time.
pub(super) fn route_resumed(route: &str, paused: Duration) {
    emit(Level::INFO, "route_resumed", &RouteResumed { route, paused_ms: millis(paused) });
}

/// Logs that there are events of a route that the settings do not have.
pub(super) fn route_unknown(route: &str) {
    let detail = "events of this route wait, but no route with delivery = \"inbox\" or \"try\" has this path, and no target of the relay this name";
    let hint = "add the route or target again, or use clawgate inbox drop; after give_up_after its events are dead";
    emit(Level::WARN, "route_unknown", &RouteUnknown { route, detail, hint });
}

/// Logs that the inbox could not be used, at most once a minute.
#[derive(Debug)]
pub(super) struct StoreFailures {
    started: Instant,
    throttle: LogThrottle,
}

impl StoreFailures {
    /// Logs a failure. `during`: what was to be done.
    pub(super) fn log(&self, during: &'static str, detail: &str) {
        if self.throttle.pass(self.started.elapsed(), BETWEEN_LINES).is_some() {
            let hint = "deliveries go on when the inbox can be used again: look at the disk (space, read-only, errors)";
            emit(Level::ERROR, "inbox_failed", &StoreFailed { during, detail, hint });
        }
    }
}

impl Default for StoreFailures {
    fn default() -> Self {
        Self { started: Instant::now(), throttle: LogThrottle::default() }
    }
}

/// Logs that this process delivers from now on, for this many routes.
pub(super) fn started(routes: usize) {
    emit(Level::INFO, "delivery_started", &Started { routes });
}

/// Logs that this process delivers no more. `is_lost`: not because it ends.
pub(super) fn stopped(is_lost: bool) {
    let detail = if is_lost {
        "the store of the inbox cannot be reached: another clawgate with this inbox may deliver now, and repeats tries that were under way"
    } else {
        "events that wait are delivered by another clawgate with this inbox, or at the next start"
    };
    emit(Level::INFO, "delivery_stopped", &Stopped { detail });
}

/// Logs that a message of the other instances cannot be read.
pub(super) fn peer_message_ignored(detail: &str) {
    let hint = "only clawgate may write to this subject of NATS: look who else does, and whether two installations have the same \
                inbox.nats.name";
    emit_bounded(
        Level::WARN,
        "peer_message_ignored",
        &PeerMessageIgnored { detail: &printable(detail), hint },
    );
}

fn text(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// Milliseconds with three decimals.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
