//! One connection's journey: greeting, handshake, identity, then its requests until the end.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;
use tracing::Level;

use super::exchange::exchange;
use super::guarded_io::{ConnectionFault, GuardedIo, IoState};
use super::lingering_close;
use super::rejected_connections::RejectedConnections;
use super::requests::ConnectionRequests;
use super::unadmitted::Refused;
use super::unused_connections::UnusedConnections;
use crate::connection::ConnectionInfo;
use crate::http1_guard::Guard;
use crate::identity::client_cert_inventory::ClientCertInventory;
use crate::identity::time::unix_seconds;
use crate::limits::Limits;
use crate::limits::client_limits::ClientLimiter;
use crate::limits::connection_limit::ConnectionPermit;
use crate::limits::eviction::{Entry, Exceeded, Meter, OldestFirst};
use crate::limits::{ClientLimits, ConnectionLimiter};
use crate::live::Live;
use crate::pipeline::identity_headers::IdentityHeaders;
use crate::pipeline::refusal::RequestRefusal;
use crate::pipeline::revalidation::Revalidation;
use crate::pipeline::{AuditLog, ClientConnection, DeliveryFailures, Snapshot};
use crate::policy::Decisions;
use crate::shutdown::Drain;
use crate::telemetry::access::{AccessRecord, ConnectionFacts, Spans};
use crate::telemetry::metrics::{Counted, Metrics};
use crate::telemetry::{Limit, emit_bounded};
use crate::tls::{Accepted, Acceptor, Attempt, HandshakeFailure, PrefixedIo, Remains, Secured};

/// How long the last words on a connection may take to leave.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a client that was let in just before the end has to make its request.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// Takes connections through their journey: what all of one worker's connections share.
#[derive(Debug)]
pub struct ConnectionHandler {
    /// Who may connect, and what happens to requests: as it is now.
    pub live: Arc<Live<Snapshot>>,
    /// Where connections are counted.
    pub metrics: Arc<Metrics>,
    /// Where refused ones are told of.
    pub refusals: Arc<RejectedConnections>,
    /// Where it is told whom rules on trial would refuse.
    pub objections: Arc<AuditLog>,
    /// Where requests without an answer are logged.
    pub failures: Arc<DeliveryFailures>,
    /// Where it is told who left without a request.
    pub unused: Arc<UnusedConnections>,
    /// How many may be open.
    pub capacity: ConnectionLimiter,
    /// Those in their handshake, or refused and not closed yet.
    pub handshakes: OldestFirst,
    /// Those that are told over HTTP why they were refused.
    pub told: OldestFirst,
    /// What each identity may use.
    pub shares: ClientLimits,
    /// Longest wait for a request's head, be it the first or a later one.
    pub idle_timeout: Duration,
    /// How long a connection may be open, if there is an end to it.
    pub connection_age: Option<Duration>,
    /// Says that clawgate is ending.
    pub drain: Drain,
    /// Remembers the certificates of those who were let in.
    pub seen: Arc<ClientCertInventory>,
    /// Where spans go, if anywhere.
    pub spans: Option<Spans>,
}

pub(super) type Encrypted = Box<TlsStream<PrefixedIo<TcpStream>>>;

/// A connection of a client that was let in.
struct Established {
    io: Encrypted,
    h2: bool,
    client: Arc<ClientConnection>,
    limits: Limits,
    /// Counts as open.
    _open: Counted,
}

impl ConnectionHandler {
    /// The whole journey of one connection, which has `place` until its end.
    pub(super) async fn receive(&self, accepted: Accepted, mut place: ConnectionPermit) {
        // Boxed, so that those that are let in need not keep room for it.
        match Box::pin(self.let_in(accepted, &mut place)).await {
            Ok(established) => self.serve(established).await,
            Err(Some(refused)) => self.part(*refused).await,
            Err(None) => {}
        }
    }

    /// Introduction, greeting and handshake. A refusal is logged; telling the client may take its time.
    ///
    /// # Errors
    /// What is left of a refused connection, if anything.
    async fn let_in(
        &self,
        accepted: Accepted,
        place: &mut ConnectionPermit,
    ) -> Result<Established, Option<Box<Refused>>> {
        let generation = self.live.load();
        let mut connection = accepted.connection.clone();
        let counted = self.metrics.handshake();
        let handshake = self.handshakes.begin();
        let meeting =
            self.meet(&generation.acceptor, accepted, place, &mut connection, handshake.meter());
        let outcome = tokio::select! {
            biased;
            outcome = meeting => outcome,
            exceeded = handshake.evicted() => {
                let (limit, allowed) = match exceeded {
                    Exceeded::Count => (Limit::Handshakes, self.handshakes.limit()),
                    Exceeded::Bytes => (Limit::HandshakeBytes, self.handshakes.bytes()),
                };
                self.overloaded(&connection, limit, allowed);
                return Err(None);
            }
        };
        drop(counted);
        match outcome {
            Ok(secured) => {
                let fingerprint = &secured.peer.certificate.fingerprint_sha256;
                match self.shares.take(fingerprint, &generation.requests.limits) {
                    Ok(share) => Ok(self.establish(secured, share, &generation)),
                    Err(limit) => Err(self.one_too_many(secured, handshake, limit).await),
                }
            }
            Err(failure) => Err(self.refuse(*failure, handshake)),
        }
    }

    /// Refuses a verified client that has as many connections as it may (`allowed`).
    async fn one_too_many(
        &self,
        secured: Secured,
        handshake: Entry,
        allowed: usize,
    ) -> Option<Box<Refused>> {
        let Secured { mut io, connection, hello, tls, peer, .. } = secured;
        let attempt = Attempt { connection, hello, negotiated: Some((tls.version, tls.cipher)) };
        let limit = Limit::ConnectionsPerIdentity;
        self.metrics.limited(limit);
        let report = self.live.load().acceptor.overloaded_by(attempt, &peer, limit, allowed);
        let _ = timeout(LAST_WORDS, io.shutdown()).await;
        let remains = Remains::Socket((*io).into_inner().0.into_inner());
        self.refuse(HandshakeFailure { report, remains }, handshake)
    }

    /// Logs and counts a refusal; what is left of the connection keeps its place among the handshakes.
    fn refuse(&self, failure: HandshakeFailure, handshake: Entry) -> Option<Box<Refused>> {
        let HandshakeFailure { report, remains } = failure;
        let (reason, id) = (self.refusals.tell(&report), report.id().to_owned());
        Refused::new(remains, reason, id, handshake, &self.metrics).map(Box::new)
    }

    /// Hears whose connection it is, and takes its client through the handshake if there may be one more of it.
    /// `connection` gets the addresses of the PROXY header, for when it comes no further.
    async fn meet(
        &self,
        acceptor: &Acceptor,
        accepted: Accepted,
        place: &mut ConnectionPermit,
        connection: &mut ConnectionInfo,
        meter: Meter,
    ) -> Result<Secured, Box<HandshakeFailure>> {
        let introduced = acceptor.introduce(accepted).await?;
        if let Some(client) = introduced.proxied_client() {
            connection.clone_from(introduced.connection());
            if let Err(limit) = place.count_for(client) {
                self.metrics.limited(limit);
                let report = acceptor.overloaded(connection, limit, self.capacity.limit(limit));
                return Err(Box::new(HandshakeFailure { report, remains: Remains::Gone }));
            }
        }
        acceptor.accept(introduced, meter).await
    }

    /// Refuses a connection for which there is no place: by closing it, which is the cheapest way.
    pub(super) fn turn_away(&self, accepted: Accepted, limit: Limit) {
        self.overloaded(&accepted.connection, limit, self.capacity.limit(limit));
    }

    fn overloaded(&self, connection: &ConnectionInfo, limit: Limit, allowed: usize) {
        self.metrics.limited(limit);
        self.refusals.tell(&self.live.load().acceptor.overloaded(connection, limit, allowed));
    }

    /// All that there is to know of a client that was let in.
    fn establish(&self, secured: Secured, share: ClientLimiter, generation: &Snapshot) -> Established {
        let Secured { io, peer, chain, objection, tls, connection, hello } = secured;
        let open = self.metrics.connection(&tls, connection.accepted_at.elapsed());
        self.seen.note(&peer.certificate, unix_seconds(SystemTime::now()));
        let h2 = tls.is_http2();
        let facts = ConnectionFacts::new(connection, tls, peer);
        let client = Arc::new(ClientConnection {
            limiter: share,
            live: Arc::clone(&self.live),
            metrics: Arc::clone(&self.metrics),
            hello,
            revalidation: Revalidation::new(chain, generation),
            identity_headers: IdentityHeaders::default(),
            proxy_header: OnceLock::new(),
            spans: self.spans.as_ref().map(|spans| spans.connection(&facts)),
            facts: Arc::new(facts),
            audit_log: Arc::clone(&self.objections),
            delivery_failures: Arc::clone(&self.failures),
            decisions: Decisions::default(),
            audited: AtomicBool::new(false),
        });
        client.audit(objection);
        Established { io, h2, client, limits: generation.requests.limits, _open: open }
    }

    async fn serve(&self, established: Established) {
        let Established { io, h2, client, limits, _open } = established;
        let signs = IoState::default();
        let requests = Arc::new(ConnectionRequests::new(signs.clone(), limits.connection_requests));
        let rest = if h2 {
            let io = GuardedIo::new(io, None, signs.clone(), &limits);
            Box::pin(self.serve_http2(io, &client, &requests, &signs, &limits)).await;
            None
        } else {
            let io = GuardedIo::new(io, Some(Guard::default()), signs.clone(), &limits);
            Some(self.serve_http1(io, &client, &requests, &signs).await)
        };
        if requests.begun() == 0 {
            self.unused(&client, &signs);
        }
        // Of one that has left nothing unread can throw away what it was told.
        if let Some(io) = rest.filter(|_| !signs.has_left()) {
            lingering_close::close(io).await;
        }
    }

    /// Waits for the drain to begin and then, where nothing was asked yet, for the first request.
    ///
    /// hyper closes a connection at once that is told to end before anything came on it, and the
    /// client cannot know whether the request it has just written was taken.
    pub(super) async fn last_call(&self, requests: &ConnectionRequests) {
        self.drain.begun().await;
        if requests.begun() == 0 {
            let _ = timeout(FIRST_REQUEST, requests.first.notified()).await;
        }
    }

    /// Waits until the connection is as old as it may get.
    pub(super) async fn aged(&self) {
        match self.connection_age {
            Some(age) => sleep(age).await,
            None => std::future::pending().await,
        }
    }

    /// Logs a rejection that no request handler saw; returns its identifier.
    pub(super) fn reject(
        &self,
        client: &Arc<ClientConnection>,
        requests: &Arc<ConnectionRequests>,
        rejection: &RequestRefusal,
    ) -> String {
        let number = requests.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let id = client.facts.request_id(number);
        let mut record = AccessRecord::start(
            id.clone(),
            Arc::clone(&client.facts),
            Arc::clone(&self.metrics),
            "HTTP/1.1",
            "-".into(),
            "-".to_owned(),
        );
        record.rejected(rejection.status, rejection.reason, rejection.log_detail());
        id
    }

    /// A client whose connection had to be ended to keep it from using up clawgate.
    pub(super) fn flooded(&self, client: &ClientConnection, signs: &IoState, detail: String) {
        signs.note(ConnectionFault::Flood);
        self.metrics.limited(Limit::Streams);
        if client.limiter.flood_is_news() {
            let hint =
                "an honest client does not do this: look at what runs there, or revoke its certificate";
            let facts = &*client.facts;
            emit_bounded(
                Level::WARN,
                "connection_flooded",
                &Flooded { id: facts.id(), facts, detail, hint },
            );
        }
    }

    /// A client that was let in and went without a request: as a rule it did not like what it saw.
    fn unused(&self, client: &ClientConnection, signs: &IoState) {
        let acceptor = &self.live.load().acceptor;
        if let Some(ConnectionFault::Tls(error @ rustls::Error::AlertReceived(_))) = signs.fault() {
            self.refusals.tell(&acceptor.late_refusal(client.attempt(), &client.facts.peer, error));
            return;
        }
        if self.drain.has_begun() || matches!(signs.fault(), Some(ConnectionFault::Flood)) {
            return;
        }
        self.unused.tell(&client.facts, || acceptor.about_name(client.hello.as_deref()));
    }
}

#[derive(Serialize)]
struct Flooded<'a> {
    id: &'a str,
    #[serde(flatten)]
    facts: &'a ConnectionFacts,
    detail: String,
    hint: &'static str,
}

/// `drain`: to say in the answer that the connection ends with it, should clawgate be ending by then, or
/// this be the last one of the connection.
pub(super) async fn answer(
    client: Arc<ClientConnection>,
    requests: Arc<ConnectionRequests>,
    request: Request<Incoming>,
    drain: Option<&Drain>,
) -> Result<http::Response<super::response_body::AnswerBody>, Infallible> {
    let in_flight = requests.begin();
    let is_last = in_flight.is_last();
    let is_old = request.version() == Version::HTTP_10;
    let mut response = exchange(&client, request, in_flight).await;
    if drain.is_some_and(|drain| drain.has_begun() || is_last) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // Without chunks only the end of the connection can end a body of unknown length. hyper says to an HTTP/1.0 client
    // that asks for it that the connection is kept, unless the answer has that version too.
    if is_old
        && (response.headers().contains_key(CONNECTION) || response.body().size_hint().exact().is_none())
    {
        *response.version_mut() = Version::HTTP_10;
    }
    Ok(response)
}
