//! What senders may use up.

use super::Resolver;
use crate::config::key::Key;
use crate::config::keys;
use crate::config::limits::Limits;
use crate::config::values;

impl Resolver<'_> {
    pub(super) fn limits(&mut self) -> Limits {
        let limits = Limits {
            connections: self.count(&keys::CONNECTIONS),
            connections_per_source: self
                .limit(&keys::CONNECTIONS_PER_SOURCE)
                .map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            connections_per_identity: self
                .limit(&keys::CONNECTIONS_PER_IDENTITY)
                .map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            handshakes: self.count(&keys::HANDSHAKES),
            handshake_rate: self.limit(&keys::HANDSHAKE_RATE),
            greeting_timeout: self.time(&keys::GREETING_TIMEOUT),
            idle_timeout: self.time(&keys::IDLE_TIMEOUT),
            connection_age: self.value(&keys::CONNECTION_AGE, values::window, None),
            connection_requests: self.limit(&keys::CONNECTION_REQUESTS).map(u64::from),
            head_timeout: self.time(&keys::HEAD_TIMEOUT),
            uri: self.value(&keys::URI, values::uri_length, 1),
            body: self.value(&keys::BODY, values::body_size, 0),
            body_timeout: self.time(&keys::BODY_TIMEOUT),
            body_rate: self.value(&keys::BODY_RATE, values::byte_rate, None),
            send_timeout: self.time(&keys::SEND_TIMEOUT),
            request_timeout: self.time(&keys::REQUEST_TIMEOUT),
            streams: u32::try_from(self.count(&keys::STREAMS)).unwrap_or(u32::MAX),
            request_rate: self.limit(&keys::REQUEST_RATE),
            request_burst: self.limit(&keys::REQUEST_BURST),
            requests_at_once: self
                .limit(&keys::REQUESTS_AT_ONCE)
                .map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
        };
        self.check_burst(&limits);
        limits
    }

    /// A burst without a rate would be a limit that limits nothing.
    fn check_burst(&mut self, limits: &Limits) {
        let burst = self.sources.layers.get(&keys::REQUEST_BURST).and_then(<[_]>::first);
        if let Some(burst) = burst
            && limits.request_burst.is_some()
            && limits.request_rate.is_none()
        {
            let hint = "set limits.request_rate, or take this out";
            self.report.problem(&burst.origin, "has no effect without limits.request_rate", hint);
        }
    }

    pub(super) fn count(&mut self, key: &Key) -> usize {
        self.value(key, values::count, 1)
    }

    fn limit(&mut self, key: &Key) -> Option<u32> {
        self.value(key, values::limit, None)
    }
}
