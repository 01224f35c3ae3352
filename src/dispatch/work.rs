//! What the dispatcher knows while it delivers: the routes, the upstreams, and the tries under way.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::attempt::{Probe, Tried};
use super::backoff::Backoff;
use super::decide::Progress;
use super::log::StoreFailures;
use super::outcomes::Outcomes;
use super::pause::{Availability, Since};
use super::route::{DispatchRoute, DispatchRoutes};
use super::shared::{Shared, Shown};
use super::state::{Pause, Paused, PausedRoute, UpstreamState};
use super::unknown::UnknownRoutes;
use crate::inbox::{DeadReason, EventId, Order, Store};
use crate::telemetry::metrics::{AttemptClass, InboxMetrics};
use crate::telemetry::trace::SpanQueue;

/// The longest wait between two probes of an upstream that is down.
const LONGEST_PROBE_WAIT: Duration = Duration::from_secs(30);
/// The first wait of a misconfigured route, as a multiple of the first wait between two tries: nothing changes before somebody
/// corrects it.
const FIRST_WAIT_OF_MISCONFIGURED: u32 = 10;

/// Of how many events of a route the outcome may not be stored yet when further tries begin. While many events arrive, the store
/// takes as long for a few outcomes as for one.
const NOT_STORED: usize = 32;

/// All that is known.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) store: Arc<dyn Store>,
    pub(super) metrics: Arc<InboxMetrics>,
    pub(super) spans: Option<SpanQueue>,
    pub(super) shared: Arc<Shared>,
    /// The settings in use.
    pub(super) settings: Arc<DispatchRoutes>,
    /// By the path of the route. Some may be of routes that the settings no longer have, as long as tries are under way.
    pub(super) routes: HashMap<Arc<str>, RouteWork>,
    /// By the name of the upstream.
    pub(super) upstreams: HashMap<Arc<str>, UpstreamWork>,
    pub(super) unknown: UnknownRoutes,
    pub(super) tries: JoinSet<Tried>,
    pub(super) under_way: HashMap<Id, UnderWay>,
    pub(super) outcomes: Outcomes,
    pub(super) failures: StoreFailures,
    /// Whether events may have become due.
    pub(super) must_look: bool,
    /// At which route the next pass begins, so that none is always last.
    pub(super) turn: usize,
    /// Whether what is shown must be made anew.
    pub(super) is_shown_outdated: bool,
}

/// One route.
#[derive(Debug)]
pub(super) struct RouteWork {
    /// Events that are being tried, or whose outcome is not stored yet, by `seq`.
    pub(super) busy: HashSet<i64>,
    /// Tries under way.
    pub(super) under_way: usize,
    pub(super) availability: Availability,
    /// Why it is paused.
    pub(super) why: Option<Why>,
    /// Tries that have succeeded.
    pub(super) successes: u64,
    /// What is remembered of events that are tried again, by `seq`.
    pub(super) progress: HashMap<i64, Progress>,
    /// Whether it may have due events.
    pub(super) is_ready: bool,
    /// When it may have due events.
    pub(super) next: Option<Instant>,
    /// Until when the rate of a target allows no try.
    pub(super) not_before: Option<Instant>,
    /// Batches that a target has refused as a whole: each is sent in halves.
    pub(super) to_split: HashSet<i64>,
}

/// Why a route is paused.
#[derive(Debug)]
pub(super) struct Why {
    pub(super) class: AttemptClass,
    pub(super) detail: String,
    pub(super) hint: String,
}

/// One upstream.
#[derive(Debug)]
pub(super) struct UpstreamWork {
    pub(super) under_way: usize,
    pub(super) availability: Availability,
    /// What the last try has shown, if it is paused.
    pub(super) detail: String,
    /// Tries that have succeeded.
    pub(super) successes: u64,
}

/// A try under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) route: Arc<str>,
    pub(super) upstream: Arc<str>,
    /// The events, with their `seq`.
    pub(super) events: Vec<(EventId, i64)>,
    pub(super) probe: Probe,
}

impl Work {
    pub(super) fn new(
        store: Arc<dyn Store>,
        settings: Arc<DispatchRoutes>,
        metrics: Arc<InboxMetrics>,
        spans: Option<SpanQueue>,
        shared: Arc<Shared>,
    ) -> Self {
        let mut work = Self {
            outcomes: Outcomes::new(Arc::clone(&store)),
            store,
            metrics,
            spans,
            shared,
            settings: Arc::clone(&settings),
            routes: HashMap::new(),
            upstreams: HashMap::new(),
            unknown: UnknownRoutes::default(),
            tries: JoinSet::new(),
            under_way: HashMap::new(),
            failures: StoreFailures::default(),
            must_look: true,
            turn: 0,
            is_shown_outdated: true,
        };
        work.set_up(settings);
        work
    }

    /// Takes over new settings. A misconfigured route is tried at once: the new settings may have corrected it.
    pub(super) fn reload(&mut self, settings: Arc<DispatchRoutes>) {
        self.set_up(settings);
        let now = Instant::now();
        for route in self.routes.values_mut() {
            route.not_before = None;
            if route.why.as_ref().is_some_and(|why| why.class == AttemptClass::Misconfigured) {
                route.hurry(now);
            }
        }
        self.must_look = true;
        self.is_shown_outdated = true;
    }

    fn set_up(&mut self, settings: Arc<DispatchRoutes>) {
        for route in &settings.routes {
            self.metrics.declare(&route.path, DeadReason::ALL.map(DeadReason::as_str));
            self.routes.entry(Arc::clone(&route.path)).or_default();
            let name = route.upstream_name();
            if !self.upstreams.contains_key(name) {
                self.metrics.paused(name, false);
                self.upstreams.insert(Arc::clone(name), UpstreamWork::default());
            }
        }
        self.settings = settings;
        self.remove_unused();
    }

    /// Forgets routes and upstreams that the settings do not have, once nothing of them is under way.
    pub(super) fn remove_unused(&mut self) {
        let settings = &self.settings.routes;
        self.routes.retain(|path, route| {
            !route.busy.is_empty() || settings.iter().any(|known| known.path == *path)
        });
        self.upstreams.retain(|name, upstream| {
            upstream.under_way > 0 || settings.iter().any(|known| known.upstream_name() == name)
        });
    }

    /// Lets what is paused be tried at once.
    pub(super) fn hurry(&mut self, paused: &Paused) {
        let now = Instant::now();
        let is_upstream = |name: &str| match paused {
            Paused::All => true,
            Paused::Upstream(wanted) => wanted == name,
            Paused::Route(_) => false,
        };
        let settings = &self.settings;
        let is_route = |path: &str| match paused {
            Paused::Route(wanted) => wanted == path,
            _ => settings.routes.iter().any(|of| *of.path == *path && is_upstream(of.upstream_name())),
        };
        let upstreams = self.upstreams.iter_mut().filter(|(name, _)| is_upstream(name));
        upstreams.for_each(|(_, upstream)| upstream.availability.hurry(now));
        let routes = self.routes.iter_mut().filter(|(path, _)| is_route(path));
        routes.for_each(|(_, route)| route.hurry(now));
        self.outcomes.hurry();
        self.must_look = true;
        self.is_shown_outdated = true;
    }

    /// Ends pauses where no event waits: nothing would show that they are over. `waiting` has the routes with events.
    pub(super) fn end_idle_pauses(&mut self, waiting: &HashSet<Arc<str>>) {
        for (path, route) in &mut self.routes {
            let is_idle = route.busy.is_empty() && !waiting.contains(path);
            if is_idle && route.availability.pause().is_some() {
                *route = RouteWork::default();
                self.metrics.route_paused(path, false);
                self.is_shown_outdated = true;
            }
        }
        for (name, upstream) in &mut self.upstreams {
            let mut routes = self.settings.routes.iter().filter(|route| route.upstream_name() == name);
            let is_idle = upstream.under_way == 0 && !routes.any(|route| waiting.contains(&route.path));
            if is_idle && upstream.availability.pause().is_some() {
                *upstream = UpstreamWork::default();
                self.metrics.paused(name, false);
                self.is_shown_outdated = true;
            }
        }
    }

    /// Shows no pause as a metric any more: another process decides about pauses.
    pub(super) fn hide_pauses(&self) {
        self.upstreams.keys().for_each(|name| self.metrics.paused(name, false));
        self.routes.keys().for_each(|path| self.metrics.route_paused(path, false));
    }

    /// The waits between two tries of one event.
    pub(super) fn backoff(&self) -> Backoff {
        let DispatchRoutes { retry_first, retry_max, .. } = *self.settings;
        Backoff { first: retry_first, max: retry_max }
    }

    /// The waits between two probes of an upstream that is down.
    pub(super) fn probe_backoff(&self) -> Backoff {
        let backoff = self.backoff();
        Backoff { max: backoff.max.min(LONGEST_PROBE_WAIT), ..backoff }
    }

    /// The waits between two probes of a route that is paused.
    pub(super) fn route_backoff(&self, class: AttemptClass) -> Backoff {
        let backoff = self.backoff();
        match class {
            AttemptClass::Misconfigured => {
                let first = backoff.first.saturating_mul(FIRST_WAIT_OF_MISCONFIGURED);
                Backoff { first: first.min(backoff.max), ..backoff }
            }
            _ => backoff,
        }
    }

    /// Shows what is paused, if that has changed.
    pub(super) fn show(&mut self) {
        if !std::mem::take(&mut self.is_shown_outdated) {
            return;
        }
        let mut shown = Shown::default();
        for route in &self.settings.routes {
            let name = route.upstream_name();
            let Some(upstream) = self.upstreams.get(name) else { continue };
            let place = shown.state.iter().position(|state| state.upstream == *name);
            let place = place.unwrap_or_else(|| {
                let (upstream, paused) = (Arc::clone(name), upstream.pause());
                shown.state.push(UpstreamState { upstream, paused, routes: Vec::new() });
                shown.state.len() - 1
            });
            let paused = self.routes.get(&route.path).and_then(|work| work.pause(&route.path));
            if paused.is_some() || shown.state[place].paused.is_some() {
                shown.paused.insert(Arc::clone(&route.path));
            }
            shown.state[place].routes.extend(paused);
        }
        self.shared.show(shown);
    }
}

impl RouteWork {
    /// Whether a try may begin, if there is an event.
    pub(super) fn may_begin(&self, now: Instant) -> bool {
        self.is_ready && self.not_before.is_none_or(|at| at <= now)
    }

    /// Whether events wait for others, to be sent together.
    pub(super) fn gathers(&self, settings: &DispatchRoute) -> bool {
        settings.batch().is_some() && self.next.is_some()
    }

    fn hurry(&mut self, now: Instant) {
        self.not_before = None;
        self.availability.hurry(now);
        self.is_ready = true;
    }

    fn pause(&self, path: &Arc<str>) -> Option<PausedRoute> {
        let (since, until) = self.availability.pause()?;
        let Why { class, detail, hint } = self.why.as_ref()?;
        let pause = shown(detail, since, until);
        Some(PausedRoute { route: Arc::clone(path), class: class.as_str(), pause, hint: hint.clone() })
    }
}

impl UpstreamWork {
    fn pause(&self) -> Option<Pause> {
        let (since, until) = self.availability.pause()?;
        Some(shown(&self.detail, since, until))
    }
}

impl Default for RouteWork {
    fn default() -> Self {
        Self {
            busy: HashSet::new(),
            under_way: 0,
            availability: Availability::open(usize::MAX),
            why: None,
            successes: 0,
            progress: HashMap::new(),
            is_ready: true,
            next: None,
            not_before: None,
            to_split: HashSet::new(),
        }
    }
}

impl Default for UpstreamWork {
    /// One try at first: the upstream may have been started together with clawgate, and many events may wait.
    fn default() -> Self {
        let availability = Availability::open(1);
        Self { under_way: 0, availability, detail: String::new(), successes: 0 }
    }
}

impl DispatchRoute {
    /// Whether only its first event may be tried.
    pub(super) fn is_strict(&self) -> bool {
        self.inbox.order == Order::Strict
    }

    /// How many of its events may be tried at once.
    pub(super) fn at_once(&self) -> usize {
        if self.is_strict() { 1 } else { self.inbox.concurrency.max(1) }
    }

    /// How many of its events may be tried, or have an outcome that is not stored yet: so many may be delivered twice if clawgate is
    /// killed.
    pub(super) fn most_busy(&self) -> usize {
        if self.is_strict() { 1 } else { self.at_once().saturating_add(NOT_STORED) }
    }
}

fn shown(detail: &str, since: Since, until: Instant) -> Pause {
    Pause { detail: detail.to_owned(), since: since.wall, until: wall(until) }
}

/// When this time of the clock for intervals is, for people.
pub(super) fn wall(at: Instant) -> SystemTime {
    SystemTime::now() + at.saturating_duration_since(Instant::now())
}
