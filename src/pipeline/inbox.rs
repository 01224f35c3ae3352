//! The inbox, as requests use it.

use std::sync::Arc;

use crate::dispatch::Dispatcher;
use crate::inbox::Store;
use crate::telemetry::metrics::InboxMetrics;

/// Where events go that are stored, and what delivers them. All workers share it.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// Stores events.
    pub store: Arc<dyn Store>,
    /// Delivers them.
    pub dispatcher: Dispatcher,
    /// Counts them.
    pub metrics: Arc<InboxMetrics>,
}
