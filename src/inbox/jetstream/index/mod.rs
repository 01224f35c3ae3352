//! What this process knows of the events in the stream, without their requests. It follows the stream: each message is applied once,
//! in the order of the stream.

mod entry;
mod route;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

pub(super) use self::entry::Entry;
use self::route::WaitingEvents;
use super::messages::{EventHead, How, Phase, RightHead, StateHead};
use super::subjects::Mark;
use crate::inbox::encode::{millis, time};
use crate::inbox::{Due, EventId, EventState, EventSummary, Filter, Next, RouteTotals};

/// The events, and who delivers.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By their place in the order of arrival. A node of the map that is filled in order stays half empty, so it has pointers only.
    events: BTreeMap<i64, Arc<Entry>>,
    by_mark: HashMap<Mark, i64>,
    by_id: HashMap<EventId, i64>,
    routes: BTreeMap<Arc<str>, RouteEvents>,
    /// The places of those that have ended.
    ended: BTreeSet<i64>,
    /// Messages that tell others of something and are not needed any more, with the time since when.
    pub(super) leftovers: Vec<(u64, Instant)>,
    pub(super) right: Right,
    /// Events that wait or are dead.
    kept: u64,
    /// The names of routes and principals, which many events have in common.
    names: HashSet<Arc<str>>,
}

/// How many names are remembered. After that, all are forgotten, because some may be of no event any more.
const MAX_NAMES: usize = 1_000;

/// Which process delivers, as far as this one knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Right {
    /// The sequence of the last message about it; 0 if there is none.
    pub(super) revision: u64,
    /// `None`: no process.
    pub(super) holder: Option<Box<str>>,
    /// When that message was seen.
    pub(super) seen: Option<Instant>,
}

/// The events of one route.
#[derive(Debug, Default)]
struct RouteEvents {
    waiting: WaitingEvents,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: u64,
    delivered: u64,
    dead: u64,
    bytes: u64,
}

impl Index {
    /// Applies a message under `event`.
    pub(super) fn apply_event(&mut self, mark: Mark, sequence: u64, event: EventHead) {
        if let Some(known) = self.of_mark(&mark) {
            // A server was asked for it meanwhile.
            if known.revision >= sequence {
                return;
            }
            // What was known under this mark before has been replaced.
            let seq = known.seq;
            self.remove(seq);
        }
        if event.ended.as_ref().is_some_and(|ended| ended.how == How::Forgotten) {
            self.leftovers.push((sequence, Instant::now()));
        } else {
            let event = EventHead {
                route: self.shared(event.route),
                principal: self.shared(event.principal),
                ..event
            };
            self.insert(Entry::new(mark, sequence, event));
        }
    }

    /// The name as another event has it already, so that it is in memory once.
    fn shared(&mut self, name: Arc<str>) -> Arc<str> {
        if let Some(known) = self.names.get(&name) {
            return Arc::clone(known);
        }
        if self.names.len() >= MAX_NAMES {
            self.names.clear();
        }
        self.names.insert(Arc::clone(&name));
        name
    }

    /// Applies a message under `state`.
    pub(super) fn apply_state(&mut self, mark: Mark, sequence: u64, state: StateHead) {
        let entry = self.of_mark(&mark);
        if entry.is_some_and(|entry| entry.state_revision >= sequence) {
            return;
        }
        // It is of an event that has ended since, or was replaced.
        let Some(entry) = entry.filter(|entry| entry.event.id == state.id && entry.has_request()) else {
            self.leftovers.push((sequence, Instant::now()));
            return;
        };
        let mut entry = Entry::clone(entry);
        self.remove_counted(entry.seq);
        (entry.state, entry.state_revision, entry.has_state) = (state, sequence, true);
        self.insert(entry);
    }

    /// Corrects what is known about a mark, by what a server has now: the last message about an event, and the last one about its state.
    pub(super) fn correct(
        &mut self,
        mark: Mark,
        event: Option<(u64, EventHead)>,
        state: Option<(u64, StateHead)>,
    ) {
        match event {
            Some((sequence, event)) => self.apply_event(mark, sequence, event),
            None => {
                let known = self.by_mark.get(&mark).copied();
                known.into_iter().for_each(|seq| self.remove(seq));
            }
        }
        let Some(entry) = self.by_mark.get(&mark).and_then(|seq| self.events.get_mut(seq)) else {
            return;
        };
        match state {
            Some((sequence, state)) if state.id == entry.event.id => {
                self.apply_state(mark, sequence, state);
            }
            // It is of another event that had this mark before, and is overwritten.
            other => {
                let entry = Arc::make_mut(entry);
                (entry.state_revision, entry.has_state) =
                    (other.map_or(0, |(sequence, _)| sequence), false);
            }
        }
    }

    /// Applies a message about the right to deliver.
    pub(super) fn apply_right(&mut self, sequence: u64, right: RightHead) {
        if sequence > self.right.revision {
            self.correct_right(sequence, right);
        }
    }

    /// The same, as a server has it now.
    pub(super) fn correct_right(&mut self, sequence: u64, right: RightHead) {
        self.right = Right { revision: sequence, holder: right.holder, seen: Some(Instant::now()) };
    }

    /// Forgets an event whose message does not exist any more.
    pub(super) fn remove(&mut self, seq: i64) {
        if let Some(entry) = self.remove_counted(seq) {
            self.by_mark.remove(&entry.mark);
            self.by_id.remove(&entry.id());
            if entry.state_revision > 0 {
                self.leftovers.push((entry.state_revision, Instant::now()));
            }
        }
    }

    fn insert(&mut self, entry: Entry) {
        let route = self.routes.entry(Arc::clone(&entry.event.route)).or_default();
        route.counts.add(&entry, u64::saturating_add);
        if entry.state() == EventState::Waiting {
            route.waiting.insert(entry.seq, entry.since(), entry.state.next_at);
        }
        self.kept += u64::from(entry.is_kept());
        self.by_mark.insert(entry.mark, entry.seq);
        self.by_id.insert(entry.id(), entry.seq);
        if entry.ended().is_some() {
            self.ended.insert(entry.seq);
        }
        self.events.insert(entry.seq, Arc::new(entry));
    }

    /// Removes an event from the table and from what is counted.
    fn remove_counted(&mut self, seq: i64) -> Option<Arc<Entry>> {
        let entry = self.events.remove(&seq)?;
        self.ended.remove(&seq);
        if let Some(route) = self.routes.get_mut(&entry.event.route) {
            route.counts.add(&entry, u64::saturating_sub);
            if entry.state() == EventState::Waiting {
                route.waiting.remove(entry.seq, entry.since(), entry.state.next_at);
            }
        }
        self.kept -= u64::from(entry.is_kept());
        Some(entry)
    }

    fn of_mark(&self, mark: &Mark) -> Option<&Arc<Entry>> {
        self.by_mark.get(mark).and_then(|seq| self.events.get(seq))
    }

    /// The event with this place.
    pub(super) fn get(&self, seq: i64) -> Option<&Arc<Entry>> {
        self.events.get(&seq)
    }

    /// The event with this id, unless it was dropped.
    pub(super) fn find(&self, id: EventId) -> Option<&Arc<Entry>> {
        self.by_id.get(&id).and_then(|seq| self.events.get(seq)).filter(|entry| !entry.is_dropped())
    }

    /// The event with this id, with what lists show.
    pub(super) fn summary(&self, id: EventId) -> Option<(Arc<Entry>, EventSummary)> {
        self.find(id).map(|entry| (Arc::clone(entry), entry.summary()))
    }

    /// When the event with this id was delivered or given up, in milliseconds; `None` if it waits or is not known.
    pub(super) fn ended(&self, id: EventId) -> Option<i64> {
        self.by_id.get(&id).and_then(|seq| self.events.get(seq)).and_then(|entry| entry.ended())
    }

    /// How many events wait or are dead.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// Events that may be tried. `farthest`: the longest wait between two tries, in milliseconds.
    pub(super) fn due(&self, due: &Due, farthest: i64) -> Vec<Arc<Entry>> {
        let Some(route) = self.routes.get(&due.route) else { return Vec::new() };
        let seqs = route.waiting.due(millis(due.now), farthest, due.strict, &due.except, due.limit);
        seqs.iter().filter_map(|seq| self.events.get(seq)).cloned().collect()
    }

    /// The waiting events of a route that are in this batch, by arrival.
    pub(super) fn batch(&self, route: &str, batch: i64) -> Vec<Arc<Entry>> {
        let is_in = |entry: &&Arc<Entry>| {
            *entry.event.route == *route
                && entry.state.batch == Some(batch)
                && entry.state() == EventState::Waiting
        };
        // A batch has the place of its first event as its number.
        self.events.range(batch..).map(|(_, entry)| entry).filter(is_in).cloned().collect()
    }

    /// When the next event of each route is due.
    pub(super) fn next(&self, farthest: i64) -> Vec<Next> {
        let now = millis(SystemTime::now());
        let next = self.routes.iter().filter_map(|(path, route)| {
            let (at, first_at) = route.waiting.next(now, farthest)?;
            Some(Next { route: Arc::clone(path), at: time(at), first_at: time(first_at) })
        });
        next.collect()
    }

    /// How much is stored, for each route that has events.
    pub(super) fn totals(&self) -> Vec<RouteTotals> {
        let routes = self.routes.iter().filter(|(_, route)| !route.counts.are_none());
        let totals = routes.map(|(path, RouteEvents { waiting, counts })| RouteTotals {
            route: path.to_string(),
            waiting: counts.waiting,
            delivered: counts.delivered,
            dead: counts.dead,
            bytes: counts.bytes,
            oldest_waiting: waiting
                .first()
                .and_then(|first| self.events.get(&first.seq))
                .map(|first| time(first.event.received)),
        });
        totals.collect()
    }

    /// The events that a filter means, the newest first; those that were dropped only if asked for.
    pub(super) fn filtered(&self, filter: &Filter, limit: usize, with_dropped: bool) -> Vec<Arc<Entry>> {
        let end = filter.before_seq.unwrap_or(i64::MAX);
        let events = self.events.range(..end).rev().map(|(_, entry)| entry);
        let shown = events.filter(|entry| with_dropped || !entry.is_dropped());
        shown.filter(|entry| entry.matches(filter)).take(limit).cloned().collect()
    }

    /// What lists show of the events that a filter means, the newest first.
    pub(super) fn list(&self, filter: &Filter, limit: usize) -> Vec<EventSummary> {
        self.filtered(filter, limit, false).iter().map(|entry| entry.summary()).collect()
    }

    /// Events that have ended, by arrival, from this place on.
    pub(super) fn ended_from(&self, seq: i64) -> impl Iterator<Item = &Arc<Entry>> {
        self.ended.range(seq..).filter_map(|seq| self.events.get(seq))
    }

    /// Whether an event has this mark.
    pub(super) fn has_mark(&self, mark: &Mark) -> bool {
        self.by_mark.contains_key(mark)
    }

    /// Bytes of the bodies of events that wait or are dead.
    pub(super) fn kept_bytes(&self) -> u64 {
        self.routes.values().map(|route| route.counts.bytes).sum()
    }
}

impl Entry {
    /// Since when it may be tried if it was not tried before.
    fn since(&self) -> i64 {
        self.event.received
    }

    /// Whether it waits or is dead.
    fn is_kept(&self) -> bool {
        matches!(self.state.state, Phase::Waiting | Phase::Dead(_))
    }
}

impl Counts {
    fn add(&mut self, entry: &Entry, change: fn(u64, u64) -> u64) {
        if entry.is_dropped() {
            return;
        }
        let count = match entry.state() {
            EventState::Waiting => &mut self.waiting,
            EventState::Delivered => &mut self.delivered,
            EventState::Dead => &mut self.dead,
        };
        *count = change(*count, 1);
        if entry.is_kept() {
            self.bytes = change(self.bytes, entry.event.size);
        }
    }

    fn are_none(&self) -> bool {
        self.waiting == 0 && self.delivered == 0 && self.dead == 0
    }
}
