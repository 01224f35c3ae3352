//! The loop that delivers.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::log::{self, StoreFailures};
use super::route::DispatchRoutes;
use super::shared::{Shared, Shown};
use super::work::Work;
use crate::inbox::Store;
use crate::live::Live;
use crate::shutdown::Drain;
use crate::telemetry::metrics::InboxMetrics;
use crate::telemetry::trace::SpanQueue;

/// How often to try to become the process that delivers.
const TAKE_OVER: Duration = Duration::from_millis(250);
/// How long to wait after a failure of the store.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often the outcomes of the last tries may fail to be stored before clawgate ends without.
const LAST_TRIES: u32 = 3;

/// What is needed to deliver.
pub(super) struct Delivery {
    pub(super) store: Arc<dyn Store>,
    pub(super) routes: Arc<Live<DispatchRoutes>>,
    pub(super) metrics: Arc<InboxMetrics>,
    pub(super) spans: Option<SpanQueue>,
    pub(super) shared: Arc<Shared>,
    pub(super) drain: Drain,
}

/// Why a process does not deliver any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// clawgate ends.
    Drained,
    /// Another process may deliver.
    RightLost,
}

impl Delivery {
    /// Delivers until the drain begins and the tries under way have ended.
    pub(super) async fn run(self) {
        let failures = StoreFailures::default();
        loop {
            tokio::select! {
                () = self.take_over(&failures) => {}
                () = self.drain.begun() => return,
            }
            self.metrics.delivering(true);
            let (store, routes) = (Arc::clone(&self.store), self.routes.load());
            let (metrics, shared) = (Arc::clone(&self.metrics), Arc::clone(&self.shared));
            let mut work = Work::new(store, routes, metrics, self.spans.clone(), shared);
            log::started(work.settings.routes.len());
            work.show();
            self.shared.set_delivers(true);
            let ended = tokio::select! {
                // What is ready first counts: no try may begin without the right.
                biased;
                () = self.store.lost_right() => Ended::RightLost,
                () = self.deliver(&mut work) => Ended::Drained,
            };
            self.shared.set_delivers(false);
            work.hide_pauses();
            match ended {
                Ended::Drained => self.stop(work).await,
                // Its tries end with it: the other process makes them again.
                Ended::RightLost => {
                    drop(work);
                    self.shared.watches.retain(|_, _| false);
                }
            }
            self.shared.show(Shown::default());
            self.metrics.delivering(false);
            log::stopped(ended == Ended::RightLost);
            if ended == Ended::Drained {
                return;
            }
        }
    }

    /// Delivers until the drain begins.
    async fn deliver(&self, work: &mut Work) {
        let mut changed = self.store.changed();
        let mut replaced = self.routes.watch();
        let mut drained = pin!(self.drain.begun());
        loop {
            let wake = match work.claim().await {
                Ok(wake) => wake,
                Err(error) => {
                    work.failures.log("read", &error.to_string());
                    work.must_look = true;
                    Instant::now() + AFTER_FAILURE
                }
            };
            work.outcomes.store(Instant::now());
            work.show();
            tokio::select! {
                () = &mut drained => return,
                Ok(()) = changed.changed() => work.must_look = true,
                Ok(()) = replaced.changed() => work.reload(self.routes.load()),
                () = self.shared.resumed.notified() => {
                    self.shared.to_resume().iter().for_each(|paused| work.hurry(paused));
                }
                Some(noted) = work.outcomes.noted() => work.noted(noted),
                Some(ended) = work.tries.join_next_with_id() => {
                    work.settle(ended);
                    // What has ended at the same time needs one look for the next ones.
                    while let Some(ended) = work.tries.try_join_next_with_id() {
                        work.settle(ended);
                    }
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Lets the tries under way end, and gives up the right to deliver.
    async fn stop(&self, mut work: Work) {
        // Senders get the answers of the tries under way, and wait for no others.
        let is_tried =
            |id| work.under_way.values().any(|tried| tried.events.iter().any(|(event, _)| *event == id));
        self.shared.watches.retain(|id, _| is_tried(id));
        tokio::select! {
            () = finish(&mut work) => {}
            () = self.store.lost_right() => {}
        }
        self.shared.watches.retain(|_, _| false);
        if let Err(error) = self.store.stop_delivering().await {
            work.failures.log("stop", &error.to_string());
        }
    }

    /// Waits until this process is the one that delivers.
    async fn take_over(&self, failures: &StoreFailures) {
        loop {
            match self.store.may_deliver().await {
                Ok(true) => return,
                Ok(false) => sleep(TAKE_OVER).await,
                Err(error) => {
                    failures.log("lock", &error.to_string());
                    sleep(AFTER_FAILURE).await;
                }
            }
        }
    }
}

/// Waits for the tries under way, and stores their outcomes.
async fn finish(work: &mut Work) {
    let mut failures = 0;
    loop {
        work.outcomes.hurry();
        work.outcomes.store(Instant::now());
        tokio::select! {
            Some(noted) = work.outcomes.noted() => {
                failures += u32::from(noted.1.is_err());
                work.noted(noted);
                if failures >= LAST_TRIES {
                    return;
                }
            }
            Some(ended) = work.tries.join_next_with_id() => work.settle(ended),
            else => return,
        }
    }
}
