//! A verified connection while its requests are served: what HTTP/1 and HTTP/2 have in common.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tracing::Level;

use super::guarded_io::{ConnectionFault, IoState};
use super::requests::ConnectionRequests;
use crate::pipeline::ClientConnection;
use crate::pipeline::refusal::RequestRefusal;
use crate::shutdown::Drain;
use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::{Limit, emit_bounded};

/// A verified connection while its requests are served.
pub(super) struct Session<'a> {
    pub(super) client: Arc<ClientConnection>,
    pub(super) requests: Arc<ConnectionRequests>,
    pub(super) io_state: IoState,
    /// Begins when clawgate stops.
    pub(super) drain: &'a Drain,
    /// The connection is closed after this time without a request.
    pub(super) idle_timeout: Duration,
    /// The connection is closed at this age, if any.
    pub(super) max_age: Option<Duration>,
}

impl Session<'_> {
    /// Records a request that is refused because it cannot be parsed; returns its identifier.
    pub(super) fn reject(&self, refusal: &RequestRefusal) -> String {
        let mut record = self.client.record(None, self.requests.count_unparsed());
        record.rejected(refusal.status(), refusal.reason(), &refusal.log());
        record.id().to_owned()
    }

    /// Records that this connection is closed because its client uses too much of clawgate.
    pub(super) fn flooded(&self, detail: String) {
        self.io_state.note(ConnectionFault::Flood);
        self.client.metrics.limited(Limit::Streams);
        if self.client.limiter.should_log_flood() {
            let facts = &*self.client.facts;
            let hint =
                "an honest client does not do this: look at what runs there, or revoke its certificate";
            let line = Flooded { id: facts.id(), facts, detail, hint };
            emit_bounded(Level::WARN, "connection_flooded", &line);
        }
    }
}

/// The `connection_flooded` event.
#[derive(Serialize)]
struct Flooded<'a> {
    id: &'a str,
    #[serde(flatten)]
    facts: &'a ConnectionFacts,
    detail: String,
    hint: &'static str,
}
