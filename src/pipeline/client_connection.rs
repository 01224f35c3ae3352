//! One connection of a verified client, as its requests see it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Version};

use super::audit_log::AuditLog;
use super::delivery_failures::DeliveryFailures;
use super::identity_headers::IdentityHeaders;
use super::inbox::Inbox;
use super::refusal::RequestRefusal;
use super::relay::Relay;
use super::revalidation::{Freshness, Revalidation};
use super::signature_refusals::SignatureRefusals;
use super::snapshot::Snapshot;
use super::withdrawal::{Withdrawal, Withdrawn};
use crate::connection::ClientAuth;
use crate::identity::name::printable;
use crate::limits::client_limits::{ClientLimiter, LimitExceeded};
use crate::limits::{Limits, OldestFirst};
use crate::live::Live;
use crate::policy::{Decisions, Denial};
use crate::telemetry::access::{AccessRecord, ConnectionFacts};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::ConnectionSpans;
use crate::tls::Attempt;
use crate::tls::client_hello::ClientHello;

/// What all requests of one connection share.
#[derive(Debug)]
pub struct ClientConnection {
    /// The current snapshot.
    pub(crate) live: Arc<Live<Snapshot>>,
    pub(crate) metrics: Arc<Metrics>,
    /// Its ClientHello, for reports.
    pub(crate) hello: Option<Box<ClientHello>>,
    /// The chain, and until when its verification is valid; `None` on a listener that asks for no certificate.
    pub(crate) revalidation: Option<Revalidation>,
    /// Whether the client is no longer admitted.
    pub(crate) withdrawal: Withdrawal,
    /// The limits of the client, shared by all of its connections.
    pub(crate) limiter: ClientLimiter,
    /// The header fields that tell upstreams who the client is.
    pub(crate) identity_headers: IdentityHeaders,
    /// The PROXY header for upstreams that expect one; made once, when the first request needs it.
    pub(crate) proxy_header: OnceLock<Bytes>,
    /// The connection, its TLS and the identity of the client.
    pub(crate) facts: Arc<ConnectionFacts>,
    pub(crate) spans: Option<ConnectionSpans>,
    pub(crate) audit_log: Arc<AuditLog>,
    pub(crate) delivery_failures: Arc<DeliveryFailures>,
    pub(crate) signature_refusals: Arc<SignatureRefusals>,
    /// The bodies of clients of this kind that are read before they are verified.
    pub(crate) buffered_bodies: OldestFirst,
    /// Stores the events of routes with an inbox; `None` if clawgate was started without one.
    pub(crate) inbox: Option<Arc<Inbox>>,
    /// Passes on the events of routes to targets; `None` if clawgate was started without one.
    pub(crate) relay: Option<Arc<Relay>>,
    /// What the rules of routes say about the client.
    pub(crate) decisions: Decisions,
    /// Whether `would_refuse` has been logged for this connection.
    pub(crate) audited: AtomicBool,
}

impl ClientConnection {
    /// Checks that `snapshot` still admits the client.
    ///
    /// # Errors
    /// When it does not, or a check before it has failed; that is recorded.
    pub(super) fn check_admitted(&self, snapshot: &Snapshot) -> Result<(), Withdrawn> {
        let (Some(revalidation), Some(peer)) = (&self.revalidation, &self.facts.peer) else {
            return Ok(());
        };
        self.withdrawal.check()?;
        let verified = revalidation.check(|| self.attempt(), snapshot);
        if verified.map_err(|report| self.withdrawal.record(&report))? == Freshness::Verified {
            self.audit(snapshot.acceptor.audited_denial(peer));
        }
        Ok(())
    }

    /// Whether the listener of this connection asks for a client certificate.
    pub(crate) fn client_auth(&self) -> ClientAuth {
        if self.facts.peer.is_some() { ClientAuth::Required } else { ClientAuth::None }
    }

    /// What reports about the connection are made from.
    pub(crate) fn attempt(&self) -> Attempt {
        let ConnectionFacts { connection, tls, .. } = &*self.facts;
        let negotiated = Some((tls.version, tls.cipher));
        Attempt { connection: connection.clone(), hello: self.hello.clone(), negotiated }
    }

    /// Logs, once for this connection, that the rules for all clients would refuse the client if they were not in audit
    /// mode.
    pub(crate) fn audit(&self, denial: Option<Denial>) {
        if let (Some(denial), Some(peer)) = (denial, &self.facts.peer)
            && !self.audited.swap(true, Ordering::Relaxed)
        {
            self.audit_log.to_connection(&self.facts, peer, &denial);
        }
    }

    /// Begins the record of request number `number` of this connection; `None`: of a request that cannot be parsed.
    pub(crate) fn record(&self, parts: Option<&Parts>, number: u64) -> AccessRecord {
        let protocol = match parts.map(|parts| parts.version) {
            Some(Version::HTTP_2) => "HTTP/2",
            Some(Version::HTTP_10) => "HTTP/1.0",
            _ => "HTTP/1.1",
        };
        AccessRecord::start(
            self.facts.request_id(number),
            Arc::clone(&self.facts),
            Arc::clone(&self.metrics),
            protocol,
            parts.map_or("-".into(), |parts| method_name(&parts.method)),
            parts.map_or_else(|| "-".to_owned(), |parts| printable(parts.uri.path())),
        )
    }

    /// Refuses a request that exceeds a limit of its client. One refusal in a second is logged.
    pub(crate) fn limit_exceeded(
        &self,
        exceeded: LimitExceeded,
        limits: &Limits,
        record: &mut AccessRecord,
    ) -> RequestRefusal {
        match self.limiter.should_log_refusal() {
            Some(unlogged) => record.after_unlogged(unlogged),
            None => record.leave_out(),
        }
        RequestRefusal::limit_exceeded(exceeded, limits)
    }
}

/// The method, safe to print; without an allocation where it is a usual one.
fn method_name(method: &Method) -> Cow<'static, str> {
    match *method {
        Method::POST => "POST".into(),
        Method::GET => "GET".into(),
        Method::PUT => "PUT".into(),
        _ => printable(method.as_str()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_logged_as_it_was_sent() {
        for name in ["POST", "GET", "PUT", "DELETE", "PATCH", "x-own"] {
            assert_eq!(method_name(&Method::from_bytes(name.as_bytes()).unwrap()), name);
        }
    }
}
