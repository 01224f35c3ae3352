//! What follows from a try: for the upstream, for the route, for the event, and for a sender that waits.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::attempt::Tried;
use super::decide::{Ended, Successes};
use super::hint::misconfigured_hint;
use super::log;
use super::outcomes::Noted;
use super::pause::Since;
use super::route::{Destination, RouteUpstream};
use super::seen::Cause;
use super::work::{UnderWay, Why, Work, wall};
use crate::inbox::{Event, Outcome, Then};
use crate::random::random_fraction;
use crate::telemetry::metrics::AttemptClass;
use crate::telemetry::trace::{self, SpanQueue, TraceContext};

/// Of how many events that are tried again something is remembered, for one route.
const MOST_REMEMBERED: usize = 100_000;

impl Work {
    /// Takes the result of a try.
    pub(super) fn settle(&mut self, ended: Result<(Id, Tried), JoinError>) {
        match ended {
            Ok((id, tried)) => {
                self.end(id);
                self.settle_upstream(&tried);
                self.settle_route(&tried);
                self.settle_events(tried);
            }
            // A fault of clawgate, which the log has as `panic`. The event is tried again when this process starts anew.
            Err(error) => {
                if let Some(UnderWay { route, upstream, events, probe }) = self.end(error.id()) {
                    if let Some(upstream) = self.upstreams.get_mut(&upstream) {
                        upstream.availability.ended(probe.of_upstream);
                    }
                    if let Some(work) = self.routes.get_mut(&route) {
                        work.availability.ended(probe.of_route);
                        for (_, seq) in events {
                            work.progress.remove(&seq);
                        }
                    }
                }
            }
        }
    }

    /// Notes that a try is no longer under way.
    fn end(&mut self, id: Id) -> Option<UnderWay> {
        let ended = self.under_way.remove(&id)?;
        if let Some(upstream) = self.upstreams.get_mut(&ended.upstream) {
            upstream.under_way = upstream.under_way.saturating_sub(1);
        }
        if let Some(route) = self.routes.get_mut(&ended.route) {
            route.under_way = route.under_way.saturating_sub(1);
        }
        Some(ended)
    }

    fn settle_upstream(&mut self, tried: &Tried) {
        let backoff = self.probe_backoff();
        let name = tried.route().upstream_name();
        let Some(upstream) = self.upstreams.get_mut(name) else { return };
        let (probe, now) = (tried.probe.of_upstream, now());
        let has_answered = tried.attempt.status.is_some();
        let is_target = matches!(tried.route().destination, Destination::Target(_));
        // A probe without an answer shows no more than the failure before it.
        let is_down = tried.seen.class == AttemptClass::Down
            || tried.seen.may_be_down
            || (probe && tried.seen.class == AttemptClass::NoAnswer && !has_answered);
        if is_down {
            upstream.detail = tried.attempt.error.clone().unwrap_or_default();
            let asked = tried.seen.retry_after;
            if upstream.availability.failed(probe, now, asked, backoff) {
                let until = upstream.availability.pause().map_or(now.wall, |(_, until)| wall(until));
                log::upstream_paused(name, is_target, &upstream.detail, until);
                self.metrics.paused(name, true);
            }
            self.is_shown_outdated = true;
        } else if has_answered {
            upstream.successes += 1;
            if let Some(paused) = upstream.availability.succeeded(probe, now.clock) {
                log::upstream_resumed(name, paused);
                self.metrics.paused(name, false);
                self.is_shown_outdated = true;
                self.forget_failed_probes(&Arc::clone(name));
            }
        } else {
            upstream.availability.ended(probe);
        }
    }

    /// Once an upstream is up again, the oldest event is the next probe again.
    fn forget_failed_probes(&mut self, upstream: &str) {
        let settings = self.settings.routes.iter();
        for route in settings.filter(|route| &**route.upstream_name() == upstream) {
            if let Some(work) = self.routes.get_mut(&route.path) {
                work.progress.values_mut().for_each(|progress| progress.probes_failed = 0);
            }
        }
    }

    fn settle_route(&mut self, tried: &Tried) {
        let backoff = self.route_backoff(tried.seen.class);
        let settings = tried.route();
        let path = &settings.path;
        let Some(work) = self.routes.get_mut(path) else { return };
        let (probe, now) = (tried.probe.of_route, now());
        match tried.seen.class {
            AttemptClass::RateLimited | AttemptClass::Misconfigured => {
                let detail = tried.attempt.error.clone().unwrap_or_default();
                let why = Why { class: tried.seen.class, detail, hint: misconfigured_hint(tried) };
                if work.availability.failed(probe, now, tried.seen.retry_after, backoff) {
                    let until = work.availability.pause().map_or(now.wall, |(_, until)| wall(until));
                    let names = (&**path, &**settings.upstream_name());
                    log::route_paused(names, why.class, &why.detail, &why.hint, until);
                    self.metrics.route_paused(path, true);
                }
                work.why = Some(why);
                self.is_shown_outdated = true;
            }
            AttemptClass::Down | AttemptClass::NoAnswer | AttemptClass::Busy => {
                work.availability.ended(probe);
            }
            _ => {
                work.successes += 1;
                if let Some(paused) = work.availability.succeeded(probe, now.clock) {
                    log::route_resumed(path, paused);
                    work.why = None;
                    work.progress.values_mut().for_each(|progress| progress.probes_failed = 0);
                    self.metrics.route_paused(path, false);
                    self.is_shown_outdated = true;
                }
            }
        }
    }

    fn settle_events(&mut self, mut tried: Tried) {
        let Some(then) = self.decide(&tried) else { return };
        let answered = tried.seen.answered.take();
        let traces = std::mem::take(&mut tried.seen.traces);
        for (event, trace) in tried.events.members().iter().zip(traces) {
            self.note_event(&tried, event, trace, then);
            match then {
                // Something will be tried again soon; whoever waits has a limit.
                Then::Retry { .. } if !is_pause(tried.seen.class) => {}
                // At other instances the pause ends the wait.
                Then::Retry { .. } => self.shared.watches.remove(event.id),
                _ => self.shared.answer(event, tried.route().inbox.wait, answered.as_ref()),
            }
            let outcome = Outcome { seq: event.seq, attempt: Some(tried.attempt.clone()), then };
            self.outcomes.push(Arc::clone(&tried.route().path), outcome);
        }
        log_problem(&tried);
    }

    /// Decides what follows for the events of a try: the same for all. `None`: their route is gone.
    fn decide(&mut self, tried: &Tried) -> Option<Then> {
        let (settings, event) = (tried.route(), tried.events.first());
        let upstream = self.upstreams.get(settings.upstream_name());
        let upstream = upstream.map_or(0, |upstream| upstream.successes);
        let backoff = self.backoff();
        let work = self.routes.get_mut(&settings.path)?;
        let now = SystemTime::now();
        if tried.is_refused_together() {
            work.to_split.extend(event.batch);
            return Some(Then::Retry { at: now, counts: false });
        }
        if work.progress.len() >= MOST_REMEMBERED {
            work.progress.clear();
        }
        let progress = work.progress.entry(event.seq).or_default();
        let then = progress.decide(Ended {
            event,
            waiting_since: tried.waiting_since(),
            class: tried.seen.class,
            asked: tried.seen.retry_after,
            keeps_trying: matches!(settings.destination, Destination::Target(_)),
            successes: Successes { upstream, route: work.successes },
            give_up_after: settings.inbox.give_up_after,
            backoff,
            now,
            random: random_fraction(),
        });
        if tried.probe.of_upstream || tried.probe.of_route {
            progress.probes_failed = progress.probes_failed.saturating_add(1);
        }
        if !matches!(then, Then::Retry { .. }) {
            work.progress.remove(&event.seq);
        }
        Some(then)
    }

    /// Counts, logs and exports the try of one event.
    fn note_event(&self, tried: &Tried, event: &Event, trace: Option<TraceContext>, then: Then) {
        let path = &tried.route().path;
        self.metrics.attempt(path, tried.seen.class);
        log::tried(tried, event, trace, then);
        if let (Some(spans), Some(trace)) = (&self.spans, trace) {
            export(tried, event, trace, spans);
        }
        match then {
            Then::Delivered => self.metrics.delivered(path),
            Then::Dead(reason) => {
                log::dead(event, reason, Some(tried));
                self.metrics.dead(path, reason.as_str());
            }
            Then::Retry { .. } => {}
        }
    }

    /// Takes the store's answer to a batch of outcomes.
    pub(super) fn noted(&mut self, (batch, result): Noted) {
        let now = Instant::now();
        if let Err(error) = result {
            self.failures.log("record", &error.to_string());
            // The events stay as they are: they are not tried again before the store knows what has become of this try.
            return self.outcomes.take_back(batch, now);
        }
        let wall = SystemTime::now();
        for (path, Outcome { seq, then, .. }) in batch {
            self.unknown.noted(seq);
            let Some(route) = self.routes.get_mut(&path) else { continue };
            route.busy.remove(&seq);
            route.is_ready = true;
            if let Then::Retry { at, .. } = then
                && let Ok(wait) = at.duration_since(wall)
            {
                let at = now + wait;
                route.next = Some(route.next.map_or(at, |next| next.min(at)));
            }
        }
        self.remove_unused();
    }
}

/// Exports the span of a try.
fn export(tried: &Tried, event: &Event, trace: TraceContext, spans: &SpanQueue) {
    let attempt = &tried.attempt;
    spans.attempt(&trace::Attempt {
        trace,
        event_id: event.id.to_string(),
        route: &event.route,
        upstream: tried.route().upstream_name(),
        method: event.request.method.as_str(),
        path: event.request.target.path(),
        number: event.tries.saturating_add(1),
        at: attempt.at,
        took: attempt.took,
        status: attempt.status,
        class: tried.seen.class.as_str(),
        detail: attempt.error.as_deref(),
    });
}

/// Logs a known misconfiguration that stops nothing: an answer that accepts or refuses a single event.
fn log_problem(tried: &Tried) {
    if let (Cause::Known(problem), Some(status)) = (tried.seen.cause, tried.seen.status)
        && let Destination::Upstream(RouteUpstream { upstream, .. }) = &tried.route().destination
        && !is_pause(tried.seen.class)
    {
        upstream.misconfiguration_log.log(problem, status, &tried.seen.request_id);
    }
}

/// Whether such a try pauses the upstream or the route.
fn is_pause(class: AttemptClass) -> bool {
    matches!(class, AttemptClass::Down | AttemptClass::RateLimited | AttemptClass::Misconfigured)
}

fn now() -> Since {
    Since { clock: Instant::now(), wall: SystemTime::now() }
}
