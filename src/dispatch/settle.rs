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
use super::work::{UnderWay, Why, Work, wall};
use crate::inbox::{Outcome, Then};
use crate::random::random_fraction;
use crate::telemetry::metrics::AttemptClass;
use crate::telemetry::trace::{self, SpanQueue};

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
                self.settle_event(tried);
            }
            // A fault of clawgate, which the log has as `panic`. The event is tried again when this process starts anew.
            Err(error) => {
                if let Some(UnderWay { route, upstream, seq, probe, .. }) = self.end(error.id()) {
                    if let Some(upstream) = self.upstreams.get_mut(&upstream) {
                        upstream.availability.ended(probe.of_upstream);
                    }
                    if let Some(work) = self.routes.get_mut(&route) {
                        work.availability.ended(probe.of_route);
                        work.progress.remove(&seq);
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
        let name = &tried.routes.routes[tried.place].upstream.name;
        let Some(upstream) = self.upstreams.get_mut(name) else { return };
        let (probe, now) = (tried.probe.of_upstream, now());
        let has_answered = tried.attempt.status.is_some();
        // A probe without an answer shows no more than the failure before it.
        let is_down = tried.class == AttemptClass::Down
            || tried.may_be_down
            || (probe && tried.class == AttemptClass::NoAnswer && !has_answered);
        if is_down {
            upstream.detail = tried.attempt.error.clone().unwrap_or_default();
            let asked = tried.retry_after;
            if upstream.availability.failed(probe, now, asked, backoff) {
                let until = upstream.availability.pause().map_or(now.wall, |(_, until)| wall(until));
                log::upstream_paused(name, &upstream.detail, until);
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
        for route in settings.filter(|route| &*route.upstream.name == upstream) {
            if let Some(work) = self.routes.get_mut(&route.path) {
                work.progress.values_mut().for_each(|progress| progress.probes_failed = 0);
            }
        }
    }

    fn settle_route(&mut self, tried: &Tried) {
        let backoff = self.route_backoff(tried.class);
        let settings = &tried.routes.routes[tried.place];
        let path = &settings.path;
        let Some(work) = self.routes.get_mut(path) else { return };
        let (probe, now) = (tried.probe.of_route, now());
        match tried.class {
            AttemptClass::RateLimited | AttemptClass::Misconfigured => {
                let detail = tried.attempt.error.clone().unwrap_or_default();
                let why = Why { class: tried.class, detail, hint: misconfigured_hint(tried) };
                if work.availability.failed(probe, now, tried.retry_after, backoff) {
                    let until = work.availability.pause().map_or(now.wall, |(_, until)| wall(until));
                    let names = (&**path, &*settings.upstream.name);
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

    fn settle_event(&mut self, mut tried: Tried) {
        let settings = &tried.routes.routes[tried.place];
        let (path, name) = (Arc::clone(&settings.path), Arc::clone(&settings.upstream.name));
        let (seq, id) = (tried.event.seq, tried.event.id);
        let upstream = self.upstreams.get(&name).map_or(0, |upstream| upstream.successes);
        let backoff = self.backoff();
        let Some(work) = self.routes.get_mut(&path) else { return };
        if work.progress.len() >= MOST_REMEMBERED {
            work.progress.clear();
        }
        let progress = work.progress.entry(seq).or_default();
        let then = progress.decide(Ended {
            event: &tried.event,
            class: tried.class,
            successes: Successes { upstream, route: work.successes },
            give_up_after: settings.inbox.give_up_after,
            backoff,
            now: SystemTime::now(),
            random: random_fraction(),
        });
        if tried.probe.of_upstream || tried.probe.of_route {
            progress.probes_failed = progress.probes_failed.saturating_add(1);
        }
        self.metrics.attempt(&path, tried.class);
        log::tried(&tried, then);
        if let Some(spans) = &self.spans {
            export(&tried, spans);
        }
        match then {
            Then::Delivered => self.metrics.delivered(&path),
            Then::Dead(reason) => {
                log::dead(&tried.event, reason, Some(&tried));
                self.metrics.dead(&path, reason.as_str());
            }
            Then::Retry { .. } => {}
        }
        if !matches!(then, Then::Retry { .. }) {
            work.progress.remove(&seq);
        }
        log_problem(&tried);
        let watches = &self.shared.watches;
        match (then, tried.answered.take()) {
            // Something will be tried again soon; whoever waits has a limit.
            (Then::Retry { .. }, _) if !is_pause(tried.class) => {}
            (Then::Retry { .. }, _) | (_, None) => watches.remove(id),
            (_, Some(answered)) => watches.answer(id, answered),
        }
        self.outcomes.push(path, Outcome { seq, attempt: Some(tried.attempt), then });
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
fn export(tried: &Tried, spans: &SpanQueue) {
    let Some(trace) = tried.trace else { return };
    let Tried { event, attempt, .. } = tried;
    spans.attempt(&trace::Attempt {
        trace,
        event_id: event.id.to_string(),
        route: &event.route,
        upstream: &tried.routes.routes[tried.place].upstream.name,
        method: event.request.method.as_str(),
        path: event.request.target.path(),
        number: event.tries.saturating_add(1),
        at: attempt.at,
        took: attempt.took,
        status: attempt.status,
        class: tried.class.as_str(),
        detail: attempt.error.as_deref(),
    });
}

/// Logs a known misconfiguration that stops nothing: an answer that accepts or refuses a single event.
fn log_problem(tried: &Tried) {
    let status = tried.attempt.status.and_then(|status| http::StatusCode::from_u16(status).ok());
    if let (Some(problem), Some(status)) = (tried.problem, status)
        && !is_pause(tried.class)
    {
        let upstream = &tried.routes.routes[tried.place].upstream;
        upstream.misconfiguration_log.log(problem, status, &tried.request_id);
    }
}

/// Whether such a try pauses the upstream or the route.
fn is_pause(class: AttemptClass) -> bool {
    matches!(class, AttemptClass::Down | AttemptClass::RateLimited | AttemptClass::Misconfigured)
}

fn now() -> Since {
    Since { clock: Instant::now(), wall: SystemTime::now() }
}
