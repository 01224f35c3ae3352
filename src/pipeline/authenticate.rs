//! The fifth step: what authenticates the request? Where the route demands a signature, the whole body is read and verified
//! before anything of it goes further.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use tracing::Level;

use super::authorize::Authorized;
use super::check::CheckedHead;
use super::limit_body::read_whole;
use super::refusal::RequestRefusal;
use super::snapshot::{RoutePrincipal, UpstreamRoute};
use super::verify_signature::{Checked, Unverified};
use crate::policy::Principal;
use crate::signature::replay::{Claim, ClaimGuard};
use crate::signature::{Answer, EventKey, Source, Template, Verification, event_id};
use crate::telemetry::access::AccessRecord;
use crate::telemetry::metrics::SignatureResult;
use crate::telemetry::{AuthenticatedBy, emit};
use crate::upstream::SharedRequestBody;

/// Where clients with a certificate have the id of an event, if the settings do not say it.
static IDEMPOTENCY_KEY: LazyLock<Template> =
    LazyLock::new(|| Source::Header(HeaderName::from_static("idempotency-key")).into());

/// The body of the answer to a duplicate.
const DUPLICATE: &str = "{\"status\":\"duplicate\"}\n";

/// What follows from authentication.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are requests, and a box would cost each of them"
)]
pub(super) enum Authentication<'a> {
    /// The request goes on to the upstream.
    Request(Authenticated<'a>),
    /// clawgate answers the request itself: it is a duplicate, or the sender's check of the URL.
    Answered(Response<Full<Bytes>>),
}

/// A request that is authenticated as its route demands.
pub(super) struct Authenticated<'a> {
    pub(super) principal: RoutePrincipal<'a>,
    pub(super) head: CheckedHead<'a>,
    /// The body, if it was read.
    pub(super) body: Option<Bytes>,
    /// Remembers the event of the request once it is delivered; not for the inbox, which remembers events itself.
    pub(super) claim: Option<ClaimGuard>,
    /// What the inbox knows the event by if it comes again.
    pub(super) key: Option<String>,
}

impl<'a> Authorized<'a> {
    /// Verifies the signature where the route demands one.
    ///
    /// # Errors
    /// When the request is not authenticated as the route demands, or its body cannot be read.
    pub(super) async fn authenticate(
        self,
        body: &SharedRequestBody,
        record: &mut AccessRecord,
    ) -> Result<Authentication<'a>, RequestRefusal> {
        let client_auth = self.head.admitted().client().client_auth();
        if self.route.authenticate.demands_signature(client_auth) {
            // Boxed, since most routes demand none: every request in progress would need the memory.
            return Box::pin(self.verify(body, record)).await;
        }
        let Self { route, grant, head } = self;
        let principal = Principal::establish(route, grant, None).ok_or_else(not_authenticated)?;
        note(&principal, record);
        if let Some(inbox) = route.inbox() {
            let body = Box::pin(read_whole(body, route, &head)).await?;
            let request = head.request(&body);
            let key = event_id(inbox.id.as_ref().unwrap_or(&IDEMPOTENCY_KEY), &request);
            return Ok(Authentication::Request(Authenticated {
                principal,
                head,
                body: Some(body),
                claim: None,
                key,
            }));
        }
        Ok(Authentication::Request(Authenticated {
            principal,
            head,
            body: None,
            claim: None,
            key: None,
        }))
    }

    async fn verify(
        self,
        body: &SharedRequestBody,
        record: &mut AccessRecord,
    ) -> Result<Authentication<'a>, RequestRefusal> {
        let Self { route, grant, head } = self;
        let verification = route.verification().ok_or_else(not_authenticated)?;
        let unverified = Unverified { route, verification, head: &head, id: record.id() };
        let (body, signature) = match unverified.check(body).await? {
            Checked::Event(body, signature) => (body, signature),
            Checked::Challenge(answer) => {
                verification.metrics.count(SignatureResult::Challenge);
                log_secret(route, verification, &answer);
                record.answered_by_clawgate(answer.status, "the sender tested the address");
                return Ok(Authentication::Answered(answer.into_response().map(Full::from)));
            }
        };
        let event = signature.as_ref().map(|signature| signature.event());
        let key = route.inbox().and_then(|inbox| match &inbox.id {
            Some(id) => event_id(id, &head.request(&body)),
            None => signature.as_ref()?.event_text(),
        });
        let principal = match signature {
            Some(signature) => {
                if let Some(skew) = signature.skew() {
                    verification.metrics.set_skew(skew);
                }
                record.signed(signature.scheme(), Arc::clone(signature.key_file()));
                Principal::establish(route, grant, Some(signature))
            }
            None => Principal::audited(route, grant),
        };
        let principal = principal.ok_or_else(not_authenticated)?;
        note(&principal, record);
        // The inbox recognises repeated events itself.
        let event = event.map(|event| event.filter(|_| route.inbox().is_none()));
        let claimed = match event {
            Some(event) => Some(claim(verification, event).await?),
            None => None,
        };
        let claim = match claimed {
            Some(Claimed::Duplicate) => {
                record.answered_by_clawgate(verification.success, "the event was delivered before");
                return Ok(Authentication::Answered(duplicate(verification)));
            }
            Some(Claimed::New(claim)) => claim,
            None => None,
        };
        Ok(Authentication::Request(Authenticated { principal, head, body: Some(body), claim, key }))
    }
}

/// Logs the secret of a sender that tells it with its test of the address, once for each route: the operator needs it.
fn log_secret(route: &UpstreamRoute, verification: &Verification, answer: &Answer) {
    if let Some(secret) = &answer.secret
        && !verification.secret_logged.swap(true, Ordering::Relaxed)
    {
        let line = ChallengeSecret {
            route: &route.path.to_string(),
            secret,
            hint: "compare it with the one that the sender shows, and write it into the file that secret_file names",
        };
        emit(Level::WARN, "challenge_secret", &line);
    }
}

/// The `challenge_secret` event.
#[derive(Serialize)]
struct ChallengeSecret<'a> {
    route: &'a str,
    secret: &'a str,
    hint: &'static str,
}

/// Whether the event of a request is new.
enum Claimed {
    /// It is; `None` where the scheme does not look for repeated requests.
    New(Option<ClaimGuard>),
    /// It was delivered before.
    Duplicate,
}

/// Claims the event of a request with a valid signature, so that the same one is not delivered twice.
///
/// # Errors
/// When a request with the same event is being delivered.
async fn claim(verification: &Verification, event: Option<EventKey>) -> Result<Claimed, RequestRefusal> {
    let Some(event) = event else {
        verification.metrics.count(SignatureResult::Valid);
        return Ok(Claimed::New(None));
    };
    match verification.replays.claim_everywhere(event, Instant::now()).await {
        Claim::New(guard) => {
            verification.metrics.count(SignatureResult::Valid);
            Ok(Claimed::New(Some(guard)))
        }
        Claim::Duplicate => {
            verification.metrics.count(SignatureResult::Duplicate);
            Ok(Claimed::Duplicate)
        }
        Claim::InProgress => {
            verification.metrics.count(SignatureResult::Duplicate);
            Err(RequestRefusal::EventInProgress)
        }
    }
}

/// Tells the sender that it need not send this event again. No upstream sees the request.
fn duplicate(verification: &Verification) -> Response<Full<Bytes>> {
    let success = verification.success;
    let has_body =
        success != StatusCode::NO_CONTENT && !verification.verifier.scheme().wants_empty_answers();
    let body = if has_body { DUPLICATE } else { "" };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = success;
    if has_body {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}

/// Notes in the access record what authenticated a request.
fn note(principal: &RoutePrincipal<'_>, record: &mut AccessRecord) {
    record.authenticated(match principal {
        Principal::Certificate(_) => AuthenticatedBy::Certificate,
        Principal::Signature(..) => AuthenticatedBy::Signature,
        Principal::Both(..) => AuthenticatedBy::Both,
        Principal::Audited(_) => AuthenticatedBy::Nothing,
    });
}

/// The refusal of a request whose route demands more than it has. The steps before do not let one come here.
fn not_authenticated() -> RequestRefusal {
    RequestRefusal::SignatureMissing { why: "the route demands another authentication".to_owned() }
}
