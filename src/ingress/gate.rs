//! One request, from its head to the answer: checked, routed, authorized, passed on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;

use super::admission::{Admission, Asked};
use super::body::{AnswerBody, Inspection, Source, for_head};
use super::delivery_failures::DeliveryFailures;
use super::headers::{remove_claims, remove_hop_by_hop, set_request_id, set_token};
use super::objections::Objections;
use super::onward::{HeadTooLong, Onward, Verified, check_length, preface};
use super::polite::{Polite, rest_is_read};
use super::rejection::Rejection;
use super::request::{Names, check, method_name};
use super::requests::{Lasting, UnderWay};
use super::share::{Share, TooMuch};
use super::undelivered::{of_body, of_upstream, too_large};
use super::unrouted::unrouted;
use crate::config::Limits;
use crate::identity::Peer;
use crate::identity::name::printable;
use crate::live::Live;
use crate::observe::RequestReason as Reason;
use crate::observe::access::{AccessRecord, ConnectionFacts, ConnectionSpans};
use crate::observe::metrics::Metrics;
use crate::observe::trace::Trace;
use crate::policy::{Decision, Decisions, Denial, Grant, Revoke};
use crate::route::{Route, Routes};
use crate::tls::{Acceptor, Opening, Report};
use crate::upstream::{
    Client, Complaints, Patience, RequestBody, ResponseBody, Suspicion, Telling, Upload,
};

/// An upstream as a route sees it.
#[derive(Debug)]
pub struct Upstream {
    /// Its address, for the log.
    pub name: Arc<str>,
    /// Who answers.
    pub backend: Backend,
    /// `Authorization` to give it in the place of the sender's own.
    pub authorization: Option<HeaderValue>,
    /// What it is told of senders.
    pub telling: Telling,
    /// Where to say that it seems not to be set up for the gate.
    pub complaints: Arc<Complaints>,
    /// Longest wait between two pieces of a request body.
    pub idle: std::time::Duration,
}

/// Who answers a request.
#[derive(Debug)]
pub enum Backend {
    /// A server.
    Client(Client),
    /// The gate itself, with what a server would have seen.
    Echo,
}

/// What all connections of one worker share.
#[derive(Debug)]
pub struct Gate {
    /// The open paths.
    pub routes: Routes<Arc<Upstream>>,
    /// What senders may use up.
    pub limits: Limits,
    /// Bytes of the largest request body that a route takes.
    pub largest_body: u64,
    /// Of the requests that go well, one in so many is logged.
    pub log_one_in: u64,
    /// Whether the gate's certificate is good for several names.
    pub several_names: bool,
}

/// Everything that a reload replaces, as one: nobody sees a mixture of old and new.
#[derive(Debug)]
pub struct Generation {
    /// Its number; the first is 1.
    pub number: u64,
    /// TLS and who may connect.
    pub acceptor: Arc<Acceptor>,
    /// What becomes of connections whose sender is not admitted any more.
    pub revoke: Revoke,
    /// What happens to requests.
    pub gate: Gate,
}

/// What all requests of one connection share.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) live: Arc<Live<Generation>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) opening: Opening,
    pub(super) admission: Admission,
    pub(super) peer: Peer,
    pub(super) share: Share,
    pub(super) onward: Onward,
    pub(super) sni: Option<String>,
    pub(super) facts: Arc<ConnectionFacts>,
    pub(super) spans: Option<ConnectionSpans>,
    pub(super) objections: Arc<Objections>,
    pub(super) failures: Arc<DeliveryFailures>,
    /// What the rules of routes say of the sender.
    pub(super) decisions: Decisions,
    /// Whether it was told of there, as a connection.
    pub(super) objected: AtomicBool,
}

impl Sender {
    /// Whether the sender is still admitted.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn is_admitted(&self, now: &Generation) -> Result<(), Box<Report>> {
        if self.admission.check(&self.opening, now)? == Asked::Anew {
            self.object(now.acceptor.objection(&self.peer));
        }
        Ok(())
    }

    /// Tells what the rules for all senders would refuse this one for, once.
    pub(super) fn object(&self, objection: Option<Denial>) {
        if let Some(denial) = objection
            && !self.objected.swap(true, Ordering::Relaxed)
        {
            self.objections.to_connection(&self.facts, &self.peer, &denial);
        }
    }

    /// Answers a request, which counts as `under_way` until its answer is out.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        under_way: UnderWay,
    ) -> Response<AnswerBody> {
        let (mut parts, body) = request.into_parts();
        let mut record = self.record(&parts, under_way.number());
        let upload = Upload::new(body);
        let http2 = parts.version == Version::HTTP_2;
        let is_head = parts.method == Method::HEAD;
        // Reading a body that is announced so asks for it.
        let may_read = !parts.headers.contains_key(header::EXPECT);
        let mut inspection = None;
        // One snapshot for the whole request.
        let generation = self.live.load();
        let limits = &generation.gate.limits;
        let one_in = self.spans.as_ref().map_or(1, ConnectionSpans::one_in);
        let trace = Trace::of(&mut parts.headers, one_in);
        trace.tell(&mut parts.headers);
        record.traced(trace, generation.gate.log_one_in);
        record.exported(self.spans.as_ref().and_then(|spans| spans.begin(trace)));
        let deadline = Instant::now() + limits.request_timeout;
        let (part, allowed) = self.share.take(limits);
        let outcome = match allowed {
            Ok(()) => self.forward(parts, &upload, &generation, &mut record).await,
            Err(too_much) => {
                if too_much == (TooMuch::AtOnce { flood: true }) {
                    under_way.are_a_flood();
                }
                Err(self.too_much(too_much, limits, &mut record))
            }
        };
        let own = |response| if is_head { for_head(response) } else { response }.map(Source::Own);
        let response = match outcome {
            Ok(Forwarded::Upstream(response, complaints)) => {
                inspection = inspect(&response, &record, complaints);
                response.map(|body| Source::Upstream(Box::new(body)))
            }
            Ok(Forwarded::Echo(response)) => own(response),
            Err(mut rejection) => {
                record.rejected(rejection.status, rejection.reason, rejection.log_detail());
                if !http2 && !upload.ended() && !rejection.close {
                    // Boxed, since it is rare: every request under way would keep room for it.
                    rejection.close = !may_read || !Box::pin(rest_is_read(&upload)).await;
                }
                own(rejection.response(record.id()))
            }
        };
        let under_way = Lasting { under_way, deadline, _part: part };
        response.map(|source| {
            AnswerBody::new(Polite::new(source, upload, http2), record, inspection, under_way)
        })
    }

    fn record(&self, parts: &Parts, number: u64) -> AccessRecord {
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
    async fn forward(
        &self,
        parts: Parts,
        upload: &Upload,
        generation: &Generation,
        record: &mut AccessRecord,
    ) -> Result<Forwarded, Rejection> {
        self.is_admitted(generation).map_err(|_| withdrawn())?;
        let gate = &generation.gate;
        let names = Names { sni: self.sni.as_deref(), several: gate.several_names };
        uri_length(&parts.uri, gate.limits.uri)?;
        let head = check(&parts, names)?;
        let found = gate.routes.find(&parts.method, &head.path);
        let who = &self.peer.certificate.subject;
        let route = found.map_err(|why| unrouted(why, &parts.method, head.path.as_str(), who))?;
        let name = Arc::clone(&route.upstream.name);
        record.routed(route.path.shared(), name, &route.metrics);
        let granted = self.decisions.authorize(generation.number, &self.peer, route);
        let grant = granted.map_err(|decision| not_allowed(&self.peer, route, &decision))?;
        if let Some(denial) = grant.objection() {
            let path = route.path.to_string();
            self.objections.to_request(record.id(), &self.facts, &self.peer, &path, denial);
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
    fn too_much(&self, too_much: TooMuch, limits: &Limits, record: &mut AccessRecord) -> Rejection {
        match self.share.is_news() {
            Some(unsaid) => record.after_unlogged(unsaid),
            None => record.leave_out(),
        }
        too_much.rejection(limits)
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
    ) -> Result<Request<RequestBody>, Rejection> {
        let mut headers = parts.headers;
        remove_hop_by_hop(&mut headers);
        remove_claims(&mut headers);
        let upstream = &grant.resource().upstream;
        if let Some(authorization) = &upstream.authorization {
            set_token(&mut headers, authorization);
        }
        join_cookies(&mut headers);
        let sender = Verified { peer: grant.peer(), chain: self.admission.chain(), acceptor };
        self.onward.tell(&mut headers, upstream.telling, sender, &host, |left_out| {
            upstream.complaints.left_out(left_out, &self.facts.fingerprint_sha256, id);
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
            Rejection::new(StatusCode::BAD_REQUEST, Reason::BadPath, "the request has no path")
        })?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

enum Forwarded {
    Upstream(Response<ResponseBody>, Arc<Complaints>),
    Echo(Response<Full<Bytes>>),
}

/// Before anything reads it.
fn uri_length(uri: &Uri, limit: usize) -> Result<(), Rejection> {
    let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if length <= limit {
        return Ok(());
    }
    let detail =
        format!("path and query have {length} bytes, and {limit} are taken; put the rest into the body");
    Err(Rejection::new(StatusCode::URI_TOO_LONG, Reason::UriTooLong, detail))
}

fn head_too_long() -> Rejection {
    let detail = "the header fields, with those that tell the upstream who you are, are longer than the 16 KiB that it \
                  takes; send fewer or shorter ones";
    Rejection::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Reason::HeadersTooLarge, detail)
}

/// The sender is not told the rules.
fn not_allowed(peer: &Peer, route: &Route<Arc<Upstream>>, decision: &Decision) -> Rejection {
    let who = &peer.certificate.subject;
    let detail = format!("{who} is not allowed to use {}", route.path);
    let log = format!("{detail}: {}", decision.words("route", peer));
    Rejection::new(StatusCode::FORBIDDEN, Reason::IdentityNotAllowed, detail).with_log(log)
}

fn withdrawn() -> Rejection {
    let detail = "the client certificate is not admitted any more";
    Rejection::new(StatusCode::FORBIDDEN, Reason::IdentityNotAllowed, detail).closing()
}

/// Refuses a body whose declared length is over the limit before the upstream hears of it; one
/// without a length is counted as it passes.
fn limited(
    upload: &Upload,
    route: &Route<Arc<Upstream>>,
    limits: &Limits,
) -> Result<RequestBody, Rejection> {
    if upload.size_hint().lower() > route.max_body {
        return Err(too_large(route.max_body));
    }
    let patience =
        Patience { idle: route.upstream.idle, total: limits.body_timeout, rate: limits.body_rate };
    Ok(RequestBody::new(upload.clone(), route.max_body, patience))
}

/// Hands the request over. Takes the grant, so that nothing goes out without one.
async fn deliver(
    grant: Grant<'_, Route<Arc<Upstream>>>,
    request: Request<RequestBody>,
    client_number: usize,
    preface: Option<Bytes>,
    record: &mut AccessRecord,
) -> Result<Forwarded, Rejection> {
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

/// Looks for answers that mean a misconfiguration; a 403 must be looked at as it passes.
fn inspect<B>(
    response: &Response<B>,
    record: &AccessRecord,
    complaints: Arc<Complaints>,
) -> Option<Inspection> {
    let status = response.status();
    match Suspicion::of_head(status, response.headers()) {
        Ok(Some(suspicion)) => {
            complaints.log(suspicion, status, record.id());
            None
        }
        Ok(None) => None,
        Err(forbidden) => Some(Inspection { forbidden, complaints, status }),
    }
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
