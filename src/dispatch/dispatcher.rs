//! The handle of the dispatcher, for everything that runs beside it.

use std::sync::Arc;

use super::delivery::Delivery;
use super::instance::Instance;
use super::peers::listen;
use super::route::DispatchRoutes;
use super::shared::Shared;
use super::state::{Paused, UpstreamState};
use super::watch::Watch;
use crate::inbox::{EventId, Peers, Store};
use crate::live::Live;
use crate::shutdown::Drain;
use crate::telemetry::metrics::InboxMetrics;
use crate::telemetry::trace::SpanQueue;

/// The handle of the dispatcher; clones share it.
#[derive(Clone, Debug)]
pub struct Dispatcher(Arc<Shared>);

impl Dispatcher {
    /// A dispatcher that delivers the events in `store` as `routes` say, and a future that does so. Each try has a span in `spans`.
    /// The future ends after the
    /// drain has begun and the tries under way have ended. Dropping it ends them at once; their events are tried again later.
    pub fn new(
        store: Arc<dyn Store>,
        routes: Arc<Live<DispatchRoutes>>,
        metrics: Arc<InboxMetrics>,
        spans: Option<SpanQueue>,
        drain: Drain,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (tell, told) = store.peers().map(|Peers { tell, told }| (tell, told)).unzip();
        let shared = Arc::new(Shared::new(tell));
        let for_listening = (Arc::clone(&shared), Arc::clone(&metrics));
        let for_delivery = Arc::clone(&shared);
        let delivery = Delivery { store, routes, metrics, spans, shared: for_delivery, drain };
        let run = async move {
            tokio::select! {
                () = delivery.run() => {}
                () = listen(told, for_listening.0, for_listening.1) => {}
            }
        };
        (Self(shared), run)
    }

    /// Waits for the upstream's answer to event `id` of `route`, from now on: call it before the event is stored. Another instance may
    /// deliver it. There is nothing to wait for while deliveries are paused, or while no instance is known to deliver.
    pub fn watch(&self, id: EventId, route: &str) -> Watch {
        let watches = Arc::clone(&self.0.watches);
        if self.0.tries(route) { Watch::new(id, route, watches) } else { Watch::ended(id, watches) }
    }

    /// The upstreams, and what is paused, at the instance that delivers; nothing if none is known.
    pub fn state(&self) -> Vec<UpstreamState> {
        self.0.state()
    }

    /// The routes of which no event is tried now: those that are paused, and those of paused upstreams.
    pub fn paused_routes(&self) -> Vec<Arc<str>> {
        self.0.paused_routes()
    }

    /// The instance that delivers, if it is known.
    pub fn deliverer(&self) -> Option<Instance> {
        self.0.deliverer()
    }

    /// Whether this process delivers. Of several that use one database, one does.
    pub fn delivers(&self) -> bool {
        self.0.delivers()
    }

    /// Ends pauses: events are tried at once. If another instance delivers, it is told, without an answer. Returns whether anything of
    /// that kind was paused.
    pub fn resume(&self, paused: Paused) -> bool {
        let state = self.0.state();
        let mut routes = state.iter().flat_map(|upstream| &upstream.routes);
        let is_paused = match &paused {
            Paused::All => state.iter().any(|of| of.paused.is_some()) || routes.next().is_some(),
            Paused::Upstream(name) => {
                let is_one = |of: &UpstreamState| of.paused.is_some() || !of.routes.is_empty();
                state.iter().any(|of| *of.upstream == **name && is_one(of))
            }
            Paused::Route(path) => routes.any(|route| *route.route == **path),
        };
        if is_paused {
            self.0.resume(paused);
        }
        is_paused
    }
}
