//! A request at the listener of the relay: who may call, for which target the event is, and what became of it.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::Full;

use super::Relay;
use super::refused_callers::RefusedCallers;
use super::snapshot::{RelaySnapshot, TargetInUse};
use super::submit::{Passed, Submitted};
use crate::identity::name::printable;
use crate::pipeline::delivery_failures::DeliveryFailures;
use crate::pipeline::refusal::RequestRefusal;
use crate::relay::settings::{Callers, TokenHeader};
use crate::telemetry::access::RelayRecord;
use crate::upstream::{BodyTimeouts, RequestBody, SharedRequestBody};

/// What callers are called in the inbox: all of them have the same rights.
const CALLER: &str = "relay";

/// Handles a request of a caller.
pub(crate) async fn handle(
    relay: &Relay,
    logs: (&RefusedCallers, &DeliveryFailures),
    request: Request<SharedRequestBody>,
    record: &mut RelayRecord,
) -> Response<Full<Bytes>> {
    let snapshot = relay.live.load();
    let outcome = match check(&snapshot, &request) {
        Ok(target) => {
            let RelayTargetNames { name, route } = RelayTargetNames::of(target);
            record.for_target(Arc::clone(&name), route, Arc::clone(&target.metrics));
            let outcome = pass_on(relay, &snapshot, target, request, record).await;
            outcome.inspect_err(|refusal| {
                let detail = refusal.log();
                logs.1.log(record.id(), None, &name, refusal.reason(), &detail);
            })
        }
        Err(refusal) => Err(refusal),
    };
    let response = outcome.unwrap_or_else(|refusal| {
        record.rejected(refusal.status(), refusal.reason(), &refusal.log());
        logs.0.log(&refusal, record);
        refusal.response(record.id(), false)
    });
    let length = response.body().size_hint().exact().unwrap_or_default();
    record.set_bytes_out(usize::try_from(length).unwrap_or(usize::MAX));
    response
}

struct RelayTargetNames {
    name: Arc<str>,
    route: Arc<str>,
}

impl RelayTargetNames {
    fn of(target: &TargetInUse) -> Self {
        let target = target.client.target();
        Self { name: Arc::clone(target.name()), route: Arc::clone(target.route()) }
    }
}

/// Finds the target, if the caller may call.
fn check<'s, B>(
    snapshot: &'s RelaySnapshot,
    request: &Request<B>,
) -> Result<&'s TargetInUse, RequestRefusal> {
    // A browser sends it with each POST of a page, and a page cannot prevent that. Programs have no reason to.
    if request.headers().contains_key(ORIGIN) {
        return Err(RequestRefusal::RelayOrigin);
    }
    if request.method() != Method::POST {
        return Err(RequestRefusal::RelayMethod { method: printable(request.method().as_str()) });
    }
    authenticate(snapshot.callers.as_ref(), request.headers())?;
    let path = request.uri().path();
    snapshot.at(path).ok_or_else(|| RequestRefusal::RelayPath { path: printable(path) })
}

fn authenticate(callers: Option<&Callers>, headers: &HeaderMap) -> Result<(), RequestRefusal> {
    let refused = |why| Err(RequestRefusal::RelayToken { why });
    // Without callers there is no listener; a reload may have removed it.
    let Some(Callers { header, tokens }) = callers else { return refused("the relay has no token") };
    let name: &HeaderName = match header {
        TokenHeader::Bearer => &AUTHORIZATION,
        TokenHeader::Named(name) => name,
    };
    let mut values = headers.get_all(name).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return refused("the request has no token, or several");
    };
    match token(header, value) {
        Some(token) if tokens.contain(token) => Ok(()),
        Some(_) => refused("the token of the request is none of those in relay.token_file"),
        None => refused("Authorization of the request is not `Bearer` and a token"),
    }
}

fn token<'v>(header: &TokenHeader, value: &'v HeaderValue) -> Option<&'v [u8]> {
    let value = value.as_bytes();
    match header {
        TokenHeader::Named(_) => Some(value),
        // RFC 9110 section 11.1: the scheme's case does not matter.
        TokenHeader::Bearer => match value.split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"Bearer ") => Some(token),
            _ => None,
        },
    }
}

async fn pass_on(
    relay: &Relay,
    snapshot: &RelaySnapshot,
    target: &TargetInUse,
    request: Request<SharedRequestBody>,
    record: &mut RelayRecord,
) -> Result<Response<Full<Bytes>>, RequestRefusal> {
    let (parts, body) = request.into_parts();
    let body = read(snapshot, body).await?;
    record.set_bytes_in(body.len());
    let event = Submitted {
        target: target.client.target(),
        headers: &parts.headers,
        body,
        principal: CALLER.into(),
        request: record.id(),
        trace: record.trace(),
    };
    let passed = relay.submit(event).await?;
    match &passed {
        Passed::Stored(id, ..) => {
            record.event(id.to_string());
            record.stored(StatusCode::ACCEPTED, "stored in the inbox");
        }
        Passed::Duplicate(first) => {
            record.event(first.to_string());
            record.stored(StatusCode::OK, "the event was accepted before");
        }
        Passed::Answered(answer) => record.answered(answer.status, answer.took()),
    }
    Ok(passed.response())
}

/// Reads the body. One whose declared length is over the limit is refused before anything of it is read.
async fn read(snapshot: &RelaySnapshot, body: SharedRequestBody) -> Result<Bytes, RequestRefusal> {
    let RelaySnapshot { max_body, limits, .. } = snapshot;
    if body.size_hint().lower() > *max_body {
        return Err(RequestRefusal::BodyTooLarge(*max_body));
    }
    let total = limits.body_timeout;
    let timeouts = BodyTimeouts { idle: total, total, rate: limits.body_rate };
    Ok(RequestBody::new(body, *max_body, timeouts).read_whole(|_| {}).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::settings::CallerTokens;

    fn callers(header: TokenHeader) -> Callers {
        let tokens = vec![b"old".to_vec().into(), b"secret".to_vec().into()];
        Callers { header, tokens: CallerTokens::new(tokens).unwrap() }
    }

    fn admits(callers: &Callers, sent: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, value.parse().unwrap());
        }
        authenticate(Some(callers), &headers).is_ok()
    }

    #[test]
    fn a_bearer_token_is_in_authorization() {
        let callers = callers(TokenHeader::Bearer);
        for good in ["Bearer secret", "bearer secret", "Bearer old"] {
            assert!(admits(&callers, &[("authorization", good)]), "{good}");
        }
        for bad in ["secret", "Bearer", "Bearer ", "Bearer secrets", "Bearer  secret", "Basic secret"] {
            assert!(!admits(&callers, &[("authorization", bad)]), "{bad}");
        }
        assert!(!admits(&callers, &[]));
        assert!(!admits(&callers, &[("x-incoming-secret", "secret")]));
    }

    #[test]
    fn a_header_of_its_own_has_the_token_alone() {
        let callers = callers(TokenHeader::Named(HeaderName::from_static("x-incoming-secret")));
        assert!(admits(&callers, &[("x-incoming-secret", "secret")]));
        assert!(!admits(&callers, &[("x-incoming-secret", "Bearer secret")]));
        assert!(!admits(&callers, &[("authorization", "Bearer secret")]));
    }

    #[test]
    fn two_tokens_are_none() {
        let callers = callers(TokenHeader::Bearer);
        let twice = [("authorization", "Bearer secret"), ("authorization", "Bearer secret")];
        assert!(!admits(&callers, &twice));
    }

    #[test]
    fn without_tokens_nobody_is_admitted() {
        assert!(authenticate(None, &HeaderMap::new()).is_err());
    }
}
