//! What the dispatcher knows of the settings.

use std::sync::Arc;
use std::time::Duration;

use crate::inbox::RouteInbox;
use crate::upstream::Upstream;

/// The routes whose events are delivered from the inbox. A reload replaces them as a whole.
#[derive(Debug)]
pub struct DispatchRoutes {
    /// The routes.
    pub routes: Vec<DispatchRoute>,
    /// The first wait between two tries of one event.
    pub retry_first: Duration,
    /// The longest wait between two tries of one event.
    pub retry_max: Duration,
}

/// A route whose events are delivered from the inbox.
#[derive(Debug)]
pub struct DispatchRoute {
    /// Its path, as the settings have it: what events are stored with.
    pub path: Arc<str>,
    /// Whether the route is for one path. Below a prefix, the sender chooses the rest of the path.
    pub is_exact: bool,
    /// Whether the upstream gets the sender's own `Authorization`.
    pub passes_authorization: bool,
    /// How its events are delivered.
    pub inbox: RouteInbox,
    /// Where its events go. Routes with the same upstream share it, as one `Arc`.
    pub upstream: Arc<Upstream>,
}
