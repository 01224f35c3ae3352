//! From an accepted socket to the end of its connection: PROXY header, handshake, limits, requests.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::guarded_io::{ConnectionFault, GuardedIo, IoState, TlsIo, into_socket};
use super::lingering_close::WRITE_TIMEOUT;
use super::rejected_connections::RejectedConnections;
use super::requests::ConnectionRequests;
use super::session::Session;
use super::unadmitted::Unadmitted;
use super::unused_connections::UnusedConnections;
use super::{http1, http2, lingering_close};
use crate::connection::{ClientAuth, ConnectionInfo};
use crate::http1_guard::Guard;
use crate::identity::client_cert_inventory::ClientCertInventory;
use crate::identity::time::unix_seconds;
use crate::limits::client_limits::ClientLimiter;
use crate::limits::connection_limit::ConnectionPermit;
use crate::limits::eviction::{Entry, Exceeded, Meter, OldestFirst};
use crate::limits::{ClientLimits, ConnectionLimiter, Limits};
use crate::live::Live;
use crate::pipeline::identity_headers::IdentityHeaders;
use crate::pipeline::revalidation::Revalidation;
use crate::pipeline::withdrawal::Withdrawal;
use crate::pipeline::{
    AuditLog, ClientConnection, DeliveryFailures, Inbox, Relay, SignatureRefusals, Snapshot,
};
use crate::policy::Decisions;
use crate::shutdown::Drain;
use crate::telemetry::Limit;
use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::log_dedup::network;
use crate::telemetry::metrics::{Counted, Metrics};
use crate::telemetry::trace::SpanQueue;
use crate::tls::{Accepted, Acceptor, Attempt, HandshakeFailure, Remains, Secured};

/// Handles connections: what all connections of one worker share.
#[derive(Debug)]
pub struct ConnectionHandler {
    /// The current settings of TLS and requests.
    pub live: Arc<Live<Snapshot>>,
    /// Counts connections and limits that were reached.
    pub metrics: Arc<Metrics>,
    /// Logs and counts connections that are refused.
    pub rejected: Arc<RejectedConnections>,
    /// Logs what rules in audit mode would refuse.
    pub audit_log: Arc<AuditLog>,
    /// Logs requests that their upstream did not answer.
    pub delivery_failures: Arc<DeliveryFailures>,
    /// Logs requests without a valid signature.
    pub signature_refusals: Arc<SignatureRefusals>,
    /// Bodies of clients with a certificate that are read before they are verified.
    pub certified_bodies: OldestFirst,
    /// The same of clients without a certificate, which must not displace the others.
    pub uncertified_bodies: OldestFirst,
    /// Stores the events of routes with an inbox.
    pub inbox: Option<Arc<Inbox>>,
    /// Passes on the events of routes with `relay`.
    pub relay: Option<Arc<Relay>>,
    /// Logs connections of admitted clients that sent no request.
    pub unused: Arc<UnusedConnections>,
    /// Limits connections, in all and for each source address.
    pub connection_limiter: ConnectionLimiter,
    /// Handshakes in progress, and refused connections that are not closed yet.
    pub handshakes: OldestFirst,
    /// Refusals over HTTP in progress.
    pub http_refusals: OldestFirst,
    /// Limits for each client certificate.
    pub client_limits: ClientLimits,
    /// A connection is closed after this time without a request.
    pub idle_timeout: Duration,
    /// A connection is closed at this age, if any.
    pub max_age: Option<Duration>,
    /// Begins when clawgate stops.
    pub drain: Drain,
    /// Remembers the certificates of admitted clients.
    pub cert_inventory: Arc<ClientCertInventory>,
    /// Exports spans, if that is set up.
    pub spans: Option<SpanQueue>,
}

/// A connection of an admitted client.
struct Admitted {
    io: TlsIo,
    is_http2: bool,
    client: Arc<ClientConnection>,
    limits: Limits,
    largest_body: u64,
    /// Counts as open.
    _open: Counted,
}

impl ConnectionHandler {
    /// Takes one connection from its acceptance to its end; it counts for the limits as long as `permit` exists.
    pub(super) async fn handle(&self, accepted: Accepted, mut permit: ConnectionPermit) {
        // Boxed, so that the task of an admitted connection does not keep the memory of the handshake.
        match Box::pin(self.admit(accepted, &mut permit)).await {
            Ok(admitted) => self.serve(admitted).await,
            Err(Some(unadmitted)) => unadmitted.close(&self.http_refusals, &self.metrics).await,
            Err(None) => {}
        }
    }

    /// Closes a connection over a limit without reading from it, which costs least.
    pub(super) fn reject(&self, connection: &ConnectionInfo, limit: Limit) {
        self.over_limit(connection, limit, self.connection_limiter.limit(limit));
    }

    /// Reads the PROXY header, takes the client through the handshake, and checks its limits. Logs and counts a refusal.
    ///
    /// # Errors
    /// The refused connection, where it still has to be closed.
    async fn admit(
        &self,
        accepted: Accepted,
        permit: &mut ConnectionPermit,
    ) -> Result<Admitted, Option<Box<Unadmitted>>> {
        let snapshot = self.live.load();
        let mut connection = accepted.connection.clone();
        let counted = self.metrics.handshake();
        let entry = self.handshakes.begin();
        let handshake =
            self.handshake(&snapshot.acceptor, accepted, permit, &mut connection, entry.meter());
        let outcome = tokio::select! {
            biased;
            outcome = handshake => outcome,
            exceeded = entry.evicted() => {
                let (limit, allowed) = match exceeded {
                    Exceeded::Count => (Limit::Handshakes, self.handshakes.limit()),
                    Exceeded::Bytes => (Limit::HandshakeBytes, self.handshakes.bytes()),
                };
                self.over_limit(&connection, limit, allowed);
                return Err(None);
            }
        };
        drop(counted);
        match outcome {
            Ok(secured) => {
                let limits = &snapshot.requests.access(secured.client_auth()).limits;
                match self.client_limits.admit(&limited_as(&secured), limits) {
                    Ok(limiter) => Ok(self.admitted(secured, limiter, &snapshot)),
                    Err(allowed) => Err(self.too_many_connections(secured, entry, allowed).await),
                }
            }
            Err(failure) => Err(self.refuse(*failure, entry)),
        }
    }

    /// Reads the PROXY header and does the handshake. `connection` gets the addresses of the header, for a refusal that
    /// comes before the end of the handshake.
    async fn handshake(
        &self,
        acceptor: &Acceptor,
        accepted: Accepted,
        permit: &mut ConnectionPermit,
        connection: &mut ConnectionInfo,
        meter: Meter,
    ) -> Result<Secured, Box<HandshakeFailure>> {
        let with_header = acceptor.read_proxy_header(accepted).await?;
        if let Some(source) = with_header.proxied_client() {
            connection.clone_from(with_header.connection());
            if let Err(limit) = permit.count_for(source) {
                let allowed = self.connection_limiter.limit(limit);
                let report = acceptor.overloaded(connection, limit, allowed);
                return Err(Box::new(HandshakeFailure { report, remains: Remains::Gone }));
            }
        }
        acceptor.accept(with_header, meter).await
    }

    /// Refuses a client that has as many connections as are `allowed`, after its handshake.
    async fn too_many_connections(
        &self,
        secured: Secured,
        entry: Entry,
        allowed: usize,
    ) -> Option<Box<Unadmitted>> {
        let Secured { mut io, connection, hello, tls, client } = secured;
        let attempt = Attempt { connection, hello, negotiated: Some((tls.version, tls.cipher)) };
        let limit = Limit::ConnectionsPerIdentity;
        let peer = client.as_ref().map(|client| &client.peer);
        let report = self.live.load().acceptor.overloaded_by(attempt, peer, limit, allowed);
        let _ = timeout(WRITE_TIMEOUT, io.shutdown()).await;
        self.refuse(HandshakeFailure { report, remains: Remains::Socket(into_socket(io)) }, entry)
    }

    /// Logs and counts a refusal; the connection that is left to close keeps its place among the handshakes.
    fn refuse(&self, failure: HandshakeFailure, entry: Entry) -> Option<Box<Unadmitted>> {
        let HandshakeFailure { report, remains } = failure;
        let (reason, id) = (self.rejected.record(&report), report.id().to_owned());
        Unadmitted::new(remains, reason, id, entry, &self.metrics).map(Box::new)
    }

    fn over_limit(&self, connection: &ConnectionInfo, limit: Limit, allowed: usize) {
        self.rejected.record(&self.live.load().acceptor.overloaded(connection, limit, allowed));
    }

    /// Collects what the requests of an admitted client need.
    fn admitted(&self, secured: Secured, limiter: ClientLimiter, snapshot: &Snapshot) -> Admitted {
        let client_auth = secured.client_auth();
        let limits = snapshot.requests.access(client_auth).limits;
        let Secured { io, client, tls, connection, hello } = secured;
        let open = self.metrics.connection(&tls, connection.accepted_at.elapsed());
        let is_http2 = tls.is_http2();
        let (mut peer, mut revalidation, mut audited_denial) = (None, None, None);
        if let Some(client) = client {
            self.cert_inventory.note(&client.peer.certificate, unix_seconds(SystemTime::now()));
            peer = Some(client.peer);
            revalidation = Some(Revalidation::new(client.chain, snapshot));
            audited_denial = client.audited_denial;
        }
        let facts = ConnectionFacts::new(connection, tls, peer);
        let client = Arc::new(ClientConnection {
            limiter,
            live: Arc::clone(&self.live),
            metrics: Arc::clone(&self.metrics),
            hello,
            revalidation,
            withdrawal: Withdrawal::default(),
            identity_headers: IdentityHeaders::default(),
            proxy_header: OnceLock::new(),
            spans: self.spans.as_ref().map(|spans| spans.connection(&facts)),
            facts: Arc::new(facts),
            audit_log: Arc::clone(&self.audit_log),
            delivery_failures: Arc::clone(&self.delivery_failures),
            signature_refusals: Arc::clone(&self.signature_refusals),
            inbox: self.inbox.clone(),
            relay: self.relay.clone(),
            buffered_bodies: match client_auth {
                ClientAuth::Required => self.certified_bodies.clone(),
                ClientAuth::None => self.uncertified_bodies.clone(),
            },
            decisions: Decisions::default(),
            audited: AtomicBool::new(false),
        });
        client.audit(audited_denial);
        let largest_body = snapshot.requests.largest_body;
        Admitted { io, is_http2, client, limits, largest_body, _open: open }
    }

    /// Serves the requests of an admitted client until the connection ends.
    async fn serve(&self, admitted: Admitted) {
        let Admitted { io, is_http2, client, limits, largest_body, _open } = admitted;
        let io_state = IoState::default();
        let requests = ConnectionRequests::new(io_state.clone(), limits.connection_requests);
        let session = Session {
            client,
            requests: Arc::new(requests),
            io_state: io_state.clone(),
            drain: &self.drain,
            idle_timeout: self.idle_timeout,
            max_age: self.max_age,
        };
        let guard = (!is_http2).then(Guard::default);
        let io = GuardedIo::new(io, guard, io_state, &limits);
        let socket = if is_http2 {
            Box::pin(http2::serve(&session, io, &limits, largest_body)).await;
            None
        } else {
            Some(http1::serve(&session, io).await)
        };
        if session.requests.begun() == 0 {
            self.record_unused(&session);
        }
        // A client that has closed its side has nothing unread that a reset could throw away.
        if let Some(socket) = socket.filter(|_| !session.io_state.client_has_closed()) {
            lingering_close::close(socket).await;
        }
    }

    /// Records a connection of an admitted client without a request: usually the client did not accept clawgate's certificate.
    fn record_unused(&self, session: &Session<'_>) {
        let client = &session.client;
        let acceptor = &self.live.load().acceptor;
        match session.io_state.fault() {
            Some(ConnectionFault::Tls(error @ rustls::Error::AlertReceived(_))) => {
                self.rejected.record(&acceptor.late_refusal(
                    client.attempt(),
                    client.facts.peer.as_ref(),
                    error,
                ));
            }
            Some(ConnectionFault::Flood) => {}
            _ if self.drain.has_begun() => {}
            _ => self.unused.record(&client.facts, || acceptor.about_name(client.hello.as_deref())),
        }
    }
}

/// What the limits for one client count by: the fingerprint of its certificate or, without one, its address (for IPv6
/// the network).
fn limited_as(secured: &Secured) -> String {
    match &secured.client {
        Some(client) => client.peer.certificate.fingerprint_sha256.clone(),
        None => network(secured.connection.client_addr.ip()).to_string(),
    }
}
