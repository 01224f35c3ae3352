//! A request of a route with `relay`: it is authorized and authenticated as any other, and goes to a target of the relay.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;

use super::Relay;
use super::submit::{Passed, Submitted};
use crate::pipeline::authenticate::Authenticated;
use crate::pipeline::client_connection::ClientConnection;
use crate::pipeline::event_names::principal_name;
use crate::pipeline::limit_body::read_whole;
use crate::pipeline::refusal::RequestRefusal;
use crate::pipeline::shape::Shaped;
use crate::telemetry::access::AccessRecord;
use crate::telemetry::trace::TraceContext;
use crate::upstream::SharedRequestBody;

/// Passes the event of a request on to the target with this name.
///
/// # Errors
/// When it is neither stored nor sent, or got no answer. That is logged as an event, too.
pub(in crate::pipeline) async fn pass_on(
    client: &ClientConnection,
    Shaped(authenticated): Shaped<'_>,
    body: &SharedRequestBody,
    name: &Arc<str>,
    record: &mut AccessRecord,
) -> Result<Response<Full<Bytes>>, RequestRefusal> {
    let Authenticated { principal, head, body: whole, claim, key: _ } = authenticated;
    let whole = match whole {
        Some(whole) => whole,
        None => read_whole(body, principal.resource(), &head).await?,
    };
    let passed = async {
        let relay = client
            .relay
            .as_deref()
            .ok_or_else(|| unavailable("clawgate was started without a relay"))?;
        let snapshot = relay.live.load();
        let target = snapshot.named(name).ok_or_else(|| unavailable("a reload has removed it"))?;
        let event = Submitted {
            target: target.client.target(),
            headers: head.headers(),
            body: whole,
            principal: principal_name(&principal),
            request: record.id(),
            trace: TraceContext::extract(&mut head.headers().clone(), 1),
        };
        Relay::submit(relay, event).await
    };
    let passed = passed.await.inspect_err(|refusal| {
        let (reason, detail) = (refusal.reason(), refusal.log());
        client.delivery_failures.log(record.id(), Some(&client.facts), name, reason, &detail);
    })?;
    let is_done = match &passed {
        Passed::Stored(id, begun, took) => {
            record.event(id.to_string());
            record.stored(*begun, *took);
            record.answered_by_clawgate(StatusCode::ACCEPTED, "stored in the inbox");
            true
        }
        Passed::Duplicate(first) => {
            record.event(first.to_string());
            record.answered_by_clawgate(StatusCode::OK, "the event was accepted before");
            true
        }
        Passed::Answered(answer) => {
            record.answered(answer.status, answer.took());
            answer.status.is_success()
        }
    };
    if let Some(claim) = claim.filter(|_| is_done) {
        claim.confirm().await;
    }
    Ok(passed.response())
}

fn unavailable(why: &str) -> RequestRefusal {
    RequestRefusal::TargetUnavailable { why: why.to_owned() }
}
