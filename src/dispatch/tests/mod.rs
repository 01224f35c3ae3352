//! Tests with a store in memory and an upstream that answers as it is told.

mod life;
mod memory_store;
mod pauses;
mod peers;
mod requests;
mod rows;
mod targets;
mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use self::memory_store::MemoryStore;
use super::{Destination, DispatchRoute, DispatchRoutes, Dispatcher, RouteUpstream};
use crate::inbox::{Event, EventId, EventState, Order, RouteInbox, Store, StoredRequest};
use crate::live::Live;
use crate::shutdown::Drain;
use crate::telemetry::metrics::Metrics;
use crate::upstream::{Backend, Client, Connector, Forwarding, MisconfigurationLog, Timeouts, Upstream};

const ROUTE: &str = "/hooks/a";
const FIRST: Duration = Duration::from_millis(20);

/// A dispatcher with all that it needs.
struct Running {
    store: Arc<MemoryStore>,
    dispatcher: Dispatcher,
    routes: Arc<Live<DispatchRoutes>>,
    metrics: Arc<Metrics>,
    drain: Drain,
    delivery: JoinSet<()>,
}

/// Runs a test.
fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test takes too long");
    });
}

/// Waits until something is so.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} does not happen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// An event of a route, received now.
pub(super) fn event(route: &str) -> Event {
    let now = SystemTime::now();
    let host = HeaderValue::from_static("hooks.example");
    Event {
        seq: 1,
        id: EventId::new(now, [7; 10]),
        route: Arc::from(route),
        principal: Arc::from("signature:github"),
        key: Some("k-1".to_owned()),
        idempotency_key: "cg-hooks-k-1".to_owned(),
        received: now,
        attempts: 0,
        tries: 0,
        waiting_since: now,
        batch: None,
        request: StoredRequest {
            method: Method::POST,
            target: Uri::from_static("/hooks/a?x=1"),
            headers: HeaderMap::from_iter([(header::HOST, host)]),
            body: Bytes::from_static(b"{}"),
        },
    }
}

/// The settings of events in these tests.
fn inbox() -> RouteInbox {
    RouteInbox {
        id: None,
        wait: None,
        status: StatusCode::ACCEPTED,
        order: Order::Any,
        concurrency: 4,
        give_up_after: Duration::from_secs(86_400),
        store_authorization: false,
    }
}

/// The upstream at an address, with a token of OpenClaw.
fn upstream(address: SocketAddr) -> Upstream {
    let name = format!("http://{address}");
    let connector = Connector::new(name.parse().unwrap(), None).unwrap();
    let timeouts = Timeouts {
        connect: Duration::from_secs(1),
        response: Duration::from_millis(300),
        idle: Duration::from_secs(1),
    };
    let metrics = Metrics::new().upstream(&name);
    Upstream {
        backend: Backend::Client(Client::new(connector, timeouts, 64, 64, metrics)),
        authorization: Some(HeaderValue::from_static("Bearer token")),
        forwarding: Forwarding::default(),
        misconfiguration_log: Arc::new(MisconfigurationLog::new(name.clone(), None)),
        idle_timeout: Duration::from_secs(1),
        name: name.into(),
    }
}

/// A route for one path.
fn route(path: &str, upstream: &Arc<Upstream>) -> DispatchRoute {
    DispatchRoute {
        path: Arc::from(path),
        inbox: inbox(),
        destination: Destination::Upstream(RouteUpstream {
            upstream: Arc::clone(upstream),
            is_exact: true,
            passes_authorization: false,
        }),
    }
}

/// Settings with short waits.
fn settings(routes: Vec<DispatchRoute>) -> DispatchRoutes {
    DispatchRoutes { routes, retry_first: FIRST, retry_max: FIRST * 10 }
}

impl Running {
    /// Delivers the events of one route to the upstream at `address`.
    fn new(address: SocketAddr) -> Self {
        Self::with(settings(vec![route(ROUTE, &Arc::new(upstream(address)))]))
    }

    /// The same, with this change of the route's settings.
    fn changed(address: SocketAddr, change: impl FnOnce(&mut DispatchRoute)) -> Self {
        let mut route = route(ROUTE, &Arc::new(upstream(address)));
        change(&mut route);
        Self::with(settings(vec![route]))
    }

    /// The same, with this change of what belongs to its upstream.
    fn changed_upstream(address: SocketAddr, change: impl FnOnce(&mut RouteUpstream)) -> Self {
        Self::changed(address, |route| {
            let Destination::Upstream(upstream) = &mut route.destination else { panic!() };
            change(upstream);
        })
    }

    fn with(routes: DispatchRoutes) -> Self {
        let mut running = Self::stopped(routes);
        running.start();
        running
    }

    /// Not running yet.
    fn stopped(routes: DispatchRoutes) -> Self {
        let (store, routes) = (MemoryStore::new(), Arc::new(Live::new(routes)));
        let (metrics, drain) = (Arc::new(Metrics::new()), Drain::default());
        let dyn_store: Arc<dyn Store> = store.clone();
        let (dispatcher, _) =
            Dispatcher::new(dyn_store, Arc::clone(&routes), metrics.inbox(), None, drain.clone());
        Self { store, dispatcher, routes, metrics, drain, delivery: JoinSet::new() }
    }

    fn start(&mut self) {
        let store: Arc<dyn Store> = self.store.clone();
        let (routes, metrics) = (Arc::clone(&self.routes), self.metrics.inbox());
        let (dispatcher, delivery) = Dispatcher::new(store, routes, metrics, None, self.drain.clone());
        self.dispatcher = dispatcher;
        self.delivery.spawn(delivery);
    }

    /// Adds an event of the route.
    fn add(&self) -> EventId {
        self.store.add(event(ROUTE))
    }

    async fn until(&self, id: EventId, state: EventState) {
        let what = format!("the state {}", state.as_str());
        eventually(&what, || self.store.row(id).state == state).await;
    }

    fn is_upstream_paused(&self) -> bool {
        self.dispatcher.state().iter().any(|upstream| upstream.paused.is_some())
    }

    fn is_route_paused(&self) -> bool {
        self.dispatcher.state().iter().any(|upstream| !upstream.routes.is_empty())
    }

    /// Whether there is this line among the metrics.
    fn has_metric(&self, line: &str) -> bool {
        self.metrics.plain().lines().any(|have| have == line)
    }
}
