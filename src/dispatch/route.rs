//! What the dispatcher knows of the settings.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::inbox::{Order, RouteInbox};
use crate::relay::batch::BatchSettings;
use crate::relay::client::TargetClient;
use crate::upstream::Upstream;

/// The routes whose events are delivered from the inbox. A reload replaces them as a whole.
#[derive(Debug)]
pub struct DispatchRoutes {
    /// The routes, and the targets of the relay.
    pub routes: Vec<DispatchRoute>,
    /// The first wait between two tries of one event.
    pub retry_first: Duration,
    /// The longest wait between two tries of one event.
    pub retry_max: Duration,
}

/// A route whose events are delivered from the inbox, or a target of the relay.
#[derive(Debug)]
pub struct DispatchRoute {
    /// What events are stored with: its path, as the settings have it, or `relay:` and the name of the target.
    pub path: Arc<str>,
    /// How its events are delivered.
    pub inbox: RouteInbox,
    /// Where its events go.
    pub destination: Destination,
}

/// Where events go.
#[derive(Debug)]
pub enum Destination {
    /// To an upstream, as they came.
    Upstream(RouteUpstream),
    /// To a target of the relay.
    Target(Arc<TargetClient>),
}

/// The upstream of a route.
#[derive(Clone, Debug)]
pub struct RouteUpstream {
    /// Routes with the same upstream share it, as one `Arc`.
    pub upstream: Arc<Upstream>,
    /// Whether the route is for one path. Below a prefix, the sender chooses the rest of the path.
    pub is_exact: bool,
    /// Whether the upstream gets the sender's own `Authorization`.
    pub passes_authorization: bool,
}

impl DispatchRoute {
    /// The target that this client sends to.
    pub fn of_target(client: Arc<TargetClient>) -> Self {
        let target = client.target();
        let settings = target.settings();
        let inbox = RouteInbox {
            id: None,
            wait: None,
            status: StatusCode::ACCEPTED,
            order: Order::Any,
            concurrency: settings.concurrency,
            give_up_after: settings.give_up_after,
            store_authorization: false,
        };
        Self { path: Arc::clone(target.route()), inbox, destination: Destination::Target(client) }
    }

    /// The name of the upstream or target.
    pub(super) fn upstream_name(&self) -> &Arc<str> {
        match &self.destination {
            Destination::Upstream(route) => &route.upstream.name,
            Destination::Target(client) => client.target().name(),
        }
    }

    /// How several of its events are sent in one request, if they are.
    pub(super) fn batch(&self) -> Option<&BatchSettings> {
        match &self.destination {
            Destination::Upstream(_) => None,
            Destination::Target(client) => client.target().settings().batch.as_ref(),
        }
    }
}
