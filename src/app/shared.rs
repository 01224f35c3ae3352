//! What all workers share.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::trace_export;
use crate::config::{Settings, Startup};
use crate::identity::client_cert_inventory::ClientCertInventory;
use crate::limits::{ClientLimits, ConnectionLimiter, OldestFirst};
use crate::live::Live;
use crate::pipeline::{
    AuditLog, DeliveryFailures, Inbox, RefusedCallers, Relay, SignatureRefusals, Snapshot,
};
use crate::platform::open_files;
use crate::server::relay::RelayHandler;
use crate::server::{ConnectionHandler, RejectedConnections, UnusedConnections, unadmitted};
use crate::shutdown::Drain;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::recent::Recent;
use crate::telemetry::trace::SpanQueue;

/// Counters, limits and logs that all workers share.
pub(super) struct Shared {
    pub(super) metrics: Arc<Metrics>,
    pub(super) drain: Drain,
    /// The last refusals, for the status.
    pub(super) recent: Arc<Recent>,
    /// The last requests without a valid signature, for the console.
    pub(super) unsigned: Arc<Recent>,
    /// The certificates of clients.
    pub(super) seen: Arc<ClientCertInventory>,
    /// The queue of spans, if they are exported.
    pub(super) spans: Option<SpanQueue>,
    /// How many connections of clients the limit of open files allows.
    pub(super) connection_capacity: usize,
    pub(super) repeated: RepeatedEvents,
    connections: ConnectionLimiter,
    client_limits: ClientLimits,
}

/// The logs that sum up repeated events.
#[derive(Clone)]
pub(super) struct RepeatedEvents {
    rejected: Arc<RejectedConnections>,
    audit: Arc<AuditLog>,
    unused: Arc<UnusedConnections>,
    failures: Arc<DeliveryFailures>,
    signatures: Arc<SignatureRefusals>,
    callers: Arc<RefusedCallers>,
}

impl Shared {
    pub(super) fn new(settings: &Settings) -> Self {
        let startup = &settings.startup;
        let mut metrics = Metrics::new();
        let spans = trace_export::start(startup.trace.as_ref(), &mut metrics);
        let metrics = Arc::new(metrics);
        let (recent, unsigned) = (Arc::<Recent>::default(), Arc::<Recent>::default());
        let seen = Arc::<ClientCertInventory>::default();
        let connection_capacity = open_files::raise_limit()
            .map_or(usize::MAX, |files| open_files::room_for_clients(&settings.reloadable, files));
        let limits = startup.limits;
        let connections = ConnectionLimiter::new(
            limits.connections.min(connection_capacity),
            limits.connections_per_source,
            limits.handshake_rate,
        );
        let repeated = RepeatedEvents::new(startup, &metrics, (&recent, &unsigned), &seen);
        Self {
            metrics,
            drain: Drain::default(),
            recent,
            unsigned,
            seen,
            spans,
            connection_capacity,
            repeated,
            connections,
            client_limits: ClientLimits::default(),
        }
    }

    /// Makes the handler of each worker's connections, which store events in `inbox` and pass them on to `relay`.
    pub(super) fn handlers(
        &self,
        startup: &Startup,
        inbox: Option<Arc<Inbox>>,
        relay: Option<Arc<Relay>>,
    ) -> impl Fn(Arc<Live<Snapshot>>) -> ConnectionHandler {
        let limits = startup.limits;
        let (handshakes, http_refusals) =
            (unadmitted::handshakes(&limits), unadmitted::http_refusals(&limits));
        let bodies = || OldestFirst::new(limits.buffered_bodies, limits.buffered_bytes);
        let (certified_bodies, uncertified_bodies) = (bodies(), bodies());
        let RepeatedEvents { rejected, audit, unused, failures, signatures, .. } = &self.repeated;
        move |live| ConnectionHandler {
            live,
            metrics: Arc::clone(&self.metrics),
            rejected: Arc::clone(rejected),
            audit_log: Arc::clone(audit),
            unused: Arc::clone(unused),
            delivery_failures: Arc::clone(failures),
            signature_refusals: Arc::clone(signatures),
            inbox: inbox.clone(),
            relay: relay.clone(),
            certified_bodies: certified_bodies.clone(),
            uncertified_bodies: uncertified_bodies.clone(),
            connection_limiter: self.connections.clone(),
            handshakes: handshakes.clone(),
            http_refusals: http_refusals.clone(),
            client_limits: self.client_limits.clone(),
            idle_timeout: limits.idle_timeout,
            max_age: limits.connection_age,
            drain: self.drain.clone(),
            cert_inventory: Arc::clone(&self.seen),
            spans: self.spans.clone(),
        }
    }
}

impl Shared {
    /// The handler of the requests at the listener of `relay`.
    pub(super) fn relay_handler(&self, relay: Arc<Relay>) -> RelayHandler {
        RelayHandler {
            relay,
            metrics: Arc::clone(&self.metrics),
            refused: Arc::clone(&self.repeated.callers),
            failures: Arc::clone(&self.repeated.failures),
            drain: self.drain.clone(),
        }
    }
}

impl RepeatedEvents {
    fn new(
        startup: &Startup,
        metrics: &Arc<Metrics>,
        (recent, unsigned): (&Arc<Recent>, &Arc<Recent>),
        seen: &Arc<ClientCertInventory>,
    ) -> Self {
        let dedup = startup.log.repeat_window.is_some();
        let rejected =
            RejectedConnections::new(Arc::clone(metrics), dedup, Arc::clone(recent), Arc::clone(seen));
        Self {
            rejected: Arc::new(rejected),
            audit: Arc::new(AuditLog::new(Arc::clone(metrics), dedup)),
            unused: Arc::new(UnusedConnections::new(dedup)),
            failures: Arc::new(DeliveryFailures::new(dedup)),
            signatures: Arc::new(SignatureRefusals::new(dedup, Arc::clone(unsigned))),
            callers: Arc::new(RefusedCallers::new(dedup)),
        }
    }

    /// Logs how often events were repeated since they were last logged.
    pub(super) fn log_summaries(&self) {
        self.rejected.sum_up();
        self.audit.sum_up();
        self.unused.sum_up();
        self.failures.sum_up();
        self.signatures.sum_up();
        self.callers.sum_up();
    }

    /// Logs summaries at this interval. Never returns.
    pub(super) async fn log_summaries_every(self, interval: Duration) {
        loop {
            sleep(interval).await;
            self.log_summaries();
        }
    }
}
