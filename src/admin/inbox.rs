//! What the admin listener shows of the inbox: how much is stored, and whether it is delivered.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::lock::lock;
use crate::dispatch::{Dispatcher, UpstreamState};
use crate::identity::time::rfc3339_millis;
use crate::inbox::{RouteTotals, Store, StoreTotals};
use crate::telemetry::metrics::{InboxMetrics, RouteEvents, StoredEvents};

/// How often the store is asked how much is in it.
const PERIOD: Duration = Duration::from_secs(5);

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

#[derive(Serialize)]
struct Record<'a> {
    counted: Option<String>,
    #[serde(flatten)]
    totals: &'a StoreTotals,
    error: Option<&'a str>,
    delivering: bool,
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

    async fn count(&self) {
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
