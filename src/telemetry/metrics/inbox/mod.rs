//! Metrics of the inbox. They are shown once there is an inbox.

mod kinds;
mod of_route;
pub(super) mod when_used;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use self::kinds::{AppendOutcome, AttemptClass, RouteEvents, StoredEvents};

use self::of_route::{Families, OfRoute, RouteLabel};
use self::when_used::WhenUsed;
use super::histogram::Histogram;
use super::registered::registered;

const STATES: [&str; 3] = ["waiting", "delivered", "dead"];

/// The metrics of the inbox. The label `route` is the path of a route, as it is or was in the settings.
#[derive(Debug)]
pub struct InboxMetrics {
    families: Families,
    routes: RwLock<HashMap<String, Arc<OfRoute>>>,
    events: Family<StateLabels, Gauge>,
    oldest: Family<RouteLabel, Gauge>,
    /// The routes that `events` and `oldest` show.
    stored: Mutex<Vec<String>>,
    paused: Family<UpstreamLabel, Gauge>,
    /// The upstreams that `paused` shows.
    upstreams: Mutex<Vec<String>>,
    bytes: WhenUsed<Gauge>,
    free_bytes: WhenUsed<Gauge>,
    max_bytes: WhenUsed<Gauge>,
    max_events: WhenUsed<Gauge>,
    commits: WhenUsed<Histogram>,
    delivering: WhenUsed<Gauge>,
    deliverer_known: WhenUsed<Gauge>,
    set_aside: WhenUsed<Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    route: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UpstreamLabel {
    upstream: String,
}

impl InboxMetrics {
    pub(super) fn new(all: &mut Registry) -> Self {
        Self {
            families: Families::new(all),
            routes: RwLock::default(),
            events: registered(all, "inbox_events", "Stored events, by route and state"),
            oldest: registered(
                all,
                "inbox_oldest_seconds",
                "How long the oldest event that waits has been waiting, by route; 0 if none waits",
            ),
            stored: Mutex::default(),
            paused: registered(
                all,
                "inbox_paused",
                "1 while deliveries to the upstream are paused because it is down, else 0",
            ),
            upstreams: Mutex::default(),
            bytes: registered(all, "inbox_bytes", "Bytes of the inbox's database that are in use"),
            free_bytes: registered(
                all,
                "inbox_free_bytes",
                "Bytes that are free on the file system of the inbox",
            ),
            max_bytes: registered(all, "inbox_max_bytes", "inbox.max_bytes of the settings"),
            max_events: registered(all, "inbox_max_events", "inbox.max_events of the settings"),
            commits: registered(
                all,
                "inbox_commit_seconds",
                "Time until an event was stored durably, for its sender",
            ),
            delivering: registered(
                all,
                "inbox_delivering",
                "1 if this process delivers the events of the inbox, else 0",
            ),
            deliverer_known: registered(
                all,
                "inbox_deliverer_known",
                "1 if this process delivers the events of the inbox or another instance says that it does, else 0",
            ),
            set_aside: registered(
                all,
                "inbox_set_aside",
                "1 if a damaged database was set aside at the start, else 0",
            ),
        }
    }

    /// Shows the metrics that have no labels, with the limits of the settings.
    pub fn enable(&self, max_events: u64, max_bytes: u64) {
        self.max_events.get().set(gauge(max_events));
        self.max_bytes.get().set(gauge(max_bytes));
        self.commits.get();
        let gauges = [&self.bytes, &self.free_bytes, &self.delivering, &self.deliverer_known];
        for metric in gauges.into_iter().chain([&self.set_aside]) {
            metric.get();
        }
    }

    /// Shows all counters of a route, at 0 if it has none yet. `reasons`: why its events can become dead.
    pub fn declare(&self, route: &str, reasons: impl IntoIterator<Item = &'static str>) {
        let of_route = self.of_route(route);
        for reason in reasons {
            self.families.dead(&of_route, route, reason);
        }
    }

    /// Removes the counters of routes and upstreams that the settings no longer have. What is stored of such routes is still
    /// shown.
    pub(super) fn keep(&self, routes: &[String], upstreams: &[String]) {
        self.routes.write().unwrap_or_else(PoisonError::into_inner).retain(|route, of_route| {
            let kept = routes.contains(route);
            if !kept {
                self.families.remove(of_route, route);
            }
            kept
        });
        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner).retain(|upstream| {
            let kept = upstreams.contains(upstream);
            if !kept {
                self.paused.remove(&UpstreamLabel { upstream: upstream.clone() });
            }
            kept
        });
    }

    /// Counts an event that was to be stored.
    pub fn appended(&self, route: &str, outcome: AppendOutcome) {
        let of_route = self.of_route(route);
        of_route.appends[outcome as usize].inc();
        if outcome == AppendOutcome::Duplicate {
            of_route.duplicates.inc();
        }
    }

    /// The repetitions at each route so far, by its path.
    pub fn duplicates(&self) -> Vec<(String, u64)> {
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(route, of)| (route.clone(), of.duplicates.get())).collect()
    }

    /// Notes how long it took to store an event durably.
    pub fn committed(&self, took: Duration) {
        self.commits.get().observe(took);
    }

    /// Counts a try to deliver an event.
    pub fn attempt(&self, route: &str, class: AttemptClass) {
        self.of_route(route).attempts[class as usize].inc();
    }

    /// Counts a delivered event.
    pub fn delivered(&self, route: &str) {
        self.of_route(route).delivered.inc();
    }

    /// Counts an event that was given up. `reason` is a word of a closed list.
    pub fn dead(&self, route: &str, reason: &'static str) {
        self.families.dead(&self.of_route(route), route, reason).inc();
    }

    /// Sets whether deliveries to an upstream are paused because it is down.
    pub fn paused(&self, upstream: &str, is_paused: bool) {
        let mut upstreams = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        if !upstreams.iter().any(|known| known == upstream) {
            upstreams.push(upstream.to_owned());
        }
        let label = UpstreamLabel { upstream: upstream.to_owned() };
        self.paused.get_or_create_owned(&label).set(i64::from(is_paused));
    }

    /// Sets whether deliveries of a route alone are paused.
    pub fn route_paused(&self, route: &str, is_paused: bool) {
        self.of_route(route).paused.set(i64::from(is_paused));
    }

    /// Sets whether this process delivers.
    pub fn delivering(&self, is_delivering: bool) {
        self.delivering.get().set(i64::from(is_delivering));
        self.deliverer_known(is_delivering);
    }

    /// Sets whether this process delivers, or knows which instance does.
    pub fn deliverer_known(&self, is_known: bool) {
        self.deliverer_known.get().set(i64::from(is_known));
    }

    /// Notes that a damaged database was set aside.
    pub fn set_aside(&self) {
        self.set_aside.get().set(1);
    }

    /// Sets how much is stored. Routes that are not in `totals` have nothing.
    pub fn set_totals(&self, totals: &StoredEvents) {
        let mut shown = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in shown.extract_if(.., |route| !totals.routes.iter().any(|of| of.route == *route)) {
            for state in STATES {
                self.events.remove(&StateLabels { route: gone.clone(), state });
            }
            self.oldest.remove(&RouteLabel { route: gone });
        }
        for of in &totals.routes {
            if !shown.contains(&of.route) {
                shown.push(of.route.clone());
            }
            for (state, count) in STATES.into_iter().zip([of.waiting, of.delivered, of.dead]) {
                let label = StateLabels { route: of.route.clone(), state };
                self.events.get_or_create_owned(&label).set(gauge(count));
            }
            let seconds = of.oldest.unwrap_or_default().as_secs();
            let label = RouteLabel { route: of.route.clone() };
            self.oldest.get_or_create_owned(&label).set(gauge(seconds));
        }
        self.bytes.get().set(gauge(totals.used_bytes));
        self.free_bytes.get().set(gauge(totals.free_bytes));
    }

    fn of_route(&self, route: &str) -> Arc<OfRoute> {
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_route) = known.get(route) {
            return Arc::clone(of_route);
        }
        drop(known);
        let mut known = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let of_route =
            known.entry(route.to_owned()).or_insert_with(|| Arc::new(self.families.of_route(route)));
        Arc::clone(of_route)
    }
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    fn totals(route: &str, waiting: u64) -> StoredEvents {
        let oldest = Some(Duration::from_secs(90));
        let route = RouteEvents { route: route.to_owned(), waiting, oldest, ..RouteEvents::default() };
        StoredEvents { routes: vec![route], used_bytes: 4096, free_bytes: 1 << 40 }
    }

    #[test]
    fn without_an_inbox_no_metric_of_it_is_shown() {
        let text = Metrics::new().plain();
        assert!(!text.contains("clawgate_inbox"), "{text}");
    }

    #[test]
    fn a_repeated_event_is_counted_as_an_outcome_and_as_a_duplicate() {
        let metrics = Metrics::new();
        metrics.inbox().appended("/hooks/a", AppendOutcome::Duplicate);
        let text = metrics.plain();
        for line in [
            r#"clawgate_inbox_appends_total{route="/hooks/a",outcome="duplicate"} 1"#,
            r#"clawgate_inbox_appends_total{route="/hooks/a",outcome="accepted"} 0"#,
            r#"clawgate_inbox_duplicates_total{route="/hooks/a"} 1"#,
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in {text}");
        }
    }

    #[test]
    fn the_words_of_outcomes_and_classes_are_in_the_order_of_their_counters() {
        for (place, outcome) in AppendOutcome::ALL.into_iter().enumerate() {
            assert_eq!(place, outcome as usize);
        }
        for (place, class) in AttemptClass::ALL.into_iter().enumerate() {
            assert_eq!(place, class as usize);
        }
    }

    #[test]
    fn a_route_without_stored_events_is_no_longer_shown() {
        let metrics = Metrics::new();
        metrics.inbox().set_totals(&totals("/old", 3));
        let line = r#"clawgate_inbox_events{route="/old",state="waiting"} 3"#;
        assert!(metrics.plain().contains(line));
        assert!(metrics.plain().contains(r#"clawgate_inbox_oldest_seconds{route="/old"} 90"#));

        metrics.inbox().set_totals(&totals("/new", 1));

        let text = metrics.plain();
        assert!(!text.contains("/old"), "{text}");
        assert!(text.contains(r#"clawgate_inbox_events{route="/new",state="waiting"} 1"#), "{text}");
    }

    #[test]
    fn counters_of_a_removed_route_and_upstream_go_but_what_is_stored_stays() {
        let metrics = Metrics::new();
        let inbox = metrics.inbox();
        inbox.declare("/old", ["rejected"]);
        inbox.dead("/old", "too_old");
        inbox.paused("http://127.0.0.1:1", true);
        inbox.set_totals(&totals("/old", 3));

        metrics.in_use(&[], &[], Vec::new());

        let text = metrics.plain();
        let left: Vec<_> = text.lines().filter(|line| line.contains("/old")).collect();
        assert_eq!(left.len(), 4, "{left:?}");
        assert!(!text.contains("127.0.0.1"), "{text}");
    }
}
