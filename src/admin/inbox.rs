//! What the admin listener shows of the inbox: how much is stored, and whether it is delivered.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::lock::lock;
use crate::console::data::InboxData;
use crate::dispatch::{Dispatcher, Instance, Paused, UpstreamState};
use crate::identity::time::rfc3339_millis;
use crate::inbox::{EventId, EventState, Filter, RouteTotals, Store, StoreTotals};
use crate::telemetry::metrics::{InboxMetrics, RouteEvents, StoredEvents};

/// How often the store is asked how much is in it.
const PERIOD: Duration = Duration::from_secs(5);

/// How old numbers on a page may be.
const FRESH: Duration = Duration::from_secs(1);
/// Events of each kind that the console reads: more than it shows, so that it knows whether there are more.
const LISTED: usize = 20;
/// The same when something is searched for.
const SEARCHED: usize = 1000;
/// The latest events that are searched.
const LATEST: usize = 200;

/// The inbox in `/status` and in the metrics of what is stored.
#[derive(Debug)]
pub struct InboxStatus {
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    metrics: Arc<InboxMetrics>,
    set_aside: Option<PathBuf>,
    counted: Mutex<Counted>,
}

/// What the store said last.
#[derive(Debug, Default)]
struct Counted {
    totals: StoreTotals,
    /// When it said so.
    at: Option<SystemTime>,
    /// Why it does not say so now.
    error: Option<String>,
}

impl Counted {
    /// Whether the page, which is made for somebody who has just done something, needs newer numbers.
    fn is_old(&self) -> bool {
        self.at.is_none_or(|at| at.elapsed().is_ok_and(|passed| passed > FRESH))
    }
}

#[derive(Serialize)]
struct Record<'a> {
    counted: Option<String>,
    #[serde(flatten)]
    totals: &'a StoreTotals,
    error: Option<&'a str>,
    delivering: bool,
    deliverer: Option<Instance>,
    upstreams: Vec<UpstreamState>,
    set_aside: Option<String>,
}

impl InboxStatus {
    /// `set_aside` is the damaged database that was set aside at the start, if one was.
    pub fn new(
        store: Arc<dyn Store>,
        dispatcher: Dispatcher,
        metrics: Arc<InboxMetrics>,
        set_aside: Option<PathBuf>,
    ) -> Self {
        Self { store, dispatcher, metrics, set_aside, counted: Mutex::default() }
    }

    /// Asks the store every few seconds how much is in it, until the control runtime ends.
    pub async fn keep_current(self: Arc<Self>) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.count().await;
        }
    }

    /// What the console shows of it. `query` is what is searched for.
    pub(super) async fn console(&self, query: &str) -> InboxData {
        if lock(&self.counted).is_old() {
            self.count().await;
        }
        let ids: Vec<_> = query.parse::<EventId>().into_iter().collect();
        let limit = if query.is_empty() { LISTED } else { SEARCHED };
        let filter = Filter { ids, ..Filter::default() };
        let dead = Filter { state: Some(EventState::Dead), ..filter.clone() };
        let dead = self.store.list(dead, limit).await;
        let latest = self.store.list(filter, limit.min(LATEST)).await.unwrap_or_default();
        let counted = lock(&self.counted);
        let error = dead.as_ref().err().map(ToString::to_string).or_else(|| counted.error.clone());
        InboxData {
            error,
            delivering: self.dispatcher.delivers(),
            deliverer: self.dispatcher.deliverer(),
            set_aside: self.set_aside.as_ref().map(|file| file.display().to_string()),
            routes: counted.totals.routes.clone(),
            upstreams: self.dispatcher.state(),
            paused: self.dispatcher.paused_routes(),
            dead: dead.unwrap_or_default(),
            latest,
        }
    }

    /// Repetitions of events, by route.
    pub(super) fn duplicates(&self) -> Vec<(String, u64)> {
        self.metrics.duplicates()
    }

    /// How many dead events of a route were there when they were counted last.
    pub(super) fn dead(&self, route: &str) -> u64 {
        let counted = lock(&self.counted);
        counted.totals.routes.iter().find(|totals| totals.route == route).map_or(0, |route| route.dead)
    }

    /// The store.
    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Ends pauses, also if another instance delivers. Returns whether anything of that kind was paused.
    pub(super) fn resume(&self, paused: Paused) -> bool {
        self.dispatcher.resume(paused)
    }

    /// Asks the store how much is in it.
    pub(super) async fn count(&self) {
        let counted = self.store.totals().await;
        let now = SystemTime::now();
        match counted {
            Ok(totals) => {
                self.metrics.set_totals(&stored(&totals, now));
                *lock(&self.counted) = Counted { totals, at: Some(now), error: None };
            }
            Err(error) => lock(&self.counted).error = Some(error.to_string()),
        }
    }

    /// The object `inbox` of `/status`.
    pub(super) fn json(&self) -> serde_json::Value {
        let counted = lock(&self.counted);
        let Counted { totals, at, error } = &*counted;
        let record = Record {
            counted: at.map(rfc3339_millis),
            totals,
            error: error.as_deref(),
            delivering: self.dispatcher.delivers(),
            deliverer: self.dispatcher.deliverer(),
            upstreams: self.dispatcher.state(),
            set_aside: self.set_aside.as_ref().map(|file| file.display().to_string()),
        };
        serde_json::to_value(record).unwrap_or_default()
    }
}

fn stored(totals: &StoreTotals, now: SystemTime) -> StoredEvents {
    let StoreTotals { routes, used_bytes, free_bytes } = totals;
    let route = |totals: &RouteTotals| RouteEvents {
        route: totals.route.clone(),
        waiting: totals.waiting,
        delivered: totals.delivered,
        dead: totals.dead,
        // Never negative, since the clock may have been set back.
        oldest: totals.oldest_waiting.map(|at| now.duration_since(at).unwrap_or_default()),
    };
    let routes = routes.iter().map(route).collect();
    StoredEvents { routes, used_bytes: *used_bytes, free_bytes: *free_bytes }
}
