//! One try to send an event, or several together, to a target of the relay.

use bytes::Bytes;
use http::{HeaderValue, header};

use super::seen::{Cause, Seen};
use crate::inbox::Event;
use crate::relay::batch::{Batch, Member};
use crate::relay::client::{Sent, TargetClient};
use crate::relay::idempotency::batch_id;
use crate::relay::retry::{NoAnswer, Verdict};
use crate::relay::target::TargetRequest;
use crate::telemetry::metrics::AttemptClass;
use crate::telemetry::trace::TraceContext;

/// How much of an answer is looked at.
const LOOKED_AT: usize = 4096;

const RATE_LIMITED: &str = "the target gets more requests than it accepts, from whomever: set the target's `rate` to what its owner \
                            allows, or send several events together with `batch`";
const UNKNOWN_CONTENT: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Sends events in one request.
pub(super) async fn send(events: &Batch<Event>, client: &TargetClient) -> Seen {
    let first = events.first();
    let request_id = format!("{}-{}", first.id, first.tries.saturating_add(1));
    let traces: Vec<_> = events.members().iter().map(|event| event.request.trace()).collect();
    let sent = client.send(&request(events, client, &traces), LOOKED_AT).await;
    let class = class(&sent);
    let cause = match (sent.verdict, class) {
        (Verdict::Pause(reason), _) => Cause::Target(reason.hint()),
        (_, AttemptClass::RateLimited) => Cause::Target(RATE_LIMITED),
        _ => Cause::Upstream,
    };
    Seen {
        class,
        may_be_down: sent.was_closed,
        cause,
        retry_after: match sent.verdict {
            Verdict::Retry { after } => after,
            _ => None,
        },
        status: sent.status,
        answer: sent.detail.as_ref().and_then(|_| sent.answer.excerpt()),
        error: sent.detail,
        answered: None,
        took: sent.took,
        request_id,
        traces,
    }
}

/// The request for these events: the same at each try.
fn request(
    events: &Batch<Event>,
    client: &TargetClient,
    traces: &[Option<TraceContext>],
) -> TargetRequest {
    let members = events.members().iter();
    if let Some(settings) = &client.target().settings().batch
        && let Ok(bodies) =
            members.map(|event| Member::new(&event.request.body)).collect::<Result<Vec<_>, _>>()
    {
        return TargetRequest {
            id: batch_id(events.members().iter().map(|event| &*event.idempotency_key)),
            body: settings.form.body(&bodies),
            content_type: settings.form.content_type(),
            // A request has one trace. Of several events, none is more right than another.
            trace: if let [trace] = traces { *trace } else { None },
        };
    }
    let event = events.first();
    let content_type = event.request.headers.get(header::CONTENT_TYPE);
    TargetRequest {
        id: event.idempotency_key.clone(),
        body: Bytes::clone(&event.request.body),
        content_type: content_type.cloned().unwrap_or(UNKNOWN_CONTENT),
        trace: traces.first().copied().flatten(),
    }
}

/// What a try has shown, in the classes that are the same for upstreams and targets.
fn class(sent: &Sent) -> AttemptClass {
    match sent.verdict {
        Verdict::Done => AttemptClass::Delivered,
        Verdict::Dead => AttemptClass::Rejected,
        Verdict::Pause(_) | Verdict::RenewThenPause => AttemptClass::Misconfigured,
        Verdict::Retry { .. } => match sent.status.map(|status| status.as_u16()) {
            // 401: the renewed credential waits for the rate.
            Some(401 | 403 | 429) => AttemptClass::RateLimited,
            Some(502..=504) => AttemptClass::Down,
            Some(408 | 421 | 425) => AttemptClass::NoAnswer,
            Some(_) => AttemptClass::Failed,
            None if sent.no_answer == Some(NoAnswer::Lost) => AttemptClass::NoAnswer,
            None => AttemptClass::Down,
        },
    }
}
