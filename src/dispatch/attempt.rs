//! One try to deliver an event, or several together.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::route::{Destination, DispatchRoute, DispatchRoutes};
use super::seen::Seen;
use super::shared::Shared;
use super::{target_try, upstream_try};
use crate::inbox::{Attempt, Event};
use crate::relay::batch::{Batch, may_be_about_one_event};
use crate::telemetry::metrics::AttemptClass;

/// A try that is to be made.
#[derive(Debug)]
pub(super) struct Try {
    /// One event. Several of a target that gets batches.
    pub(super) events: Batch<Event>,
    /// The settings, and the place of the events' route in them.
    pub(super) routes: Arc<DispatchRoutes>,
    pub(super) place: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) probe: Probe,
}

/// For what a try is the probe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Probe {
    pub(super) of_upstream: bool,
    pub(super) of_route: bool,
}

/// A try that was made.
#[derive(Debug)]
pub(super) struct Tried {
    /// The events, without their bodies.
    pub(super) events: Batch<Event>,
    pub(super) routes: Arc<DispatchRoutes>,
    pub(super) place: usize,
    pub(super) probe: Probe,
    pub(super) attempt: Attempt,
    pub(super) seen: Seen,
}

impl Try {
    /// Makes it.
    pub(super) async fn run(self) -> Tried {
        let Self { mut events, routes, place, shared, probe } = self;
        let at = SystemTime::now();
        let mut seen = match &routes.routes[place].destination {
            Destination::Upstream(route) => {
                let (event, wait) = (events.first(), routes.routes[place].inbox.wait);
                let is_watched = || shared.is_watched(event, wait);
                upstream_try::send(event, route, place, is_watched).await
            }
            Destination::Target(client) => target_try::send(&events, client).await,
        };
        for event in events.members_mut() {
            event.request.body = Bytes::new();
        }
        let attempt = Attempt {
            at,
            took: seen.took,
            status: seen.status.map(|status| status.as_u16()),
            error: seen.error.take(),
            answer: seen.answer.take(),
        };
        Tried { attempt, events, place, probe, seen, routes: Arc::clone(&routes) }
    }
}

impl Tried {
    /// The settings of the events' route.
    pub(super) fn route(&self) -> &DispatchRoute {
        &self.routes.routes[self.place]
    }

    /// Since when the events wait: of a batch, the last one. So all are given up at the same time, and the batch is the same until
    /// then.
    pub(super) fn waiting_since(&self) -> SystemTime {
        let first = self.events.first().waiting_since;
        self.events.members().iter().map(|event| event.waiting_since).fold(first, SystemTime::max)
    }

    /// Whether several events were refused together, perhaps because of one of them.
    pub(super) fn is_refused_together(&self) -> bool {
        self.events.members().len() > 1
            && self.seen.class == AttemptClass::Rejected
            && self.seen.status.is_some_and(may_be_about_one_event)
    }
}
