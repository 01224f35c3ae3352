//! One request, from its head to the answer: checked, routed, authorized, passed on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body_util::Full;

use super::audit_log::AuditLog;
use super::check::{Names, check, method_name};
use super::delivery_failures::DeliveryFailures;
use super::headers::{remove_claims, remove_hop_by_hop, set_request_id, set_token};
use super::identity_headers::{HeadTooLong, IdentityHeaders, Verified, check_length, preface};
use super::refusal::{RequestRefusal, limit_exceeded};
use super::revalidation::{Freshness, Revalidation};
use super::unrouted::unrouted;
use super::upstream_error::{of_body, of_upstream, too_large};
use crate::identity::Peer;
use crate::identity::name::printable;
use crate::limits::Limits;
use crate::limits::client_limits::{ClientLimiter, LimitExceeded};
use crate::live::Live;
use crate::policy::{Decision, Decisions, Denial, Grant, Revoke};
use crate::route::{Route, Routes};
use crate::telemetry::RequestReason as Reason;
use crate::telemetry::access::{AccessRecord, ConnectionFacts, ConnectionSpans};
use crate::telemetry::metrics::Metrics;
use crate::tls::client_hello::ClientHello;
use crate::tls::{Acceptor, Attempt, Report};
use crate::upstream::{
    BodyTimeouts, Client, Forwarding, MisconfigurationLog, RequestBody, ResponseBody, SharedRequestBody,
};

/// An upstream as a route sees it.
#[derive(Debug)]
pub struct Upstream {
    /// Its address, for the log.
    pub name: Arc<str>,
    /// Who answers.
    pub backend: Backend,
    /// `Authorization` to give it in the place of the client's own.
    pub authorization: Option<HeaderValue>,
    /// What it is told of clients.
    pub telling: Forwarding,
    /// Where to say that it seems not to be set up for clawgate.
    pub complaints: Arc<MisconfigurationLog>,
    /// Longest wait between two pieces of a request body.
    pub idle: std::time::Duration,
}

/// Who answers a request.
#[derive(Debug)]
pub enum Backend {
    /// A server.
    Client(Client),
    /// clawgate itself, with what a server would have seen.
    Echo,
}

/// What all connections of one worker share.
#[derive(Debug)]
pub struct RequestSettings {
    /// The open paths.
    pub routes: Routes<Arc<Upstream>>,
    /// What clients may use up.
    pub limits: Limits,
    /// Bytes of the largest request body that a route takes.
    pub largest_body: u64,
    /// Of the requests that go well, one in so many is logged.
    pub log_one_in: u64,
    /// Whether clawgate's certificate is good for several names.
    pub several_names: bool,
}

/// Everything that a reload replaces, as one: nobody sees a mixture of old and new.
#[derive(Debug)]
pub struct Snapshot {
    /// Its number; the first is 1.
    pub number: u64,
    /// TLS and who may connect.
    pub acceptor: Arc<Acceptor>,
    /// What becomes of connections whose client is not admitted any more.
    pub revoke: Revoke,
    /// What happens to requests.
    pub gate: RequestSettings,
}

/// What all requests of one connection share.
#[derive(Debug)]
pub struct ClientConnection {
    pub(crate) live: Arc<Live<Snapshot>>,
    pub(crate) metrics: Arc<Metrics>,
    /// Its ClientHello, for reports.
    pub(crate) hello: Option<Box<ClientHello>>,
    pub(crate) admission: Revalidation,
    pub(crate) share: ClientLimiter,
    pub(crate) onward: IdentityHeaders,
    pub(crate) facts: Arc<ConnectionFacts>,
    pub(crate) spans: Option<ConnectionSpans>,
    pub(crate) objections: Arc<AuditLog>,
    pub(crate) failures: Arc<DeliveryFailures>,
    /// What the rules of routes say of the client.
    pub(crate) decisions: Decisions,
    /// Whether it was told of there, as a connection.
    pub(crate) objected: AtomicBool,
}

impl ClientConnection {
    /// Whether the client is still admitted.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn is_admitted(&self, now: &Snapshot) -> Result<(), Box<Report>> {
        if self.admission.check(|| self.attempt(), now)? == Freshness::Anew {
            self.object(now.acceptor.objection(&self.facts.peer));
        }
        Ok(())
    }

    /// What reports about the connection are made from.
    pub(crate) fn attempt(&self) -> Attempt {
        let ConnectionFacts { connection, tls, .. } = &*self.facts;
        let negotiated = Some((tls.version, tls.cipher));
        Attempt { connection: connection.clone(), hello: self.hello.clone(), negotiated }
    }

    /// Tells what the rules for all clients would refuse this one for, once.
    pub(crate) fn object(&self, objection: Option<Denial>) {
        if let Some(denial) = objection
            && !self.objected.swap(true, Ordering::Relaxed)
        {
            self.objections.to_connection(&self.facts, &denial);
        }
    }

    /// Begins the record of request number `number` of this connection.
    pub(crate) fn record(&self, parts: &Parts, number: u64) -> AccessRecord {
        let protocol = match parts.version {
            Version::HTTP_2 => "HTTP/2",
            Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        };
        AccessRecord::start(
            self.facts.request_id(number),
            Arc::clone(&self.facts),
            Arc::clone(&self.metrics),
            protocol,
            method_name(&parts.method),
            printable(parts.uri.path()),
        )
    }

    /// The steps in their order; each takes what the one before it gave.
    pub(crate) async fn forward(
        &self,
        parts: Parts,
        upload: &SharedRequestBody,
        generation: &Snapshot,
        record: &mut AccessRecord,
    ) -> Result<Forwarded, RequestRefusal> {
        self.is_admitted(generation).map_err(|_| withdrawn())?;
        let gate = &generation.gate;
        let names = Names { sni: self.facts.tls.sni.as_deref(), several: gate.several_names };
        uri_length(&parts.uri, gate.limits.uri)?;
        let head = check(&parts, names)?;
        let found = gate.routes.find(&parts.method, &head.path);
        let who = &self.facts.peer.certificate.subject;
        let route = found.map_err(|why| unrouted(why, &parts.method, head.path.as_str(), who))?;
        let name = Arc::clone(&route.upstream.name);
        record.routed(route.path.shared(), name, &route.metrics);
        let granted = self.decisions.authorize(generation.number, &self.facts.peer, route);
        let grant = granted.map_err(|decision| not_allowed(&self.facts.peer, route, &decision))?;
        if let Some(denial) = grant.objection() {
            let path = route.path.to_string();
            self.objections.to_request(record.id(), &self.facts, &path, denial);
        }
        let body = limited(upload, route, &gate.limits)?;
        let host = head.host;
        let acceptor = &generation.acceptor;
        let request = self.upstream_request(&grant, acceptor, parts, host, body, record.id())?;
        let preface = route.upstream.telling.proxy_protocol.then(|| preface(self, &generation.acceptor));
        let delivered = deliver(grant, request, self.share.number(), preface, record).await;
        delivered.inspect_err(|rejection| {
            let (id, upstream) = (record.id(), &route.upstream.name);
            self.failures.tell(id, &self.facts, upstream, rejection.reason, rejection.log_detail());
        })
    }

    /// Refuses what an identity may not use; one in a second is logged.
    pub(crate) fn too_much(
        &self,
        exceeded: LimitExceeded,
        limits: &Limits,
        record: &mut AccessRecord,
    ) -> RequestRefusal {
        match self.share.is_news() {
            Some(unsaid) => record.after_unlogged(unsaid),
            None => record.leave_out(),
        }
        limit_exceeded(exceeded, limits.request_rate, limits.requests_at_once)
    }

    /// The request as the upstream is to see it.
    fn upstream_request(
        &self,
        grant: &Grant<'_, Route<Arc<Upstream>>>,
        acceptor: &Acceptor,
        parts: Parts,
        host: HeaderValue,
        body: RequestBody,
        id: &str,
    ) -> Result<Request<RequestBody>, RequestRefusal> {
        let mut headers = parts.headers;
        remove_hop_by_hop(&mut headers);
        remove_claims(&mut headers);
        let upstream = &grant.resource().upstream;
        if let Some(authorization) = &upstream.authorization {
            set_token(&mut headers, authorization);
        }
        join_cookies(&mut headers);
        let client = Verified {
            connection: &self.facts.connection,
            peer: grant.peer(),
            chain: self.admission.chain(),
            acceptor,
        };
        self.onward.tell(&mut headers, upstream.telling, client, &host, |left_out| {
            upstream.complaints.left_out(left_out, &self.facts.peer.certificate.fingerprint_sha256, id);
        });
        headers.insert(header::HOST, host);
        set_request_id(&mut headers, id);

        let target = parts.uri.into_parts().path_and_query.map(Uri::from);
        let line =
            target.as_ref().map_or(0, |target| target.path().len() + target.query().map_or(0, str::len));
        check_length(&headers, upstream.telling, parts.method.as_str().len() + line + 16)
            .map_err(|HeadTooLong| head_too_long())?;
        let mut request = Request::new(body);
        *request.method_mut() = parts.method;
        *request.uri_mut() = target.ok_or_else(|| {
            RequestRefusal::new(StatusCode::BAD_REQUEST, Reason::BadPath, "the request has no path")
        })?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// Who answered.
pub(crate) enum Forwarded {
    Upstream(Response<ResponseBody>, Arc<MisconfigurationLog>),
    Echo(Response<Full<Bytes>>),
}

/// Before anything reads it.
fn uri_length(uri: &Uri, limit: usize) -> Result<(), RequestRefusal> {
    let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if length <= limit {
        return Ok(());
    }
    let detail =
        format!("path and query have {length} bytes, and {limit} are taken; put the rest into the body");
    Err(RequestRefusal::new(StatusCode::URI_TOO_LONG, Reason::UriTooLong, detail))
}

fn head_too_long() -> RequestRefusal {
    let detail = "the header fields, with those that tell the upstream who you are, are longer than the 16 KiB that it \
                  takes; send fewer or shorter ones";
    RequestRefusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Reason::HeadersTooLarge, detail)
}

/// The client is not told the rules.
fn not_allowed(peer: &Peer, route: &Route<Arc<Upstream>>, decision: &Decision) -> RequestRefusal {
    let who = &peer.certificate.subject;
    let detail = format!("{who} is not allowed to use {}", route.path);
    let log = format!("{detail}: {}", decision.words("route", peer));
    RequestRefusal::new(StatusCode::FORBIDDEN, Reason::IdentityNotAllowed, detail).with_log(log)
}

fn withdrawn() -> RequestRefusal {
    let detail = "the client certificate is not admitted any more";
    RequestRefusal::new(StatusCode::FORBIDDEN, Reason::IdentityNotAllowed, detail).closing()
}

/// Refuses a body whose declared length is over the limit before the upstream hears of it; one
/// without a length is counted as it passes.
fn limited(
    upload: &SharedRequestBody,
    route: &Route<Arc<Upstream>>,
    limits: &Limits,
) -> Result<RequestBody, RequestRefusal> {
    if upload.size_hint().lower() > route.max_body {
        return Err(too_large(route.max_body));
    }
    let patience =
        BodyTimeouts { idle: route.upstream.idle, total: limits.body_timeout, rate: limits.body_rate };
    Ok(RequestBody::new(upload.clone(), route.max_body, patience))
}

/// Hands the request over. Takes the grant, so that nothing goes out without one.
async fn deliver(
    grant: Grant<'_, Route<Arc<Upstream>>>,
    request: Request<RequestBody>,
    client_number: usize,
    preface: Option<Bytes>,
    record: &mut AccessRecord,
) -> Result<Forwarded, RequestRefusal> {
    let upstream = &grant.resource().upstream;
    let sent = Instant::now();
    let client = match &upstream.backend {
        Backend::Client(client) => client,
        Backend::Echo => {
            let response =
                Box::pin(super::echo::answer(request, grant.peer())).await.map_err(of_body)?;
            record.answered(response.status(), sent.elapsed());
            return Ok(Forwarded::Echo(response));
        }
    };
    record.asked(sent);
    let answer = match preface {
        None => client.send(request, client_number).await,
        Some(preface) => Box::pin(client.send_alone(request, client_number, &preface)).await,
    };
    let answer = answer.map_err(of_upstream)?;
    if answer.retried {
        record.retried();
    }
    let mut response = answer.response;
    record.answered(response.status(), sent.elapsed());
    remove_hop_by_hop(response.headers_mut());
    if answer.closes {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    *response.version_mut() = Version::HTTP_11;
    Ok(Forwarded::Upstream(response, Arc::clone(&upstream.complaints)))
}

/// RFC 9113 section 8.2.3: HTTP/2 may split Cookie; HTTP/1.1 may not.
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<_> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
    }
}
