//! Which events are tried, and when to look for the next ones.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::attempt::{Probe, Try};
use super::decide::is_too_old;
use super::pause::Room;
use super::route::Destination;
use super::work::{RouteWork, UnderWay, Work};
use crate::inbox::{DeadReason, Due, Event, Next, StoreError};
use crate::relay::batch::Batch;

/// How long nothing may happen before events are looked for nevertheless.
const IDLE: Duration = Duration::from_secs(60);
/// How often to look for events of a route of which some are being tried: these hide when the next one is due.
const WHILE_BUSY: Duration = Duration::from_millis(500);
/// How long to wait if the store says that an event is due, but gives none.
const DISAGREED: Duration = Duration::from_millis(50);
/// Among how many events of a route the probe is chosen.
const CANDIDATES: usize = 4;

/// Due events of a route.
pub(super) struct Found {
    pub(super) events: Vec<Event>,
    /// Whether these are all.
    pub(super) are_all: bool,
}

impl Work {
    /// Begins tries where there is room for them. Returns when to call it again, if nothing happens before.
    ///
    /// # Errors
    /// When the store cannot be read. Tries may have begun nevertheless.
    pub(super) async fn claim(&mut self) -> Result<Instant, StoreError> {
        if std::mem::take(&mut self.must_look) {
            self.look(false).await?;
        }
        let now = Instant::now();
        for route in self.routes.values_mut() {
            if route.next.is_some_and(|at| at <= now) {
                (route.is_ready, route.next) = (true, None);
            }
        }
        self.turn = self.turn.wrapping_add(1);
        let mut names: Vec<_> = self.upstreams.keys().cloned().collect();
        names.sort_unstable();
        for name in names {
            let Some(upstream) = self.upstreams.get(&name) else { continue };
            match upstream.availability.room(now) {
                Room::Closed(_) => {}
                Room::Probe => self.begin_probe(&name, now).await?,
                Room::AtOnce(_) => self.fill(&name, now).await?,
            }
        }
        if self.unknown.check_at.is_some_and(|at| at <= now) {
            self.check_unknown().await?;
        }
        if std::mem::take(&mut self.must_look) {
            self.look(true).await?;
        }
        Ok(self.wake_at(now))
    }

    /// Asks the store when events are due. `is_after_pass`: what was due is being tried already.
    async fn look(&mut self, is_after_pass: bool) -> Result<(), StoreError> {
        let listed = self.store.next().await?;
        let (now, wall) = (Instant::now(), SystemTime::now());
        let longest = self.settings.retry_max;
        self.end_idle_pauses(&listed.iter().map(|next| Arc::clone(&next.route)).collect());
        let mut unknown = Vec::new();
        for Next { route: path, at, first_at } in listed {
            let settings = self.settings.routes.iter().find(|route| route.path == path);
            let (Some(settings), Some(route)) = (settings, self.routes.get_mut(&path)) else {
                unknown.push(path);
                continue;
            };
            let at = if settings.is_strict() { first_at } else { at };
            let wait = at.duration_since(wall).unwrap_or_default();
            // The clock was set back: the store gives such events, too.
            let is_due = wait.is_zero() || wait > longest;
            if !is_due {
                let at = now + wait;
                route.next = Some(route.next.map_or(at, |next| next.min(at)));
            } else if !is_after_pass {
                route.is_ready = true;
            } else if route.busy.is_empty() && !route.is_ready && !route.gathers(settings) {
                route.next = Some(now + DISAGREED);
            }
        }
        self.unknown.set(unknown, now);
        Ok(())
    }

    /// The places of an upstream's routes in the settings, each time beginning with another one.
    fn places(&self, upstream: &str) -> Vec<usize> {
        let routes = self.settings.routes.iter().enumerate();
        let of_upstream = routes.filter(|(_, route)| &**route.upstream_name() == upstream);
        let mut places: Vec<_> = of_upstream.map(|(place, _)| place).collect();
        let turn = self.turn % places.len().max(1);
        places.rotate_left(turn);
        places
    }

    /// Begins tries of events of an upstream that is up.
    async fn fill(&mut self, upstream: &Arc<str>, now: Instant) -> Result<(), StoreError> {
        for place in self.places(upstream) {
            let settings = Arc::clone(&self.settings);
            let route = &settings.routes[place];
            let Some(upstream) = self.upstreams.get(upstream) else { return Ok(()) };
            let Room::AtOnce(most) = upstream.availability.room(now) else { return Ok(()) };
            let free = most.saturating_sub(upstream.under_way);
            let Some(work) = self.routes.get(&route.path).filter(|work| work.may_begin(now)) else {
                continue;
            };
            match work.availability.room(now) {
                Room::Closed(_) => {}
                Room::Probe if free > 0 => {
                    let found = self.find(place, CANDIDATES).await?;
                    let probe = self.choose(found.events.into_iter().map(|event| (place, event)));
                    match probe {
                        Some((place, event)) => self.begin_alone(place, event).await?,
                        None => self.found_all(place),
                    }
                }
                Room::Probe => {}
                Room::AtOnce(most) if let Some(batch) = route.batch() => {
                    let limit = most.min(route.at_once()).saturating_sub(work.under_way).min(free);
                    self.fill_batches(place, batch, limit).await?;
                }
                Room::AtOnce(most) => {
                    let limit = most.min(route.at_once()).saturating_sub(work.under_way);
                    let limit = limit.min(route.most_busy().saturating_sub(work.busy.len())).min(free);
                    if limit == 0 {
                        continue;
                    }
                    let found = self.find(place, limit).await?;
                    let number = found.events.len();
                    let permitted = found.events.into_iter().take_while(|_| self.permit(place));
                    let permitted: Vec<_> = permitted.collect();
                    if found.are_all && permitted.len() == number {
                        self.found_all(place);
                    }
                    for event in permitted {
                        self.begin(place, Batch::alone(event));
                    }
                }
            }
        }
        Ok(())
    }

    /// Begins the try of one event that shows whether an upstream is up again.
    async fn begin_probe(&mut self, upstream: &Arc<str>, now: Instant) -> Result<(), StoreError> {
        let mut candidates = Vec::new();
        for place in self.places(upstream) {
            let path = Arc::clone(&self.settings.routes[place].path);
            let Some(work) = self.routes.get(&path).filter(|work| work.may_begin(now)) else { continue };
            if matches!(work.availability.room(now), Room::Closed(_)) {
                continue;
            }
            let found = self.find(place, CANDIDATES).await?;
            if found.events.is_empty() {
                self.found_all(place);
            }
            candidates.extend(found.events.into_iter().map(|event| (place, event)));
        }
        if let Some((place, event)) = self.choose(candidates) {
            self.begin_alone(place, event).await?;
        }
        Ok(())
    }

    /// Begins the try of one event, or of the batch that it is in.
    async fn begin_alone(&mut self, place: usize, event: Event) -> Result<(), StoreError> {
        if !self.permit(place) {
            return Ok(());
        }
        let events = match self.settings.routes[place].batch() {
            Some(_) => self.batch_of(place, event).await?,
            None => Some(Batch::alone(event)),
        };
        if let Some(events) = events {
            self.begin(place, events);
        }
        Ok(())
    }

    /// Whether the rate of a target allows one request now, which then has to be made. Otherwise it is asked again when it does.
    pub(super) fn permit(&mut self, place: usize) -> bool {
        let Destination::Target(client) = &self.settings.routes[place].destination else {
            return true;
        };
        let now = Instant::now();
        let Err(wait) = client.target().permit(now.into_std()) else { return true };
        if let Some(work) = self.work_at(place) {
            work.not_before = Some(now + wait);
        }
        false
    }

    /// What is known of the route at this place of the settings.
    pub(super) fn work_at(&mut self, place: usize) -> Option<&mut RouteWork> {
        self.routes.get_mut(&self.settings.routes[place].path)
    }

    /// The oldest of the events that failed least often as a probe: if an event itself is the cause, another one shows that the
    /// upstream is up.
    fn choose(&self, candidates: impl IntoIterator<Item = (usize, Event)>) -> Option<(usize, Event)> {
        candidates.into_iter().min_by_key(|(_, event)| {
            let progress = self.routes.get(&event.route).and_then(|work| work.progress.get(&event.seq));
            (progress.map_or(0, |progress| progress.probes_failed), event.seq)
        })
    }

    /// Due events of a route, at most `limit`. Those that are too old are given up instead.
    pub(super) async fn find(&mut self, place: usize, limit: usize) -> Result<Found, StoreError> {
        let settings = Arc::clone(&self.settings);
        let route = &settings.routes[place];
        loop {
            let now = SystemTime::now();
            let Some(work) = self.routes.get(&route.path).filter(|_| !self.outcomes.are_too_many())
            else {
                return Ok(Found { events: Vec::new(), are_all: false });
            };
            let except = work.busy.iter().copied().collect();
            let (path, strict) = (Arc::clone(&route.path), route.is_strict());
            let events = self.store.due(Due { route: path, now, strict, except, limit }).await?;
            let are_all = events.len() < limit;
            // A batch is given up as a whole.
            let is_old = |event: &Event| {
                event.batch.is_none() && is_too_old(event, route.inbox.give_up_after, now)
            };
            let (old, events): (Vec<_>, Vec<_>) = events.into_iter().partition(is_old);
            for event in &old {
                self.give_up(event, DeadReason::TooOld);
            }
            if !events.is_empty() || are_all {
                return Ok(Found { events, are_all });
            }
        }
    }

    /// Notes that all due events of a route are being tried.
    pub(super) fn found_all(&mut self, place: usize) {
        let Some(work) = self.routes.get_mut(&self.settings.routes[place].path) else { return };
        work.is_ready = false;
        if work.busy.is_empty() {
            self.must_look = true;
        } else {
            let at = Instant::now() + WHILE_BUSY;
            work.next = Some(work.next.map_or(at, |next| next.min(at)));
        }
    }

    /// Begins the try of an event, or of several together.
    pub(super) fn begin(&mut self, place: usize, events: Batch<Event>) {
        let routes = Arc::clone(&self.settings);
        let route = &routes.routes[place];
        let name = Arc::clone(route.upstream_name());
        let (Some(work), Some(upstream)) =
            (self.routes.get_mut(&route.path), self.upstreams.get_mut(&name))
        else {
            return;
        };
        let probe =
            Probe { of_upstream: upstream.availability.begin(), of_route: work.availability.begin() };
        work.busy.extend(events.members().iter().map(|event| event.seq));
        work.under_way += 1;
        upstream.under_way += 1;
        let under_way = UnderWay {
            route: Arc::clone(&route.path),
            upstream: name,
            events: events.members().iter().map(|event| (event.id, event.seq)).collect(),
            probe,
        };
        let (routes, shared) = (Arc::clone(&routes), Arc::clone(&self.shared));
        let task = self.tries.spawn(Try { events, routes, place, shared, probe }.run());
        self.under_way.insert(task.id(), under_way);
    }

    /// When something may be due that is not now.
    fn wake_at(&self, now: Instant) -> Instant {
        let mut wake = now + IDLE;
        let mut at_latest = |at: Option<Instant>| wake = at.map_or(wake, |at| wake.min(at));
        at_latest(self.outcomes.retry_at());
        at_latest(self.unknown.check_at);
        for route in &self.settings.routes {
            let Some(work) = self.routes.get(&route.path) else { continue };
            at_latest(work.next);
            if work.is_ready {
                at_latest(work.not_before);
                let upstream = self.upstreams.get(route.upstream_name());
                let rooms = [upstream.map(|upstream| &upstream.availability), Some(&work.availability)];
                for availability in rooms.into_iter().flatten() {
                    if let Room::Closed(until) = availability.room(now) {
                        at_latest(until);
                    }
                }
            }
        }
        wake
    }
}
